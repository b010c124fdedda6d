//! What is changed at the primary holds at the replicas.

use krb5_fido_tests::{
    PASSWORD, add_service, add_user, ask_for, assert_refused, assert_ticket, attribute, enrol, kadmin,
};
use krb5_testrealm::{Artifacts, Modules, Presence, Propagation, Propagation::Kprop, Realm};

use crate::{Fleet, NO_MODULE, NOTHING_OFFERED, POLICY, log_in, without_module};

each_way! {
    enrolment
    removal
    hardware_flag_at_a_stock_replica
}

fn enrolment(propagation: Propagation) {
    let fleet = Fleet::start(propagation).enrol();
    fleet.log_in_everywhere("IHA");
    for realm in fleet.realms() {
        let log = realm.kdc_log();
        assert_eq!(log.matches(" accepted label=blue ").count(), 1, "{log}");
        assert_refused(realm, &without_module(realm), NO_MODULE);
    }
}

fn removal(propagation: Propagation) {
    let fleet = Fleet::start(propagation).enrol();
    let red = fleet.primary.softkey("red", Presence::Auto).unwrap();
    enrol(&fleet.primary, "alice", &red, "red");
    fleet.remove("blue");
    fleet.propagate();
    for realm in fleet.realms() {
        assert_eq!(attribute(realm, "alice", "fido:blue"), None);
        assert_refused(realm, &without_module(realm), NO_MODULE);
    }
    fleet.remove("red");
    fleet.propagate();
    fleet.log_in_everywhere("IA");
}

fn hardware_flag_at_a_stock_replica(propagation: Propagation) {
    let fleet = Fleet::of(propagation, Realm::builder(), &[Modules::Ours, Modules::Stock]);
    fleet.log_in_everywhere("IA");
    let fleet = fleet.enrol();
    let [ours, stock] = [0, 1].map(|number: usize| fleet.replicas[number].realm());
    log_in(ours, "IHA");
    assert_refused(stock, &without_module(stock), NOTHING_OFFERED);
    let with_module = stock.kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(stock, &with_module, NOTHING_OFFERED);

    kadmin(&fleet.primary, &["modprinc", "-requires_hwauth", "alice"]);
    fleet.propagate();
    log_in(stock, "IA");
    assert_refused(ours, &without_module(ours), POLICY);
}

#[test]
fn disabled_key() {
    let fleet = Fleet::pair(Kprop).enrol();
    let record = attribute(&fleet.primary, "alice", "fido:blue").unwrap();
    let disabled = record.replacen('{', "{\"disabled\":true,", 1);
    kadmin(&fleet.primary, &["setstr", "alice", "fido:blue", &disabled]);
    fleet.log_in_everywhere("IHA");
    fleet.propagate();
    let realm = fleet.replicas[0].realm();
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    let message = "None of the security keys registered for alice@KRBTEST.COM may be used";
    assert!(!login.success() && login.stderr.contains(message), "{login}");
}

#[test]
fn policy_of_a_principal() {
    let fleet = Fleet::pair(Kprop).enrol();
    let realm = fleet.replicas[0].realm();
    kadmin(&fleet.primary, &["modprinc", "-requires_hwauth", "alice"]);
    kadmin(&fleet.primary, &["setstr", "alice", "fido_policy", "permissive"]);
    fleet.propagate();
    assert_ticket(realm, &without_module(realm), "IA");
    realm.kdestroy().unwrap();
    kadmin(&fleet.primary, &["setstr", "alice", "fido_policy", "required"]);
    fleet.propagate();
    assert_refused(realm, &without_module(realm), POLICY);
    log_in(realm, "IHA");
}

#[test]
fn demanded_indicator() {
    let builder = Realm::builder().kdc_relation("fido_indicator", "fido");
    let fleet = Fleet::of(Kprop, builder, &[Modules::Ours]);
    add_user(&fleet.primary, "bob");
    add_service(&fleet.primary, "host/vault", "fido");
    let fleet = fleet.enrol();
    let realm = fleet.replicas[0].realm();
    for (name, has_key) in [("alice", true), ("bob", false)] {
        realm.kinit(name, PASSWORD, &[]).unwrap().checked().unwrap();
        assert_eq!(ask_for(realm, "host/vault").success(), has_key);
    }
}

#[test]
fn failures_are_counted_by_each_kdc() {
    let fleet = Fleet::pair(Kprop).enrol();
    kadmin(&fleet.primary, &["addpol", "-maxfailure", "2", "strict"]);
    kadmin(&fleet.primary, &["modprinc", "-policy", "strict", "alice"]);
    fleet.propagate();
    let replica = fleet.replicas[0].realm();
    let fail = |realm: &Realm| {
        let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
        assert_refused(realm, &login, "Password incorrect");
    };
    fail(replica);
    fail(replica);
    let locked = replica.kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(replica, &locked, "Client's credentials have been revoked");
    fail(&fleet.primary);
    log_in(&fleet.primary, "IHA");
}

#[test]
fn key_that_was_registered_through_kadmind() {
    let fleet = Fleet::start(Propagation::Iprop);
    add_user(&fleet.primary, "admin/admin");
    let mut kfido = fleet.primary.command(Artifacts::locate().unwrap().kfido());
    kfido.args(["-p", "admin/admin", "enroll", "--name", "blue", "alice"]);
    let enrolled = fleet.primary.run(kfido, &format!("{PASSWORD}\n")).unwrap();
    assert!(enrolled.success(), "{enrolled}");
    fleet.propagate();
    fleet.log_in_everywhere("IHA");
    for realm in fleet.realms() {
        assert_refused(realm, &without_module(realm), NO_MODULE);
    }
}
