//! A helper that leaves a mark: the proof that one was started, with this environment, or that none was.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use krb5_testrealm::{Artifacts, Realm};

/// Becomes the helper after it wrote down the environment that it was given: that of the shell's own start, before the
/// shell adds to it. Where it is root for somebody else, it stays so.
const SCRIPT: &str = "#!/bin/sh -p\ncat < /proc/self/environ > MARK\nexec HELPER\n";

/// Stands before the helper of a realm's clients.
#[derive(Debug)]
pub struct MarkedHelper {
    mark: PathBuf,
}

impl MarkedHelper {
    /// Has the realm's clients start it.
    pub fn install(realm: &mut Realm) -> Self {
        let (script, mark) = (realm.dir().join("helper"), realm.dir().join("helper.mark"));
        let helper = Artifacts::locate().unwrap().helper();
        let text = SCRIPT
            .replace("MARK", mark.to_str().unwrap())
            .replace("HELPER", helper.to_str().unwrap());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        realm
            .set_client_relation("fido_helper", &[script.to_str().unwrap()])
            .unwrap();
        Self { mark }
    }

    /// The environment of the last start, sorted; `None` if there was none.
    pub fn environment(&self) -> Option<Vec<String>> {
        let mark = fs::read_to_string(&self.mark).ok()?;
        let mut variables: Vec<String> = mark.split_terminator('\0').map(str::to_owned).collect();
        variables.sort();
        Some(variables)
    }
}
