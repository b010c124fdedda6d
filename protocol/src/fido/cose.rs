//! Public keys as COSE_Key (RFC 9052 section 7, RFC 9053 section 7, RFC 8230 section 4).
//!
//! An authenticator writes exactly the members that the algorithm needs, in CTAP2 canonical form (WebAuthn Level 3
//! section 6.5.1, CTAP 2.1 section 8), so nothing else is read: any other member, order or encoding is refused, and the
//! bytes that were read are the ones to store.

use core::ops::RangeInclusive;

use minicbor::Decoder;

use super::cbor::{skip_value, split_map};
use crate::{
    Error,
    registry::{COSE_ED448, COSE_EDDSA, COSE_ES256, COSE_ES384, COSE_ES512, COSE_RS256},
};

/// The `alg` label of a COSE_Key (RFC 9052 section 7.1).
const LABEL_ALG: i64 = 3;

/// {1: 2 (kty EC2), 3: -7 (ES256), -1: 1 (crv P-256), -2: 32 bytes of x …
const ES256_BEFORE_X: &[u8] = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";

/// … -3: 32 bytes of y}
const ES256_BEFORE_Y: &[u8] = b"\x22\x58\x20";

/// {1: 1 (kty OKP), 3: -8 (EdDSA), -1: 6 (crv Ed25519), -2: 32 bytes of x}
const ED25519_BEFORE_X: &[u8] = b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20";

/// {1: 1 (kty OKP), 3: -8 (EdDSA), -1: 7 (crv Ed448), …
const EDDSA_WITH_ED448: &[u8] = b"\xa4\x01\x01\x03\x27\x20\x07";

/// {1: 2 (kty EC2), 3: -35 (ES384), -1: 2 (crv P-384), -2: 48 bytes of x …
const ES384_BEFORE_X: &[u8] = b"\xa5\x01\x02\x03\x38\x22\x20\x02\x21\x58\x30";

/// … -3: 48 bytes of y}
const ES384_BEFORE_Y: &[u8] = b"\x22\x58\x30";

/// {1: 3 (kty RSA), 3: -257 (RS256), -1: a two-byte number of bytes of n …
const RS256_BEFORE_MODULUS: &[u8] = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59";

/// … -2: bytes of e}
const RS256_BEFORE_EXPONENT: &[u8] = b"\x21";

/// The CBOR head of a byte string of no bytes; those of one to 23 bytes follow (RFC 8949 section 3).
const SHORT_BYTES: u8 = 0x40;

/// Bits of an RSA modulus, at least and at most.
const MODULUS_BITS: RangeInclusive<u64> = 2048..=4096;

/// Bytes of an RSA exponent, at most.
const EXPONENT_MAX: usize = 4;

/// Signature algorithms that this version can verify (IANA COSE algorithms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// EdDSA over Ed25519.
    EdDsa,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a modulus of 2048 to 4096 bits.
    Rs256,
}

impl Algorithm {
    /// All of them, in the order in which they are preferred: what `fido_algorithms` defaults to.
    pub const ALL: &[Self] = &[Self::Es256, Self::EdDsa, Self::Es384, Self::Rs256];

    /// The number in the IANA registry.
    pub const fn identifier(self) -> i64 {
        match self {
            Self::Es256 => COSE_ES256,
            Self::EdDsa => COSE_EDDSA,
            Self::Es384 => COSE_ES384,
            Self::Rs256 => COSE_RS256,
        }
    }

