//! Realms without kadmind, records, and what the database holds.

use std::process::Command;

use krb5_fido_tests::{PARTY, intent};
use krb5_testrealm::{Artifacts, Finished, Presence, Realm, SoftKey};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse";

/// What enrolment sets, as getprinc has it.
pub(crate) const BOTH_FLAGS: &str = "Attributes: REQUIRES_PRE_AUTH REQUIRES_HW_AUTH";

/// What stays after the last key.
pub(crate) const PREAUTH_ALONE: &str = "Attributes: REQUIRES_PRE_AUTH";

/// A realm with alice, who has no flags.
pub(crate) fn realm() -> Realm {
    let realm = Realm::builder().kadmind(false).start().unwrap();
    realm.add_principal("alice", PASSWORD, &[]).unwrap();
    realm
}

/// The same, and a key that touches itself. To be dropped before the realm: bind it second.
pub(crate) fn realm_and_key() -> (Realm, SoftKey) {
    let realm = realm();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    (realm, key)
}

/// What is shown before alice's key is registered.
pub(crate) fn shown(key: &SoftKey) -> String {
    intent(key, "alice", PARTY, "root/admin")
}

/// A record as another tool would write it; `id` tells it from others, `more` overrides and adds members, null leaves
/// one out.
pub(crate) fn record(id: &str, more: Value) -> String {
    let mut record = json!({
        "v": 1,
        "rp": "krbtest.com",
        "id": id,
        "pk": "pQECAyYgASFYIM6J68E3zJ8Y9WOB6ryoaAw3K6_wN0WRASJDxNxd_XcEIlgg4An6ASor4X-gZfpNWqtRP_z9_OPz68KgkGtZue1AKsY",
        "alg": -7,
        "created": "2026-01-02T03:04:05Z",
    });
    let members = record.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    record.to_string()
}

/// Runs kdb5_fido with text on standard input.
pub(crate) fn run_with_input(realm: &Realm, arguments: &[&str], input: &str) -> Finished {
    let mut command = kdb5_fido(realm);
    command.args(arguments);
    realm.run(command, input).unwrap()
}

/// kdb5_fido without any argument.
pub(crate) fn kdb5_fido(realm: &Realm) -> Command {
    realm.command(Artifacts::locate().unwrap().kdb5_fido())
}

/// The same, where alice has the keys blue and red.
pub(crate) fn realm_with_two() -> Realm {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    realm
}

/// Stores a record under a label.
pub(crate) fn store(realm: &Realm, principal: &str, label: &str, record: &str) {
    let finished = run_with_input(realm, &["add", principal, "--name", label, "-"], record);
    assert_eq!(finished.code(), Some(0), "{finished}");
}

/// Sets a string attribute behind the tool's back.
pub(crate) fn set_string(realm: &Realm, principal: &str, attribute: &str, value: &str) {
    let query = ["setstr", principal, attribute, value];
    realm.kadmin_local(&query).unwrap().checked().unwrap();
}

/// Asserts success and the exact output.
#[track_caller]
pub(crate) fn assert_done(finished: &Finished, stdout: &str, stderr: &str) {
    assert_eq!(
        (finished.code(), &*finished.stdout, &*finished.stderr),
        (Some(0), stdout, stderr)
    );
}

/// Asserts exit code 1, nothing on standard output, and this on standard error after "kdb5_fido: ".
#[track_caller]
pub(crate) fn assert_failed(finished: &Finished, message: &str) {
    assert_failed_after(finished, "", message);
}

/// The same after some talk.
#[track_caller]
pub(crate) fn assert_failed_after(finished: &Finished, talk: &str, message: &str) {
    assert_eq!(
        (finished.code(), &*finished.stdout, &*finished.stderr),
        (Some(1), "", &*format!("{talk}kdb5_fido: {message}\n"))
    );
}

fn query(realm: &Realm, query: &[&str]) -> String {
    realm.kadmin_local(query).unwrap().checked().unwrap().stdout
}

/// The lines of getstrs: `NAME: VALUE`.
pub(crate) fn strings(realm: &Realm, principal: &str) -> Vec<String> {
    let text = query(realm, &["getstrs", principal]);
    let lines = text.lines().filter(|line| *line != "(No string attributes.)");
    lines.map(str::to_owned).collect()
}

/// The labels of all keys, readable or not.
pub(crate) fn labels(realm: &Realm, principal: &str) -> Vec<String> {
    let lines = strings(realm, principal);
    let names = lines.iter().filter_map(|line| line.strip_prefix("fido:"));
    names
        .map(|name| name.split(": ").next().unwrap().to_owned())
        .collect()
}

/// The line of getprinc with the flags.
pub(crate) fn flags(realm: &Realm, principal: &str) -> String {
    let text = query(realm, &["getprinc", principal]);
    let line = text.lines().find(|line| line.starts_with("Attributes:"));
    line.unwrap().trim_end().to_owned()
}

/// The last serial number of the update log.
pub(crate) fn serial(realm: &Realm) -> u32 {
    realm.last_serial().unwrap().unwrap()
}

/// All that the database and the update log say of a principal. Reads, compares, and takes notice of every write.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    entry: String,
    strings: String,
    serial: u32,
}

impl Snapshot {
    pub(crate) fn of(realm: &Realm, principal: &str) -> Self {
        Self {
            entry: query(realm, &["getprinc", principal]),
            strings: query(realm, &["getstrs", principal]),
            serial: serial(realm),
        }
    }
}

/// Asserts that a run neither changed alice's entry nor logged an update.
#[track_caller]
pub(crate) fn assert_unchanged(realm: &Realm, before: &Snapshot) {
    assert_eq!(&Snapshot::of(realm, "alice"), before);
}
