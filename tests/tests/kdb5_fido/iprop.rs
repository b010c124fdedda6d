//! What replicas and kadmind learn of a change.

use krb5_testrealm::{Presence, Realm};
use serde_json::json;

use crate::support::{PASSWORD, realm, record, serial, store, strings};

#[test]
fn changes_are_logged_for_replicas() {
    let realm = realm();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    let before = serial(&realm);
    let arguments = ["enroll", "alice", "--device", &key.device()];
    realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
    // One update for the attribute, one for the flags.
    assert_eq!(serial(&realm), before + 2);
    store(&realm, "alice", "second", &record("AQ", json!({})));
    assert_eq!(serial(&realm), before + 3);
    realm
        .kdb5_fido(&["remove", "alice", "second"])
        .unwrap()
        .checked()
        .unwrap();
    assert_eq!(serial(&realm), before + 4);
    realm
        .kdb5_fido(&["remove", "alice", "key1", "--yes"])
        .unwrap()
        .checked()
        .unwrap();
    assert_eq!(serial(&realm), before + 6);
}

#[test]
fn listing_logs_nothing() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let before = serial(&realm);
    for arguments in [&["list"][..], &["list", "alice"], &["list", "--json"]] {
        realm.kdb5_fido(arguments).unwrap().checked().unwrap();
    }
    assert_eq!(serial(&realm), before);
}

#[test]
fn works_without_iprop() {
    let mut realm = realm();
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    assert_eq!(strings(&realm, "alice").len(), 1);
}

#[test]
fn running_kadmind_sees_the_change_at_once() {
    let realm = Realm::builder().start().unwrap();
    for name in ["alice", "carol/admin"] {
        realm.add_principal(name, PASSWORD, &[]).unwrap();
    }
    let kadmin = |query: &[&str]| {
        let mut command = realm.command("kadmin");
        command.args(["-p", "carol/admin", "-w", PASSWORD]).args(query);
        realm.run(command, "").unwrap().checked().unwrap().stdout
    };
    assert!(kadmin(&["getstrs", "alice"]).contains("(No string attributes.)"));
    let text = record("AQ", json!({}));
    store(&realm, "alice", "blue", &text);
    assert!(kadmin(&["getstrs", "alice"]).contains(&format!("fido:blue: {text}\n")));
    assert!(kadmin(&["getprinc", "alice"]).contains("Attributes: REQUIRES_PRE_AUTH REQUIRES_HW_AUTH\n"));

    kadmin(&["setstr", "alice", "fido:red", &record("Ag", json!({}))]);
    let listed = realm.kdb5_fido(&["list", "alice"]).unwrap();
    assert!(listed.stdout.contains("\n    red "), "{listed}");
    realm
        .kdb5_fido(&["remove", "alice", "red"])
        .unwrap()
        .checked()
        .unwrap();
    assert!(!kadmin(&["getstrs", "alice"]).contains("fido:red"));
}
