//! `kdb5_fido check-config --fix`: the two flags, and nothing else.

use std::fs;

use krb5_fido_tests::Enrolled;
use krb5_testrealm::Realm;
use serde_json::json;

use super::{assert_finds, check, tidy, with_alice};
use crate::support::{
    BOTH_FLAGS, PASSWORD, PREAUTH_ALONE, Snapshot, assert_unchanged, flags, record, set_string,
};

fn modify(realm: &Realm, change: &[&str]) {
    let query = [&["modprinc"], change, &["alice"]].concat();
    realm.kadmin_local(&query).unwrap().checked().unwrap();
}

fn can_log_in(realm: &Realm) -> bool {
    realm.kinit("alice", PASSWORD, &[]).unwrap().success()
}

#[test]
fn missing_flags_are_found_and_set() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    modify(&realm, &["-requires_preauth", "-requires_hwauth"]);
    assert!(!can_log_in(&realm));
    assert_finds(
        &realm,
        &[
            "error requires_preauth_missing",
            "warning requires_hwauth_missing",
        ],
    );

    let (code, report) = check(&realm, &["--fix"]);
    let mended = json!([{
        "principal": "alice@KRBTEST.COM",
        "flags": ["+requires_preauth", "+requires_hwauth"],
    }]);
    assert_eq!((code, &report["mended"]), (Some(0), &mended), "{report:#}");
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    assert!(can_log_in(&realm));
    assert_finds(&realm, &[]);
}

#[test]
fn requires_hwauth_alone_still_asks_for_the_key() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    modify(&realm, &["-requires_preauth"]);
    assert_finds(&realm, &["warning requires_preauth_missing"]);
    assert!(can_log_in(&realm));
    let told = realm.kdb5_fido(&["check-config", "--fix"]).unwrap();
    assert!(
        told.stdout
            .starts_with("set: alice@KRBTEST.COM (+requires_preauth)\n"),
        "{told}"
    );
}

#[test]
fn permissive_principals_are_not_given_requires_hwauth() {
    let realm = with_alice(tidy().kdc_relation("fido_policy", "permissive"));
    set_string(&realm, "alice", "fido:blue", &record("AQ", json!({})));
    assert_finds(&realm, &[]);
    modify(&realm, &["-requires_preauth"]);
    assert_finds(&realm, &["error requires_preauth_missing"]);
    assert_eq!(check(&realm, &["--fix"]).0, Some(0));
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
    set_string(&realm, "alice", "fido_policy", "enrolled");
    assert_finds(&realm, &["warning requires_hwauth_missing"]);
    assert_eq!(check(&realm, &["--fix"]).0, Some(0));
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn whoever_has_no_key_is_left_alone() {
    let realm = with_alice(tidy());
    modify(&realm, &["-requires_preauth"]);
    let before = Snapshot::of(&realm, "alice");
    let (code, report) = check(&realm, &["--fix"]);
    assert_eq!((code, &report["mended"]), (Some(0), &json!([])));
    assert_unchanged(&realm, &before);
}

#[test]
fn nothing_else_is_changed() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    assert!(can_log_in(&realm));
    set_string(&realm, "alice", "fido:red", "garbled");
    let before = Snapshot::of(&realm, "alice");
    let store = realm.dir().join("fido/data.mdb");
    let uses = fs::read(&store).unwrap();
    for more in [&[][..], &["--fix"]] {
        assert_eq!(check(&realm, more).0, Some(3));
        assert_unchanged(&realm, &before);
    }
    assert_eq!(fs::read(&store).unwrap(), uses);
    // The KDC has noticed nothing.
    assert!(can_log_in(&realm));
}
