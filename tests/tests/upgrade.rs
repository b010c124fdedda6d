//! Modules that take the place of others under a realm that goes on, and what one version leaves to another.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{fs, path::Path, process::Command};

use krb5_fido_tests::{
    AsClient, Enrolled, PASSWORD, add_user, assert_refused, assert_ticket, attribute, enrol, hello, kadmin,
    sign,
};
use krb5_testrealm::{Artifacts, Modules, Presence, Realm};

const NOTHING_OFFERED: &str = "Generic preauthentication failure";
const POLICY: &str = "KDC policy rejects request";

fn log_in(realm: &Realm, name: &str, flags: &str) {
    assert_ticket(realm, &realm.kinit(name, PASSWORD, &[]).unwrap(), flags);
    realm.kdestroy().unwrap();
}

/// alice gets nothing without the key, with either client.
fn assert_closed(realm: &Realm) {
    for login in [
        realm.kinit("alice", PASSWORD, &["-X", "fido_device=none"]),
        realm.stock_kinit("alice", PASSWORD, &[]),
    ] {
        assert!(!login.unwrap().success());
    }
}

/// As `make install` does it.
fn install(module: &str, place: &Path) {
    let built = Artifacts::locate().unwrap().directory().join(module);
    let installed = Command::new("install")
        .args(["-m", "644"])
        .arg(built)
        .arg(place)
        .status();
    assert!(installed.unwrap().success());
}

/// The KDC goes on with what it has loaded until it is restarted; a login that began before is ended after.
#[test]
fn module_is_replaced_under_a_running_kdc() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("fido_kdc.so");
    install("libkrb5_fido_kdc.so", &place);
    let builder = Realm::builder().kdc_modules(Modules::At(place.clone()));
    let Enrolled { mut realm, key } = Enrolled::start(builder);
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let response = client.begin().respond(&body, &hello(&[1]));
    let asked = client.begin().say_hello();

    // The same sources with another allocator.
    install("libkrb5_fido_inspected_kdc.so", &place);
    log_in(&realm, "alice", "IHA");
    assert_closed(&realm);
    realm.restart_kdc().unwrap();
    let assertion = sign(&key, &asked.statement(&body));
    asked.answer(&body, &assertion).send().issued();
    let reply = response.send();
    let asked = response.take_challenge(reply);
    let assertion = sign(&key, &asked.statement(&body));
    asked.answer(&body, &assertion).send().issued();
    log_in(&realm, "alice", "IHA");
    assert_closed(&realm);
}

/// krb5kdc starts without modules that it cannot load. requires_hwauth is in the database.
#[test]
fn module_that_is_gone_locks_whoever_requires_hwauth() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("fido_kdc.so");
    install("libkrb5_fido_kdc.so", &place);
    let builder = Realm::builder()
        .kdc_modules(Modules::At(place.clone()))
        .kdc_relation("spake_preauth_groups", "edwards25519");
    let Enrolled { mut realm, key: _key } = Enrolled::start(builder);
    add_user(&realm, "bob");
    fs::remove_file(&place).unwrap();
    log_in(&realm, "alice", "IHA");
    realm.restart_kdc().unwrap();
    assert_closed(&realm);
    log_in(&realm, "bob", "IA");
    install("libkrb5_fido_kdc.so", &place);
    realm.restart_kdc().unwrap();
    log_in(&realm, "alice", "IHA");
}

#[test]
fn rollback_to_the_stock_modules_and_back() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(Realm::builder());
    add_user(&realm, "bob");
    let record = attribute(&realm, "alice", "fido:blue");
    realm.set_kdc_modules(Modules::Stock).unwrap();
    for login in [
        realm.kinit("alice", PASSWORD, &[]),
        realm.stock_kinit("alice", PASSWORD, &[]),
    ] {
        assert_refused(&realm, &login.unwrap(), NOTHING_OFFERED);
    }
    log_in(&realm, "bob", "IA");
    realm.set_kdc_modules(Modules::Ours).unwrap();
    assert_eq!(attribute(&realm, "alice", "fido:blue"), record);
    log_in(&realm, "alice", "IHA");
    log_in(&realm, "bob", "IA");
}

/// alice has a record that a later version wrote beside one of ours, in which that version has put something.
#[test]
fn records_of_a_later_version_are_kept_and_never_make_the_password_enough() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let ours = attribute(&realm, "alice", "fido:blue").unwrap();
    let later = [
        ("fido:blue", ours.replacen('{', "{\"later\":{\"a\":[1,2.50]},", 1)),
        ("fido:next", ours.replacen("\"v\":1", "\"v\":2,\"new\":true", 1)),
    ];
    for (name, record) in &later {
        kadmin(&realm, &["setstr", "alice", name, record]);
    }
    log_in(&realm, "alice", "IHA");

    let red = realm.softkey("red", Presence::Auto).unwrap();
    enrol(&realm, "alice", &red, "red");
    remove(&realm, "red");
    for (name, record) in &later {
        assert_eq!(attribute(&realm, "alice", name).as_ref(), Some(record));
    }
    let listed = realm.kdb5_fido(&["list", "alice"]).unwrap().checked().unwrap();
    assert!(listed.stdout.contains("    fido:next: "), "{listed}");

    remove(&realm, "blue");
    assert_closed(&realm);
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    assert_closed(&realm);
    assert_refused(
        &realm,
        &realm.stock_kinit("alice", PASSWORD, &[]).unwrap(),
        POLICY,
    );
    drop(key);
    remove(&realm, "next");
    log_in(&realm, "alice", "IA");
}

fn remove(realm: &Realm, label: &str) {
    let removed = realm.kdb5_fido(&["remove", "alice", label, "--yes"]);
    removed.unwrap().checked().unwrap();
}
