//! `kdb5_fido rename`.

use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::{Finished, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, Snapshot, assert_done, assert_failed, assert_unchanged, flags, labels, realm, realm_with_two,
    record, serial, set_string, store, strings,
};

fn rename(realm: &Realm, more: &[&str]) -> Finished {
    realm.kdb5_fido(&[&["rename"], more].concat()).unwrap()
}

#[test]
fn record_stays_byte_by_byte_and_the_flags_stay() {
    let realm = realm();
    let text = record("AQ", json!({"unknown": {"kept": [1, 2.50]}})).replace(":", ": ");
    set_string(&realm, "alice", "fido:blue", &text);
    assert_done(
        &rename(&realm, &["alice", "blue", "green"]),
        "Renamed blue of alice@KRBTEST.COM to green.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), [format!("fido:green: {text}")]);
    assert_eq!(flags(&realm, "alice"), "Attributes:");
}

#[test]
fn other_keys_and_attributes_stay() {
    let realm = realm_with_two();
    set_string(&realm, "alice", "session_enctypes", "aes256-cts");
    let before = strings(&realm, "alice");
    let updates = serial(&realm);
    rename(&realm, &["alice", "blue", "green"]).checked().unwrap();
    let after = strings(&realm, "alice");
    assert_eq!(after[..2], before[1..]);
    assert_eq!(after[2], before[0].replacen("fido:blue", "fido:green", 1));
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    assert_eq!(serial(&realm), updates + 2);
}

#[test]
fn name_that_is_taken() {
    let realm = realm_with_two();
    set_string(&realm, "alice", "fido:broken", "not json");
    let before = Snapshot::of(&realm, "alice");
    for taken in ["red", "broken"] {
        assert_failed(
            &rename(&realm, &["alice", "blue", taken]),
            &format!("alice@KRBTEST.COM has a key named {taken} already: choose another name"),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn name_that_is_none() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    for new in ["", "-x", "a b", "fido:x", "schlüssel", &"x".repeat(33)] {
        assert_failed(
            &rename(&realm, &["alice", "blue", "--", new]),
            &format!(
                "\"{new}\" cannot be the name of a key: a letter or digit, then up to 31 letters, digits, '.', '_' or '-'"
            ),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn name_that_it_has_is_told_and_nothing_is_written() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    assert_done(
        &rename(&realm, &["alice", "blue", "blue"]),
        "blue of alice@KRBTEST.COM has that name already.\n",
        "",
    );
    assert_done(
        &rename(&realm, &["alice", "blue", "blue", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"label\":\"blue\",\"old_label\":\"blue\",\"changed\":false}\n",
        "",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn unknown_label_and_unknown_principal() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    for old in ["green", "Blue", "", "fido:blue"] {
        for new in ["yellow", "red", old] {
            assert_failed(
                &rename(&realm, &["alice", old, new]),
                &format!("alice@KRBTEST.COM has no key named {old}: list shows what there is"),
            );
        }
    }
    assert_failed(
        &rename(&realm, &["nobody", "blue", "green"]),
        "Principal does not exist: nobody",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn json_output() {
    let realm = realm_with_two();
    assert_done(
        &rename(&realm, &["alice", "blue", "green", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"label\":\"green\",\"old_label\":\"blue\",\"changed\":true}\n",
        "",
    );
}

#[test]
fn garbled_record_is_renamed_as_it_is() {
    let realm = realm();
    set_string(&realm, "alice", "fido:broken", "not json");
    rename(&realm, &["alice", "broken", "wreck"]).checked().unwrap();
    assert_eq!(strings(&realm, "alice"), ["fido:wreck: not json"]);
}

#[test]
fn malformed_label_gets_a_good_one_and_the_key_can_be_read() {
    let realm = realm();
    for bad in ["-bad", "a b", ""] {
        set_string(&realm, "alice", &format!("fido:{bad}"), &record("AQ", json!({})));
        rename(&realm, &["alice", "--", bad, "good"]).checked().unwrap();
        let listed = realm.kdb5_fido(&["list", "alice"]).unwrap();
        assert!(listed.stdout.contains("    good         usable "), "{listed}");
        realm
            .kdb5_fido(&["remove", "alice", "good", "--yes"])
            .unwrap()
            .checked()
            .unwrap();
    }
}

#[test]
fn no_room_for_both_is_told_and_changes_nothing() {
    let mut realm = realm();
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    store(
        &realm,
        "alice",
        "blue",
        &record("AQ", json!({"x": "x".repeat(400)})),
    );
    set_string(&realm, "alice", "dummy", &"x".repeat(64_500));
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &rename(&realm, &["alice", "blue", "green"]),
        "The string attributes of alice have no room for it (65,535 bytes in all): remove one first",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn renamed_key_logs_in_and_keeps_its_history() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    let usage = |realm: &Realm| realm.kdb5_fido(&["usage", "alice"]).unwrap().stdout;
    let before = usage(&realm);
    rename(&realm, &["alice", "blue", "pink"]).checked().unwrap();
    assert_eq!(usage(&realm), before.replace("blue", "pink"));
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    assert!(realm.kdc_log().contains(" accepted label=pink "));
    assert_eq!(labels(&realm, "alice"), ["pink"]);
}
