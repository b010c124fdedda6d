//! The key was touched, for something else.

use super::{BAD_SIGNATURE, Scene};
use krb5_fido_tests::{kerberos::*, *};
use krb5_testrealm::Presence;

const INTEGRITY: &str = "second factor message fails its integrity check";

#[test]
fn assertion_for_another_principal() {
    Scene::set().refuse_statement(|statement| statement.principal = "bob@KRBTEST.COM".to_owned());
}

#[test]
fn assertion_for_the_same_principal_of_another_realm() {
    Scene::set().refuse_statement(|statement| statement.principal = "alice@KRBTEST.ORG".to_owned());
}

#[test]
fn assertion_for_another_nonce() {
    Scene::set().refuse_statement(|statement| statement.nonce[31] ^= 1);
}

#[test]
fn assertion_for_another_transcript() {
    Scene::set().refuse_statement(|statement| statement.transcript[0] ^= 1);
}

#[test]
fn assertion_for_no_transcript() {
    Scene::set().refuse_statement(|statement| statement.transcript.clear());
}

#[test]
fn assertion_for_another_request() {
    Scene::set().refuse_statement(|statement| statement.request_hash[0] ^= 1);
}

/// Root on the client's host knows the SPAKE key and has the user touch the key for an ordinary ticket.
#[test]
fn assertion_for_a_ticket_granting_ticket_in_a_request_for_kadmin() {
    let scene = Scene::set();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&scene.client.tgt_body()));
    let answer = asked.answer(&scene.client.body(&["kadmin", "admin"]), &assertion);
    scene.assert_refused(answer.send(), BAD_SIGNATURE);
    scene.assert_assertion_refused(BAD_SIGNATURE);
}

#[test]
fn assertion_in_a_request_with_any_other_field_changed() {
    let scene = Scene::set();
    let changes: [fn(&mut RequestBody); 4] = [
        |body| body.options = 0x4000_0000,
        |body| body.till = "20360101000000Z".to_owned(),
        |body| body.nonce ^= 1,
        |body| body.enctypes = vec![18, 17],
    ];
    for change in changes {
        let asked = scene.ask();
        let mut body = scene.client.tgt_body();
        let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
        change(&mut body);
        scene.assert_refused(asked.answer(&body, &assertion).send(), BAD_SIGNATURE);
    }
}

#[test]
fn assertion_of_a_former_exchange() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let former = sign(&scene.enrolled.key, &scene.ask().statement(&body));
    scene.assert_refused(scene.ask().answer(&body, &former).send(), BAD_SIGNATURE);
}

#[test]
fn answer_of_a_former_exchange_under_the_cookie_of_another() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let mut answer = asked.answer(&body, &assertion);
    answer.request.pa_data[0] = scene.ask().cookie;
    scene.assert_refused(answer.send(), INTEGRITY);
}

#[test]
fn answer_in_another_request_than_it_was_encrypted_for() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let mut answer = asked.answer(&body, &assertion);
    answer.request.body = scene.client.body(&["kadmin", "admin"]).encode();
    scene.assert_refused(answer.send(), INTEGRITY);
}

#[test]
fn credential_of_somebody_else() {
    let scene = Scene::set();
    add_user(scene.realm(), "bob");
    let key = scene.realm().softkey("other", Presence::Auto).unwrap();
    enrol(scene.realm(), "bob", &key, "red");
    let bob = AsClient::new(scene.realm(), "bob");
    let id = bob
        .begin()
        .say_hello()
        .challenge
        .parties
        .swap_remove(0)
        .credentials
        .swap_remove(0)
        .id;

    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let statement = Statement {
        credential_id: id,
        ..asked.statement(&body)
    };
    let assertion = sign(&key, &statement);
    scene.assert_refused(
        asked.answer(&body, &assertion).send(),
        "credential is not registered",
    );
}

#[test]
fn signature_under_the_name_of_another_credential() {
    let scene = Scene::set();
    let paper = PaperKey::generate();
    kadmin(
        scene.realm(),
        &["setstr", "alice", "fido:paper", &paper.record("krbtest.com")],
    );
    scene.refuse_assertion(BAD_SIGNATURE, |assertion| {
        assertion.credential_id = paper.id().to_vec()
    });
}

#[test]
fn signature_with_a_changed_byte() {
    let scene = Scene::set();
    for from_end in [1, 20, 40, 60] {
        scene.refuse_assertion(BAD_SIGNATURE, |assertion| {
            let at = assertion.signature.len() - from_end;
            assertion.signature[at] ^= 1;
        });
    }
}

#[test]
fn signature_that_is_none() {
    let scene = Scene::set();
    for signature in [
        &b""[..],
        b"\x30\x00",
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        &[0; 64],
        &[0xff; 4096],
    ] {
        scene.refuse_assertion(BAD_SIGNATURE, |assertion| {
            assertion.signature = signature.to_vec()
        });
    }
}

#[test]
fn signature_with_a_trailing_byte() {
    Scene::set().refuse_assertion(BAD_SIGNATURE, |assertion| assertion.signature.push(0));
}

#[test]
fn authenticator_data_with_a_changed_counter() {
    Scene::set().refuse_assertion(BAD_SIGNATURE, |assertion| assertion.authenticator_data[36] ^= 1);
}

#[test]
fn credential_that_is_not_offered_because_it_may_not_be_used() {
    for (member, value, cause) in [
        (
            "disabled",
            serde_json::Value::Bool(true),
            "credential is disabled",
        ),
        (
            "not_after",
            "2020-01-01T00:00:00Z".into(),
            "credential is expired",
        ),
    ] {
        let scene = Scene::set();
        let paper = PaperKey::generate();
        let mut record: serde_json::Value = serde_json::from_str(&paper.record("krbtest.com")).unwrap();
        record[member] = value;
        kadmin(
            scene.realm(),
            &["setstr", "alice", "fido:paper", &record.to_string()],
        );
        let body = scene.client.tgt_body();
        let asked = scene.ask();
        assert_eq!(asked.challenge.parties[0].credentials.len(), 1);
        let assertion = paper.sign(&Statement {
            credential_id: paper.id().to_vec(),
            ..asked.statement(&body)
        });
        scene.assert_refused(asked.answer(&body, &assertion).send(), cause);
        scene.assert_assertion_refused(cause);
    }
}

#[test]
fn credential_that_was_removed_since_the_challenge() {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    kadmin(scene.realm(), &["delstr", "alice", "fido:blue"]);
    scene.assert_refused(
        asked.answer(&body, &assertion).send(),
        "credential is not registered",
    );
}
