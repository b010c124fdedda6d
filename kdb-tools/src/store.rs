//! Credential records in the local principal database.

use std::path::Path;

use krb5_fido_protocol::fido::{label::Label, policy::Enrolment, record::CredentialRecord};
use krb5_plugin::{
    OwnedContext, OwnedPrincipal, Profile,
    kadm5::{Database, Flags, kdc_context},
};

use crate::{Error, error::text};

/// The realm whose database is worked on, and its configuration.
pub struct Store {
    context: OwnedContext,
    realm: String,
}

/// What storing a key has changed.
pub struct Added {
    /// The principal's name in the database.
    pub principal: String,
    /// The label of the new key.
    pub label: Label,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

/// What removing a key has changed.
pub struct Removed {
    /// The principal's name in the database.
    pub principal: String,
    /// No key is left: requires_hwauth was cleared.
    pub was_last: bool,
}

/// The keys of one principal.
pub struct Listed {
    /// The principal's name in the database.
    pub principal: String,
    /// Its records, readable or not.
    pub enrolment: Enrolment,
}

impl Store {
    /// Takes the default realm unless one is named, and its database unless one is named.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn new(realm: Option<&str>) -> Result<Self, Error> {
        let configuration = |error: krb5_plugin::Error| Error::Configuration { text: error.text() };
        let context = kdc_context().map_err(configuration)?;
        if let Some(realm) = realm {
            context.set_default_realm(realm).map_err(configuration)?;
        }
        let realm = context.default_realm().map_err(configuration)?;
        Ok(Self { context, realm })
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Who changes the local database, as kadmin.local names it.
    pub fn administrator(&self) -> String {
        format!("root/admin@{}", self.realm)
    }

    /// The values that clients of the realm have for a relation of krb5.conf.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn client_values(&self, relation: &str) -> Result<Vec<String>, Error> {
        let configuration = |error: krb5_plugin::Error| Error::Configuration { text: error.text() };
        let profile = Profile::of(self.context.get()).map_err(configuration)?;
        profile.realm_values(&self.realm, relation).map_err(configuration)
    }

    /// Opens the database.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`].
    pub fn open(&self, database: Option<&Path>) -> Result<Keys<'_>, Error> {
        Database::open(&self.context, &self.realm, &self.administrator(), database)
            .map(|database| Keys {
                store: self,
                database,
            })
            .map_err(|failure| Error::DatabaseUnavailable {
                realm: self.realm.clone(),
                text: text(failure),
            })
    }
}

/// The keys of all principals of an open database.
pub struct Keys<'a> {
    store: &'a Store,
    database: Database<'a>,
}

