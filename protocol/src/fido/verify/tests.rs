#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::*;
use crate::fido::record::{
    NewCredential,
    tests::{NOW, cose_of, record_json},
};

const ES256: &[Algorithm] = &[Algorithm::Es256];
const REQUIRED: Requirements<'_> = Requirements {
    now: NOW,
    algorithms: ES256,
    uv: UserVerification::Preferred,
};
const ID: &[u8] = &[0x1d; 64];

/// COSE_Key of an uncompressed point or of what ends in one.
fn cose(ends_in_point: &[u8]) -> Vec<u8> {
    let (rest, y) = ends_in_point.split_last_chunk::<32>().unwrap();
    let (_, x) = rest.split_last_chunk::<32>().unwrap();
    [
        b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
        &x[..],
        b"\x22\x58\x20",
        y,
    ]
    .concat()
}

fn head(rp_id: &str, flags: u8, counter: u32) -> Vec<u8> {
    [&Sha256::digest(rp_id)[..], &[flags], &counter.to_be_bytes()].concat()
}

fn record_for(public_key: &PublicKey, more: Value) -> CredentialRecord {
    let json = record_json("r.org", ID, &json!({"counter": 0}));
    let mut members: Value = serde_json::from_str(&json).unwrap();
    let object = members.as_object_mut().unwrap();
    let pk = Base64UrlUnpadded::encode_string(&public_key.encode());
    object.insert("pk".to_owned(), pk.into());
    object.extend(more.as_object().unwrap().clone());
    CredentialRecord::parse(&members.to_string()).unwrap()
}

/// A login with a fresh key, to be spoilt in one place.
struct Login {
    key_pair: EcdsaKeyPair,
    credentials: Vec<(Label, CredentialRecord)>,
}

impl Login {
    fn new(more: Value) -> Self {
        let key_pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public_key = PublicKey::parse(&cose(key_pair.public_key().as_ref())).unwrap();
        let other = CredentialRecord::parse(&record_json("r.org", b"other", &json!({}))).unwrap();
        let credentials = vec![
            (Label::parse("other").unwrap(), other),
            (Label::parse("key1").unwrap(), record_for(&public_key, more)),
        ];
        Self {
            key_pair,
            credentials,
        }
    }

    fn sign(&self, authenticator_data: Vec<u8>, client_data_hash: [u8; 32]) -> FidoAssertion {
        let signed = [&authenticator_data, &client_data_hash[..]].concat();
        let signature = self.key_pair.sign(&SystemRandom::new(), &signed).unwrap();
        FidoAssertion {
            credential_id: ID.to_vec(),
            authenticator_data,
            signature: signature.as_ref().to_vec(),
        }
    }

    fn assertion(&self, authenticator_data: Vec<u8>) -> FidoAssertion {
        self.sign(authenticator_data, client_data("r.org").hash().unwrap())
    }

    fn verify(&self, assertion: &FidoAssertion) -> Result<Accepted, Error> {
        verify_assertion(&self.credentials, assertion, &context())
    }

    fn assert_refused(&self, assertion: &FidoAssertion, error: Error) {
        assert_eq!(self.verify(assertion).err(), Some(error));
    }
}

fn client_data(rp_id: &str) -> FidoClientData<'_> {
    FidoClientData {
        principal: b"u@R.ORG",
        rp_id,
        nonce: &[1; 32],
        purpose: Purpose::Assertion {
            transcript: &[2; 32],
            request: &[3; 32],
        },
    }
}

fn context() -> AssertionContext<'static> {
    AssertionContext {
        principal: b"u@R.ORG",
        nonce: &[1; 32],
        transcript: &[2; 32],
        request_hash: [3; 32],
        required: REQUIRED,
    }
}

#[test]
fn good_assertion_is_accepted() {
    let login = Login::new(json!({}));
    let accepted = login.verify(&login.assertion(head("r.org", 0x01, 7))).unwrap();
    assert!(accepted.factor.is_hardware() && !accepted.factor.is_user_verified());
    assert_eq!(accepted.label.to_string(), "key1");
    assert_eq!(accepted.counter, 7);
    assert!(accepted.flags.is_user_present());
}

#[test]
fn extensions_are_under_the_signature() {
    let login = Login::new(json!({}));
    let with_map = [&head("r.org", 0x81, 1), &b"\xa1\x61a\x01"[..]].concat();
    let mut assertion = login.assertion(with_map);
    assert!(login.verify(&assertion).is_ok());
    *assertion.authenticator_data.last_mut().unwrap() = 2;
    login.assert_refused(&assertion, Error::BadSignature);
}

#[test]
fn unknown_credential() {
    let login = Login::new(json!({}));
    for id in [&b""[..], b"x", &ID[1..]] {
        let mut assertion = login.assertion(head("r.org", 0x01, 1));
        assertion.credential_id = id.to_vec();
        login.assert_refused(&assertion, Error::UnknownCredential);
    }
}

