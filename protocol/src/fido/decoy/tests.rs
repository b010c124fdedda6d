#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    },
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::*;
use crate::{
    Error,
    fido::{
        cose::Algorithm,
        factor::UserVerification,
        record::{
            Requirements,
            tests::{NOW, cose_of, record_json},
        },
    },
};

const ORDER_P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ORDER_ED25519: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn key(cose: &[u8]) -> PublicKey {
    PublicKey::parse(cose).unwrap()
}

fn key_of(algorithm: Algorithm) -> PublicKey {
    key(&cose_of(algorithm))
}

/// An RS256 key of a modulus of so many bytes, and an exponent.
fn rs256(length: u16, exponent: u8) -> PublicKey {
    let modulus = vec![0x81; length.into()];
    key(&[
        b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59",
        &length.to_be_bytes()[..],
        &modulus,
        b"\x21\x41",
        &[exponent],
    ]
    .concat())
}

/// Credentials with these keys, the number of each its id.
fn credentials(keys: &[PublicKey]) -> Vec<(Label, CredentialRecord)> {
    let record = |(number, key): (u8, &PublicKey)| {
        let mut members: Value = serde_json::from_str(&record_json("r.org", &[number], &json!({}))).unwrap();
        members["pk"] = Base64UrlUnpadded::encode_string(&key.encode()).into();
        members["alg"] = key.algorithm().identifier().into();
        let label = Label::parse(&format!("key{number}")).unwrap();
        (label, CredentialRecord::parse(&members.to_string()).unwrap())
    };
    (0..).zip(keys).map(record).collect()
}

fn usable(credentials: &[(Label, CredentialRecord)]) -> Vec<Usable<'_>> {
    let usable = |(label, record)| Usable {
        label,
        record,
        uv: UserVerification::Preferred,
    };
    credentials
        .iter()
        .map(|(label, record)| usable((label, record)))
        .collect()
}

fn assertion(number: u8, signature: Vec<u8>) -> FidoAssertion {
    FidoAssertion {
        credential_id: vec![number],
        authenticator_data: Vec::new(),
        signature,
    }
}

/// The numbers of the credentials that are checked after a refusal.
fn unspent(keys: &[PublicKey], checked: Option<&FidoAssertion>) -> Vec<u8> {
    let credentials = credentials(keys);
    let unspent = find_unspent(&usable(&credentials), checked);
    unspent.iter().map(|record| record.id()[0]).collect()
}

fn all_kinds() -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = Algorithm::ALL.iter().copied().map(key_of).collect();
    keys.extend([rs256(256, 3), rs256(512, 3)]);
    keys
}

#[test]
fn a_decoy_fails_by_its_signature_and_by_nothing_before() {
    for uv in [UserVerification::Discouraged, UserVerification::Required] {
        let context = AssertionContext {
            principal: b"u@R.ORG",
            nonce: &[0; 32],
            transcript: &[0; 32],
            request_hash: [3; 32],
            required: Requirements {
                now: NOW,
                algorithms: Algorithm::ALL,
                uv,
            },
        };
        let credentials = credentials(&all_kinds());
        for (_, record) in &credentials {
            let refused = verify_assertion(&credentials, &make_decoy(record), &context).err();
            assert_eq!(refused, Some(Error::BadSignature));
        }
        spend_checks(&credentials, &usable(&credentials), None, &context);
    }
}

#[test]
fn a_decoy_could_verify() {
    for key in all_kinds() {
        assert!(could_verify(&key, &make_signature(&key)), "{key:?}");
    }
}

#[test]
fn each_kind_of_key_is_checked_once() {
    let mut keys = all_kinds();
    assert_eq!(unspent(&keys, None), [0, 1, 2, 3, 4, 5]);
    keys.append(&mut all_kinds());
    assert_eq!(unspent(&keys, None), [0, 1, 2, 3, 4, 5]);
    assert_eq!(unspent(&keys[6..9], None), [0, 1, 2]);
    assert!(unspent(&[], None).is_empty());
}

