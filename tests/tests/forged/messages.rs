//! Messages out of turn, cookies of others, and more than one message in a request.

use super::{Scene, WRONG_TURN};
use krb5_fido_protocol::{
    registry::PA_SPAKE,
    spake::message::{EncryptedData, PaSpake},
};
use krb5_fido_tests::{kerberos::*, *};

pub(crate) const NO_COOKIE: &str = "no SPAKE cookie, or an expired one";
pub(crate) const WRONG_STAGE: &str = "SPAKE cookie of another stage";
const SEVERAL: &str = "several PA-SPAKE messages in one request";

/// Sends a message that is no part of the exchange, with this cookie.
fn send_message(client: &AsClient, message: &[u8], cookie: Option<&PaData>) -> Reply {
    let pa_data = cookie
        .cloned()
        .into_iter()
        .chain([PaData::new(PA_SPAKE, message)])
        .collect();
    client.send(&AsRequest {
        pa_data,
        body: client.tgt_body().encode(),
    })
}

/// Responds with this public key, and a factor that nobody encrypted.
pub(crate) fn send_response(client: &AsClient, public: &[u8], cookie: &PaData) -> Reply {
    let response = PaSpake::Response {
        public: public.to_vec(),
        factor: garbled_factor(),
    };
    send_message(client, &response.encode().unwrap(), Some(cookie))
}

fn garbled_factor() -> EncryptedData {
    EncryptedData {
        etype: 18,
        kvno: None,
        cipher: vec![7; 64],
    }
}

#[test]
fn factor_message_before_the_response() {
    let scene = Scene::set();
    let message = PaSpake::EncData(garbled_factor()).encode().unwrap();
    let Challenged { cookie, .. } = scene.client.begin();
    scene.assert_refused(send_message(&scene.client, &message, Some(&cookie)), WRONG_STAGE);
}

#[test]
fn factor_message_before_anything() {
    let scene = Scene::set();
    let message = PaSpake::EncData(garbled_factor()).encode().unwrap();
    scene.assert_refused(send_message(&scene.client, &message, None), NO_COOKIE);
}

#[test]
fn response_before_anything() {
    let scene = Scene::set();
    let response = PaSpake::Response {
        public: vec![9; 32],
        factor: garbled_factor(),
    };
    let reply = send_message(&scene.client, &response.encode().unwrap(), None);
    scene.assert_refused(reply, NO_COOKIE);
}

#[test]
fn response_under_the_cookie_of_the_factor() {
    let scene = Scene::set();
    let mut response = scene
        .client
        .begin()
        .respond(&scene.client.tgt_body(), &hello(&[1]));
    response.request.pa_data[0] = scene.ask().cookie;
    scene.assert_refused(response.send(), WRONG_STAGE);
}

#[test]
fn challenge_from_the_client() {
    let scene = Scene::set();
    let challenged = scene.client.begin();
    let reply = send_message(&scene.client, &challenged.challenge, Some(&challenged.cookie));
    scene.assert_refused(reply, WRONG_TURN);
}

#[test]
fn malformed_messages() {
    let scene = Scene::set();
    let cookie = scene.client.begin().cookie;
    for (message, cause) in [
        (&b""[..], "malformed DER"),
        (b"\xa0\x00", "malformed DER"),
        (b"\xa0\x06\x30\x04\xa0\x02\x30\x00", "malformed DER"),
        (
            b"\xa0\x09\x30\x07\xa0\x05\x30\x03\x02\x01\x01\x00",
            "malformed DER",
        ),
        (b"\xa4\x02\x30\x00", "unknown message type"),
        (
            b"\xa0\x09\x30\x07\xa0\x05\x30\x03\x02\x01\x09",
            "no SPAKE group permitted",
        ),
    ] {
        scene.assert_refused(send_message(&scene.client, message, Some(&cookie)), cause);
    }
}

