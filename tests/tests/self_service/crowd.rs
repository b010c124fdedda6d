//! Others are at the same entry.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use krb5_fido_tests::{PASSWORD, attribute, kadmin};
use krb5_testrealm::Realm;

use crate::kfido::Desk;

/// A KDC writes the whole entry back at the end of each login that fails, as it was at its beginning.
#[test]
fn key_stays_under_a_flood_of_requests_for_its_principal() {
    let desk = Desk::new(Realm::builder().kdc_workers(2));
    desk.invite(&[]);
    let is_over = AtomicBool::new(false);
    let enrolled = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let refused = desk
                        .realm
                        .stock_kinit("alice", "wrong", &["-c", "MEMORY:"])
                        .unwrap();
                    assert!(!refused.success(), "{refused}");
                }
            });
        }
        let enrolled = desk.enroll("blue");
        is_over.store(true, Ordering::Relaxed);
        enrolled
    });
    assert!(enrolled.success(), "{enrolled}");
    let counted = kadmin(&desk.realm, &["getprinc", "alice"]);
    assert!(!counted.contains("Failed password attempts: 0"), "{counted}");
    assert!(attribute(&desk.realm, "alice", "fido:blue").is_some());
    assert!(desk.logs_in());
}

#[test]
fn two_keys_at_once_under_one_name_are_one_key_and_one_refusal() {
    let mut desk = Desk::new(Realm::builder().kdc_relation("fido_self_enrol", "password"));
    desk.plug("two");
    let devices: Vec<String> = desk.keys.iter().map(krb5_testrealm::SoftKey::device).collect();
    let enroll = |device: &str| {
        let arguments = ["-p", "alice", "enroll", "--name", "blue", "--device", device];
        desk.kfido(&arguments, &[PASSWORD])
    };
    let (one, two) = thread::scope(|scope| {
        let other = scope.spawn(|| enroll(&devices[1]));
        (enroll(&devices[0]), other.join().unwrap())
    });
    let done = [&one, &two]
        .into_iter()
        .filter(|finished| finished.success())
        .count();
    assert_eq!(done, 1, "{one}{two}");
    assert!(attribute(&desk.realm, "alice", "fido:blue").is_some());
}
