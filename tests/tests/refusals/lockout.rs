//! What counts for a principal's lockout policy, and how often.

use krb5_fido_tests::{
    AsClient, Enrolled, PASSWORD, assert_ticket, kadmin,
    kerberos::{AsRequest, KDC_ERR_POLICY, KDC_ERR_PREAUTH_FAILED, encrypted_timestamp},
    sign,
};
use krb5_testrealm::Realm;

use crate::clear_hardware_flag;

/// alice is locked out after three failures.
fn with_lockout() -> Enrolled {
    let enrolled = Enrolled::start(Realm::builder());
    kadmin(&enrolled.realm, &["addpol", "-maxfailure", "3", "strict"]);
    kadmin(&enrolled.realm, &["modprinc", "-policy", "strict", "alice"]);
    enrolled
}

fn failures(realm: &Realm) -> u32 {
    let principal = kadmin(realm, &["getprinc", "alice"]);
    let count = principal
        .lines()
        .find_map(|line| line.strip_prefix("Failed password attempts: "));
    count.unwrap().parse().unwrap()
}

/// Answers the challenge with a signature over something else.
fn answer_wrongly(client: &AsClient, enrolled: &Enrolled) {
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let mut statement = asked.statement(&body);
    statement.nonce[0] ^= 1;
    let assertion = sign(&enrolled.key, &statement);
    let error = asked.answer(&body, &assertion).send().error();
    assert_eq!(error.code, KDC_ERR_PREAUTH_FAILED);
}

/// The password is right, and the policy module wants more.
fn send_encrypted_timestamp(client: &AsClient) {
    let body = client.tgt_body();
    let time = client.send_plain(&body).error().time;
    let request = AsRequest {
        pa_data: vec![encrypted_timestamp(&client.key(), &time)],
        body: body.encode(),
    };
    assert_eq!(client.send(&request).error().code, KDC_ERR_POLICY);
}

#[test]
fn wrong_factor_counts_once_and_a_refusal_by_policy_not_at_all() {
    let enrolled = with_lockout();
    let realm = &enrolled.realm;
    let client = AsClient::new(realm, "alice");
    assert_eq!(failures(realm), 0);
    answer_wrongly(&client, &enrolled);
    assert_eq!(failures(realm), 1);
    // Challenges that nobody answers, and a service that is asked for without any pre-authentication.
    for _ in 0..4 {
        drop(client.begin().say_hello());
        client.send_plain(&client.tgt_body()).error();
    }
    assert_eq!(failures(realm), 1);
    clear_hardware_flag(realm);
    for _ in 0..4 {
        send_encrypted_timestamp(&client);
    }
    assert_eq!(failures(realm), 1);
    answer_wrongly(&client, &enrolled);
    assert_eq!(failures(realm), 2);
    assert_ticket(realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
    assert_eq!(failures(realm), 0);
}
