//! `fido-u2f` statements, each with one requirement of WebAuthn Level 3 section 8.6 broken.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};

use super::{made::*, *};
use crate::fido::authenticator_data::Aaguid;

/// A key that has no model.
pub(super) const NO_MODEL: Aaguid = Aaguid([0; 16]);

/// What a U2F key signs, in its parts.
fn registration<'a>(data: &'a [u8], point: &'a [u8]) -> [&'a [u8]; 5] {
    [&[0], &data[..32], &HASH, b"key", point]
}

pub(super) fn u2f_object(attester: &Attester, aaguid: Aaguid) -> Vec<u8> {
    let credential = key();
    let data = data_of(aaguid, &credential);
    let point = rcgen::PublicKeyData::der_bytes(&credential);
    let signature = sign(&attester.key, &registration(&data, point));
    object_with(&signature, &attester.der, &data)
}

fn object_with(signature: &[u8], certificate: &[u8], data: &[u8]) -> Vec<u8> {
    let statement = map(&[("sig", &bytes(signature)), ("x5c", &chain(&[certificate]))]);
    object_over("fido-u2f", &statement, data)
}

#[test]
fn the_certificate_s_key_signs_the_registration() {
    let attester = Attester::with(|_| ());
    assert_eq!(refused(&u2f_object(&attester, NO_MODEL)), None);
}

#[test]
fn every_part_of_the_registration_is_signed() {
    let (attester, credential) = (Attester::with(|_| ()), key());
    let data = data_of(NO_MODEL, &credential);
    let point = rcgen::PublicKeyData::der_bytes(&credential);
    for part in 0..5 {
        let mut parts = registration(&data, point).map(<[u8]>::to_vec);
        *parts[part].last_mut().unwrap() ^= 1;
        let signature = sign(&attester.key, &parts.each_ref().map(Vec::as_slice));
        let refused = refused(&object_with(&signature, &attester.der, &data));
        assert_eq!(refused, Some(StatementError::BadSignature), "part {part}");
    }
    let by_another = sign(&key(), &registration(&data, point));
    assert_eq!(
        refused(&object_with(&by_another, &attester.der, &data)),
        Some(StatementError::BadSignature)
    );
}

#[test]
fn the_certificate_has_a_key_of_p_256() {
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let attester = Attester::with_key(&root(), &attestation_certificate(), key);
        let refused = refused(&u2f_object(&attester, NO_MODEL));
        assert_eq!(refused, Some(StatementError::CertificateKey));
    }
}

#[test]
fn the_credential_has_a_key_of_p_256() {
    let ed25519 = PublicKey::from_ed25519(&[1; 32]).unwrap().encode();
    let parts = [
        &[7; 32][..],
        b"\x41\0\0\0\x05",
        &NO_MODEL.0,
        b"\0\x03key",
        &ed25519,
    ];
    let object = object_with(b"", &Attester::with(|_| ()).der, &parts.concat());
    assert_eq!(refused(&object), Some(StatementError::U2fCredential));
}

#[test]
fn malformed_certificates_are_refused() {
    let object = object_with(b"", b"certificate", &data());
    assert_eq!(refused(&object), Some(StatementError::MalformedCertificate(1)));
}

/// Section 8.6 demands nothing else of it.
#[test]
fn the_certificate_s_subject_is_free() {
    let attester = Attester::with(|wanted| wanted.distinguished_name = subject(&[]));
    assert_eq!(refused(&u2f_object(&attester, NO_MODEL)), None);
}
