//! A login and the life of its KDC: workers, several realms, restarts.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_fido_tests::{
    AsClient, Enrolled, PASSWORD, add_service, add_user, ask_for, assert_refused, assert_ticket, hello,
    kadmin, kerberos::Reply, sign,
};
use krb5_testrealm::Realm;

const OTHER: &str = "OTHER.TEST";

#[test]
fn logins_at_a_kdc_with_workers() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder().kdc_workers(2));
    add_user(&realm, "bob");
    for _ in 0..4 {
        assert_ticket(&realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
        assert_ticket(&realm, &realm.kinit("bob", PASSWORD, &[]).unwrap(), "IA");
    }
    realm.kdestroy().unwrap();
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    for _ in 0..4 {
        let login = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
        assert_refused(&realm, &login, "KDC policy rejects request");
    }
}

#[test]
fn two_realms_of_one_kdc_have_indicators_of_their_own() {
    let builder = Realm::builder()
        .kdc_relation("fido_indicator", "one")
        .kdc_relation(&format!("realms/{OTHER}:fido_indicator"), "two");
    let Enrolled { mut realm, key } = Enrolled::start(builder);
    realm.serve_also(OTHER).unwrap();
    let device = key.device();
    realm
        .set_client_relation("libdefaults:fido_device", &[&device])
        .unwrap();
    let other = |query: &[&str]| {
        let mut kadmin = realm.command("kadmin.local");
        kadmin.args(["-r", OTHER]).args(query);
        realm.run(kadmin, "").unwrap().checked().unwrap();
    };
    for (service, indicator) in [("host/a", "one"), ("host/b", "two")] {
        add_service(&realm, service, indicator);
        other(&["addprinc", "-randkey", service]);
        other(&["setstr", service, "require_auth", indicator]);
    }
    other(&["addprinc", "-pw", PASSWORD, "+requires_preauth", "alice"]);
    other(&["addprinc", "-pw", PASSWORD, "+requires_preauth", "bob"]);
    let mut enroll = realm.command(krb5_testrealm::Artifacts::locate().unwrap().kdb5_fido());
    enroll.args(["-r", OTHER, "enroll", "alice", "--device", &device]);
    realm.run(enroll, "").unwrap().checked().unwrap();

    let services = |name: &str| {
        ["host/a", "host/b"].map(|service| ask_for(&realm, &format!("{service}@{name}")).success())
    };
    assert_ticket(&realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
    assert_eq!(services(realm.name()), [true, false]);
    assert_ticket(
        &realm,
        &realm.kinit(&format!("alice@{OTHER}"), PASSWORD, &[]).unwrap(),
        "IHA",
    );
    assert_eq!(services(OTHER), [false, true]);
    assert_ticket(
        &realm,
        &realm.kinit(&format!("bob@{OTHER}"), PASSWORD, &[]).unwrap(),
        "IA",
    );
    assert_eq!(services(OTHER), [false, false]);
    let log = realm.kdc_log();
    assert!(log.contains(&format!("fido: alice@{OTHER} nonce=")), "{log}");
}

#[test]
fn restart_between_challenge_and_response() {
    let Enrolled { mut realm, key } = Enrolled::start(Realm::builder());
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let response = client.begin().respond(&body, &hello(&[1]));
    realm.restart_kdc().unwrap();
    let reply = response.send();
    let asked = response.take_challenge(reply);
    let assertion = sign(&key, &asked.statement(&body));
    asked.answer(&body, &assertion).send().issued();
}

#[test]
fn restart_between_the_challenge_of_the_factor_and_the_answer() {
    let Enrolled { mut realm, key } = Enrolled::start(Realm::builder());
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    realm.restart_kdc().unwrap();
    let reply = answer.send().issued();
    assert!(reply.open(answer.reply_key()).is_some());
}

/// A KDC that was started anew, or another worker, does not have the answer at hand that the first one gave: it checks the
/// same request again and must come to the same result.
#[test]
fn final_request_sent_again_after_a_restart() {
    let Enrolled { mut realm, key } = Enrolled::start(Realm::builder());
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let request = answer.request.encode();
    let first = client.send_bytes(&request);
    realm.restart_kdc().unwrap();
    let second = client.send_bytes(&request);
    assert_ne!(first, second);
    for reply in [first, second] {
        let reply = Reply::read(&reply).unwrap().issued();
        assert!(reply.open(answer.reply_key()).is_some());
    }
    assert_eq!(realm.kdc_log().matches(" accepted label=blue ").count(), 2);
}

/// How often the same request is sent until workers that take turns have all seen it.
const ENOUGH: usize = 200;

#[test]
fn final_request_sent_again_to_another_worker() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder().kdc_workers(2));
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let request = answer.request.encode();
    let first = client.send_bytes(&request);
    // A worker that has answered it sends the same bytes again; another worker issues a ticket of its own.
    let other = (0..ENOUGH)
        .map(|_| client.send_bytes(&request))
        .find(|reply| *reply != first)
        .unwrap();
    for reply in [first, other] {
        let reply = Reply::read(&reply).unwrap().issued();
        assert!(reply.open(answer.reply_key()).is_some());
    }
    assert_eq!(realm.kdc_log().matches(" accepted label=blue ").count(), 2);
}

#[test]
fn new_krbtgt_key_between_challenge_and_answer_ends_the_exchange() {
    let Enrolled { mut realm, key } = Enrolled::start(Realm::builder());
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    kadmin(&realm, &["cpw", "-randkey", "krbtgt/KRBTEST.COM"]);
    realm.restart_kdc().unwrap();
    answer.send().error();
    assert_ticket(&realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
}
