//! What the forgeries are measured against: the same client, telling the truth.

use super::Scene;
use krb5_fido_protocol::registry::SF_FIDO;
use krb5_fido_tests::{kerberos::*, *};

#[test]
fn honest_login_of_the_scripted_client() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let reply = answer.send().issued();
    let part = reply.open(answer.reply_key()).unwrap();
    assert_eq!((part.nonce, part.server), (body.nonce.into(), body.server));
    let flags = FLAG_HW_AUTHENT | FLAG_PRE_AUTHENT;
    assert_eq!(part.flags & flags, flags);
    assert!(
        reply.open(&scene.client.key()).is_none(),
        "the ticket comes under the password alone"
    );
}

#[test]
fn challenge_that_anybody_gets_names_no_credential() {
    let scene = Scene::set();
    let challenged = scene.client.begin();
    let factor = challenged.offered().swap_remove(0);
    assert_eq!((factor.factor_type, factor.data), (SF_FIDO, None));
    let (challenge, cookie) = (challenged.challenge.clone(), challenged.cookie.value.clone());
    let asked = challenged.say_hello();
    let id = asked.challenge.parties[0].credentials[0].id.as_slice();
    for message in [challenge, cookie, asked.cookie.value] {
        assert!(!message.windows(id.len()).any(|window| window == id));
    }
}

#[test]
fn honest_login_for_kadmin() {
    let scene = Scene::set();
    let body = scene.client.body(&["kadmin", "admin"]);
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let part = answer.send().issued().open(answer.reply_key()).unwrap();
    assert_eq!(part.server, ["kadmin", "admin"]);
}

#[test]
fn honest_login_without_a_key() {
    let scene = Scene::set();
    add_user(scene.realm(), "bob");
    let client = AsClient::new(scene.realm(), "bob");
    let response = client.begin().respond(&client.tgt_body(), &none());
    let part = response.send().issued().open(response.reply_key()).unwrap();
    assert_eq!(
        part.flags & (FLAG_HW_AUTHENT | FLAG_PRE_AUTHENT),
        FLAG_PRE_AUTHENT
    );
}

#[test]
fn final_request_sent_again_gets_the_same_answer() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    let request = answer.request.encode();
    let first = scene.client.send_bytes(&request);
    Reply::read(&first).unwrap().issued();
    assert_eq!(scene.client.send_bytes(&request), first);
    assert_eq!(scene.realm().kdc_log().matches("ISSUE").count(), 1);
}

#[test]
fn forged_assertions_count_for_lockout_and_asking_does_not() {
    let scene = Scene::set();
    kadmin(scene.realm(), &["addpol", "-maxfailure", "2", "strict"]);
    kadmin(scene.realm(), &["modprinc", "-policy", "strict", "alice"]);
    for _ in 0..3 {
        drop(scene.ask());
    }
    scene.refuse_statement(|statement| statement.nonce[0] ^= 1);
    scene.refuse_statement(|statement| statement.nonce[0] ^= 1);
    let error = scene.client.send_plain(&scene.client.tgt_body()).error();
    assert_eq!(error.code, KDC_ERR_CLIENT_REVOKED);
}
