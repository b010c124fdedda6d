//! The client's side of PIN protocols one and two (CTAP 2.1 sections 6.5.4 to 6.5.7).

use minicbor::{Decoder, Encoder};
use opensk::api::crypto::{
    aes256::Aes256,
    hmac256::Hmac256,
    software_crypto::{SoftwareAes256, SoftwareHmac256},
};
use p256::{PublicKey, SecretKey, ecdsa::VerifyingKey};
use sha2::{Digest, Sha256};

use crate::client::{CLIENT_PIN, Client, OK};

/// Subcommands of authenticatorClientPIN.
const GET_KEY_AGREEMENT: u8 = 2;
const SET_PIN: u8 = 3;
const CHANGE_PIN: u8 = 4;
const GET_TOKEN: u8 = 5;
const GET_TOKEN_WITH_PERMISSIONS: u8 = 9;

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    SoftwareHmac256::mac(key.try_into().unwrap(), message, &mut output);
    output
}

/// A PIN protocol and the secret shared with the key (section 6.5.4).
struct Session {
    protocol: u8,
    /// Our half, as COSE coordinates.
    x: [u8; 32],
    y: [u8; 32],
    encryption: [u8; 32],
    authentication: [u8; 32],
}

impl Session {
    /// Agrees on a secret with the key.
    fn open(client: &mut Client, protocol: u8) -> Self {
        let (status, body) = client.call(CLIENT_PIN, &[0xa2, 1, protocol, 2, GET_KEY_AGREEMENT]);
        assert_eq!(status, OK);
        let theirs = parse_key_agreement(&body);
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).unwrap();
        let secret = SecretKey::from_slice(&secret).unwrap();
        let shared = (theirs.to_projective() * *secret.to_nonzero_scalar()).to_affine();
        let (z, _) = coordinates(PublicKey::from_affine(shared).unwrap());
        let (encryption, authentication) = match protocol {
            1 => (Sha256::digest(z).into(), Sha256::digest(z).into()),
            _ => (derive(&z, b"CTAP2 AES key"), derive(&z, b"CTAP2 HMAC key")),
        };
        let (x, y) = coordinates(secret.public_key());
        Self {
            protocol,
            x,
            y,
            encryption,
            authentication,
        }
    }

    fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let mut iv = [0; 16];
        if self.protocol == 2 {
            getrandom::fill(&mut iv).unwrap();
        }
        let mut text = plain.to_vec();
        SoftwareAes256::new(&self.encryption).encrypt_cbc(&iv, &mut text);
        match self.protocol {
            1 => text,
            _ => [&iv, &text[..]].concat(),
        }
    }

    fn decrypt(&self, sealed: &[u8]) -> Vec<u8> {
        let (iv, text) = match self.protocol {
            1 => ([0; 16], sealed),
            _ => (sealed[..16].try_into().unwrap(), &sealed[16..]),
        };
        let mut text = text.to_vec();
        SoftwareAes256::new(&self.encryption).decrypt_cbc(&iv, &mut text);
        text
    }

    fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        shorten(self.protocol, hmac(&self.authentication, message))
    }

    fn pin_hash(&self, pin: &str) -> Vec<u8> {
        self.encrypt(&Sha256::digest(pin)[..16])
    }

    fn new_pin(&self, pin: &str) -> Vec<u8> {
        let mut padded = pin.as_bytes().to_vec();
        padded.resize(64, 0);
        self.encrypt(&padded)
    }

    /// A request of `parameters` more than protocol, subcommand and our half of the secret.
    fn request(&self, subcommand: u8, parameters: u64) -> Encoder<Vec<u8>> {
        let mut cbor = Encoder::new(Vec::new());
        cbor.map(3 + parameters).unwrap();
        cbor.u8(1).unwrap().u8(self.protocol).unwrap();
        cbor.u8(2).unwrap().u8(subcommand).unwrap();
        cbor.u8(3).unwrap().map(5).unwrap();
        for (label, value) in [(1, 2), (3, -25), (-1, 1)] {
            cbor.i8(label).unwrap().i8(value).unwrap();
        }
        cbor.i8(-2).unwrap().bytes(&self.x).unwrap();
        cbor.i8(-3).unwrap().bytes(&self.y).unwrap();
        cbor
    }
}

