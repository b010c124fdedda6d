//! Changes to the configuration of a realm that runs.

use crate::{Artifacts, Error, Modules, Realm, builder::module_path, config::Relation};

impl Realm {
    /// Gives a relation of kdc.conf these values instead of all that it had, and restarts the KDC. Without values it
    /// gets back what the realm writes by itself. kadmind goes on as it was started.
    ///
    /// # Errors
    /// [`Error::RelationName`], and those of [`Realm::restart_kdc`].
    pub fn set_kdc_relation(&mut self, address: &str, values: &[&str]) -> Result<(), Error> {
        replace(
            &mut self.settings.kdc_relations,
            address,
            values,
            &self.settings.realm,
        )?;
        self.settings.write()?;
        self.restart_kdc()
    }

    /// Has the KDC load these modules from now on, and restarts it.
    ///
    /// # Errors
    /// Those of [`Artifacts::locate`] and of [`Realm::restart_kdc`].
    pub fn set_kdc_modules(&mut self, modules: Modules) -> Result<(), Error> {
        self.settings.kdc_module = module_path(modules, Artifacts::kdc_module)?;
        self.settings.write()?;
        self.restart_kdc()
    }

    /// Gives a relation of krb5.conf these values instead of all that it had. Without values it gets back what the
    /// realm writes by itself.
    ///
    /// # Errors
    /// [`Error::RelationName`].
    pub fn set_client_relation(&mut self, address: &str, values: &[&str]) -> Result<(), Error> {
        replace(
            &mut self.settings.client_relations,
            address,
            values,
            &self.settings.realm,
        )?;
        self.settings.write()
    }
}

fn replace(relations: &mut Vec<Relation>, address: &str, values: &[&str], realm: &str) -> Result<(), Error> {
    let named = Relation::parse(address, "", realm)?;
    relations.retain(|relation| !relation.same_relation(&named));
    for value in values {
        relations.push(Relation::parse(address, value, realm)?);
    }
    Ok(())
}
