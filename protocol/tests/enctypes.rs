//! Both sides of the exchange over libk5crypto, for every encryption type that a password can have a key of in krb5 1.20.

#![cfg(feature = "verify")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy takes only #[test] functions of an integration test for test code"
)]

use std::collections::BTreeMap;

use aws_lc_rs::{
    rand,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use krb5_fido_protocol::{
    Error,
    fido::{
        authenticator_data::Aaguid,
        client_data::{FidoClientData, Purpose, hash_request},
        cose::{Algorithm, PublicKey},
        factor::{FidoAssertion, FidoFactor, FidoHello, UserVerification},
        policy::{Decision, Enrolment, Settings, Subject, build_challenge, decide},
        record::{CredentialRecord, NewCredential, Requirements},
        verify::{Accepted, AssertionContext, verify_assertion},
    },
    kerberos::Key,
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Event, Group, SpakeError,
        client::{Agreed, Asked, encode_support, process_challenge},
        kdc::{ChallengeSent, FactorSent, FidoOffer, Offer, Opened, Reply, make_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};
use krb5_plugin::{KeyBlock, SystemRandom};
use sha2::{Digest, Sha256};
use time::UtcDateTime;

const GROUPS: [Group; 4] = [Group::Edwards25519, Group::P256, Group::P384, Group::P521];
const PRINCIPAL: &[u8] = b"alice@KRBTEST.COM";
const RP_ID: &str = "krbtest.com";
const NONCE: [u8; 32] = [7; 32];
const BODY: &[u8] = b"the KDC-REQ-BODY of the response";
const LATER_BODY: &[u8] = b"the KDC-REQ-BODY of the assertion";

/// The key that a password could have in this encryption type.
fn password_key(enctype: i32, password: u8) -> KeyBlock {
    let shape = KeyBlock::new(enctype, &[]);
    let seed = vec![password; shape.seed_length().unwrap()];
    shape.random_to_key(&seed).unwrap()
}

/// `K'[n]` as one side came by them.
#[derive(Debug, Default, PartialEq)]
struct Keys(BTreeMap<u32, Vec<u8>>);

impl Keys {
    fn observe(&mut self, event: &Event<'_, KeyBlock>) {
        if let Event::Key { number, key } = event {
            let other = self.0.insert(*number, key.expose().to_vec());
            assert!(other.is_none(), "K'[{number}] was derived twice");
        }
    }

    /// Numbers of the keys, of which no two are the same.
    fn numbers(&self) -> Vec<u32> {
        let mut values: Vec<_> = self.0.values().collect();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), self.0.len());
        self.0.keys().copied().collect()
    }
}

/// Support and challenge: what both sides have then.
fn agree(group: Group, enctype: i32, password: u8, offer: &Offer) -> (Agreed<KeyBlock>, Reply) {
    let support = encode_support(&[group]).unwrap();
    let reply = make_challenge(
        group,
        &password_key(enctype, 1),
        &support,
        offer,
        &mut SystemRandom,
        &mut |_| {},
    )
    .unwrap();
    let agreed = process_challenge(
        password_key(enctype, password),
        &support,
        &reply.message,
        &mut SystemRandom,
        &mut |_| {},
    )
    .unwrap();
    (agreed, reply)
}

fn parse_response(message: &[u8]) -> (Vec<u8>, EncryptedData) {
    let PaSpake::Response { public, factor } = PaSpake::decode(message).unwrap() else {
        panic!("not a response");
    };
    (public, factor)
}

fn parse_enc_data(message: &[u8]) -> EncryptedData {
    let PaSpake::EncData(factor) = PaSpake::decode(message).unwrap() else {
        panic!("not a factor message");
    };
    factor
}

fn fido_offer() -> FidoOffer {
    FidoOffer {
        nonce: NONCE,
        challenge: None,
    }
}

/// A security key and the principal whose it is.
struct SecurityKey {
    pair: EcdsaKeyPair,
    enrolment: Enrolment,
}

