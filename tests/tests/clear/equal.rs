//! Whoever does not hold the key is not told whether the password was right.

use super::*;
use krb5_fido_protocol::{
    fido::factor::FidoFactor,
    registry::{PA_SPAKE, SF_FIDO},
};
use krb5_fido_tests::{der::Value, *};

/// The fields of a KRB-ERROR, without stime and susec.
fn without_times(error: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let fields = Value::read_only(error).and_then(Value::inner).unwrap();
    fields
        .elements()
        .filter(|field| ![0xa4, 0xa5].contains(&field.tag))
        .map(|field| (field.tag, field.content.to_vec()))
        .collect()
}

/// The assertions that a guesser can make without the key, by the causes for which they are refused.
fn bogus(good: &FidoAssertion) -> Vec<(&'static str, FidoAssertion)> {
    let with = |change: fn(&mut FidoAssertion)| {
        let mut assertion = good.clone();
        change(&mut assertion);
        assertion
    };
    vec![
        (BAD_SIGNATURE, good.clone()),
        (BAD_SIGNATURE, with(|assertion| assertion.signature.clear())),
        (BAD_SIGNATURE, with(|assertion| assertion.signature.push(0))),
        (
            "credential is not registered",
            with(|assertion| assertion.credential_id.push(0)),
        ),
        (
            "malformed authenticator data",
            with(|assertion| assertion.authenticator_data.clear()),
        ),
        (
            "assertion or registration is for another relying party",
            with(|assertion| assertion.authenticator_data[0] ^= 1),
        ),
        (
            "user was not present",
            with(|assertion| assertion.authenticator_data[32] = 0),
        ),
    ]
}

/// Factors that are refused behind the right password, and why.
fn factors(good: &FidoAssertion) -> Vec<(&'static str, SecondFactor)> {
    let data = |data: Option<Vec<u8>>| SecondFactor {
        factor_type: SF_FIDO,
        data,
    };
    let mut factors: Vec<_> = bogus(good)
        .into_iter()
        .map(|(cause, assertion)| (cause, asserted(&assertion)))
        .collect();
    factors.extend([
        ("SF-FIDO carries no data", data(None)),
        ("malformed DER", data(Some(Vec::new()))),
        ("malformed DER", data(Some(b"\xa2\x02\x30\x00".to_vec()))),
        ("unknown message type", data(Some(b"\xa4\x02\x30\x00".to_vec()))),
        (WRONG_TURN, hello(&[1])),
        (NOT_OFFERED, none()),
        (
            NOT_OFFERED,
            SecondFactor {
                factor_type: 2,
                data: None,
            },
        ),
    ]);
    factors
}

/// The answer to this factor, under this client's key.
fn refusal(client: &AsClient, body: &RequestBody, factor: &SecondFactor) -> Vec<u8> {
    let response = client.begin().respond(body, factor);
    client.send_bytes(&response.request.encode())
}

#[test]
fn refusals_differ_in_nothing_but_the_time() {
    let scene = Scene::set(clear());
    let good = scene.former_assertion();
    let body = scene.client.tgt_body();
    let guesser = scene.client.with_wrong_key();
    let wrong_password = refusal(&guesser, &body, &asserted(&good));
    scene.assert_refused(Reply::read(&wrong_password).unwrap(), WRONG_PASSWORD);
    let expected = without_times(&wrong_password);
    for (cause, factor) in factors(&good) {
        let refused = refusal(&scene.client, &body, &factor);
        assert_eq!(without_times(&refused), expected, "{cause}");
        scene.assert_refused(Reply::read(&refused).unwrap(), cause);
    }
    // Each was counted, as a wrong password is.
    let failures = 1 + factors(&good).len();
    let counted = kadmin(scene.realm(), &["getprinc", "alice"]);
    assert!(
        counted.contains(&format!("Failed password attempts: {failures}\n")),
        "{counted}"
    );
}

#[test]
fn refusals_with_another_challenge_in_them_are_of_one_length() {
    let scene = Scene::set(optimistic());
    let good = scene.former_assertion();
    let body = scene.client.tgt_body();
    let guesser = scene.client.with_wrong_key();
    let lengths = |error: &[u8]| {
        let error = Reply::read(error).unwrap().error();
        let lengths = error
            .pa_data
            .iter()
            .map(|element| (element.pa_type, element.value.len()));
        (error.code, lengths.collect::<Vec<_>>())
    };
    let wrong_password = lengths(&refusal(&guesser, &body, &asserted(&good)));
    let wrong_signature = lengths(&refusal(&scene.client, &body, &asserted(&good)));
    assert_eq!(wrong_password, wrong_signature);
    assert!(wrong_password.1.iter().any(|(pa_type, _)| *pa_type == PA_SPAKE));
}

#[test]
fn under_permissive_too_a_wrong_signature_is_no_better_than_a_wrong_password() {
    let scene = Scene::set(clear().kdc_relation("fido_policy", "permissive"));
    let good = scene.former_assertion();
    let body = scene.client.tgt_body();
    let guesser = scene.client.with_wrong_key();
    let wrong_password = refusal(&guesser, &body, &asserted(&good));
    let wrong_signature = refusal(&scene.client, &body, &asserted(&good));
    assert_eq!(without_times(&wrong_password), without_times(&wrong_signature));
    let response = scene.client.begin().respond(&body, &none());
    let part = response.send().issued().open(response.reply_key()).unwrap();
    assert_eq!(part.flags & FLAG_HW_AUTHENT, 0);
}

#[test]
fn factor_that_takes_long_to_read_is_not_opened() {
    let scene = Scene::set(clear());
    let mut assertion = scene.former_assertion();
    assertion.authenticator_data.resize(4096, 0);
    let factor = asserted(&assertion);
    let body = scene.client.tgt_body();
    for client in [&scene.client, &scene.client.with_wrong_key()] {
        let reply = client.begin().respond(&body, &factor).send();
        scene.assert_refused(reply, "message too long");
    }
}

#[test]
fn a_second_key_signs_under_its_own_name_only() {
    let scene = Scene::set(clear());
    let paper = PaperKey::generate();
    kadmin(
        scene.realm(),
        &["setstr", "alice", "fido:paper", &paper.record("krbtest.com")],
    );
    let body = scene.client.tgt_body();
    let agreed = scene.client.begin().agree();
    let statement = agreed.statement(&body);
    // Signed by one key under the name of the other.
    let mut assertion = sign(&scene.enrolled.key, &statement);
    assertion.credential_id = paper.id().to_vec();
    let reply = agreed.respond(&body, &asserted(&assertion)).send();
    scene.assert_refused(reply, BAD_SIGNATURE);

    let agreed = scene.client.begin().agree();
    let assertion = paper.sign(&Statement {
        credential_id: paper.id().to_vec(),
        ..agreed.statement(&body)
    });
    let data = FidoFactor::Assertion(assertion).encode().unwrap();
    let response = agreed.respond(&body, &fido(data));
    assert!(response.send().issued().open(response.reply_key()).is_some());
}