#[test]
fn the_kind_that_was_checked_is_not_checked_again() {
    let mut keys = all_kinds();
    keys.append(&mut all_kinds());
    for (number, kind) in (0..12_u8).zip((0..6).cycle()) {
        let checked = assertion(number, make_signature(&keys[usize::from(number)]));
        let expected: Vec<u8> = (0..6).filter(|other| *other != kind).collect();
        assert_eq!(unspent(&keys, Some(&checked)), expected);
    }
}

#[test]
fn a_check_that_cost_nothing_is_made_up_for() {
    let keys = [key_of(Algorithm::Es256), key_of(Algorithm::EdDsa)];
    for checked in [
        assertion(0, Vec::new()),
        assertion(0, vec![DIGIT; 64]),
        assertion(1, make_signature(&keys[0])),
        assertion(2, make_signature(&keys[0])),
    ] {
        assert_eq!(unspent(&keys, Some(&checked)), [0, 1]);
    }
}

#[test]
fn signatures_of_every_algorithm_could_verify() {
    let random = SystemRandom::new();
    // The numbers are as short as they happen to be.
    for _ in 0..64 {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let signature = pair.sign(&random, b"message").unwrap();
        assert!(could_verify(&key_of(Algorithm::Es256), signature.as_ref()));
    }
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let signature = pair.sign(&random, b"message").unwrap();
    assert!(could_verify(&key_of(Algorithm::Es384), signature.as_ref()));
    let signature = Ed25519KeyPair::generate().unwrap().sign(b"message");
    assert!(could_verify(&key_of(Algorithm::EdDsa), signature.as_ref()));
}

fn es256_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, u8::try_from(number.len()).unwrap()], number].concat();
    let numbers = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()][..], &numbers].concat()
}

#[test]
fn ecdsa_signatures_that_cannot_verify() {
    let key = key_of(Algorithm::Es256);
    let order = [&[0][..], &hex::decode(ORDER_P256).unwrap()].concat();
    let mut below = order.clone();
    *below.last_mut().unwrap() -= 1;
    for good in [&b"\x01"[..], b"\x00\x80", &below] {
        assert!(could_verify(&key, &es256_signature(good, b"\x01")), "{good:02x?}");
        assert!(could_verify(&key, &es256_signature(b"\x01", good)), "{good:02x?}");
    }
    let long = [&[1][..], &[0; 32]].concat();
    for bad in [&b""[..], b"\x00", b"\x80", b"\x00\x01", &order, &long] {
        assert!(!could_verify(&key, &es256_signature(bad, b"\x01")), "{bad:02x?}");
        assert!(!could_verify(&key, &es256_signature(b"\x01", bad)), "{bad:02x?}");
    }
    let good = es256_signature(b"\x01", b"\x01");
    assert!(!could_verify(&key, &[&good[..], &[0]].concat()));
    assert!(!could_verify(
        &key,
        b"\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01"
    ));
    for end in 0..good.len() {
        assert!(!could_verify(&key, &good[..end]));
    }
    assert!(!could_verify(&key_of(Algorithm::EdDsa), &good));
}

#[test]
fn eddsa_signatures_that_cannot_verify() {
    let key = key_of(Algorithm::EdDsa);
    let order = hex::decode(ORDER_ED25519).unwrap();
    let mut below = order.clone();
    below[0] -= 1;
    let with = |scalar: &[u8]| [&[7; 32][..], scalar].concat();
    assert!(could_verify(&key, &with(&below)));
    for bad in [&order[..], &[0xff; 32], &[0; 31], &[0; 33], &[]] {
        assert!(!could_verify(&key, &with(bad)), "{bad:02x?}");
    }
}

#[test]
fn rsa_signatures_that_cannot_verify() {
    let key = key_of(Algorithm::Rs256);
    assert!(could_verify(&key, &[0; 256]));
    for bad in [&[0; 255][..], &[0; 257], &[0x81; 256], &[0x82; 256], &[]] {
        assert!(!could_verify(&key, bad));
    }
}

#[test]
fn what_is_read_in_vain_is_an_assertion() {
    let message = READ_IN_VAIN.as_ref().unwrap();
    let factor = SecondFactor::decode_padded(message).unwrap();
    let data = factor.data.unwrap();
    assert!(matches!(FidoFactor::decode(&data), Ok(FidoFactor::Assertion(_))));
}
