//! Several KDCs over one database: exchanges that begin at one and end at another, and KDCs of which only some have our
//! modules.

use krb5_fido_tests::{
    AsClient, Enrolled, PASSWORD, add_service, add_user, ask_for, assert_refused, assert_ticket, asserted,
    hello, kadmin, kerberos::Reply, memory, none, sign,
};
use krb5_testrealm::{Modules, Realm, SecondKdc};

use crate::{
    PROMPT,
    sides::{Ours, Side, Stock, realm_with_bob},
};

fn read(reply: &[u8]) -> Reply {
    Reply::read(reply).unwrap()
}

/// bob's support goes to one KDC, his response to the other, either way.
fn change_kdcs(first: Side, second: Side) {
    let realm = realm_with_bob(first, Realm::builder());
    let other = realm.second_kdc(second.modules()).unwrap();
    let here = AsClient::new(&realm, "bob");
    let there = here.at_port(other.port());
    for (one, another) in [(&here, &there), (&there, &here)] {
        let response = one.begin().respond(&one.tgt_body(), &none());
        let reply = read(&another.send_bytes(&response.request.encode())).issued();
        assert!(reply.open(response.reply_key()).is_some());
    }
}

#[test]
fn login_with_a_password_changes_between_our_kdcs() {
    change_kdcs(Ours, Ours);
}

#[test]
fn login_with_a_password_changes_between_our_kdc_and_a_stock_one() {
    change_kdcs(Ours, Stock);
}

#[test]
fn login_with_a_password_changes_between_stock_kdcs() {
    change_kdcs(Stock, Stock);
}

/// Each pass goes to the other KDC than the one before.
#[test]
fn login_with_a_key_changes_between_our_kdcs() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let second = realm.second_kdc(Modules::Ours).unwrap();
    let here = AsClient::new(&realm, "alice");
    let there = here.at_port(second.port());
    for (one, another) in [(&here, &there), (&there, &here)] {
        let body = one.tgt_body();
        let response = one.begin().respond(&body, &hello(&[1]));
        let reply = read(&another.send_bytes(&response.request.encode()));
        let asked = response.take_challenge(reply);
        let assertion = sign(&key, &asked.statement(&body));
        let answer = asked.answer(&body, &assertion);
        let reply = read(&one.send_bytes(&answer.request.encode())).issued();
        assert!(reply.open(answer.reply_key()).is_some());
    }
}

#[test]
fn login_with_a_key_in_mode_clear_changes_between_our_kdcs() {
    let builder = Realm::builder()
        .kdc_relation("fido_challenge", "clear")
        .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096");
    let Enrolled { realm, key } = Enrolled::start(builder);
    let second = realm.second_kdc(Modules::Ours).unwrap();
    let here = AsClient::new(&realm, "alice");
    let there = here.at_port(second.port());
    let body = here.tgt_body();
    let agreed = here.begin().agree();
    let assertion = sign(&key, &agreed.statement(&body));
    let response = agreed.respond(&body, &asserted(&assertion));
    let reply = read(&there.send_bytes(&response.request.encode())).issued();
    assert!(reply.open(response.reply_key()).is_some());
}

/// It does not have the answer at hand that the first one gave: it checks the same request again and must come to the same
/// result.
#[test]
fn final_request_sent_again_to_a_second_kdc() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let second = realm.second_kdc(Modules::Ours).unwrap();
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let assertion = sign(&key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let request = answer.request.encode();
    let replies = [
        client.send_bytes(&request),
        client.at_port(second.port()).send_bytes(&request),
    ];
    assert_ne!(replies[0], replies[1]);
    for reply in replies {
        assert!(read(&reply).issued().open(answer.reply_key()).is_some());
    }
}

#[test]
fn exchange_of_a_key_is_not_ended_by_a_stock_kdc() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    let stock = realm.second_kdc(Modules::Stock).unwrap();
    let client = AsClient::new(&realm, "alice");
    for factor in [none(), hello(&[1])] {
        let response = client.begin().respond(&client.tgt_body(), &factor);
        let request = response.request.encode();
        read(&client.at_port(stock.port()).send_bytes(&request)).error();
    }
    assert!(!stock.log().contains("ISSUE"));
}

/// One KDC with our modules, one without. Clients ask the latter.
struct MixedFleet {
    stock: SecondKdc,
    enrolled: Enrolled,
}

impl MixedFleet {
    fn start() -> Self {
        let mut enrolled = Enrolled::start(Realm::builder().kdc_relation("fido_indicator", "fido"));
        let stock = enrolled.realm.second_kdc(Modules::Stock).unwrap();
        add_user(&enrolled.realm, "bob");
        let address = stock.address();
        enrolled.realm.set_client_relation("kdc", &[&address]).unwrap();
        Self { stock, enrolled }
    }

    fn ask_our_kdc(&mut self) {
        self.enrolled.realm.set_client_relation("kdc", &[]).unwrap();
    }
}

#[test]
fn stock_kdc_of_a_mixed_fleet_refuses_who_requires_hwauth() {
    let mut fleet = MixedFleet::start();
    let realm = &fleet.enrolled.realm;
    for client in [Ours, Stock] {
        let login = client.kinit(realm, "alice", PASSWORD, &[]);
        assert_refused(realm, &login, "Generic preauthentication failure");
        assert_ticket(realm, &client.kinit(realm, "bob", PASSWORD, &[]), "IA");
        realm.kdestroy().unwrap();
    }
    let log = fleet.stock.log();
    assert!(
        !log.contains("alice@KRBTEST.COM for krbtgt/KRBTEST.COM@KRBTEST.COM\n"),
        "{log}"
    );

    fleet.ask_our_kdc();
    let realm = &fleet.enrolled.realm;
    let login = Ours.kinit(realm, "alice", PASSWORD, &[]);
    assert_ticket(realm, &login, "IHA");
}

/// Without requires_hwauth one stock KDC voids the factor: for the password alone it gives a ticket that every KDC takes, and
/// that only services which demand an indicator refuse.
#[test]
fn stock_kdc_of_a_mixed_fleet_voids_the_factor_without_requires_hwauth() {
    let mut fleet = MixedFleet::start();
    let realm = &fleet.enrolled.realm;
    kadmin(realm, &["modprinc", "-requires_hwauth", "alice"]);
    kadmin(realm, &["addprinc", "-randkey", "host/any"]);
    add_service(realm, "host/vault", "fido");
    let before = memory(&fleet.enrolled.key);
    for client in [Stock, Ours] {
        let login = client.kinit(realm, "alice", PASSWORD, &[]);
        assert_ticket(realm, &login, "IA");
        assert_eq!(login.stdout, PROMPT);
    }
    assert_eq!(memory(&fleet.enrolled.key), before);

    fleet.ask_our_kdc();
    let realm = &fleet.enrolled.realm;
    assert!(ask_for(realm, "host/any").success());
    assert!(!ask_for(realm, "host/vault").success());
    realm.kdestroy().unwrap();
    let login = Stock.kinit(realm, "alice", PASSWORD, &[]);
    assert_refused(realm, &login, "KDC policy rejects request");
}
