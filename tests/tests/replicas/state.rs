//! Each KDC counts by itself; one that cannot count leaves its clients to the next.

use std::fs;

use krb5_fido_tests::{LogLine, PASSWORD, as_lines, assert_ticket};
use krb5_testrealm::{Propagation, Realm};

use crate::{Fleet, log_in};

#[test]
fn each_kdc_has_a_store_of_its_own() {
    let fleet = Fleet::pair(Propagation::Kprop).enrol();
    let realms = [&fleet.primary, fleet.replicas[0].realm()];
    realms.iter().for_each(|realm| log_in(realm, "IHA"));
    let directories = realms.map(Realm::state_dir);
    assert_ne!(directories[0], directories[1]);
    for directory in directories {
        assert!(directory.join("data.mdb").is_file(), "{}", directory.display());
    }
}

#[test]
fn client_goes_on_to_a_kdc_that_can_count() {
    let mut fleet = Fleet::pair(Propagation::Kprop).enrol();
    // No directory can be made where a file is.
    fs::write(fleet.primary.state_dir(), "").unwrap();
    let replica = fleet.replicas[0].realm();
    let mark = replica.kdc_log_mark();
    let ports = [fleet.primary.kdc_port(), replica.kdc_port()];
    let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    fleet.primary.set_client_relation("kdc", &addresses).unwrap();
    let login = fleet.primary.kinit("alice", PASSWORD, &[]).unwrap();
    assert_ticket(&fleet.primary, &login, "IHA");
    let log = fleet.primary.kdc_log();
    assert!(log.contains(" not decided: state store "), "{log}");
    let issued = as_lines(&fleet.replicas[0].realm().kdc_log_since(mark));
    assert_eq!(issued.last(), Some(&LogLine::issue()));
    // The signature counts there from now on.
    log_in(fleet.replicas[0].realm(), "IHA");
}