impl SecurityKey {
    fn enrolled() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let cose = [
            b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
            &point[1..33],
            b"\x22\x58\x20",
            &point[33..],
        ]
        .concat();
        let record = CredentialRecord::new(&NewCredential {
            rp_id: RP_ID,
            id: b"credential",
            public_key: &PublicKey::parse(&cose).unwrap(),
            aaguid: Aaguid([0; 16]),
            format: "packed",
            transports: &["usb"],
            counter: 0,
            created: UtcDateTime::UNIX_EPOCH,
            by: "admin/admin@KRBTEST.COM",
            registration: None,
        })
        .unwrap();
        let enrolment = Enrolment::from_attributes([("fido:key1", record.encode().unwrap())]);
        Self { pair, enrolment }
    }

    /// The challenge of a realm with default settings.
    fn challenge(&self) -> Vec<u8> {
        let settings = Settings::default();
        let decision = decide(&Subject {
            settings: &settings,
            enrolment: &self.enrolment,
            name: b"alice",
            for_kadmin: false,
            requires_hwauth: true,
            now: UtcDateTime::UNIX_EPOCH,
        });
        let Decision::OfferFido(usable) = decision else {
            panic!("no usable credential");
        };
        build_challenge(NONCE, &usable).encode_padded(0).unwrap()
    }

    /// What a touch answers to `challenge`, for a request of this body.
    fn answer(&self, challenge: &[u8], transcript: &[u8], body: &[u8]) -> Vec<u8> {
        let FidoFactor::Challenge(challenge) = FidoFactor::decode(challenge).unwrap() else {
            panic!("not a challenge");
        };
        let party = &challenge.parties[0];
        let client_data = FidoClientData {
            principal: PRINCIPAL,
            rp_id: &party.rp_id,
            nonce: &challenge.nonce,
            purpose: Purpose::Assertion {
                transcript,
                request: &hash_request(body),
            },
        };
        let authenticator_data = [&Sha256::digest(&party.rp_id)[..], &[0x01, 0, 0, 0, 1]].concat();
        let signed = [&authenticator_data[..], &client_data.hash().unwrap()].concat();
        let signature = self.pair.sign(&rand::SystemRandom::new(), &signed).unwrap();
        FidoFactor::Assertion(FidoAssertion {
            credential_id: party.credentials[0].id.clone(),
            authenticator_data,
            signature: signature.as_ref().to_vec(),
        })
        .encode()
        .unwrap()
    }

    fn verify(&self, data: &[u8], transcript: &[u8], body: &[u8]) -> Result<Accepted, Error> {
        let FidoFactor::Assertion(assertion) = FidoFactor::decode(data).unwrap() else {
            panic!("not an assertion");
        };
        let context = AssertionContext {
            principal: PRINCIPAL,
            nonce: &NONCE,
            transcript,
            request_hash: hash_request(body),
            required: Requirements {
                now: UtcDateTime::UNIX_EPOCH,
                algorithms: Algorithm::ALL,
                uv: UserVerification::Preferred,
            },
        };
        verify_assertion(self.enrolment.credentials(), &assertion, &context)
    }
}

fn assert_password_alone(group: Group, enctype: i32) {
    let (agreed, reply) = agree(group, enctype, 1, &Offer::FidoOrNone(fido_offer()));
    let (mut client, mut kdc) = (Keys::default(), Keys::default());
    let none = SecondFactor {
        factor_type: SF_NONE,
        data: None,
    };
    agreed
        .derive_reply_key(BODY, &mut |event| client.observe(&event))
        .unwrap();
    let (_, response) = agreed
        .respond(BODY, &none, &mut |event| client.observe(&event))
        .unwrap();

    let (public, factor) = parse_response(&response);
    let initial_key = password_key(enctype, 1);
    let answered = ChallengeSent::parse_cookie(reply.cookie.expose())
        .unwrap()
        .process_response(&initial_key, &public, &mut |_| {})
        .unwrap();
    let opened = answered
        .open_factor(BODY, &factor, &mut |event| kdc.observe(&event))
        .unwrap();
    let Opened::None(verified, keys) = opened else {
        panic!("not SF-NONE");
    };
    keys.derive_reply_key(&verified, BODY, &mut |event| kdc.observe(&event))
        .unwrap();
    assert_eq!(client, kdc);
    assert_eq!(client.numbers(), [0, 1]);
}

/// Up to the question of the KDC: both sides with `K'[1]` and `K'[2]`.
struct AskedExchange {
    client: Keys,
    kdc: Keys,
    asked: Asked<KeyBlock>,
    challenge: Vec<u8>,
    cookie: Reply,
}

impl AskedExchange {
    fn run(group: Group, enctype: i32, key: &SecurityKey) -> Self {
        let (agreed, reply) = agree(group, enctype, 1, &Offer::Fido(fido_offer()));
        let (mut client, mut kdc) = (Keys::default(), Keys::default());
        let (responded, response) = agreed
            .respond(BODY, &hello(), &mut |event| client.observe(&event))
            .unwrap();

        let (public, factor) = parse_response(&response);
        let initial_key = password_key(enctype, 1);
        let answered = ChallengeSent::parse_cookie(reply.cookie.expose())
            .unwrap()
            .process_response(&initial_key, &public, &mut |_| {})
            .unwrap();
        let opened = answered
            .open_factor(BODY, &factor, &mut |event| kdc.observe(&event))
            .unwrap();
        let Opened::Hello(opened) = opened else {
            panic!("not a hello");
        };
        let cookie = opened
            .send_challenge(BODY, key.challenge(), &mut |event| kdc.observe(&event))
            .unwrap();

        let (asked, challenge) = responded
            .open_factor(&parse_enc_data(&cookie.message), &mut |event| {
                client.observe(&event);
            })
            .unwrap();
        Self {
            client,
            kdc,
            asked,
            challenge,
            cookie,
        }
    }
}