    /// The name in the IANA registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
        }
    }

    /// Reads a value of `fido_algorithms`: names of the IANA registry, the preferred one first, between white space.
    ///
    /// # Errors
    /// [`Error::ForbiddenAlgorithm`] for ES512 and Ed448, [`Error::UnknownAlgorithmName`] for any other word,
    /// [`Error::RepeatedAlgorithm`], [`Error::NoAlgorithm`].
    pub fn parse_list(value: &str) -> Result<Vec<Self>, Error> {
        let mut algorithms = Vec::new();
        for name in value.split_whitespace() {
            let algorithm = Self::from_name(name)?;
            if algorithms.contains(&algorithm) {
                return Err(Error::RepeatedAlgorithm);
            }
            algorithms.push(algorithm);
        }
        match algorithms.is_empty() {
            true => Err(Error::NoAlgorithm),
            false => Ok(algorithms),
        }
    }

    fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "ES512" => Err(Error::ForbiddenAlgorithm("ES512")),
            "Ed448" => Err(Error::ForbiddenAlgorithm("Ed448")),
            _ => Self::ALL
                .iter()
                .copied()
                .find(|algorithm| algorithm.name() == name)
                .ok_or(Error::UnknownAlgorithmName),
        }
    }

    /// The algorithm with this number in the IANA registry.
    ///
    /// # Errors
    /// [`Error::ForbiddenAlgorithm`] for ES512 and Ed448, [`Error::UnsupportedAlgorithm`] for any other number.
    pub fn from_identifier(identifier: i64) -> Result<Self, Error> {
        match identifier {
            COSE_ES256 => Ok(Self::Es256),
            COSE_EDDSA => Ok(Self::EdDsa),
            COSE_ES384 => Ok(Self::Es384),
            COSE_RS256 => Ok(Self::Rs256),
            COSE_ES512 => Err(Error::ForbiddenAlgorithm("ES512")),
            COSE_ED448 => Err(Error::ForbiddenAlgorithm("Ed448")),
            other => Err(Error::UnsupportedAlgorithm(other)),
        }
    }
}

/// The public key of a credential. Whether it is one of its curve, or a product of primes, is seen when a signature is
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Parameters);

/// What is particular to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parameters {
    Es256 { x: [u8; 32], y: [u8; 32] },
    EdDsa { x: [u8; 32] },
    Es384 { x: [u8; 48], y: [u8; 48] },
    Rs256 { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl PublicKey {
    /// Reads a COSE_Key: 77 bytes of ES256, 42 of EdDSA with Ed25519, 110 of ES384. One of RS256 has a modulus of 2048 to
    /// 4096 bits and an odd exponent from 3 to 2^32 - 1, both without leading zeros.
    ///
    /// # Errors
    /// [`Error::ForbiddenAlgorithm`] for a well-formed key of ES512 or Ed448, [`Error::UnsupportedAlgorithm`] for one of
    /// another algorithm, [`Error::MalformedPublicKey`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let parameters = match parse_algorithm(bytes)? {
            Algorithm::Es256 => parse_es256(bytes),
            Algorithm::EdDsa if bytes.starts_with(EDDSA_WITH_ED448) => {
                return Err(Error::ForbiddenAlgorithm("Ed448"));
            }
            Algorithm::EdDsa => parse_ed25519(bytes),
            Algorithm::Es384 => parse_es384(bytes),
            Algorithm::Rs256 => parse_rs256(bytes),
        };
        parameters.map(Self).ok_or(Error::MalformedPublicKey)
    }

    /// The COSE_Key, byte for byte as it was read.
    pub fn encode(&self) -> Vec<u8> {
        match &self.0 {
            Parameters::Es256 { x, y } => [ES256_BEFORE_X, x, ES256_BEFORE_Y, y].concat(),
            Parameters::EdDsa { x } => [ED25519_BEFORE_X, x].concat(),
            Parameters::Es384 { x, y } => [ES384_BEFORE_X, x, ES384_BEFORE_Y, y].concat(),
            Parameters::Rs256 { modulus, exponent } => encode_rs256(modulus, exponent),
        }
    }

    /// The algorithm that this key verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Parameters::Es256 { .. } => Algorithm::Es256,
            Parameters::EdDsa { .. } => Algorithm::EdDsa,
            Parameters::Es384 { .. } => Algorithm::Es384,
            Parameters::Rs256 { .. } => Algorithm::Rs256,
        }
    }

    /// A key of ES256 or ES384 with these coordinates, each of the curve's full length.
    #[cfg(feature = "verify")]
    pub(super) fn from_point(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Option<Self> {
        let parameters = match algorithm {
            Algorithm::Es256 => Parameters::Es256 {
                x: x.try_into().ok()?,
                y: y.try_into().ok()?,
            },
            Algorithm::Es384 => Parameters::Es384 {
                x: x.try_into().ok()?,
                y: y.try_into().ok()?,
            },
            Algorithm::EdDsa | Algorithm::Rs256 => return None,
        };
        Some(Self(parameters))
    }

    /// A key of Ed25519.
    #[cfg(feature = "verify")]
    pub(super) fn from_ed25519(x: &[u8]) -> Option<Self> {
        let x = x.try_into().ok()?;
        Some(Self(Parameters::EdDsa { x }))
    }

    /// A key of RS256, within the limits of [`Self::parse`].
    #[cfg(feature = "verify")]
    pub(super) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        rs256(modulus, exponent).map(Self)
    }

    #[cfg(feature = "verify")]
    pub(super) const fn parameters(&self) -> &Parameters {
        &self.0
    }
}

