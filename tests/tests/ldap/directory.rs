//! The directory itself: what two KDCs have in common by it, and what they do without.

use krb5_fido_tests::{AsClient, PASSWORD, add_user, assert_refused, kadmin, kerberos::Reply, sign};
use krb5_testrealm::{Modules, Realm};

use crate::{Fleet, builder, log_in};

/// What alice is told while the directory is down, and whether the KDC has outlived that. It is there again afterwards.
fn without_directory(realm: &mut Realm) -> (String, bool) {
    realm.stop_slapd();
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(!login.success(), "{login}");
    let has_survived = realm.kdc_is_running();
    bring_back(realm, has_survived);
    (login.stderr, has_survived)
}

fn bring_back(realm: &mut Realm, has_kdc: bool) {
    realm.start_slapd().unwrap();
    if !has_kdc {
        realm.restart_kdc().unwrap();
    }
}

/// krb5kdc 1.20 and 1.21 answer with an error, and serve once the directory is back; 1.22.1 crashes in krb5's own LDAP module,
/// with the stock modules as with ours.
#[test]
fn kdc_without_its_directory_does_what_a_stock_one_does() {
    let mut stock = builder()
        .kdc_modules(Modules::Stock)
        .kadmind(false)
        .start()
        .unwrap();
    add_user(&stock, "alice");
    let expected = without_directory(&mut stock);

    let mut fleet = Fleet::start(builder());
    let found = without_directory(&mut fleet.enrolled.realm);
    assert_eq!(found, expected);
    if found.1 {
        assert!(found.0.contains("Generic error (see e-text)"), "{}", found.0);
        let log = fleet.enrolled.realm.kdc_log();
        assert!(log.contains("LOOKING_UP_CLIENT: alice@KRBTEST.COM"), "{log}");
    }
    fleet.at_each_kdc(|realm| log_in(realm, "alice", "IHA"));
}

/// The touch is lost: the login has to be begun anew.
#[test]
fn directory_that_goes_down_during_a_login_ends_it() {
    let mut fleet = Fleet::start(builder());
    let client = AsClient::new(&fleet.enrolled.realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&fleet.enrolled.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    fleet.enrolled.realm.stop_slapd();
    // A KDC that crashes gives no answer.
    let reply = Reply::read(&client.send_bytes(&answer.request.encode()));
    let error = reply.map(Reply::error);
    bring_back(&mut fleet.enrolled.realm, error.is_some());
    log_in(&fleet.enrolled.realm, "alice", "IHA");
}

#[test]
fn failures_at_one_kdc_count_at_the_other() {
    let mut fleet = Fleet::start(builder());
    let realm = &fleet.enrolled.realm;
    kadmin(realm, &["addpol", "-maxfailure", "2", "strict"]);
    kadmin(realm, &["modprinc", "-policy", "strict", "alice"]);
    fleet.at_each_kdc(|realm| {
        let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
        assert_refused(realm, &login, "Password incorrect");
    });
    fleet.at_each_kdc(|realm| {
        let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
        assert_refused(realm, &login, "Client's credentials have been revoked");
    });
}
