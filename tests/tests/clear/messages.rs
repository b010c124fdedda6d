//! Messages of the other mode or of another stage, and assertions that were made for something else.

use super::*;
use krb5_fido_protocol::{registry::PA_SPAKE, spake::message::PaSpake};
use krb5_fido_tests::*;

const WRONG_STAGE: &str = "SPAKE cookie of another stage";

/// An honest response, and what is changed in its statement before the touch.
fn respond<'c>(scene: &'c Scene, body: &RequestBody, change: impl FnOnce(&mut Statement)) -> Response<'c> {
    let agreed = scene.client.begin().agree();
    let mut statement = agreed.statement(body);
    change(&mut statement);
    let assertion = sign(&scene.enrolled.key, &statement);
    agreed.respond(body, &asserted(&assertion))
}

#[test]
fn honest_login_of_the_scripted_client() {
    let scene = Scene::set(clear());
    for service in [["krbtgt", "KRBTEST.COM"], ["kadmin", "admin"]] {
        let body = scene.client.body(&service);
        let response = respond(&scene, &body, |_| {});
        let reply = response.send().issued();
        let part = reply.open(response.reply_key()).unwrap();
        assert_eq!(part.server, service);
        let flags = FLAG_HW_AUTHENT | FLAG_PRE_AUTHENT;
        assert_eq!(part.flags & flags, flags);
        assert!(reply.open(&scene.client.key()).is_none());
    }
}

#[test]
fn assertion_for_something_else() {
    let scene = Scene::set(clear());
    let body = scene.client.tgt_body();
    let changes: [fn(&mut Statement); 4] = [
        |statement| statement.principal = "bob@KRBTEST.COM".to_owned(),
        |statement| statement.nonce[31] ^= 1,
        |statement| statement.transcript[0] ^= 1,
        |statement| statement.request_hash[0] ^= 1,
    ];
    for change in changes {
        scene.assert_refused(respond(&scene, &body, change).send(), BAD_SIGNATURE);
    }
}

#[test]
fn assertion_for_a_ticket_granting_ticket_in_a_request_for_kadmin() {
    let scene = Scene::set(clear());
    let agreed = scene.client.begin().agree();
    let assertion = sign(&scene.enrolled.key, &agreed.statement(&scene.client.tgt_body()));
    let body = scene.client.body(&["kadmin", "admin"]);
    let reply = agreed.respond(&body, &asserted(&assertion)).send();
    scene.assert_refused(reply, BAD_SIGNATURE);
}

#[test]
fn response_in_another_request_than_it_was_encrypted_for() {
    let scene = Scene::set(clear());
    let mut response = respond(&scene, &scene.client.tgt_body(), |_| {});
    response.request.body = scene.client.tgt_body().encode();
    scene.assert_refused(response.send(), WRONG_PASSWORD);
}

#[test]
fn response_sent_again_gets_the_same_answer() {
    let scene = Scene::set(clear());
    let request = respond(&scene, &scene.client.tgt_body(), |_| {}).request.encode();
    let first = scene.client.send_bytes(&request);
    Reply::read(&first).unwrap().issued();
    assert_eq!(scene.client.send_bytes(&request), first);
    assert_eq!(scene.realm().kdc_log().matches("ISSUE").count(), 1);
}

#[test]
fn hello_in_a_clear_exchange() {
    let scene = Scene::set(clear());
    let body = scene.client.tgt_body();
    let reply = scene.client.begin().respond(&body, &hello(&[1])).send();
    scene.assert_refused(reply, WRONG_TURN);
}

#[test]
fn assertion_in_an_encrypted_exchange() {
    let mut scene = Scene::set(clear());
    let assertion = scene.former_assertion();
    let realm = &mut scene.enrolled.realm;
    realm.set_kdc_relation("fido_challenge", &["encrypted"]).unwrap();
    let body = scene.client.tgt_body();
    let challenged = scene.client.begin();
    assert!(challenged.clear_challenge().is_none());
    let reply = challenged.respond(&body, &asserted(&assertion)).send();
    assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED);
    assert_eq!(
        as_lines(&scene.realm().kdc_log()).last(),
        Some(&LogLine::failed(WRONG_TURN))
    );
}

#[test]
fn factor_message_in_a_clear_exchange() {
    let scene = Scene::set(clear());
    let body = scene.client.tgt_body();
    let mut response = respond(&scene, &body, |_| {});
    let Ok(PaSpake::Response { factor, .. }) = PaSpake::decode(&response.request.pa_data[1].value) else {
        panic!("not a response")
    };
    let message = PaSpake::EncData(factor).encode().unwrap();
    response.request.pa_data[1] = PaData::new(PA_SPAKE, &message);
    assert_eq!(response.send().error().code, KDC_ERR_PREAUTH_FAILED);
    let log = scene.realm().kdc_log();
    assert_eq!(as_lines(&log).last(), Some(&LogLine::failed(WRONG_STAGE)));
}

/// The mode is that of the exchange, whatever was configured since.
#[test]
fn mode_that_changes_on_the_way() {
    let mut scene = Scene::set(clear());
    let body = scene.client.tgt_body();
    let client = AsClient::new(scene.realm(), "alice");
    let in_clear = client.begin().agree();
    let assertion = sign(&scene.enrolled.key, &in_clear.statement(&body));
    let realm = &mut scene.enrolled.realm;
    realm.set_kdc_relation("fido_challenge", &["encrypted"]).unwrap();
    let encrypted = client.begin();
    let response = in_clear.respond(&body, &asserted(&assertion));
    response.send().issued();

    let realm = &mut scene.enrolled.realm;
    realm.set_kdc_relation("fido_challenge", &["clear"]).unwrap();
    let asked = encrypted.say_hello();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    asked.answer(&body, &assertion).send().issued();
}

#[test]
fn credential_that_was_removed_since_the_challenge() {
    let scene = Scene::set(clear());
    let response = respond(&scene, &scene.client.tgt_body(), |_| {});
    kadmin(scene.realm(), &["delstr", "alice", "fido:blue"]);
    scene.assert_refused(response.send(), "credential is not registered");
}

#[test]
fn setting_that_became_unreadable_since_the_challenge() {
    let scene = Scene::set(clear());
    let response = respond(&scene, &scene.client.tgt_body(), |_| {});
    kadmin(scene.realm(), &["setstr", "alice", "fido_policy", "sometimes"]);
    scene.assert_refused(response.send(), "unknown fido_policy value");
}

#[test]
fn password_alone_that_is_no_longer_enough() {
    let scene = Scene::set(clear().kdc_relation("fido_policy", "permissive"));
    let response = scene.client.begin().respond(&scene.client.tgt_body(), &none());
    kadmin(scene.realm(), &["setstr", "alice", "fido_policy", "enrolled"]);
    scene.assert_refused(response.send(), NOT_OFFERED);
}

#[test]
fn lockout_counts_wrong_assertions_and_no_questions() {
    let scene = Scene::set(clear());
    kadmin(scene.realm(), &["addpol", "-maxfailure", "2", "strict"]);
    kadmin(scene.realm(), &["modprinc", "-policy", "strict", "alice"]);
    let body = scene.client.tgt_body();
    for _ in 0..3 {
        drop(scene.client.begin());
    }
    for _ in 0..2 {
        let refused = respond(&scene, &body, |statement| statement.nonce[0] ^= 1);
        scene.assert_refused(refused.send(), BAD_SIGNATURE);
    }
    let error = scene.client.send_plain(&body).error();
    assert_eq!(error.code, KDC_ERR_CLIENT_REVOKED);
}
