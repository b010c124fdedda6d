//! Principals with several names, which the directory gives them: krbPrincipalName has all, krbCanonicalName the first.

use krb5_fido_tests::{PASSWORD, add_user, assert_refused, attribute, kadmin};
use krb5_testrealm::{Artifacts, Presence, Realm};
use serde_json::Value;

use crate::{Fleet, POLICY, builder, log_in, without_module};

/// Gives alice another name.
fn add_alias(realm: &Realm, alias: &str) {
    let found = realm.ldap_search("(krbPrincipalName=alice@KRBTEST.COM)").unwrap();
    let entry = found.stdout.lines().next().unwrap();
    let change = format!(
        "{entry}\n\
         changetype: modify\n\
         add: krbCanonicalName\n\
         krbCanonicalName: alice@KRBTEST.COM\n\
         -\n\
         add: krbPrincipalName\n\
         krbPrincipalName: {alias}@KRBTEST.COM\n"
    );
    realm.ldap_modify(&change).unwrap().checked().unwrap();
}

#[test]
fn alias_needs_the_key_and_works_with_it() {
    let mut fleet = Fleet::start(builder());
    kadmin(&fleet.enrolled.realm, &["modprinc", "-requires_hwauth", "alice"]);
    // As a name of its own it would be exempt.
    add_alias(&fleet.enrolled.realm, "host/ally");
    fleet.at_each_kdc(|realm| {
        assert_refused(realm, &without_module(realm, "host/ally"), POLICY);
        log_in(realm, "host/ally", "IHA");
        log_in(realm, "alice", "IHA");
    });
}

#[test]
fn keys_are_managed_under_an_alias_as_under_the_name() {
    let fleet = Fleet::start(builder());
    let realm = &fleet.enrolled.realm;
    add_alias(realm, "ally");
    let listed = realm.kdb5_fido(&["list", "ally"]).unwrap().checked().unwrap();
    assert!(
        listed.stdout.starts_with("alice@KRBTEST.COM\n    blue "),
        "{listed}"
    );
    let everybody = realm.kdb5_fido(&["list"]).unwrap();
    assert_eq!(everybody.stdout, listed.stdout);
    let added = realm
        .kdb5_fido(&["enroll", "ally", "--device", &fleet.enrolled.key.device()])
        .unwrap();
    assert!(!added.success(), "{added}");
    let remove = ["remove", "ally", "blue", "--yes"];
    realm.kdb5_fido(&remove).unwrap().checked().unwrap();
    assert_eq!(attribute(realm, "alice", "fido:blue"), None);
    log_in(realm, "ally", "IA");
}

/// The record is for the entry, and by the name in the ticket.
#[test]
fn user_registers_a_key_of_his_own_under_an_alias() {
    let mut realm = builder().start().unwrap();
    add_user(&realm, "alice");
    add_alias(&realm, "ally");
    let key = realm.softkey("key", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    let invited = realm.kdb5_fido(&["--json", "invite", "alice", "--code"]).unwrap();
    let invited: Value = serde_json::from_str(&invited.checked().unwrap().stdout).unwrap();
    let mut kfido = realm.command(Artifacts::locate().unwrap().kfido());
    kfido.args(["-p", "ally", "enroll", "--name", "blue"]);
    let input = format!("{PASSWORD}\n{}\n", invited["code"].as_str().unwrap());
    let enrolled = realm.run(kfido, &input).unwrap();
    // Later kadminds ask by the entry's name, under which an alias is somebody else to krb5's own rule for oneself.
    let mut getprinc = realm.command("kadmin");
    getprinc.args(["-p", "ally", "-w", PASSWORD, "getprinc", "ally"]);
    if attribute(&realm, "alice", "fido:blue").is_none() {
        let refused = realm.run(getprinc, "").unwrap();
        assert!(refused.stderr.contains("privilege"), "{enrolled}{refused}");
        assert!(enrolled.stderr.contains("privilege"), "{enrolled}");
        return;
    }
    assert!(enrolled.success(), "{enrolled}");
    let record = attribute(&realm, "alice", "fido:blue").unwrap();
    assert!(record.contains(r#""by":"ally@KRBTEST.COM""#), "{record}");
    for name in ["alice", "ally"] {
        log_in(&realm, name, "IHA");
    }
}
