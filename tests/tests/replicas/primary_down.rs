//! The primary is down: logins go on at the replicas.

use krb5_fido_tests::{AsClient, assert_refused, hello, kerberos::Reply, sign};
use krb5_testrealm::Propagation;

use crate::{Fleet, NO_MODULE, without_module};

each_way! {
    logins_begin_and_go_on_at_the_replicas
}

/// All KDCs have the key of krbtgt, which that of cookies comes from: each pass of a login may go to another of them.
fn logins_begin_and_go_on_at_the_replicas(propagation: Propagation) {
    let mut fleet = Fleet::start(propagation).enrol();
    let client = AsClient::new(&fleet.primary, "alice");
    let body = client.tgt_body();
    let response = client.begin().respond(&body, &hello(&[1]));
    fleet.primary.stop_kdc();
    let send = |number: usize, request: &[u8]| {
        let port = fleet.replicas[number].realm().kdc_port();
        Reply::read(&client.at_port(port).send_bytes(request)).unwrap()
    };
    let reply = send(0, &response.request.encode());
    let asked = response.take_challenge(reply);
    let assertion = sign(&fleet.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let reply = send(1, &answer.request.encode()).issued();
    assert!(reply.open(answer.reply_key()).is_some());

    fleet.log_in_everywhere("IHA");
    for realm in fleet.realms() {
        assert_refused(realm, &without_module(realm), NO_MODULE);
    }
}
