//! The test vectors of RFC 9588 appendix B, each in both roles, through the types of the passes and libk5crypto.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes only #[test] functions of an integration test for test code"
)]

mod common;

use std::cell::RefCell;

use common::{script, sealed, written};
use krb5_fido_protocol::{
    kerberos::Key,
    registry::{KEY_USAGE_SPAKE, SF_FIDO, SF_NONE},
    spake::{
        Event, Group,
        client::{encode_support, process_challenge},
        kdc::{ChallengeSent, FactorSent, Offer, Opened, make_challenge},
        message::{PaSpake, SecondFactor},
    },
};
use krb5_plugin::KeyBlock;
use serde_json::Value;

struct Vector(Value);

impl Vector {
    fn load(index: usize) -> Self {
        let file: Value = serde_json::from_str(include_str!("vectors/rfc9588.json")).unwrap();
        Self(file["vectors"][index].clone())
    }

    fn group(&self) -> Group {
        Group::from_id(self.number("group")).unwrap()
    }

    fn number(&self, name: &str) -> i32 {
        self.0[name].as_i64().unwrap().try_into().unwrap()
    }

    /// Empty where the vector has none.
    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.0[name].as_str().unwrap_or_default()).unwrap()
    }

    fn body(&self) -> Vec<u8> {
        self.bytes("kdc_req_body")
    }

    fn key(&self, name: &str) -> KeyBlock {
        KeyBlock::new(self.number("enctype"), &self.bytes(name))
    }

    fn event(&self, label: &str, name: &str) -> String {
        format!("{label} {}", self.0[name].as_str().unwrap())
    }

    /// The KDC's cookie, field by field; its transcript hash is the intermediate one.
    fn cookie(&self, transcript: &[u8]) -> Vec<u8> {
        let private = self.bytes("x");
        let mut cookie = vec![0, 1, 0, 0];
        cookie.extend(self.number("group").to_be_bytes());
        for field in [private.as_slice(), transcript] {
            cookie.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            cookie.extend(field);
        }
        cookie
    }
}

/// H(zeros || support || challenge).
fn intermediate_transcript(vector: &Vector) -> Vec<u8> {
    use sha2::{Digest, Sha256, Sha384, Sha512};
    let messages = [vector.bytes("support"), vector.bytes("challenge")].concat();
    match vector.group() {
        Group::Edwards25519 | Group::P256 => Sha256::digest([vec![0; 32], messages].concat()).to_vec(),
        Group::P384 => Sha384::digest([vec![0; 48], messages].concat()).to_vec(),
        Group::P521 => Sha512::digest([vec![0; 64], messages].concat()).to_vec(),
    }
}

fn check_multiplier(vector: &Vector) {
    let mut multiplier = vec![0; vector.group().scalar_len()];
    let input = [b"SPAKEsecret".as_slice(), &vector.number("group").to_be_bytes()].concat();
    vector
        .key("initial_key")
        .prf_plus(&input, &mut multiplier)
        .unwrap();
    assert_eq!(multiplier, vector.bytes("w"));
}

/// x, T, the challenge and the cookie; S, the transcript, K'[1] and K'[0].
fn check_kdc(vector: &Vector) {
    let events = RefCell::new(Vec::new());
    let observe = &mut |event: Event<'_, KeyBlock>| events.borrow_mut().push(written(&event));
    let initial_key = vector.key("initial_key");
    let mut random = script(vector.group(), &vector.bytes("x"));
    let support = vector.bytes("support");
    let reply = make_challenge(
        vector.group(),
        &initial_key,
        &support,
        &Offer::None,
        &mut random,
        observe,
    )
    .unwrap();
    assert_eq!(reply.message, vector.bytes("challenge"));
    let cookie = vector.cookie(&intermediate_transcript(vector));
    assert_eq!(reply.cookie.expose(), cookie);

    let sent = ChallengeSent::parse_cookie(&cookie).unwrap();
    let answered = sent
        .process_response(&initial_key, &vector.bytes("S"), observe)
        .unwrap();
    let factor = sealed(&vector.key("K1"), SF_NONE, None);
    let Opened::None(verified, keys) = answered.open_factor(&vector.body(), &factor, observe).unwrap() else {
        panic!("SF-NONE opens as something else");
    };
    keys.derive_reply_key(&verified, &vector.body(), observe).unwrap();
    let expected = [
        vector.event("public key", "T"),
        vector.event("transcript", "transcript_hash"),
        "result".to_owned(),
        vector.event("K'[1]", "K1"),
        vector.event("K'[0]", "K0"),
    ];
    assert_eq!(*events.borrow(), expected);
}

