//! Principals that cannot log in. That they cannot is tried.

use krb5_fido_tests::Enrolled;
use krb5_testrealm::Realm;
use serde_json::json;

use super::{assert_finds, only_what, tidy, with_alice};
use crate::support::{PASSWORD, record, set_string};

fn can_log_in(realm: &Realm, name: &str) -> bool {
    realm.kinit(name, PASSWORD, &[]).unwrap().success()
}

#[test]
fn setting_that_cannot_be_read() {
    let realm = with_alice(tidy());
    set_string(&realm, "alice", "fido_policy", "sometimes");
    let report = assert_finds(&realm, &["error setting_unreadable"]);
    assert_eq!(
        only_what(&report),
        "unknown fido_policy value: it gets no ticket at all"
    );
    assert_eq!(report["findings"][0]["where"], "alice@KRBTEST.COM");
    assert!(!can_log_in(&realm, "alice"));
}

#[test]
fn record_that_cannot_be_read_beside_a_key_that_works() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    set_string(&realm, "alice", "fido:red", "garbled");
    assert_finds(&realm, &["warning record_unreadable"]);
    assert!(can_log_in(&realm, "alice"));
}

#[test]
fn no_key_that_may_be_used() {
    let realm = with_alice(tidy());
    set_string(&realm, "alice", "fido:red", "garbled");
    realm
        .kadmin_local(&["modprinc", "+requires_hwauth", "alice"])
        .unwrap()
        .checked()
        .unwrap();
    assert_finds(&realm, &["error no_usable_key", "warning record_unreadable"]);
    assert!(!can_log_in(&realm, "alice"));
    set_string(
        &realm,
        "alice",
        "fido:red",
        &record("AQ", json!({"disabled": true})),
    );
    assert_finds(&realm, &["error no_usable_key"]);
}

#[test]
fn no_key_where_everybody_needs_one() {
    let builder = tidy()
        .kdc_relation("fido_policy", "required")
        .kdc_relation("fido_enrol_url", "https://keys.example.com/");
    let realm = with_alice(builder);
    let report = assert_finds(&realm, &["warning no_key"]);
    assert_eq!(report["findings"][0]["where"], "alice@KRBTEST.COM");
    assert!(!can_log_in(&realm, "alice"));
    // Nobody is to log in there at all.
    realm
        .kadmin_local(&["modprinc", "-allow_tix", "alice"])
        .unwrap()
        .checked()
        .unwrap();
    assert_finds(&realm, &[]);
}

#[test]
fn hardware_demanded_of_whoever_has_no_key() {
    let realm = with_alice(tidy());
    realm
        .kadmin_local(&["modprinc", "+requires_hwauth", "alice"])
        .unwrap()
        .checked()
        .unwrap();
    assert_finds(&realm, &["warning no_key"]);
}

#[test]
fn database_that_cannot_be_opened() {
    let realm = with_alice(tidy());
    let finished = realm
        .kdb5_fido(&["-d", "/nonexistent/principal", "check-config"])
        .unwrap();
    assert_eq!(finished.code(), Some(1), "{finished}");
    assert!(
        finished
            .stdout
            .starts_with("error: KRBTEST.COM (database_unavailable)\n    Cannot open DB2 database"),
        "{finished}"
    );
}