fn hello() -> SecondFactor {
    let hello = FidoFactor::Hello(FidoHello {
        versions: vec![FIDO_VERSION],
    });
    SecondFactor {
        factor_type: SF_FIDO,
        data: Some(hello.encode().unwrap()),
    }
}

fn assert_security_key(group: Group, enctype: i32) {
    let key = SecurityKey::enrolled();
    let AskedExchange {
        mut client,
        mut kdc,
        asked,
        challenge,
        cookie,
    } = AskedExchange::run(group, enctype, &key);
    let answer = key.answer(&challenge, asked.transcript(), LATER_BODY);
    asked
        .derive_reply_key(LATER_BODY, &mut |event| client.observe(&event))
        .unwrap();
    let message = asked
        .answer(LATER_BODY, answer, &mut |event| client.observe(&event))
        .unwrap();

    let initial_key = password_key(enctype, 1);
    let assertion = FactorSent::parse_cookie(cookie.cookie.expose())
        .unwrap()
        .open_factor(
            &initial_key,
            LATER_BODY,
            &parse_enc_data(&message),
            &mut |event| {
                kdc.observe(&event);
            },
        )
        .unwrap();
    let other_request = key.verify(assertion.data(), assertion.transcript(), BODY);
    assert_eq!(other_request.err(), Some(Error::BadSignature));
    let accepted = key
        .verify(assertion.data(), assertion.transcript(), LATER_BODY)
        .unwrap();
    assertion
        .derive_reply_key(&accepted.factor, LATER_BODY, &mut |event| kdc.observe(&event))
        .unwrap();
    assert_eq!(client, kdc);
    assert_eq!(client.numbers(), [0, 1, 2, 3]);
}

fn assert_wrong_password(group: Group, enctype: i32) {
    let (agreed, reply) = agree(group, enctype, 2, &Offer::Fido(fido_offer()));
    let (_, response) = agreed.respond(BODY, &hello(), &mut |_| {}).unwrap();
    let (public, factor) = parse_response(&response);
    let initial_key = password_key(enctype, 1);
    let answered = ChallengeSent::parse_cookie(reply.cookie.expose())
        .unwrap()
        .process_response(&initial_key, &public, &mut |_| {})
        .unwrap();
    let refused = answered.open_factor(BODY, &factor, &mut |_| {}).err();
    assert_eq!(refused, Some(SpakeError::Protocol(Error::WrongPassword)));
}

/// A factor message that is not the one of its stage, its request or its sender.
fn assert_damage(group: Group, enctype: i32) {
    let key = SecurityKey::enrolled();
    let exchange = AskedExchange::run(group, enctype, &key);
    let message = exchange
        .asked
        .answer(LATER_BODY, exchange.challenge, &mut |_| {})
        .unwrap();
    let good = parse_enc_data(&message);
    let mut damaged = good.clone();
    *damaged.cipher.last_mut().unwrap() ^= 1;
    let mut short = good.clone();
    short.cipher.truncate(4);
    let earlier = parse_enc_data(&exchange.cookie.message);
    let initial_key = password_key(enctype, 1);
    for (body, factor) in [
        (LATER_BODY, &damaged),
        (LATER_BODY, &short),
        (LATER_BODY, &earlier),
        (BODY, &good),
    ] {
        let sent = FactorSent::parse_cookie(exchange.cookie.cookie.expose()).unwrap();
        let refused = sent.open_factor(&initial_key, body, factor, &mut |_| {}).err();
        assert_eq!(refused, Some(SpakeError::Protocol(Error::FactorIntegrity)));
    }
}

macro_rules! enctypes {
    ($($name:ident = $enctype:literal;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn password_alone() {
                for group in GROUPS {
                    assert_password_alone(group, $enctype);
                }
            }

            #[test]
            fn security_key() {
                for group in GROUPS {
                    assert_security_key(group, $enctype);
                }
            }

            #[test]
            fn wrong_password() {
                for group in GROUPS {
                    assert_wrong_password(group, $enctype);
                }
            }

            #[test]
            fn damaged_factor_messages() {
                assert_damage(Group::Edwards25519, $enctype);
            }
        }
    )*};
}

enctypes! {
    des3_cbc_sha1 = 16;
    aes128_cts_hmac_sha1_96 = 17;
    aes256_cts_hmac_sha1_96 = 18;
    aes128_cts_hmac_sha256_128 = 19;
    aes256_cts_hmac_sha384_192 = 20;
    arcfour_hmac = 23;
    camellia128_cts_cmac = 25;
    camellia256_cts_cmac = 26;
}
