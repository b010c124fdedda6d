//! Which database is opened, and what happens if it cannot be.

use std::fs;

use krb5_testrealm::{Finished, Realm};
use serde_json::json;

use crate::support::{
    Snapshot, assert_done, assert_failed, assert_unchanged, kdb5_fido, labels, realm, record, run_with_input,
    store,
};

const RUNS_ON_THE_KDC: &str =
    "while opening the database of KRBTEST.COM: this command runs on the KDC, as its administrator";

fn run(realm: &Realm, arguments: &[&str]) -> Finished {
    let mut command = kdb5_fido(realm);
    command.args(arguments);
    realm.run(command, "").unwrap()
}

fn path(realm: &Realm, name: &str) -> String {
    realm.dir().join(name).to_str().unwrap().to_owned()
}

#[test]
fn default_realm_is_used_without_r() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let listed = run(&realm, &["list", "alice"]);
    assert!(
        listed.stdout.starts_with("alice@KRBTEST.COM\n    blue "),
        "{listed}"
    );
}

#[test]
fn another_database_is_changed_and_the_realms_own_is_not() {
    let realm = realm();
    let (dump, copy) = (path(&realm, "dump"), path(&realm, "copy"));
    for arguments in [&["dump", &dump][..], &["-d", &copy, "load", &dump]] {
        let mut kdb5_util = realm.command("kdb5_util");
        kdb5_util.args(arguments);
        realm.run(kdb5_util, "").unwrap().checked().unwrap();
    }
    let added = run_with_input(
        &realm,
        &["-d", &copy, "add", "alice", "-"],
        &record("AQ", json!({})),
    );
    assert_eq!(added.code(), Some(0), "{added}");
    let listed = run(&realm, &["-d", &copy, "list", "alice"]);
    assert!(
        listed.stdout.starts_with("alice@KRBTEST.COM\n    key1 "),
        "{listed}"
    );
    assert_done(&run(&realm, &["list"]), "", "");
    assert_eq!(labels(&realm, "alice"), [""; 0]);
    let removed = run(&realm, &["-d", &copy, "remove", "alice", "key1", "--yes"]);
    assert_eq!(removed.code(), Some(0), "{removed}");
    assert_done(&run(&realm, &["-d", &copy, "list"]), "", "");
}

#[test]
fn arguments_for_the_database_module_are_passed_on() {
    let realm = realm();
    let (dump, copy) = (path(&realm, "dump"), path(&realm, "copy"));
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    for arguments in [&["dump", &dump][..], &["-d", &copy, "load", &dump]] {
        let mut kdb5_util = realm.command("kdb5_util");
        kdb5_util.args(arguments);
        realm.run(kdb5_util, "").unwrap().checked().unwrap();
    }
    let named = format!("dbname={copy}");
    let removed = run(
        &realm,
        &[
            "-x",
            "unlockiter",
            "-x",
            &named,
            "remove",
            "alice",
            "blue",
            "--yes",
        ],
    );
    assert_eq!(removed.code(), Some(0), "{removed}");
    assert_done(&run(&realm, &["list", "-x", &named]), "", "");
    assert_eq!(labels(&realm, "alice"), ["blue"]);
    for command in [&["list"][..], &["export"], &["disable", "alice", "--all"]] {
        assert_failed(
            &run(&realm, &[&["-x", "colour=blue"], command].concat()),
            &format!("Unsupported argument \"colour\" for db2 {RUNS_ON_THE_KDC}"),
        );
    }
    let checked = run(&realm, &["-x", "colour=blue", "check-config"]);
    assert!(checked.stdout.contains("(database_unavailable)"), "{checked}");
}

#[test]
fn missing_database() {
    let realm = realm();
    let nowhere = path(&realm, "nowhere");
    for command in [
        &["list"][..],
        &["add", "alice", "/dev/null"],
        &["enroll", "alice"],
        &["remove", "alice", "key1", "--yes"],
        &["show", "alice"],
        &["rename", "alice", "key1", "key2"],
        &["export", "--out", "/nonexistent/keys.json"],
        &["import", "/dev/null"],
    ] {
        assert_failed(
            &run(&realm, &[&["-d", &nowhere], command].concat()),
            &format!("Cannot open DB2 database '{nowhere}': No such file or directory {RUNS_ON_THE_KDC}"),
        );
    }
}

#[test]
fn garbage_instead_of_a_database() {
    let realm = realm();
    let garbage = path(&realm, "garbage");
    fs::write(&garbage, "garbage").unwrap();
    for suffix in ["ok", "kadm5", "kadm5.lock"] {
        fs::write(format!("{garbage}.{suffix}"), "").unwrap();
    }
    let refused = run(&realm, &["-d", &garbage, "list"]);
    assert_eq!((refused.code(), &*refused.stdout), (Some(1), ""), "{refused}");
    // libdb2 itself says something before.
    let message =
        format!("kdb5_fido: Cannot open DB2 database '{garbage}': Invalid argument {RUNS_ON_THE_KDC}\n");
    assert!(refused.stderr.ends_with(&message), "{refused}");
}

#[test]
fn realm_that_does_not_exist() {
    let realm = realm();
    let database = path(&realm, "principal");
    let refused = run(&realm, &["-r", "NOPE.ORG", "-d", &database, "list"]);
    assert_eq!((refused.code(), &*refused.stdout), (Some(1), ""), "{refused}");
    assert!(
        refused.stderr.starts_with("kdb5_fido: ")
            && refused.stderr.ends_with(
                " while opening the database of NOPE.ORG: this command runs on the KDC, as its administrator\n"
            ),
        "{refused}"
    );
}

#[test]
fn missing_stash_file() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let (stash, aside) = (realm.dir().join("stash"), realm.dir().join("aside"));
    fs::rename(&stash, &aside).unwrap();
    let refused = run_with_input(&realm, &["add", "alice", "-"], &record("AQ", json!({})));
    fs::rename(&aside, &stash).unwrap();
    assert_failed(
        &refused,
        &format!("Can not fetch master key (error: No such file or directory). {RUNS_ON_THE_KDC}"),
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn missing_configuration() {
    let realm = realm();
    let mut command = kdb5_fido(&realm);
    command.arg("list").env("KRB5_CONFIG", "/nonexistent");
    assert_failed(
        &realm.run(command, "").unwrap(),
        "Configuration file does not specify default realm while reading the Kerberos configuration: see KRB5_CONFIG and \
         KRB5_KDC_PROFILE",
    );
}

#[test]
fn malformed_configuration() {
    let realm = realm();
    let broken = realm.dir().join("broken.conf");
    fs::write(&broken, "[libdefaults\n").unwrap();
    let mut command = kdb5_fido(&realm);
    command.arg("list").env("KRB5_CONFIG", &broken);
    assert_failed(
        &realm.run(command, "").unwrap(),
        "Improper format of Kerberos configuration file while reading the Kerberos configuration: see KRB5_CONFIG and \
         KRB5_KDC_PROFILE",
    );
}
