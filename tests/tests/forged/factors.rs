//! Factors that were not offered, or not asked for.

use super::{NOT_OFFERED, Scene, WRONG_TURN};
use krb5_fido_protocol::{
    fido::factor::{FidoAssertion, FidoFactor},
    registry::SF_FIDO,
    spake::message::SecondFactor,
};
use krb5_fido_tests::*;

#[test]
fn password_alone_where_only_the_key_is_offered() {
    let scene = Scene::set();
    let challenged = scene.client.begin();
    let types: Vec<i32> = challenged
        .offered()
        .iter()
        .map(|factor| factor.factor_type)
        .collect();
    assert_eq!(types, [SF_FIDO]);
    let response = challenged.respond(&scene.client.tgt_body(), &none());
    scene.assert_refused(response.send(), NOT_OFFERED);
}

#[test]
fn password_alone_offered_before_a_key_was_registered() {
    let scene = Scene::set();
    let realm = scene.realm();
    add_user(realm, "bob");
    let bob = AsClient::new(realm, "bob");
    let challenged = bob.begin();
    enrol(realm, "bob", &scene.enrolled.key, "red");
    kadmin(realm, &["modprinc", "-requires_hwauth", "bob"]);
    let response = challenged.respond(&bob.tgt_body(), &none());
    scene.assert_refused(response.send(), NOT_OFFERED);
}

#[test]
fn key_where_only_the_password_is_offered() {
    let scene = Scene::set();
    add_user(scene.realm(), "bob");
    let bob = AsClient::new(scene.realm(), "bob");
    let response = bob.begin().respond(&bob.tgt_body(), &hello(&[1]));
    scene.assert_refused(response.send(), NOT_OFFERED);
}

#[test]
fn factors_that_do_not_exist() {
    let scene = Scene::set();
    for factor_type in [0, 2, -1, i32::MAX, i32::MIN] {
        let factor = SecondFactor {
            factor_type,
            data: Some(b"x".to_vec()),
        };
        let response = scene.client.begin().respond(&scene.client.tgt_body(), &factor);
        scene.assert_refused(response.send(), NOT_OFFERED);
    }
}

/// Responds with SF-FIDO of this data.
fn refuse_response(data: Option<Vec<u8>>, cause: &str) {
    let scene = Scene::set();
    let factor = SecondFactor {
        factor_type: SF_FIDO,
        data,
    };
    let response = scene.client.begin().respond(&scene.client.tgt_body(), &factor);
    scene.assert_refused(response.send(), cause);
}

#[test]
fn response_without_data() {
    refuse_response(None, "SF-FIDO carries no data");
}

#[test]
fn response_with_malformed_data() {
    refuse_response(Some(b"\x30\x00".to_vec()), "malformed DER");
}

#[test]
fn response_with_another_version() {
    refuse_response(hello(&[2, 127]).data, "no common version of SF-FIDO");
}

#[test]
fn response_with_an_assertion() {
    let assertion = FidoAssertion {
        credential_id: vec![1],
        authenticator_data: vec![2],
        signature: vec![3],
    };
    refuse_response(
        Some(FidoFactor::Assertion(assertion).encode().unwrap()),
        WRONG_TURN,
    );
}

/// Answers the challenge of the factor with another factor than an assertion.
fn refuse_answer(factor: &SecondFactor, cause: &str) {
    let scene = Scene::set();
    let answer = scene.ask().answer_factor(&scene.client.tgt_body(), factor);
    scene.assert_refused(answer.send(), cause);
}

#[test]
fn answer_with_the_password_alone() {
    refuse_answer(&none(), NOT_OFFERED);
}

#[test]
fn answer_without_data() {
    refuse_answer(
        &SecondFactor {
            factor_type: SF_FIDO,
            data: None,
        },
        "SF-FIDO carries no data",
    );
}

#[test]
fn answer_with_malformed_data() {
    refuse_answer(&fido(b"\xa2\x02\x30\x00".to_vec()), "malformed DER");
}

#[test]
fn answer_with_an_unknown_message() {
    refuse_answer(&fido(b"\xa4\x02\x30\x00".to_vec()), "unknown message type");
}

#[test]
fn answer_with_a_hello() {
    refuse_answer(&hello(&[1]), WRONG_TURN);
}
