//! Principals in LMDB, where this krb5 has it.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_fido_tests::{Enrolled, PASSWORD, assert_refused, assert_ticket, attribute, kadmin};
use krb5_testrealm::{Database, Error, Modules, Propagation, Realm};

const POLICY: &str = "KDC policy rejects request";

/// A realm with alice and her key. `None` where krb5 says that it knows no such database, as that of Debian 12 does.
fn enrolled() -> Option<Enrolled> {
    match Realm::builder().database(Database::Lmdb).start() {
        Ok(realm) => Some(Enrolled::in_realm(realm)),
        Err(Error::Command(finished)) => {
            let message = "Unable to load requested database module 'klmdb'";
            assert!(finished.stderr.contains(message), "{finished}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn key_is_good_at_both_kdcs_until_it_is_removed() {
    let Some(Enrolled { mut realm, key: _key }) = enrolled() else {
        return;
    };
    let second = realm.second_kdc(Modules::Ours).unwrap();
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    let log_in = |realm: &Realm, flags| {
        assert_ticket(realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), flags);
        realm.kdestroy().unwrap();
    };
    for addresses in [&[][..], &[&*second.address()]] {
        realm.set_client_relation("kdc", addresses).unwrap();
        log_in(&realm, "IHA");
        let refused = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
        assert_refused(&realm, &refused, POLICY);
    }
    let remove = ["remove", "alice", "blue", "--yes"];
    realm.kdb5_fido(&remove).unwrap().checked().unwrap();
    assert_eq!(attribute(&realm, "alice", "fido:blue"), None);
    for addresses in [&[][..], &[&*second.address()]] {
        realm.set_client_relation("kdc", addresses).unwrap();
        log_in(&realm, "IA");
    }
}

/// Replicas get it with kprop and with iprop, as from any other.
#[test]
fn key_reaches_replicas() {
    let Some(Enrolled { realm, key: _key }) = enrolled() else {
        return;
    };
    for propagation in [Propagation::Kprop, Propagation::Iprop] {
        let replica = realm.replica(propagation, Modules::Ours).unwrap();
        let there = replica.realm();
        assert_ticket(there, &there.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
    }
}
