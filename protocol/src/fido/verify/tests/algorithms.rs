//! Signatures of the algorithms other than ES256, made and spoilt here.

use aws_lc_rs::{
    rsa::KeySize,
    signature::{
        ECDSA_P384_SHA384_ASN1_SIGNING, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256,
        RsaKeyPair,
    },
};

use super::*;

const MESSAGE: &[u8] = b"authenticator data and client data hash";

/// The signature verifies, and no longer after any change to it, to the message or to the key.
fn assert_verifies(cose: &[u8], signature: &[u8]) {
    let key = PublicKey::parse(cose).unwrap();
    assert_eq!(verify_signature(&key, MESSAGE, signature), Ok(()));
    assert_refused(&key, b"another message", signature);
    for at in (0..signature.len()).step_by(7) {
        let mut damaged = signature.to_vec();
        damaged[at] ^= 1;
        assert_refused(&key, MESSAGE, &damaged);
        assert_refused(&key, MESSAGE, &signature[..at]);
    }
    assert_refused(&key, MESSAGE, &[signature, &[0]].concat());
    assert_refused(&key, MESSAGE, &vec![0; signature.len()]);
}

fn assert_refused(key: &PublicKey, message: &[u8], signature: &[u8]) {
    assert_eq!(
        verify_signature(key, message, signature),
        Err(Error::BadSignature)
    );
}

fn es384_cose(point: &[u8]) -> Vec<u8> {
    [
        b"\xa5\x01\x02\x03\x38\x22\x20\x02\x21\x58\x30",
        &point[1..49],
        b"\x22\x58\x30",
        &point[49..],
    ]
    .concat()
}

fn ed25519_cose(x: &[u8]) -> Vec<u8> {
    [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", x].concat()
}

fn rs256_cose(pair: &RsaKeyPair) -> Vec<u8> {
    let der = pair.public_key().as_ref();
    let (rest, exponent) = der.split_at(der.len() - 5);
    assert_eq!(exponent, b"\x02\x03\x01\x00\x01");
    let modulus = &rest[rest.len() - pair.public_modulus_len()..];
    let length = u16::try_from(modulus.len()).unwrap().to_be_bytes();
    [
        b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59",
        &length[..],
        modulus,
        b"\x21\x43\x01\x00\x01",
    ]
    .concat()
}

fn sign_rsa(pair: &RsaKeyPair, padding: &'static dyn aws_lc_rs::signature::RsaEncoding) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature)
        .unwrap();
    signature
}

#[test]
fn es384() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
    assert_verifies(&es384_cose(pair.public_key().as_ref()), signature.as_ref());
    let off_curve = PublicKey::parse(&cose_of(Algorithm::Es384)).unwrap();
    assert_refused(&off_curve, MESSAGE, signature.as_ref());
}

#[test]
fn eddsa() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let signature = pair.sign(MESSAGE);
    assert_verifies(&ed25519_cose(pair.public_key().as_ref()), signature.as_ref());
    let other = Ed25519KeyPair::generate().unwrap();
    let other = PublicKey::parse(&ed25519_cose(other.public_key().as_ref())).unwrap();
    assert_refused(&other, MESSAGE, signature.as_ref());
}

#[test]
fn rs256() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    assert_verifies(&rs256_cose(&pair), &sign_rsa(&pair, &RSA_PKCS1_SHA256));
    let other = PublicKey::parse(&cose_of(Algorithm::Rs256)).unwrap();
    assert_refused(&other, MESSAGE, &sign_rsa(&pair, &RSA_PKCS1_SHA256));
}

#[test]
fn rs256_of_4096_bits() {
    let pair = RsaKeyPair::generate(KeySize::Rsa4096).unwrap();
    assert_verifies(&rs256_cose(&pair), &sign_rsa(&pair, &RSA_PKCS1_SHA256));
}

#[test]
fn other_hashes_and_paddings_of_an_rsa_key() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = PublicKey::parse(&rs256_cose(&pair)).unwrap();
    assert_refused(&key, MESSAGE, &sign_rsa(&pair, &RSA_PKCS1_SHA384));
    assert_refused(&key, MESSAGE, &sign_rsa(&pair, &RSA_PSS_SHA256));
}

#[test]
fn algorithms_are_not_mixed_up() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
    for algorithm in Algorithm::ALL {
        let key = PublicKey::parse(&cose_of(*algorithm)).unwrap();
        assert_refused(&key, MESSAGE, signature.as_ref());
    }
}
