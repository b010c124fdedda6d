//! Principals with several names, which the directory gives them: krbPrincipalName has all, krbCanonicalName the first.

use krb5_fido_tests::{assert_refused, attribute, kadmin};
use krb5_testrealm::Realm;

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
