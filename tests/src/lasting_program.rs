//! A program that runs for long.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use krb5_plugin::{InitialCredentials, OwnedContext, OwnedPrincipal, Profile};
use krb5_testrealm::Realm;

use crate::write_keytab;

/// Logins of alice in one context, with her key out of a key table.
pub struct LastingProgram {
    context: OwnedContext,
    keytab: String,
}

impl LastingProgram {
    /// Begins with a context that has seen no login.
    pub fn start(realm: &Realm) -> Self {
        let keytab = write_keytab(realm);
        let profile = Profile::read(&configuration(realm)).unwrap();
        Self {
            context: OwnedContext::with_profile(&profile).unwrap(),
            keytab: format!("FILE:{keytab}"),
        }
    }

    /// What the login ends with, and the text if that is an error.
    ///
    /// # Errors
    /// The text.
    pub fn log_in(&self) -> Result<(), String> {
        let client = OwnedPrincipal::parse(self.context.get(), "alice").unwrap();
        let exchange = InitialCredentials::new(&self.context, &client, &self.keytab).unwrap();
        exchange.get().map_err(|failure| failure.message.unwrap())
    }
}

/// krb5.conf of the realm's clients.
fn configuration(realm: &Realm) -> PathBuf {
    let variables = realm.env();
    let mut named = variables.iter().filter(|(name, _)| *name == "KRB5_CONFIG");
    let (_, paths) = named.next().unwrap();
    let first: &OsStr = paths;
    Path::new(first).to_owned()
}
