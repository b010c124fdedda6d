//! A security key that signs, and remembers what.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use krb5_fido_protocol::fido::{
    client_data::{FidoClientData, Purpose},
    cose::PublicKey,
    factor::FidoAssertion,
};
use sha2::{Digest, Sha256};

pub(crate) const CREDENTIAL_ID: &[u8] = b"credential of alice";
pub(crate) const PRINCIPAL: &[u8] = b"alice@EXAMPLE.COM";
pub(crate) const RP_ID: &str = "example.com";

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;

static KEY_PAIR: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any seed will do"));

/// The key's public half, as a COSE_Key.
pub(crate) fn public_key() -> PublicKey {
    let head = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20";
    let cose = [&head[..], KEY_PAIR.public_key().as_ref()].concat();
    PublicKey::parse(&cose).expect("a key of Ed25519")
}

/// What a login is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) nonce: [u8; 32],
    pub(crate) transcript: Vec<u8>,
    pub(crate) request: [u8; 32],
}

/// What the user did at the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gesture {
    pub(crate) touched: bool,
    pub(crate) verified: bool,
}

/// The key of alice: the only one that her credential can sign with.
#[derive(Default)]
pub(crate) struct SecurityKey {
    signed: Vec<(Login, Gesture)>,
}

impl SecurityKey {
    /// Signs for a login at `rp_id`.
    pub(crate) fn sign(&mut self, rp_id: &str, login: Login, gesture: Gesture) -> FidoAssertion {
        let client_data = FidoClientData {
            principal: PRINCIPAL,
            rp_id,
            nonce: &login.nonce,
            purpose: Purpose::Assertion {
                transcript: &login.transcript,
                request: &login.request,
            },
        };
        let client_data_hash = client_data.hash().expect("short enough");
        let touched = if gesture.touched { USER_PRESENT } else { 0 };
        let verified = if gesture.verified { USER_VERIFIED } else { 0 };
        let rp_id_hash = Sha256::digest(rp_id);
        let authenticator_data = [&rp_id_hash[..], &[touched | verified], &[0, 0, 0, 9]].concat();
        let signed = [&authenticator_data[..], &client_data_hash].concat();
        let signature = KEY_PAIR.sign(&signed).as_ref().to_vec();
        if rp_id == RP_ID {
            self.signed.push((login, gesture));
        }
        FidoAssertion {
            credential_id: CREDENTIAL_ID.to_vec(),
            authenticator_data,
            signature,
        }
    }

    /// Whether the key was touched for this login, and its user verified if that is asked for.
    pub(crate) fn has_signed(&self, login: &Login, with_verification: bool) -> bool {
        self.signed.iter().any(|(signed, gesture)| {
            signed == login && gesture.touched && (gesture.verified || !with_verification)
        })
    }
}