#[test]
fn credential_of_another_key() {
    let login = Login::new(json!({}));
    let mut assertion = login.assertion(head("r.org", 0x01, 5));
    assertion.credential_id = b"other".to_vec();
    login.assert_refused(&assertion, Error::BadSignature);
}

#[test]
fn unusable_credentials() {
    for (more, error) in [
        (json!({"disabled": true}), Error::CredentialDisabled),
        (
            json!({"not_after": "2001-01-01T00:00:00Z"}),
            Error::CredentialExpired,
        ),
        (
            json!({"fmt": "fido-u2f", "uv": "required"}),
            Error::CannotVerifyUser,
        ),
    ] {
        let login = Login::new(more);
        login.assert_refused(&login.assertion(head("r.org", 0x05, 1)), error);
    }
}

#[test]
fn algorithm_that_is_not_allowed() {
    let login = Login::new(json!({}));
    let assertion = login.assertion(head("r.org", 0x01, 1));
    let context = AssertionContext {
        required: Requirements {
            algorithms: &[Algorithm::EdDsa, Algorithm::Es384, Algorithm::Rs256],
            ..REQUIRED
        },
        ..context()
    };
    let error = verify_assertion(&login.credentials, &assertion, &context).err();
    assert_eq!(error, Some(Error::AlgorithmNotAllowed));
}

#[test]
fn malformed_authenticator_data() {
    let login = Login::new(json!({}));
    let good = head("r.org", 0x01, 1);
    for data in [
        &good[..36],
        &[&good, &b"\0"[..]].concat(),
        b"",
        &head("r.org", 0x41, 1),
        &head("r.org", 0x81, 1),
    ] {
        login.assert_refused(&login.assertion(data.to_vec()), Error::MalformedAuthenticatorData);
    }
}

#[test]
fn another_relying_party() {
    let login = Login::new(json!({}));
    for rp_id in ["", "R.ORG", "x.org"] {
        let data = head(rp_id, 0x01, 1);
        let assertion = login.sign(data, client_data(rp_id).hash().unwrap());
        login.assert_refused(&assertion, Error::RpIdMismatch);
    }
}

#[test]
fn client_data_for_another_relying_party() {
    let login = Login::new(json!({}));
    let data = head("r.org", 0x01, 1);
    let assertion = login.sign(data, client_data("x.org").hash().unwrap());
    login.assert_refused(&assertion, Error::BadSignature);
}

#[test]
fn user_not_present() {
    let login = Login::new(json!({}));
    for flags in [0x00, 0x04, 0x3e] {
        login.assert_refused(&login.assertion(head("r.org", flags, 1)), Error::UserNotPresent);
    }
}

#[test]
fn signature_over_another_login() {
    let login = Login::new(json!({}));
    let assertion = login.assertion(head("r.org", 0x01, 1));
    for context in [
        AssertionContext {
            principal: b"v@R.ORG",
            ..context()
        },
        AssertionContext {
            nonce: &[9; 32],
            ..context()
        },
        AssertionContext {
            transcript: &[9; 32],
            ..context()
        },
        AssertionContext {
            request_hash: [9; 32],
            ..context()
        },
    ] {
        let error = verify_assertion(&login.credentials, &assertion, &context).err();
        assert_eq!(error, Some(Error::BadSignature));
    }
}

#[test]
fn signature_of_a_registration() {
    let login = Login::new(json!({}));
    let registration = FidoClientData {
        purpose: Purpose::Registration,
        ..client_data("r.org")
    };
    let assertion = login.sign(head("r.org", 0x01, 1), registration.hash().unwrap());
    login.assert_refused(&assertion, Error::BadSignature);
}

#[test]
fn damaged_signatures() {
    let login = Login::new(json!({}));
    let good = login.assertion(head("r.org", 0x01, 1));
    for end in 0..good.signature.len() {
        let mut assertion = good.clone();
        assertion.signature.truncate(end);
        login.assert_refused(&assertion, Error::BadSignature);
    }
    for at in 0..good.signature.len() {
        let mut assertion = good.clone();
        assertion.signature[at] ^= 1;
        login.assert_refused(&assertion, Error::BadSignature);
    }
    let mut assertion = good;
    assertion.signature.push(0);
    login.assert_refused(&assertion, Error::BadSignature);
}

#[test]
fn changed_authenticator_data() {
    let login = Login::new(json!({}));
    let good = login.assertion(head("r.org", 0x01, 1));
    for (at, bit) in [(32, 0x04), (32, 0x20), (33, 0x01), (36, 0x02)] {
        let mut assertion = good.clone();
        assertion.authenticator_data[at] ^= bit;
        login.assert_refused(&assertion, Error::BadSignature);
    }
}

#[test]
fn key_that_is_not_on_the_curve() {
    let login = Login::new(json!({}));
    let off_curve = PublicKey::parse(&cose(&[1; 64])).unwrap();
    let credentials = [(Label::parse("a").unwrap(), record_for(&off_curve, json!({})))];
    let assertion = login.assertion(head("r.org", 0x01, 1));
    let error = verify_assertion(&credentials, &assertion, &context()).err();
    assert_eq!(error, Some(Error::BadSignature));
}

