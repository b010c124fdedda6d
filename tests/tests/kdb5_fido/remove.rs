//! `kdb5_fido remove`, without a terminal.

use krb5_testrealm::{Finished, Presence, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, PASSWORD, PREAUTH_ALONE, Snapshot, assert_done, assert_failed, assert_unchanged, flags,
    labels, realm, realm_with_two, record, set_string, store, strings,
};

fn remove(realm: &Realm, more: &[&str]) -> Finished {
    realm.kdb5_fido(&[&["remove"], more].concat()).unwrap()
}

#[test]
fn unknown_label_and_unknown_principal() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    for label in ["key1", "Blue", "", "fido:blue", "blue ", "blue\n"] {
        assert_failed(
            &remove(&realm, &["alice", label, "--yes"]),
            &format!("alice@KRBTEST.COM has no key named {label}: list shows what there is"),
        );
    }
    assert_failed(
        &remove(&realm, &["nobody", "blue", "--yes"]),
        "Principal does not exist: nobody",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn one_of_two_keeps_the_flags() {
    let realm = realm_with_two();
    let red = strings(&realm, "alice").remove(1);
    assert_done(
        &remove(&realm, &["alice", "blue"]),
        "Removed blue of alice@KRBTEST.COM.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), [red]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn last_key_stays_without_yes_and_without_a_terminal() {
    let realm = realm_with_two();
    remove(&realm, &["alice", "blue"]).checked().unwrap();
    let before = Snapshot::of(&realm, "alice");
    for json in [&[][..], &["--json"]] {
        assert_failed(
            &remove(&realm, &[&["alice", "red"], json].concat()),
            "red is the last key of alice@KRBTEST.COM: without one fido_policy decides whether the password alone will do; say --yes if that is \
             meant",
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn last_key_goes_with_yes_and_requires_hwauth_with_it() {
    let realm = realm_with_two();
    remove(&realm, &["alice", "blue"]).checked().unwrap();
    assert_done(
        &remove(&realm, &["alice", "red", "--yes"]),
        "Removed red of alice@KRBTEST.COM.\n\
         It was the last key: cleared requires_hwauth; requires_preauth stays.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), [""; 0]);
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
}

#[test]
fn flags_that_were_not_set_are_not_said_to_be_cleared() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let query = ["modprinc", "-requires_preauth", "-requires_hwauth", "alice"];
    realm.kadmin_local(&query).unwrap().checked().unwrap();
    assert_done(
        &remove(&realm, &["alice", "blue", "--yes"]),
        "Removed blue of alice@KRBTEST.COM.\n\
         It was the last key: requires_hwauth was not set; requires_preauth was not set.\n",
        "",
    );
    assert_eq!(flags(&realm, "alice"), "Attributes:");
}

#[test]
fn json_output() {
    let realm = realm_with_two();
    assert_done(
        &remove(&realm, &["alice", "blue", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"label\":\"blue\",\"was_last\":false,\"requires_preauth\":true,\
         \"requires_hwauth\":true}\n",
        "",
    );
    assert_done(
        &remove(&realm, &["alice", "red", "--json", "--yes"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"label\":\"red\",\"was_last\":true,\"requires_preauth\":true,\
         \"requires_hwauth\":false}\n",
        "",
    );
}

#[test]
fn garbled_record_is_removed_by_its_label() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    set_string(&realm, "alice", "fido:broken", "not json");
    assert_done(
        &remove(&realm, &["alice", "broken"]),
        "Removed broken of alice@KRBTEST.COM.\n",
        "",
    );
    assert_eq!(labels(&realm, "alice"), ["blue"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn malformed_labels_are_removed_as_they_are() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let long = "a".repeat(40);
    for label in ["-bad", "a b", "", "schlüssel", &long] {
        set_string(&realm, "alice", &format!("fido:{label}"), "{}");
        let removed = realm.kdb5_fido(&["remove", "alice", "--", label]).unwrap();
        assert_done(&removed, &format!("Removed {label} of alice@KRBTEST.COM.\n"), "");
        assert_eq!(labels(&realm, "alice"), ["blue"], "{label}");
    }
}

#[test]
fn garbled_record_counts_as_a_key() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    set_string(&realm, "alice", "fido:broken", "not json");
    assert_done(
        &remove(&realm, &["alice", "blue"]),
        "Removed blue of alice@KRBTEST.COM.\n",
        "",
    );
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &remove(&realm, &["alice", "broken"]),
        "broken is the last key of alice@KRBTEST.COM: without one fido_policy decides whether the password alone will do; say --yes if that is meant",
    );
    assert_unchanged(&realm, &before);
    let removed = remove(&realm, &["alice", "broken", "--yes"]);
    assert_eq!(removed.code(), Some(0), "{removed}");
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
}

#[test]
fn removed_key_does_not_log_in_and_can_be_enrolled_again() {
    let mut realm = realm();
    let (lost, kept) = (
        realm.softkey("lost", Presence::Auto).unwrap(),
        realm.softkey("kept", Presence::Auto).unwrap(),
    );
    for (key, label) in [(&lost, "lost"), (&kept, "kept")] {
        let arguments = ["enroll", "alice", "--device", &key.device(), "--name", label];
        realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
    }
    realm
        .set_client_relation("fido_device", &[&lost.device()])
        .unwrap();
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    remove(&realm, &["alice", "lost"]).checked().unwrap();
    let refused = realm
        .kinit("alice", PASSWORD, &["-X", "fido_timeout=1s"])
        .unwrap();
    assert_eq!(refused.code(), Some(1), "{refused}");
    let again = realm.kdb5_fido(&["enroll", "alice", "--name", "found"]).unwrap();
    assert_eq!(again.code(), Some(0), "{again}");
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
}
