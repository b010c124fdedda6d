//! What a replica does that does not know the latest yet, and what its users see.

use krb5_fido_tests::{
    AsClient, PASSWORD, assert_refused, assert_ticket, attribute, enrol, kadmin, memory, sign,
};
use krb5_testrealm::{Presence, Propagation, Propagation::Kprop};

use crate::{Fleet, log_in};

each_way! {
    first_key_is_not_asked_for
    change_made_at_a_replica_is_lost
}

const NEW: &str = "battery staple";

/// Until the replica knows of it, the password alone does there.
fn first_key_is_not_asked_for(propagation: Propagation) {
    let fleet = Fleet::pair(propagation);
    enrol(&fleet.primary, "alice", &fleet.key, "blue");
    let before = memory(&fleet.key);
    fleet.log_in_everywhere("IA");
    assert_eq!(memory(&fleet.key), before);
    fleet.propagate();
    fleet.log_in_everywhere("IHA");
}

fn change_made_at_a_replica_is_lost(propagation: Propagation) {
    let fleet = Fleet::pair(propagation);
    let realm = fleet.replicas[0].realm();
    enrol(realm, "alice", &fleet.key, "blue");
    log_in(realm, "IHA");
    fleet.propagate();
    assert_eq!(attribute(realm, "alice", "fido:blue"), None);
    log_in(realm, "IA");
}

/// alice has a new key instead of her old one, which the replica asks for.
#[test]
fn key_that_replaced_another_is_not_known() {
    let mut fleet = Fleet::pair(Kprop).enrol();
    let red = fleet.primary.softkey("red", Presence::Auto).unwrap();
    enrol(&fleet.primary, "alice", &red, "red");
    fleet.remove("blue");
    let realm = fleet.replicas[0].realm_mut();
    for (name, value) in [("fido_device", &*red.device()), ("fido_timeout", "1s")] {
        realm.set_client_relation(name, &[value]).unwrap();
    }
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    let message =
        "software key is not a security key registered for alice@KRBTEST.COM: plug in the right one";
    assert_refused(realm, &login, message);
    fleet.propagate();
    fleet.log_in_everywhere("IHA");
}

/// A lost key is good at a replica until that knows.
#[test]
fn removed_key_is_taken() {
    let fleet = Fleet::pair(Kprop).enrol();
    fleet.remove("blue");
    fleet.log_in_everywhere("IHA");
    fleet.propagate();
    fleet.log_in_everywhere("IA");
}

/// A wrong password costs no touch, so libkrb5 goes on to the primary, which asks for the key.
#[test]
fn changed_password_is_tried_at_the_primary() {
    let mut fleet = Fleet::pair(Kprop).enrol();
    kadmin(&fleet.primary, &["cpw", "-pw", NEW, "alice"]);
    let primary = format!("localhost:{}", fleet.primary.kdc_port());
    let realm = fleet.replicas[0].realm_mut();
    let login = realm.kinit("alice", NEW, &[]).unwrap();
    assert_refused(realm, &login, "Password incorrect");
    realm.set_client_relation("primary_kdc", &[&primary]).unwrap();
    assert_ticket(realm, &realm.kinit("alice", NEW, &[]).unwrap(), "IHA");
    let log = fleet.primary.kdc_log();
    assert_eq!(log.matches(" accepted label=blue ").count(), 1, "{log}");
}

/// Signed before the login at the primary, and shown after it: there it would be a copy's.
#[test]
fn counter_that_the_primary_has_seen_is_news_to_a_replica() {
    let fleet = Fleet::pair(Kprop).enrol();
    let client = AsClient::new(&fleet.primary, "alice");
    let body = client.tgt_body();
    let there = client.at_port(fleet.replicas[0].realm().kdc_port());
    let [at_primary, at_replica] = [&client, &there].map(|client| {
        let asked = client.begin().say_hello();
        let assertion = sign(&fleet.key, &asked.statement(&body));
        asked.answer(&body, &assertion)
    });
    log_in(&fleet.primary, "IHA");
    fleet.propagate();
    at_primary.send().error();
    at_replica.send().issued();
}