fn coordinates(key: PublicKey) -> ([u8; 32], [u8; 32]) {
    let point = VerifyingKey::from(key).to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    (x.try_into().unwrap(), y.try_into().unwrap())
}

/// HKDF-SHA-256 with a salt of zeros (section 6.5.7).
fn derive(z: &[u8], info: &[u8]) -> [u8; 32] {
    hmac(&hmac(&[0; 32], z), &[info, &[1]].concat())
}

fn shorten(protocol: u8, tag: [u8; 32]) -> Vec<u8> {
    match protocol {
        1 => tag[..16].to_vec(),
        _ => tag.to_vec(),
    }
}

fn parse_key_agreement(body: &[u8]) -> PublicKey {
    let mut cbor = Decoder::new(body);
    assert_eq!((cbor.map().unwrap(), cbor.u8().unwrap()), (Some(1), 1));
    assert_eq!(cbor.map().unwrap(), Some(5));
    for entry in [(1, 2), (3, -25), (-1, 1)] {
        assert_eq!((cbor.i64().unwrap(), cbor.i64().unwrap()), entry);
    }
    assert_eq!(cbor.i64().unwrap(), -2);
    let x = cbor.bytes().unwrap();
    assert_eq!(cbor.i64().unwrap(), -3);
    let y = cbor.bytes().unwrap();
    PublicKey::from_sec1_bytes(&[&[4], x, y].concat()).unwrap()
}

pub(crate) fn set_pin(client: &mut Client, protocol: u8, pin: &str) -> u8 {
    let session = Session::open(client, protocol);
    let sealed = session.new_pin(pin);
    let mut cbor = session.request(SET_PIN, 2);
    cbor.u8(4).unwrap().bytes(&session.authenticate(&sealed)).unwrap();
    cbor.u8(5).unwrap().bytes(&sealed).unwrap();
    client.call(CLIENT_PIN, &cbor.into_writer()).0
}

pub(crate) fn change_pin(client: &mut Client, protocol: u8, old: &str, new: &str) -> u8 {
    let session = Session::open(client, protocol);
    let (sealed, hash) = (session.new_pin(new), session.pin_hash(old));
    let tag = session.authenticate(&[&sealed[..], &hash].concat());
    let mut cbor = session.request(CHANGE_PIN, 3);
    cbor.u8(4).unwrap().bytes(&tag).unwrap();
    cbor.u8(5).unwrap().bytes(&sealed).unwrap();
    cbor.u8(6).unwrap().bytes(&hash).unwrap();
    client.call(CLIENT_PIN, &cbor.into_writer()).0
}

/// A pinUvAuthToken.
pub(crate) struct Token {
    protocol: u8,
    key: Vec<u8>,
}

impl Token {
    /// With `permissions` for `rp`, or 0 for a token of CTAP 2.0, which names none.
    pub(crate) fn get(
        client: &mut Client,
        protocol: u8,
        pin: &str,
        permissions: u8,
        rp: Option<&str>,
    ) -> Result<Self, u8> {
        let session = Session::open(client, protocol);
        let more = u64::from(permissions != 0) + u64::from(rp.is_some());
        let subcommand = if permissions == 0 {
            GET_TOKEN
        } else {
            GET_TOKEN_WITH_PERMISSIONS
        };
        let mut cbor = session.request(subcommand, 1 + more);
        cbor.u8(6).unwrap().bytes(&session.pin_hash(pin)).unwrap();
        if permissions != 0 {
            cbor.u8(9).unwrap().u8(permissions).unwrap();
        }
        if let Some(rp) = rp {
            cbor.u8(10).unwrap().str(rp).unwrap();
        }
        let (status, body) = client.call(CLIENT_PIN, &cbor.into_writer());
        if status != OK {
            return Err(status);
        }
        let mut cbor = Decoder::new(&body);
        assert_eq!((cbor.map().unwrap(), cbor.u8().unwrap()), (Some(1), 2));
        let key = session.decrypt(cbor.bytes().unwrap());
        Ok(Self { protocol, key })
    }

    /// pinUvAuthParam of `message`, and its protocol.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<(Vec<u8>, u8)> {
        let tag = hmac(&self.key, message);
        Some((shorten(self.protocol, tag), self.protocol))
    }
}
