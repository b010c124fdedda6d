//! Failures in the middle: a change is made as a whole or not at all.

use std::fs;

use krb5_testrealm::{Artifacts, Finished, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, PREAUTH_ALONE, Snapshot, assert_failed, assert_unchanged, flags, kdb5_fido, labels, realm,
    record, run_with_input, set_string, store, strings,
};

/// Adds a record while no file may grow beyond so many blocks of 512 bytes.
fn add_with_file_limit(realm: &Realm, blocks: u32, text: &str) -> Finished {
    let path = realm.dir().join("record.json");
    fs::write(&path, text).unwrap();
    let mut shell = realm.command("sh");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    shell.args(["-c", script, "sh", &blocks.to_string()]);
    shell.arg(Artifacts::locate().unwrap().kdb5_fido());
    shell.args(["add", "alice"]).arg(path);
    realm.run(shell, "").unwrap()
}

/// The entry without the log, in which attempts leave their traces.
fn entry(realm: &Realm) -> (Vec<String>, String) {
    (strings(realm, "alice"), flags(realm, "alice"))
}

/// DB2 writes its pages when it closes the file, and nobody looks whether that succeeded.
#[test]
fn database_file_that_cannot_grow() {
    let mut realm = realm();
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    let before = entry(&realm);
    let text = record("AQ", json!({"x": "x".repeat(3_000)}));
    assert_failed(
        &add_with_file_limit(&realm, 24, &text),
        "The change to alice does not stay: logins and other programs write back what they read before, or the disk is \
         full; nothing was changed, try again",
    );
    assert_eq!(entry(&realm), before);
}

const LOG_IS_FULL: &str =
    "where iprop is on, an entry has about 63,000 bytes at most; remove other string attributes first";

/// The entry has changed when the log refuses the update.
#[test]
fn add_that_cannot_be_logged_is_undone() {
    let realm = realm();
    set_string(&realm, "alice", "dummy", &"x".repeat(62_000));
    let before = entry(&realm);
    let text = record("AQ", json!({"x": "x".repeat(2_000)}));
    assert_failed(
        &run_with_input(&realm, &["add", "alice", "-"], &text),
        &format!("Generic update log error while storing a key of alice: {LOG_IS_FULL}"),
    );
    assert_eq!(entry(&realm), before);
}

#[test]
fn remove_that_cannot_be_logged_is_undone() {
    let mut realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    set_string(&realm, "alice", "dummy", &"x".repeat(65_000));
    realm.set_kdc_relation("iprop_enable", &[]).unwrap();
    let mut before = entry(&realm);
    assert_failed(
        &realm.kdb5_fido(&["remove", "alice", "blue", "--yes"]).unwrap(),
        &format!("Generic update log error while removing a key of alice: {LOG_IS_FULL}"),
    );
    // The attribute was gone for a moment: now it is the last one.
    before.0.rotate_left(1);
    assert_eq!(entry(&realm), before);
}

#[test]
fn rename_that_cannot_be_logged_is_undone() {
    let mut realm = realm();
    store(
        &realm,
        "alice",
        "blue",
        &record("AQ", json!({"x": "x".repeat(1_000)})),
    );
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    set_string(&realm, "alice", "dummy", &"x".repeat(62_000));
    realm.set_kdc_relation("iprop_enable", &[]).unwrap();
    let before = entry(&realm);
    assert_failed(
        &realm.kdb5_fido(&["rename", "alice", "blue", "green"]).unwrap(),
        &format!("Generic update log error while renaming a key of alice: {LOG_IS_FULL}"),
    );
    assert_eq!(entry(&realm), before);
}

/// The first of two keys fits in, the second does not.
#[test]
fn import_that_cannot_be_logged_is_undone_as_a_whole() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let large = record("Ag", json!({"x": "x".repeat(2_000)}));
    store(&realm, "alice", "red", &large);
    let document = realm.kdb5_fido(&["export"]).unwrap().stdout;
    for label in ["blue", "red"] {
        let removed = realm.kdb5_fido(&["remove", "alice", label, "--yes"]).unwrap();
        assert!(removed.success(), "{removed}");
    }
    set_string(&realm, "alice", "dummy", &"x".repeat(62_000));
    let before = entry(&realm);
    let imported = run_with_input(&realm, &["import", "-"], &document);
    assert_eq!(imported.code(), Some(1), "{imported}");
    let failed = format!(
        "alice@KRBTEST.COM: failed: Generic update log error while importing the keys of alice@KRBTEST.COM: {LOG_IS_FULL}\n"
    );
    assert!(imported.stdout.starts_with(&failed), "{imported}");
    assert_eq!(entry(&realm), before);
}

#[test]
fn update_log_that_cannot_be_opened() {
    let realm = realm();
    let (log, aside) = (realm.dir().join("principal.ulog"), realm.dir().join("aside"));
    fs::rename(&log, &aside).unwrap();
    fs::create_dir(&log).unwrap();
    let refused = run_with_input(&realm, &["add", "alice", "-"], &record("AQ", json!({})));
    fs::remove_dir(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    assert_failed(
        &refused,
        "Cannot open the update log (iprop_logfile): Is a directory while opening the database of KRBTEST.COM: this \
         command runs on the KDC, as its administrator",
    );
    assert_eq!(labels(&realm, "alice"), [""; 0]);
}

fn run_to_full_device(realm: &Realm, arguments: &str) -> Finished {
    let mut shell = realm.command("sh");
    shell.args(["-c", &format!("exec \"$0\" {arguments} >/dev/full")]);
    shell.arg(kdb5_fido(realm).get_program());
    realm.run(shell, &record("AQ", json!({}))).unwrap()
}

#[test]
fn output_that_cannot_be_written() {
    const CANNOT: &str = "Could not write to standard output: No space left on device (os error 28)";
    let realm = realm();
    let after_change = format!("{CANNOT}; the change itself was made");
    assert_failed(&run_to_full_device(&realm, "add alice -"), &after_change);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    let before = Snapshot::of(&realm, "alice");
    for arguments in [
        "list",
        "list --json",
        "list alice",
        "show alice",
        "export",
        "enable alice key1",
        "rename alice key1 key1",
    ] {
        assert_failed(&run_to_full_device(&realm, arguments), CANNOT);
    }
    assert_unchanged(&realm, &before);
    for arguments in [
        "disable alice key1",
        "enable alice key1",
        "rename alice key1 key2",
    ] {
        assert_failed(&run_to_full_device(&realm, arguments), &after_change);
    }
    assert_failed(
        &run_to_full_device(&realm, "remove alice key2 --yes --json"),
        &after_change,
    );
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
}
