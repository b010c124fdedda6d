//! Recordings of hardware keys: `protocol/tests/vectors/hardware-keys.json`, which says where they come from.

use super::*;

fn vectors(kind: &str) -> Vec<Value> {
    let text = include_str!("../../../../tests/vectors/hardware-keys.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    vectors[kind].as_array().unwrap().clone()
}

fn bytes(vector: &Value, member: &str) -> Vec<u8> {
    hex::decode(vector[member].as_str().unwrap()).unwrap()
}

/// The recorded assertion of `case` with these flags: a record for its key, and the recorded client data hash.
fn recorded(case: &str, flags: u8, more: Value) -> (CredentialRecord, FidoAssertion, [u8; 32]) {
    let vectors = vectors("assertions");
    let is_wanted = |vector: &&Value| vector["case"] == case && vector["flags"] == flags;
    let vector = vectors.iter().find(is_wanted).unwrap();
    let public_key = PublicKey::parse(&cose(&bytes(vector, "public_key_spki"))).unwrap();
    let mut members = more;
    members["rp"] = vector["rp_id"].clone();
    let assertion = FidoAssertion {
        credential_id: bytes(vector, "credential_id"),
        authenticator_data: bytes(vector, "authenticator_data"),
        signature: bytes(vector, "signature"),
    };
    let hash = bytes(vector, "client_data_hash").try_into().unwrap();
    (record_for(&public_key, members), assertion, hash)
}

fn verify_recorded(case: &str, flags: u8, more: Value) -> Result<AuthenticatorData, Error> {
    let (record, assertion, hash) = recorded(case, flags, more);
    let uv = record.check_usable(&REQUIRED)?;
    let data = verify_signed_data(&record, uv, &assertion, &hash)?;
    let received = LastUse {
        counter: data.counter,
        digest: counter::digest(&hash, &assertion),
    };
    counter::judge(CounterPolicy::Strict, record.counter(), None, &received)?;
    Ok(data)
}

/// A silent assertion is refused though its signature is good.
fn assert_silent_refused(case: &str) {
    let (record, assertion, hash) = recorded(case, 0, json!({}));
    let signed = [&assertion.authenticator_data, &hash[..]].concat();
    assert_eq!(
        verify_signature(record.public_key(), &signed, &assertion.signature),
        Ok(())
    );
    let refused = verify_recorded(case, 0, json!({}));
    assert_eq!(refused, Err(Error::UserNotPresent));
}

/// The touched assertion verifies with its counter, and not after it.
fn assert_recorded(case: &str, flags: u8, counter: u32) {
    let data = verify_recorded(case, flags, json!({})).unwrap();
    assert_eq!(data.counter, counter);
    assert_eq!(data.flags.is_user_verified(), flags == 5);
    let replayed = verify_recorded(case, flags, json!({"counter": counter}));
    assert_eq!(replayed, Err(Error::CounterNotIncreased));
    let with_uv = verify_recorded(case, flags, json!({"uv": "required"}));
    assert_eq!(with_uv.is_ok(), flags == 5);
}

#[test]
fn check_tgt_ipa() {
    assert_recorded("test_passkey__check_tgt/umockdev.script.ipa", 5, 22);
}

#[test]
fn su_fips_fido_key_ad() {
    assert_recorded("test_passkey__su_fips_fido_key/umockdev.script.ad", 5, 4);
}

#[test]
fn su_no_pin_set_ipa() {
    let case = "test_passkey__su_no_pin_set/umockdev.script.ipa";
    assert_recorded(case, 1, 13);
    let refused = verify_recorded(case, 1, json!({"uv": "required"}));
    assert_eq!(refused, Err(Error::UserNotVerified));
}

#[test]
fn su_user_ldap() {
    assert_recorded("test_passkey__su_user/umockdev.script.ldap", 5, 7);
}

#[test]
fn su_with_12_mappings_ipa() {
    assert_recorded("test_passkey__su_with_12_mappings/umockdev.script.ipa", 5, 68);
}

#[test]
fn check_tgt_ipa_silent() {
    assert_silent_refused("test_passkey__check_tgt/umockdev.script.ipa");
}

#[test]
fn su_fips_fido_key_ad_silent() {
    assert_silent_refused("test_passkey__su_fips_fido_key/umockdev.script.ad");
}

#[test]
fn su_no_pin_set_ipa_silent() {
    assert_silent_refused("test_passkey__su_no_pin_set/umockdev.script.ipa");
}

#[test]
fn su_user_ldap_silent() {
    assert_silent_refused("test_passkey__su_user/umockdev.script.ldap");
}

#[test]
fn su_with_12_mappings_ipa_silent() {
    assert_silent_refused("test_passkey__su_with_12_mappings/umockdev.script.ipa");
}

#[test]
fn every_recorded_assertion_has_a_test() {
    assert_eq!(vectors("assertions").len(), 2 * 5);
}

#[test]
fn register_ipa() {
    let vector = vectors("registrations").remove(0);
    let data = bytes(&vector, "authenticator_data");
    let context = RegistrationContext {
        rp_id: "ipa.test",
        algorithms: ES256,
        registered: &[],
    };
    let registration = verify_registration(&data, &context).unwrap();
    assert_eq!(
        registration.aaguid.to_string(),
        "2fc0579f-8113-47ea-b116-bb5a8db9202a"
    );
    assert_eq!((registration.id.len(), registration.counter), (64, 2));
    assert!(
        registration.flags.is_user_present() && registration.flags.is_user_verified() == (data[32] & 4 != 0)
    );
    assert!(data.ends_with(&registration.public_key.encode()));
}