#[test]
fn factor_of_another_encryption_type() {
    let scene = Scene::set();
    let asked = scene.ask();
    let message = PaSpake::EncData(EncryptedData {
        etype: 17,
        ..garbled_factor()
    })
    .encode()
    .unwrap();
    let reply = send_message(&scene.client, &message, Some(&asked.cookie));
    scene.assert_refused(
        reply,
        "second factor encrypted in another encryption type than the client key's",
    );
}

#[test]
fn cookie_of_another_principal() {
    let scene = Scene::set();
    let bob = {
        add_user(scene.realm(), "bob");
        enrol(scene.realm(), "bob", &scene.enrolled.key, "red");
        AsClient::new(scene.realm(), "bob")
    };
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let mut answer = asked.answer(&body, &assertion);
    answer.request.pa_data[0] = bob.begin().say_hello().cookie;
    scene.assert_refused(answer.send(), NO_COOKIE);
}

#[test]
fn damaged_cookie() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let mut answer = asked.answer(&body, &assertion);
    *answer.request.pa_data[0].value.last_mut().unwrap() ^= 1;
    scene.assert_refused(answer.send(), NO_COOKIE);
}

// More than one message, in one request or in several.

/// A client whose group was rejected may begin anew, with the cookie that it was given: what it is answered begins an
/// exchange of its own.
#[test]
fn second_support_message_begins_anew() {
    let scene = Scene::set();
    let Challenged {
        support,
        challenge,
        cookie,
        ..
    } = scene.client.begin();
    let error = send_message(&scene.client, &support, Some(&cookie)).error();
    assert_eq!(error.code, KDC_ERR_MORE_PREAUTH_DATA_REQUIRED);
    assert_ne!(error.pa_value(PA_SPAKE), Some(&challenge[..]));
    assert_ne!(error.pa_value(PA_FX_COOKIE), Some(&cookie.value[..]));
}

#[test]
fn response_to_the_first_of_two_challenges_under_the_cookie_of_the_second() {
    let scene = Scene::set();
    let first = scene.client.begin();
    let second = send_message(&scene.client, &first.support, Some(&first.cookie)).error();
    let mut response = first.respond(&scene.client.tgt_body(), &hello(&[1]));
    response.request.pa_data[0] = PaData::new(PA_FX_COOKIE, second.pa_value(PA_FX_COOKIE).unwrap());
    scene.assert_refused(response.send(), "wrong password");
}

#[test]
fn support_message_after_the_response_asks_for_the_password_again() {
    let scene = Scene::set();
    let support = scene.client.begin().support;
    let asked = scene.ask();
    let error = send_message(&scene.client, &support, Some(&asked.cookie)).error();
    let cookie = PaData::new(PA_FX_COOKIE, error.pa_value(PA_FX_COOKIE).unwrap());
    let body = scene.client.tgt_body();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let mut answer = asked.answer(&body, &assertion);
    answer.request.pa_data[0] = cookie;
    scene.assert_refused(answer.send(), WRONG_STAGE);
}

#[test]
fn two_support_messages() {
    let scene = Scene::set();
    let support = scene.client.begin().support;
    let element = PaData::new(PA_SPAKE, &support);
    let reply = scene.client.send(&AsRequest {
        pa_data: vec![element.clone(), element],
        body: scene.client.tgt_body().encode(),
    });
    scene.assert_refused(reply, SEVERAL);
}

#[test]
fn two_responses() {
    let scene = Scene::set();
    let mut response = scene
        .client
        .begin()
        .respond(&scene.client.tgt_body(), &hello(&[1]));
    let second = response.request.pa_data[1].clone();
    response.request.pa_data.push(second);
    scene.assert_refused(response.send(), SEVERAL);
}

#[test]
fn right_answer_beside_another_message() {
    for front in [true, false] {
        let scene = Scene::set();
        let body = scene.client.tgt_body();
        let asked = scene.ask();
        let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
        let mut answer = asked.answer(&body, &assertion);
        let other = PaData::new(PA_SPAKE, b"");
        answer.request.pa_data.insert(if front { 0 } else { 2 }, other);
        scene.assert_refused(answer.send(), SEVERAL);
    }
}
