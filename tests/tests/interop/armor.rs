//! FAST (RFC 6113 section 5.4), armored with the ticket of a host.

use krb5_fido_tests::{Enrolled, armor, assert_refused, assert_ticket, memory, module_lines, sent_types};
use krb5_testrealm::{Finished, Realm};

use crate::{
    COOKIE_AND_SPAKE, LOGIN, LOGIN_WITH_KEY, PROMPT, WRONG,
    sides::{Ours, Side, alice, issued, log_in, log_in_wrongly, realm_with_bob},
};

at_each_kdc! {
    password
    wrong_password
    optimistic_challenge
}

/// So many requests went under armor. After a wrong password libkrb5 makes one more, for the primary KDC, which these realms
/// do not name.
fn assert_armored(login: &Finished, requests: usize) {
    let armored = "Encoding request body and padata into FAST request";
    assert_eq!(login.trace.matches(armored).count(), requests, "{}", login.trace);
    assert!(login.trace.contains("FAST negotiation: available") || !login.success());
}

fn password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let armor = armor(&realm);
    let (login, log) = log_in(&realm, "bob", &["-T", &armor]);
    assert_armored(&login, 3);
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(log, issued());
}

fn wrong_password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let armor = armor(&realm);
    let (login, log) = log_in_wrongly(&realm, "bob", &["-T", &armor]);
    assert_armored(&login, 4);
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(log, kdc.refused());
}

fn optimistic_challenge(kdc: Side) {
    let builder = Realm::builder().kdc_relation("spake_preauth_kdc_challenge", "edwards25519");
    let realm = realm_with_bob(kdc, builder);
    let armor = armor(&realm);
    let (login, _) = log_in(&realm, "bob", &["-T", &armor]);
    assert_armored(&login, 2);
    assert_eq!(module_lines(&login.trace), LOGIN[1..]);
}

#[test]
fn password_and_key() {
    let enrolled = Enrolled::start(Realm::builder());
    let armor = armor(&enrolled.realm);
    let login = alice(&enrolled, &["-T", &armor]);
    assert_ticket(&enrolled.realm, &login, "IHA");
    assert_armored(&login, 4);
    assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
}

#[test]
fn wrong_password_and_key() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let armor = armor(&realm);
    let before = memory(&key);
    let login = Ours.kinit(&realm, "alice", WRONG, &["-T", &armor]);
    assert_refused(&realm, &login, "Password incorrect");
    assert_armored(&login, 4);
    assert_eq!(login.stdout, PROMPT);
    assert_eq!(memory(&key), before);
}
