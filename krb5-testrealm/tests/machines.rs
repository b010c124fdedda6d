//! Realms of several machines, with stock modules: what each has of its own, and what is left of them.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod common;

use std::{fs, path::Path};

use common::{PASSWORD, children, eventually, is_alive, is_free, stock, stock_with_alice};
use krb5_testrealm::{Database, Error, Modules, Propagation, Realm};

fn knows_bob(realm: &Realm) -> bool {
    realm.kadmin_local(&["getprinc", "bob"]).unwrap().success()
}

#[test]
fn replicas_have_what_the_primary_had_when_it_was_propagated() {
    let primary = stock_with_alice(stock());
    let first = primary.replica(Propagation::Kprop, Modules::Stock).unwrap();
    let second = primary.replica(Propagation::Kprop, Modules::Stock).unwrap();
    primary.add_principal("bob", PASSWORD, &[]).unwrap();
    primary.propagate(&first).unwrap();
    assert!(knows_bob(first.realm()) && !knows_bob(second.realm()));
    for replica in [&first, &second] {
        let login = replica.realm().kinit("alice", PASSWORD, &[]).unwrap();
        assert!(login.success(), "{login}{}", login.trace);
        assert!(replica.realm().kdc_log().contains("ISSUE"));
    }
    assert!(!primary.kdc_log().contains("alice@KRBTEST.COM for krbtgt/"));
}

#[test]
fn updates_carry_the_serial_number_of_the_primary() {
    let primary = stock().start().unwrap();
    let replica = primary.replica(Propagation::Iprop, Modules::Stock).unwrap();
    let before = primary.last_serial().unwrap();
    primary.add_principal("bob", PASSWORD, &[]).unwrap();
    primary.propagate(&replica).unwrap();
    assert!(knows_bob(replica.realm()));
    assert!(primary.last_serial().unwrap() > before);
    assert_eq!(
        replica.realm().last_serial().unwrap(),
        primary.last_serial().unwrap()
    );
}

#[test]
fn replica_without_kpropd_cannot_be_sent_anything() {
    let primary = stock_with_alice(stock());
    let mut replica = primary.replica(Propagation::Kprop, Modules::Stock).unwrap();
    replica.stop_kpropd();
    let Err(Error::Command(kprop)) = primary.propagate(&replica) else {
        panic!("no error, or another")
    };
    assert!(kprop.stderr.contains("Connection refused"), "{kprop}");
    replica.restart_kpropd().unwrap();
    primary.propagate(&replica).unwrap();
}

#[test]
fn nothing_is_left_of_dropped_machines() {
    let primary = stock().start().unwrap();
    let replica = primary.replica(Propagation::Iprop, Modules::Stock).unwrap();
    let kpropd = replica.kpropd_pid().unwrap();
    let mut processes = children(kpropd);
    // The one that takes a database.
    assert_eq!(processes.len(), 1);
    processes.extend([kpropd, replica.realm().kdc_pid().unwrap()]);
    let ports = [replica.realm().kdc_port(), replica.kpropd_port()];
    assert!(processes.iter().all(|pid| is_alive(*pid)));
    assert!(ports.iter().all(|port| !is_free(*port)));
    drop(replica);
    assert!(eventually(|| !processes.iter().any(|pid| is_alive(*pid))));
    assert!(ports.iter().all(|port| is_free(*port)));
    let directory = primary.dir().to_owned();
    drop(primary);
    assert!(!directory.exists());
}

#[test]
fn machines_of_this_machine_do_not_rename_it() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let names = || ["/proc/sys/kernel/hostname", "/etc/hosts"].map(read);
    let before = names();
    let primary = stock_with_alice(stock());
    let _replica = primary.replica(Propagation::Kprop, Modules::Stock).unwrap();
    assert_eq!(names(), before);
}

#[test]
fn kdcs_share_their_counters_with_those_over_the_same_files_alone() {
    let primary = stock_with_alice(stock());
    let second = primary.second_kdc(Modules::Stock).unwrap();
    let replica = primary.replica(Propagation::Kprop, Modules::Stock).unwrap();
    assert_eq!(primary.state_dir(), second.state_dir());
    assert_ne!(primary.state_dir(), replica.realm().state_dir());

    let primary = stock_with_alice(stock().database(Database::Ldap));
    let second = primary.second_kdc(Modules::Stock).unwrap();
    assert_ne!(primary.state_dir(), second.state_dir());
}

#[test]
fn directory_of_ldap_goes_with_its_realm() {
    let builder = stock().database(Database::Ldap);
    let mut realm = stock_with_alice(builder);
    let first = realm.slapd_pid().unwrap();
    realm.stop_slapd();
    assert!(!is_alive(first) && realm.slapd_pid().is_none());
    assert!(!realm.kadmin_local(&["getprinc", "alice"]).unwrap().success());
    realm.start_slapd().unwrap();
    assert!(realm.kadmin_local(&["getprinc", "alice"]).unwrap().success());
    let found = realm.ldap_search("(krbPrincipalName=alice@KRBTEST.COM)").unwrap();
    assert!(found.stdout.contains("krbPrincipalKey"), "{found}");
    let (second, directory) = (realm.slapd_pid().unwrap(), realm.dir().to_owned());
    drop(realm);
    assert!(!is_alive(second) && !Path::new(&directory).exists());
}
