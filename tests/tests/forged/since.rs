//! The challenge was honest, and the database or the configuration has changed before the answer came.

use super::Scene;
use krb5_fido_tests::{kerberos::*, *};
use serde_json::Value;

/// The record of alice's key is changed between challenge and answer.
fn change_record(cause: &str, change: impl FnOnce(&mut Value)) {
    let scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.ask();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let record = attribute(scene.realm(), "alice", "fido:blue").unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    change(&mut record);
    kadmin(
        scene.realm(),
        &["setstr", "alice", "fido:blue", &record.to_string()],
    );
    scene.assert_refused(asked.answer(&body, &assertion).send(), cause);
    scene.assert_assertion_refused(cause);
}

/// A relation of kdc.conf is changed, and the KDC started anew, between challenge and answer.
fn change_relation(relation: &str, value: &str, cause: &str) {
    let mut scene = Scene::set();
    let body = scene.client.tgt_body();
    let asked = scene.client.begin().say_hello();
    let assertion = sign(&scene.enrolled.key, &asked.statement(&body));
    let answer = asked.answer(&body, &assertion);
    scene.enrolled.realm.set_kdc_relation(relation, &[value]).unwrap();
    let reply = answer.send();
    assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED);
    scene.assert_assertion_refused(cause);
}

#[test]
fn credential_was_disabled() {
    change_record("credential is disabled", |record| {
        record["disabled"] = true.into()
    });
}

#[test]
fn credential_has_expired() {
    change_record("credential is expired", |record| {
        record["not_after"] = "2020-01-01T00:00:00Z".into()
    });
}

#[test]
fn credential_was_replaced_by_garbage() {
    change_record("credential is not registered", |record| *record = Value::Null);
}

#[test]
fn record_demands_verification_now() {
    change_record("user was not verified", |record| record["uv"] = "required".into());
}

#[test]
fn algorithm_was_dropped() {
    change_relation(
        "fido_algorithms",
        "EdDSA",
        "credential's algorithm is not allowed",
    );
}

#[test]
fn realm_demands_verification_now() {
    change_relation("fido_uv", "required", "user was not verified");
}