impl Keys<'_> {
    /// The keys of one principal.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Database`].
    pub fn list(&self, principal: &str) -> Result<Listed, Error> {
        let entry = self.parse(principal)?;
        Ok(Listed {
            principal: self.canonical_name(&entry, principal)?,
            enrolment: self.enrolment(&entry, principal)?,
        })
    }

    /// The principals that have keys.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn list_all(&self) -> Result<Vec<Listed>, Error> {
        let mut names = self
            .database
            .principals()
            .map_err(|failure| Error::database(failure, "", "listing principals"))?;
        names.sort();
        let mut enrolled = Vec::new();
        for name in names {
            match self.list(&name) {
                Ok(listed) if listed.enrolment.is_enrolled() => enrolled.push(listed),
                // Without a key, or deleted since the names were read.
                Ok(_) | Err(Error::UnknownPrincipal { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(enrolled)
    }

    /// Refuses a label that is taken, and finds a free one where none is given.
    ///
    /// # Errors
    /// [`Error::MalformedLabel`], [`Error::LabelTaken`].
    pub fn choose_label(listed: &Listed, wanted: Option<&str>) -> Result<Label, Error> {
        let taken = listed.labels();
        let Some(wanted) = wanted else {
            return Ok(Label::lowest_free(&taken));
        };
        let label = Label::parse(wanted).map_err(|_| Error::MalformedLabel {
            label: wanted.to_owned(),
        })?;
        if listed.has_attribute(&label.attribute_name()) {
            return Err(Error::LabelTaken {
                principal: listed.principal.clone(),
                label: wanted.to_owned(),
            });
        }
        Ok(label)
    }

    /// Stores a record, and sets +requires_preauth and +requires_hwauth: what fails closed if a policy module does not
    /// load.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::LabelTaken`], [`Error::MalformedLabel`], [`Error::AlreadyRegistered`],
    /// [`Error::AttributesFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed then.
    pub fn add(
        &self,
        principal: &str,
        label: Option<&str>,
        record: &CredentialRecord,
    ) -> Result<Added, Error> {
        let doing = "storing a key";
        let failed = |failure| Error::database(failure, principal, doing);
        let entry = self.parse(principal)?;
        let _lock = self.database.lock().map_err(failed)?;

        let listed = self.list(principal)?;
        let label = Self::choose_label(&listed, label)?;
        if let Some(registered) = listed.label_of(record.id()) {
            return Err(Error::AlreadyRegistered {
                principal: listed.principal.clone(),
                label: registered.to_string(),
            });
        }
        let flags_before = self.database.flags(&entry).map_err(failed)?;
        let flags_after = Flags {
            requires_preauth: true,
            requires_hwauth: true,
        };

        let attribute = label.attribute_name();
        let value = record.encode().map_err(|_| Error::AttributesFull {
            principal: principal.to_owned(),
        })?;
        self.database
            .set_string(&entry, &attribute, Some(&value))
            .map_err(failed)?;
        let finished = self
            .database
            .set_flags(&entry, flags_after)
            .map_err(failed)
            .and_then(|()| self.check_stored(&entry, principal, &attribute, &value));
        if let Err(error) = finished {
            // What the undoing says in its turn would hide the cause.
            let _ = self.database.set_string(&entry, &attribute, None);
            let _ = self.database.set_flags(&entry, flags_before);
            return Err(error);
        }
        Ok(Added {
            principal: listed.principal,
            label,
            flags_before,
            flags_after,
        })
    }

    /// Removes a key by its label, readable or not. The last one goes only if `even_last` says so.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NoSuchLabel`], [`Error::LastKey`], [`Error::Database`]. Nothing has changed
    /// then.
    pub fn remove(
        &self,
        principal: &str,
        label: &str,
        even_last: impl FnOnce() -> Result<bool, Error>,
    ) -> Result<Removed, Error> {
        let doing = "removing a key";
        let failed = |failure| Error::database(failure, principal, doing);
        let entry = self.parse(principal)?;
        let attribute = format!("{}{label}", krb5_fido_protocol::registry::ATTRIBUTE_PREFIX);

        let listed = self.list(principal)?;
        if !listed.has_attribute(&attribute) {
            return Err(Error::NoSuchLabel {
                principal: listed.principal,
                label: label.to_owned(),
            });
        }
        if listed.count() == 1 && !even_last()? {
            return Err(Error::LastKey {
                principal: listed.principal,
                label: label.to_owned(),
            });
        }

        let _lock = self.database.lock().map_err(failed)?;
        // Counted anew: another key may have come or gone while the question was open.
        let was_last = self.list(principal)?.count() == 1;
        self.database
            .set_string(&entry, &attribute, None)
            .map_err(failed)?;
        if was_last {
            let flags = self.database.flags(&entry).map_err(failed)?;
            let cleared = Flags {
                requires_hwauth: false,
                ..flags
            };
            if let Err(failure) = self.database.set_flags(&entry, cleared) {
                return Err(failed(failure));
            }
        }
        Ok(Removed {
            principal: listed.principal,
            was_last,
        })
    }

    fn check_stored(
        &self,
        entry: &OwnedPrincipal<'_>,
        principal: &str,
        attribute: &str,
        value: &str,
    ) -> Result<(), Error> {
        let strings = self
            .database
            .strings(entry)
            .map_err(|failure| Error::database(failure, principal, "reading the key back"))?;
        match strings
            .iter()
            .any(|(name, stored)| name == attribute && stored == value)
        {
            true => Ok(()),
            false => Err(Error::NotStored {
                principal: principal.to_owned(),
            }),
        }
    }

    fn enrolment(&self, entry: &OwnedPrincipal<'_>, principal: &str) -> Result<Enrolment, Error> {
        let strings = self
            .database
            .strings(entry)
            .map_err(|failure| Error::database(failure, principal, "reading keys"))?;
        Ok(Enrolment::from_attributes(strings))
    }

    fn canonical_name(&self, entry: &OwnedPrincipal<'_>, principal: &str) -> Result<String, Error> {
        let name = self
            .database
            .canonical_name(entry)
            .map_err(|failure| Error::database(failure, principal, "reading the entry"))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    fn parse(&self, principal: &str) -> Result<OwnedPrincipal<'_>, Error> {
        OwnedPrincipal::parse(self.store.context.get(), principal).map_err(|error| {
            Error::MalformedPrincipal {
                principal: principal.to_owned(),
                text: error.text(),
            }
        })
    }
}

impl Listed {
    /// How many keys there are, readable or not.
    pub fn count(&self) -> usize {
        self.enrolment.credentials().len() + self.enrolment.garbled().len()
    }

    fn labels(&self) -> Vec<Label> {
        let readable = self
            .enrolment
            .credentials()
            .iter()
            .map(|(label, _)| label.clone());
        let garbled = self.enrolment.garbled().iter().filter_map(|garbled| {
            Label::parse_attribute_name(std::str::from_utf8(&garbled.attribute).ok()?).ok()
        });
        readable.chain(garbled).collect()
    }

    fn has_attribute(&self, attribute: &str) -> bool {
        let readable = self.enrolment.credentials().iter();
        readable
            .map(|(label, _)| label.attribute_name())
            .any(|name| name == attribute)
            || self
                .enrolment
                .garbled()
                .iter()
                .any(|garbled| garbled.attribute == attribute.as_bytes())
    }

    fn label_of(&self, credential_id: &[u8]) -> Option<&Label> {
        let mut records = self.enrolment.credentials().iter();
        records
            .find(|(_, record)| record.id() == credential_id)
            .map(|(label, _)| label)
    }
}
