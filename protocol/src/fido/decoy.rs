//! Signature checks whose result nobody wants.
//!
//! In mode clear, whoever does not hold the key is not to learn whether the password was right, be it from how long a
//! refusal takes. Behind the right password an assertion is checked; which kind of key it names and how well it is formed,
//! the guesser chooses. So every refusal does one signature check for each kind of key that could have been named.

use core::hint::black_box;
use std::sync::LazyLock;

use curve25519_dalek::Scalar;
use sha2::{Digest, Sha256};

use super::{
    cose::{Parameters, PublicKey},
    factor::{FidoAssertion, FidoFactor},
    label::Label,
    policy::Usable,
    record::CredentialRecord,
    verify::{AssertionContext, verify_assertion},
};
use crate::{asn1::decode_signature, registry::SF_FIDO, spake::message::SecondFactor};

/// UP and UV: what no policy refuses before it looks at the signature.
const FLAGS: u8 = 0x05;

/// A byte of which a number, cut to the length of any group order, is less than that order.
const DIGIT: u8 = 0x05;

/// Bytes of a scalar of P-256.
const P256_LEN: usize = 32;

/// Bytes of a scalar of P-384.
const P384_LEN: usize = 48;

/// Does the signature checks that a refusal has not cost yet: one for each kind of key among the `usable` credentials of
/// `credentials`. `checked` is the assertion that was refused for its signature alone, if it came so far.
pub fn spend_checks(
    credentials: &[(Label, CredentialRecord)],
    usable: &[Usable<'_>],
    checked: Option<&FidoAssertion>,
    context: &AssertionContext<'_>,
) {
    for credential in find_unspent(usable, checked) {
        // Its result is known: a bad signature.
        drop(verify_assertion(credentials, &make_decoy(credential), context));
    }
}

/// Reads an assertion, as a right password makes the KDC do, for a refusal that has not read any.
pub fn spend_reading() {
    let Some(message) = &*READ_IN_VAIN else { return };
    let factor = SecondFactor::decode_padded(message).ok();
    let data = factor.and_then(|factor| factor.data).unwrap_or_default();
    drop(black_box(FidoFactor::decode(&data)));
}

/// SF-FIDO with an assertion of common lengths.
static READ_IN_VAIN: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let assertion = FidoFactor::Assertion(FidoAssertion {
        credential_id: vec![DIGIT; 64],
        authenticator_data: vec![DIGIT; 37],
        signature: vec![DIGIT; 71],
    });
    let factor = SecondFactor {
        factor_type: SF_FIDO,
        data: assertion.encode().ok(),
    };
    factor.encode().ok()
});

/// The first credential of each kind of key, without the kind that was checked.
fn find_unspent<'a>(usable: &[Usable<'a>], checked: Option<&FidoAssertion>) -> Vec<&'a CredentialRecord> {
    let spent = checked.and_then(|assertion| find_spent(usable, assertion));
    let mut kinds: Vec<&PublicKey> = spent.into_iter().collect();
    let mut unspent = Vec::new();
    for credential in usable {
        let key = credential.record.public_key();
        if !kinds.iter().any(|kind| is_same_kind(kind, key)) {
            kinds.push(key);
            unspent.push(credential.record);
        }
    }
    unspent
}

/// The key whose mathematics a bad signature has cost: none if the signature was seen to be bad without.
fn find_spent<'a>(usable: &[Usable<'a>], assertion: &FidoAssertion) -> Option<&'a PublicKey> {
    let named = |credential: &&Usable<'a>| credential.record.id() == assertion.credential_id;
    let key = usable.iter().find(named)?.record.public_key();
    could_verify(key, &assertion.signature).then_some(key)
}

/// Whether a signature check takes the same time with either key.
fn is_same_kind(one: &PublicKey, other: &PublicKey) -> bool {
    match (one.parameters(), other.parameters()) {
        (
            Parameters::Rs256 { modulus, exponent },
            Parameters::Rs256 {
                modulus: other_modulus,
                exponent: other_exponent,
            },
        ) => modulus.len() == other_modulus.len() && exponent == other_exponent,
        _ => one.algorithm() == other.algorithm(),
    }
}

/// Whether a signature has the form and range of one, so that only the computation shows that it is none.
fn could_verify(key: &PublicKey, signature: &[u8]) -> bool {
    match key.parameters() {
        Parameters::Es256 { .. } => are_scalars::<P256_LEN>(signature, |number| {
            let mut little_endian = *number;
            little_endian.reverse();
            crrl::p256::Scalar::decode(&little_endian).is_some_and(|scalar| scalar.iszero() == 0)
        }),
        Parameters::Es384 { .. } => are_scalars::<P384_LEN>(signature, |number| {
            p384::NonZeroScalar::try_from(&number[..]).is_ok()
        }),
        Parameters::EdDsa { .. } => match signature.split_last_chunk() {
            Some((point, scalar)) => {
                point.len() == scalar.len() && Scalar::from_canonical_bytes(*scalar).is_some().into()
            }
            None => false,
        },
        Parameters::Rs256 { modulus, .. } => {
            signature.len() == modulus.len() && signature < modulus.as_slice()
        }
    }
}

/// Whether r and s of an ECDSA-Sig-Value (SEC 1 section C.5) are scalars.
fn are_scalars<const LENGTH: usize>(signature: &[u8], is_scalar: fn(&[u8; LENGTH]) -> bool) -> bool {
    let fits = |number: &[u8]| {
        let mut padded = [0; LENGTH];
        let Some(start) = LENGTH.checked_sub(number.len()) else {
            return false;
        };
        padded
            .iter_mut()
            .skip(start)
            .zip(number)
            .for_each(|(byte, digit)| *byte = *digit);
        is_scalar(&padded)
    };
    decode_signature(signature).is_ok_and(|(r, s)| fits(r) && fits(s))
}

/// An assertion that passes every check but that of its signature.
fn make_decoy(record: &CredentialRecord) -> FidoAssertion {
    let counter = u32::MAX.to_be_bytes();
    FidoAssertion {
        credential_id: record.id().to_vec(),
        authenticator_data: [&Sha256::digest(record.rp_id())[..], &[FLAGS], &counter].concat(),
        signature: make_signature(record.public_key()),
    }
}

/// A signature that could verify, and does not.
fn make_signature(key: &PublicKey) -> Vec<u8> {
    match key.parameters() {
        Parameters::Es256 { .. } => {
            let number = [DIGIT; P256_LEN];
            [b"\x30\x44\x02\x20", &number[..], b"\x02\x20", &number].concat()
        }
        Parameters::Es384 { .. } => {
            let number = [DIGIT; P384_LEN];
            [b"\x30\x64\x02\x30", &number[..], b"\x02\x30", &number].concat()
        }
        Parameters::EdDsa { .. } => vec![DIGIT; 64],
        // The first byte of a modulus is not 0.
        Parameters::Rs256 { modulus, .. } => {
            let mut number = vec![DIGIT; modulus.len()];
            if let Some(first) = number.first_mut() {
                *first = 0;
            }
            number
        }
    }
}

#[cfg(test)]
mod tests;
