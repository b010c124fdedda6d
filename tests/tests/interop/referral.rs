//! Referrals of a client to its own realm (RFC 6806 section 7). A KDC with a DB2 database gives none, so that a scripted
//! one refers; the realm that it refers to is real.

use krb5_fido_tests::{
    Enrolled, PASSWORD, ScriptedKdc, add_user, assert_ticket, encode_referral, enrol, module_lines,
    sent_types,
};
use krb5_testrealm::Realm;

use crate::{
    COOKIE_AND_SPAKE, LOGIN, LOGIN_WITH_KEY,
    sides::{Ours, Side, alike, issued, log_in_wrongly, realm_with_bob},
};

at_each_kdc! {
    name_that_is_referred
    enterprise_name_that_is_referred
}

/// The realm that clients ask first.
const FRONT: &str = "FRONT.TEST";

/// Lets clients of this realm ask the other one first.
fn add_front(realm: &mut Realm) -> ScriptedKdc {
    let home = realm.name().to_owned();
    let front = ScriptedKdc::start(move |_| encode_referral(FRONT, &home));
    front.stand_for(FRONT, realm);
    realm
        .set_client_relation("libdefaults:default_realm", &[FRONT])
        .unwrap();
    front
}

/// bob is whom the referred name stands for.
fn assert_referred(kdc: Side, principal: &str, option: &str, asked: &str) {
    let mut realm = realm_with_bob(kdc, Realm::builder());
    add_user(&realm, "carol\\@example.org");
    let _front = add_front(&mut realm);
    let (login, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, asked, PASSWORD, &[option]);
        assert_ticket(&realm, &login, "IA");
        let listing = realm.klist(&[]).unwrap();
        let default = format!("Default principal: {principal}@KRBTEST.COM\n");
        assert!(listing.stdout.contains(&default), "{listing}");
        login
    });
    assert_eq!(log, issued());
    let referred = "Following referral to realm KRBTEST.COM";
    assert!(login.trace.contains(referred), "{}", login.trace);
    assert_eq!(module_lines(&login.trace), LOGIN);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    log_in_wrongly(&realm, asked, &[option]);
}

fn name_that_is_referred(kdc: Side) {
    assert_referred(kdc, "bob", "-C", "bob@FRONT.TEST");
}

fn enterprise_name_that_is_referred(kdc: Side) {
    assert_referred(kdc, "carol\\@example.org", "-E", "carol@example.org");
}

#[test]
fn names_with_a_key_that_are_referred() {
    let Enrolled { mut realm, key } = Enrolled::start(Realm::builder());
    add_user(&realm, "carol\\@example.org");
    enrol(&realm, "carol\\@example.org", &key, "blue");
    let _front = add_front(&mut realm);
    for (option, asked) in [("-C", "alice@FRONT.TEST"), ("-E", "carol@example.org")] {
        let login = Ours.kinit(&realm, asked, PASSWORD, &[option]);
        assert_ticket(&realm, &login, "IHA");
        assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY);
    }
}
