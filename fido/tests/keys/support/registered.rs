//! Credentials that are registered with a key, and the verification of what it signs with them.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use krb5_fido_keys::{
    Algorithm, Assertion, AssertionRequest, CredentialRequest, Device, Error, Pin, Registration, Verification,
};
use krb5_fido_protocol::fido::factor::FidoAssertion;
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use sha2::{Digest, Sha256};

use super::{PATIENCE, helper_process::RP_ID};

pub(crate) const HASH: [u8; 32] = [9; 32];
pub(crate) const PIN: &str = "correct horse";
pub(crate) const USER_PRESENT: u8 = 0x01;
pub(crate) const USER_VERIFIED: u8 = 0x04;

pub(crate) fn pin(text: &str) -> Pin {
    Pin::new(text.as_bytes()).unwrap()
}

pub(crate) fn registration_request<'a>() -> CredentialRequest<'a> {
    CredentialRequest {
        rp_id: RP_ID,
        rp_name: "KRBTEST.COM",
        user_id: b"alice",
        user_name: "alice@KRBTEST.COM",
        user_display_name: "Alice",
        client_data_hash: &HASH,
        exclude: &[],
        algorithm: Algorithm::Es256,
        hidden: false,
        resident: false,
        verification: Verification::None,
        timeout: PATIENCE,
    }
}

pub(crate) fn register(device: &mut Device) -> Registration {
    device.make_credential(&registration_request()).unwrap()
}

pub(crate) fn assert_with(
    device: &mut Device,
    id: &[u8],
    verification: Verification<'_>,
) -> Result<Assertion, Error> {
    device.get_assertion(&AssertionRequest {
        rp_id: RP_ID,
        client_data_hash: &HASH,
        credential_id: id,
        verification,
        timeout: PATIENCE,
    })
}

/// The public key in the attested credential data (WebAuthn section 6.5.1): its COSE algorithm, and its coordinates.
fn public_key(registration: &Registration) -> (i8, Vec<u8>) {
    let key = &registration.authenticator_data[37 + 16 + 2 + registration.credential_id.len()..];
    let mut decoder = minicbor::Decoder::new(key);
    let (mut algorithm, mut coordinates) = (0, Vec::new());
    for _ in 0..decoder.map().unwrap().unwrap() {
        match decoder.i8().unwrap() {
            3 => algorithm = decoder.i8().unwrap(),
            -2 | -3 => coordinates.extend_from_slice(decoder.bytes().unwrap()),
            _ => decoder.skip().unwrap(),
        }
    }
    (algorithm, coordinates)
}

/// Verifies the signature, the relying party and the flags.
pub(crate) fn verify(registration: &Registration, data: &[u8], signature: &[u8], hash: &[u8; 32], flags: u8) {
    assert_eq!(data[..32], Sha256::digest(RP_ID)[..]);
    assert_eq!(data[32] & (USER_PRESENT | USER_VERIFIED), flags);
    let signed = [data, hash].concat();
    match public_key(registration) {
        (-7, point) => {
            let key = VerifyingKey::from_sec1_bytes(&[&[4], &point[..]].concat()).unwrap();
            key.verify(&signed, &Signature::from_der(signature).unwrap())
                .unwrap();
        }
        (-8, key) => UnparsedPublicKey::new(&ED25519, key)
            .verify(&signed, signature)
            .unwrap(),
        (algorithm, _) => panic!("COSE algorithm {algorithm}"),
    }
}

/// Verifies what the helper returned for [`request`](super::helper_process::request).
pub(crate) fn verify_login(registration: &Registration, signed: &FidoAssertion, flags: u8) {
    assert_eq!(signed.credential_id, registration.credential_id);
    let (data, signature) = (&signed.authenticator_data, &signed.signature);
    verify(registration, data, signature, &requested_hash(), flags);
}

/// clientDataHash of what [`request`] asks for, spelt out.
pub(crate) fn requested_hash() -> [u8; 32] {
    let data = [
        &b"\x30\x81\xaa\xa0\x18\x0c\x16krb5-fido assertion v1\xa1\x13\x04\x11alice@KRBTEST.COM"[..],
        b"\xa2\x0d\x0c\x0bkrbtest.com\xa3\x22\x04\x20",
        &[1; 32],
        b"\xa4\x22\x04\x20",
        &[2; 32],
        b"\xa5\x22\x04\x20",
        &[3; 32],
    ]
    .concat();
    Sha256::digest(data).into()
}