/// K, K'[2] and K'[3], which need a further factor: the vector's cookie, with SF-FIDO for SF-NONE.
fn check_kdc_further_factor(vector: &Vector) {
    let events = RefCell::new(Vec::new());
    let observe = &mut |event: Event<'_, KeyBlock>| events.borrow_mut().push(written(&event));
    let initial_key = vector.key("initial_key");
    let mut record = SF_FIDO.to_be_bytes().to_vec();
    record.extend([0, 0, 0, 33, 0]);
    record.extend([7; 32]);
    let transcript = intermediate_transcript(vector);
    let mut cookie = [vector.cookie(&transcript), record.clone()].concat();
    cookie[1] = 2;

    let sent = ChallengeSent::parse_cookie(&cookie).unwrap();
    let answered = sent
        .process_response(&initial_key, &vector.bytes("S"), &mut |_| {})
        .unwrap();
    let factor = sealed(&vector.key("K1"), SF_FIDO, Some(b"hello"));
    let Opened::Hello(hello) = answered.open_factor(&vector.body(), &factor, observe).unwrap() else {
        panic!("SF-FIDO opens as something else");
    };
    let reply = hello
        .send_challenge(&vector.body(), b"challenge".to_vec(), observe)
        .unwrap();

    let mut expected = vec![0, 2, 0, 1];
    expected.extend(vector.number("group").to_be_bytes());
    for field in [vector.bytes("K"), vector.bytes("transcript_hash")] {
        expected.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        expected.extend(field);
    }
    expected.extend(record);
    assert_eq!(reply.cookie.expose(), expected);

    let sent = FactorSent::parse_cookie(&expected).unwrap();
    let answer = sealed(&vector.key("K3"), SF_FIDO, Some(b"assertion"));
    let assertion = sent
        .open_factor(&initial_key, &vector.body(), &answer, observe)
        .unwrap();
    assert_eq!(assertion.data(), b"assertion");
    assert_eq!(assertion.nonce(), &[7; 32]);
    assert_eq!(assertion.transcript(), vector.bytes("transcript_hash"));
    let expected = [("K'[1]", "K1"), ("K'[2]", "K2"), ("K'[3]", "K3")];
    assert_eq!(
        *events.borrow(),
        expected.map(|(label, name)| vector.event(label, name))
    );
}

/// y, the support message, S, the transcript and all four keys.
fn check_client(vector: &Vector) {
    let events = RefCell::new(Vec::new());
    let observe = &mut |event: Event<'_, KeyBlock>| events.borrow_mut().push(written(&event));
    let support = vector.bytes("support");
    if !support.is_empty() {
        assert_eq!(encode_support(&[vector.group()]).unwrap(), support);
    }
    let mut random = script(vector.group(), &vector.bytes("y"));
    let agreed = process_challenge(
        vector.key("initial_key"),
        &support,
        &vector.bytes("challenge"),
        &mut random,
        observe,
    )
    .unwrap();
    assert_eq!(agreed.transcript(), vector.bytes("transcript_hash"));

    let none = SecondFactor {
        factor_type: SF_NONE,
        data: None,
    };
    agreed.derive_reply_key(&vector.body(), observe).unwrap();
    let (responded, response) = agreed.respond(&vector.body(), &none, observe).unwrap();
    let PaSpake::Response { public, factor } = PaSpake::decode(&response).unwrap() else {
        panic!("the response decodes as something else");
    };
    assert_eq!(public, vector.bytes("S"));
    let plain = vector.key("K1").decrypt(KEY_USAGE_SPAKE, &factor.cipher).unwrap();
    let plain = SecondFactor::decode_padded(plain.expect("integrity").expose()).unwrap();
    assert_eq!(plain, none);

    let message = sealed(&vector.key("K2"), SF_NONE, Some(b"challenge"));
    let (asked, data) = responded.open_factor(&message, observe).unwrap();
    assert_eq!(data, b"challenge");
    asked
        .answer(&vector.body(), b"assertion".to_vec(), observe)
        .unwrap();
    let expected = [
        vector.event("public key", "S"),
        "result".to_owned(),
        vector.event("transcript", "transcript_hash"),
        vector.event("K'[0]", "K0"),
        vector.event("K'[1]", "K1"),
        vector.event("K'[2]", "K2"),
        vector.event("K'[3]", "K3"),
    ];
    assert_eq!(*events.borrow(), expected);
}

macro_rules! vectors {
    ($($name:ident = $index:literal: $enctype:literal, $group:ident, optimistic $optimistic:literal;)*) => {$(
        mod $name {
            use super::*;

            fn vector() -> Vector {
                let vector = Vector::load($index);
                assert_eq!(vector.number("enctype"), $enctype);
                assert_eq!(vector.group(), Group::$group);
                assert_eq!(vector.bytes("support").is_empty(), $optimistic);
                vector
            }

            #[test]
            fn multiplier() {
                check_multiplier(&vector());
            }

            #[test]
            fn kdc() {
                check_kdc(&vector());
            }

            #[test]
            fn kdc_with_a_further_factor() {
                check_kdc_further_factor(&vector());
            }

            #[test]
            fn client() {
                check_client(&vector());
            }
        }
    )*};
}

vectors! {
    des3_edwards25519 = 0: 16, Edwards25519, optimistic false;
    rc4_edwards25519 = 1: 23, Edwards25519, optimistic false;
    aes128_sha1_edwards25519 = 2: 17, Edwards25519, optimistic false;
    aes256_sha1_edwards25519 = 3: 18, Edwards25519, optimistic false;
    aes256_sha1_p256 = 4: 18, P256, optimistic false;
    aes256_sha1_p384 = 5: 18, P384, optimistic false;
    aes256_sha1_p521 = 6: 18, P521, optimistic false;
    aes256_sha1_edwards25519_accepted_optimistic_challenge = 7: 18, Edwards25519, optimistic true;
    aes256_sha1_p521_rejected_optimistic_challenge = 8: 18, P521, optimistic false;
}

#[test]
fn no_vector_is_left_out() {
    let file: Value = serde_json::from_str(include_str!("vectors/rfc9588.json")).unwrap();
    assert_eq!(file["vectors"].as_array().unwrap().len(), 9);
}
