//! The directory itself.

use krb5_fido_tests::{AsClient, PASSWORD, assert_refused, kadmin, sign};

use crate::{Fleet, builder, log_in};

#[test]
fn kdc_answers_while_the_directory_is_down_and_serves_once_it_is_back() {
    let mut fleet = Fleet::start(builder());
    fleet.enrolled.realm.stop_slapd();
    fleet.at_each_kdc(|realm| {
        let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
        assert_refused(realm, &login, "Generic error (see e-text)");
    });
    for log in [fleet.enrolled.realm.kdc_log(), fleet.second.log()] {
        assert!(log.contains("LOOKING_UP_CLIENT: alice@KRBTEST.COM"), "{log}");
    }
    fleet.enrolled.realm.start_slapd().unwrap();
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
    fleet.enrolled.realm.stop_slapd();
    asked.answer(&body, &assertion).send().error();
    fleet.enrolled.realm.start_slapd().unwrap();
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