#[test]
fn counters() {
    for (stored, received, accepted) in [
        (0, 0, true),
        (0, 1, true),
        (7, 8, true),
        (u32::MAX - 1, u32::MAX, true),
        (7, 7, false),
        (7, 6, false),
        (7, 0, false),
        (u32::MAX, 0, false),
    ] {
        let login = Login::new(json!({"counter": stored}));
        let result = login.verify(&login.assertion(head("r.org", 0x01, received)));
        let expected = (!accepted).then_some(Error::CounterNotIncreased);
        assert_eq!(result.err(), expected, "{stored}, {received}");
    }
}

#[test]
fn checks_are_in_order() {
    let login = Login::new(json!({"uv": "required", "counter": 9}));
    let mut assertion = login.assertion(head("x.org", 0x00, 1));
    assertion.signature[8] ^= 1;
    login.assert_refused(&assertion, Error::RpIdMismatch);
    for (flags, error) in [
        (0x00, Error::UserNotPresent),
        (0x01, Error::UserNotVerified),
        (0x05, Error::BadSignature),
    ] {
        assertion.authenticator_data = head("r.org", flags, 1);
        login.assert_refused(&assertion, error);
    }
    login.assert_refused(
        &login.assertion(head("r.org", 0x05, 1)),
        Error::CounterNotIncreased,
    );
}

/// Authenticator data of a registration with this credential id and key.
fn attested(rp_id: &str, flags: u8, id: &[u8], cose: &[u8]) -> Vec<u8> {
    let id_length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [&head(rp_id, flags, 3)[..], &[5; 16], &id_length, id, cose].concat()
}

fn register(authenticator_data: &[u8]) -> Result<Registration<'_>, Error> {
    let record = CredentialRecord::parse(&record_json("r.org", ID, &json!({}))).unwrap();
    let context = RegistrationContext {
        rp_id: "r.org",
        algorithms: ES256,
        registered: &[(Label::parse("key1").unwrap(), record)],
    };
    verify_registration(authenticator_data, &context)
}

#[test]
fn good_registration_gives_the_parts_of_a_record() {
    let data = attested("r.org", 0x45, b"new", &cose(&[1; 64]));
    let registration = register(&data).unwrap();
    assert_eq!(registration.id, b"new");
    assert_eq!(registration.public_key.encode(), cose(&[1; 64]));
    assert_eq!((registration.aaguid, registration.counter), (Aaguid([5; 16]), 3));
    assert!(registration.flags.is_user_verified());
    let record = CredentialRecord::new(&NewCredential {
        rp_id: "r.org",
        id: registration.id,
        public_key: &registration.public_key,
        aaguid: registration.aaguid,
        format: "none",
        transports: &[],
        counter: registration.counter,
        created: NOW,
        by: "u@R.ORG",
        registration: None,
    });
    assert_eq!(record.unwrap().counter(), 3);
}

#[test]
fn refused_registrations() {
    let key = cose(&[1; 64]);
    let mut wrong_curve = key.clone();
    wrong_curve[6] = 2;
    for (data, error) in [
        (
            attested("r.org", 0x01, b"new", &key),
            Error::MalformedAuthenticatorData,
        ),
        (head("r.org", 0x01, 3), Error::MalformedAuthenticatorData),
        (
            attested("r.org", 0x41, &[0; 1024], &key),
            Error::MalformedAuthenticatorData,
        ),
        (
            attested("r.org", 0x41, b"", &key),
            Error::MalformedAuthenticatorData,
        ),
        (attested("x.org", 0x41, b"new", &key), Error::RpIdMismatch),
        (attested("r.org", 0x44, b"new", &key), Error::UserNotPresent),
        (
            attested("r.org", 0x41, b"new", &wrong_curve),
            Error::MalformedPublicKey,
        ),
        (
            attested("r.org", 0x41, b"new", b"\xa1\x03\x32"),
            Error::UnsupportedAlgorithm(-19),
        ),
        (
            attested("r.org", 0x41, b"new", b"\xa1\x03\x38\x23"),
            Error::ForbiddenAlgorithm("ES512"),
        ),
        (
            attested("r.org", 0x41, b"new", &cose_of(Algorithm::EdDsa)),
            Error::AlgorithmNotAllowed,
        ),
        (
            attested("r.org", 0x41, ID, &key),
            Error::CredentialAlreadyRegistered,
        ),
    ] {
        assert_eq!(register(&data), Err(error));
    }
}

#[test]
fn registration_with_an_algorithm_that_is_not_allowed() {
    let data = attested("r.org", 0x41, b"new", &cose(&[1; 64]));
    let context = RegistrationContext {
        rp_id: "r.org",
        algorithms: &[],
        registered: &[],
    };
    assert_eq!(
        verify_registration(&data, &context),
        Err(Error::AlgorithmNotAllowed)
    );
}

mod algorithms;
mod hardware_keys;
mod user_verification;
mod webauthn;
