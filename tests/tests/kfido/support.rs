//! Realms with kadmind, and who may do what there.

use std::{fs, process::Command};

use krb5_fido_tests::{PARTY, PASSWORD, add_user, attribute, intent, kadmin};
use krb5_testrealm::{Finished, Presence, Realm, RealmBuilder, SoftKey};
use serde_json::Value;
use tempfile::TempDir;

use crate::kfido;

/// Who may do everything.
pub(crate) const ADMIN: &str = "admin/admin";

/// A realm with alice, who has no key, the administrator, whose key table is there, and a key that clients find. To be
/// dropped in this order.
pub(crate) struct Site {
    pub(crate) key: SoftKey,
    pub(crate) realm: Realm,
    _acl: Option<TempDir>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(Realm::builder(), None)
    }

    /// The same with these lines in the ACL file of kadmind, besides that of administrators, and without a module of ours in
    /// kadmind, which would have a say about them.
    pub(crate) fn with_acl(lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acl");
        fs::write(&path, format!("*/admin@KRBTEST.COM *\n{lines}\n")).unwrap();
        let builder = Realm::builder()
            .kdc_relation("acl_file", path.to_str().unwrap())
            .kdc_relation("plugins/kadm5_auth:disable", "fido");
        Self::of(builder, Some(directory))
    }

    pub(crate) fn of(builder: RealmBuilder, acl: Option<TempDir>) -> Self {
        let mut realm = builder.start().unwrap();
        add_user(&realm, "alice");
        let key = realm.softkey("key", Presence::Auto).unwrap();
        realm
            .set_client_relation("fido_device", &[&key.device()])
            .unwrap();
        realm.add_principal(ADMIN, PASSWORD, &[]).unwrap();
        let site = Self {
            key,
            realm,
            _acl: acl,
        };
        site.add_to_keytab(ADMIN);
        site
    }

    pub(crate) fn add_to_keytab(&self, principal: &str) {
        kadmin(
            &self.realm,
            &["ktadd", "-norandkey", "-k", &self.keytab(), principal],
        );
    }

    pub(crate) fn keytab(&self) -> String {
        format!("FILE:{}", self.realm.dir().join("admin.keytab").display())
    }

    /// kfido by the administrator, with his key table.
    pub(crate) fn by_admin(&self, arguments: &[&str]) -> Finished {
        self.by(ADMIN, arguments)
    }

    /// kfido by somebody whose key is in the key table.
    pub(crate) fn by(&self, principal: &str, arguments: &[&str]) -> Finished {
        self.realm.run(self.command(principal, arguments), "").unwrap()
    }

    pub(crate) fn command(&self, principal: &str, arguments: &[&str]) -> Command {
        let mut command = kfido(&self.realm);
        command.args(["-p", principal, "-k", "-t", &self.keytab()]);
        command.args(arguments);
        command
    }

    /// kfido with a password.
    pub(crate) fn with_password(&self, arguments: &[&str], typed: &[&str]) -> Finished {
        let mut command = kfido(&self.realm);
        command.args(arguments);
        let input: String = typed.iter().map(|line| format!("{line}\n")).collect();
        self.realm.run(command, &input).unwrap()
    }

    /// The labels of a principal.
    pub(crate) fn labels(&self, principal: &str) -> Vec<String> {
        let listed = kadmin(&self.realm, &["getstrs", principal]);
        let names = listed.lines().filter_map(|line| line.strip_prefix("fido:"));
        names
            .map(|name| name.split(": ").next().unwrap().to_owned())
            .collect()
    }

    /// The record of alice's key with this label.
    pub(crate) fn record(&self, label: &str) -> Value {
        let record = attribute(&self.realm, "alice", &format!("fido:{label}")).unwrap();
        serde_json::from_str(&record).unwrap()
    }

    /// The flags of a principal, as kadmin has them.
    pub(crate) fn flags(&self, principal: &str) -> String {
        let entry = kadmin(&self.realm, &["getprinc", principal]);
        let line = entry.lines().find_map(|line| line.strip_prefix("Attributes:"));
        line.unwrap().trim().to_owned()
    }

    /// All that the database says of alice.
    pub(crate) fn alice(&self) -> (String, String) {
        let query = |query: &str| kadmin(&self.realm, &[query, "alice"]);
        (query("getprinc"), query("getstrs"))
    }

    /// What is shown before the first touch.
    pub(crate) fn intent(&self, principal: &str, by: &str) -> String {
        intent(&self.key, principal, PARTY, by)
    }

    /// All that is said while alice's key is registered.
    pub(crate) fn talk(&self, by: &str) -> String {
        format!(
            "{}Touch software key to register it for alice@KRBTEST.COM.
Touch software key once more, to try it.
software key works.
",
            self.intent("alice", by)
        )
    }
}

/// Asserts exit code 1, nothing on standard output, and this on standard error after "kfido: ".
#[track_caller]
pub(crate) fn assert_failed(finished: &Finished, message: &str) {
    assert_eq!(
        crate::seen(finished),
        (Some(1), "", &*format!("kfido: {message}\n"))
    );
}

/// Asserts success and the exact output.
#[track_caller]
pub(crate) fn assert_done(finished: &Finished, stdout: &str, stderr: &str) {
    assert_eq!(crate::seen(finished), (Some(0), stdout, stderr));
}