fn parse_algorithm(bytes: &[u8]) -> Result<Algorithm, Error> {
    Algorithm::from_identifier(find_algorithm(bytes).ok_or(Error::MalformedPublicKey)?)
}

fn find_algorithm(bytes: &[u8]) -> Option<i64> {
    let (map, trailing) = split_map(bytes)?;
    if !trailing.is_empty() {
        return None;
    }
    let mut decoder = Decoder::new(map);
    let mut algorithm = None;
    for _ in 0..decoder.map().ok()?? {
        if decoder.i64().ok()? != LABEL_ALG {
            skip_value(&mut decoder, 1)?;
        } else if algorithm.replace(decoder.i64().ok()?).is_some() {
            return None;
        }
    }
    algorithm
}

fn parse_es256(bytes: &[u8]) -> Option<Parameters> {
    let (x, rest) = bytes.strip_prefix(ES256_BEFORE_X)?.split_first_chunk()?;
    let y = rest.strip_prefix(ES256_BEFORE_Y)?.try_into().ok()?;
    Some(Parameters::Es256 { x: *x, y })
}

fn parse_ed25519(bytes: &[u8]) -> Option<Parameters> {
    let x = bytes.strip_prefix(ED25519_BEFORE_X)?.try_into().ok()?;
    Some(Parameters::EdDsa { x })
}

fn parse_es384(bytes: &[u8]) -> Option<Parameters> {
    let (x, rest) = bytes.strip_prefix(ES384_BEFORE_X)?.split_first_chunk()?;
    let y = rest.strip_prefix(ES384_BEFORE_Y)?.try_into().ok()?;
    Some(Parameters::Es384 { x: *x, y })
}

fn parse_rs256(bytes: &[u8]) -> Option<Parameters> {
    let (length, rest) = bytes.strip_prefix(RS256_BEFORE_MODULUS)?.split_first_chunk()?;
    let (modulus, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (head, exponent) = rest.strip_prefix(RS256_BEFORE_EXPONENT)?.split_first()?;
    if *head != short_bytes_head(exponent) {
        return None;
    }
    rs256(modulus, exponent)
}

fn rs256(modulus: &[u8], exponent: &[u8]) -> Option<Parameters> {
    if exponent.len() > EXPONENT_MAX {
        return None;
    }
    let is_odd = exponent.last()? & 1 == 1;
    if !MODULUS_BITS.contains(&count_bits(modulus)?) || !is_odd || count_bits(exponent)? < 2 {
        return None;
    }
    Some(Parameters::Rs256 {
        modulus: modulus.to_vec(),
        exponent: exponent.to_vec(),
    })
}

fn encode_rs256(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let [.., high, low] = modulus.len().to_be_bytes();
    [
        RS256_BEFORE_MODULUS,
        &[high, low],
        modulus,
        RS256_BEFORE_EXPONENT,
        &[short_bytes_head(exponent)],
        exponent,
    ]
    .concat()
}

/// The head of a byte string of at most 23 bytes.
fn short_bytes_head(bytes: &[u8]) -> u8 {
    let [.., length] = bytes.len().to_be_bytes();
    SHORT_BYTES | length
}

/// Bits of a big-endian number without leading zeros.
fn count_bits(number: &[u8]) -> Option<u64> {
    let (first, rest) = number.split_first()?;
    let bits = u64::BITS - u64::from(*first).leading_zeros();
    let rest = u64::try_from(rest.len()).ok()?.checked_mul(8)?;
    (bits > 0).then(|| rest + u64::from(bits))
}

#[cfg(test)]
mod tests;
