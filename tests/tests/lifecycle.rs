//! A login and the life of its KDC: workers, several realms, restarts, another module in between.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use krb5_fido_protocol::{registry::SF_NONE, spake::message::SecondFactor};
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
fn login_whose_replies_do_not_fit_into_datagrams() {
    let Enrolled { realm, key: _key } =
        Enrolled::start(Realm::builder().kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "1000"));
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_ticket(&realm, &login, "IHA");
    assert!(
        login.trace.contains("Response too big for UDP, retry with TCP"),
        "{}",
        login.trace
    );
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

/// Another KDC, or another worker, does not have the answer at hand that the first one gave: it checks the same request
/// again and must come to the same result.
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
fn final_request_sent_again_to_a_second_kdc() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let second = SecondKdc::start(&realm);
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let request = answer.request.encode();
    let replies = [
        client.send_bytes(&request),
        client.at_port(second.port).send_bytes(&request),
    ];
    assert_ne!(replies[0], replies[1]);
    for reply in replies {
        let reply = Reply::read(&reply).unwrap().issued();
        assert!(reply.open(answer.reply_key()).is_some());
    }
}

#[test]
fn exchange_begun_at_one_kdc_ends_at_another() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let second = SecondKdc::start(&realm);
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let reply = client.at_port(second.port).send_bytes(&answer.request.encode());
    assert!(
        Reply::read(&reply)
            .unwrap()
            .issued()
            .open(answer.reply_key())
            .is_some()
    );
}

/// Another KDC over the same database, on a port of its own.
struct SecondKdc {
    port: u16,
    process: Child,
}

impl SecondKdc {
    fn start(realm: &Realm) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let own = realm.dir().join("second-kdc.conf");
        let configuration = fs::read_to_string(realm.dir().join("kdc.conf")).unwrap();
        let (here, there) = (realm.kdc_port().to_string(), port.to_string());
        let configuration =
            configuration.replace(&format!("127.0.0.1:{here}"), &format!("127.0.0.1:{there}"));
        fs::write(&own, configuration.replace("kdc.log", "second-kdc.log")).unwrap();
        let mut command = realm.command("krb5kdc");
        command
            .arg("-n")
            .env("KRB5_KDC_PROFILE", &own)
            .env("KRB5_CONFIG", realm.dir().join("krb5-daemon.conf"));
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let kdc = Self { port, process };
        let patience = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "the second KDC does not start");
            thread::sleep(Duration::from_millis(5));
        }
        kdc
    }
}

impl Drop for SecondKdc {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
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

/// Loads our module for pre-authentication, or a name that does not exist: then krb5's own takes its place.
const KDC_MODULE: &str = "plugins/kdcpreauth:module";
const NO_MODULE: &str = "none:/nonexistent.so";

fn none() -> SecondFactor {
    SecondFactor {
        factor_type: SF_NONE,
        data: None,
    }
}

/// bob's exchange is begun by one module and ended by the other.
fn change_modules(at_first: &[&str], then: &[&str]) {
    let mut realm = Realm::builder()
        .kdc_relation("spake_preauth_groups", "edwards25519")
        .kadmind(false)
        .start()
        .unwrap();
    add_user(&realm, "bob");
    let client = AsClient::new(&realm, "bob");
    realm.set_kdc_relation(KDC_MODULE, at_first).unwrap();
    let response = client.begin().respond(&client.tgt_body(), &none());
    realm.set_kdc_relation(KDC_MODULE, then).unwrap();
    let reply = response.send().issued();
    assert!(reply.open(response.reply_key()).is_some());
}

#[test]
fn exchange_begun_by_our_module_is_ended_by_the_stock_one() {
    change_modules(&[], &[NO_MODULE]);
}

#[test]
fn exchange_begun_by_the_stock_module_is_ended_by_ours() {
    change_modules(&[NO_MODULE], &[]);
}

#[test]
fn exchange_of_a_key_is_not_ended_by_the_stock_module() {
    let Enrolled { mut realm, key: _key } =
        Enrolled::start(Realm::builder().kdc_relation("spake_preauth_groups", "edwards25519"));
    let client = AsClient::new(&realm, "alice");
    let response = client.begin().respond(&client.tgt_body(), &none());
    realm.set_kdc_relation(KDC_MODULE, &[NO_MODULE]).unwrap();
    response.send().error();
    assert!(!realm.kdc_log().contains("ISSUE"));
}
