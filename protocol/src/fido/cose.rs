//! Public keys as COSE_Key (RFC 9052 section 7, RFC 9053 section 7.1).
//!
//! An authenticator writes exactly the members that the algorithm needs, in CTAP2 canonical form (WebAuthn Level 3
//! section 6.5.1, CTAP 2.1 section 8), so nothing else is read: any other member, order or encoding is refused, and the
//! bytes that were read are the ones to store.

use minicbor::Decoder;

use super::cbor::{skip_value, split_map};
use crate::{Error, registry::COSE_ES256};

/// The `alg` label of a COSE_Key (RFC 9052 section 7.1).
const LABEL_ALG: i64 = 3;

/// {1: 2 (kty EC2), 3: -7 (ES256), -1: 1 (crv P-256), -2: 32 bytes of x …
const ES256_BEFORE_X: &[u8] = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";

/// … -3: 32 bytes of y}
const ES256_BEFORE_Y: &[u8] = b"\x22\x58\x20";

/// Bytes of a P-256 coordinate.
const COORDINATE_LEN: usize = 32;

/// First byte of an uncompressed point (SEC 1 section 2.3.3).
const UNCOMPRESSED: &[u8] = b"\x04";

/// Signature algorithms that this version can verify (IANA COSE algorithms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// The number in the IANA registry.
    pub const fn identifier(self) -> i64 {
        match self {
            Self::Es256 => COSE_ES256,
        }
    }

    /// The name in the IANA registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
        }
    }

    fn from_identifier(identifier: i64) -> Result<Self, Error> {
        match identifier {
            COSE_ES256 => Ok(Self::Es256),
            other => Err(Error::UnsupportedAlgorithm(other)),
        }
    }
}

/// The public key of a credential. Whether the point is on its curve is seen when a signature is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    x: [u8; COORDINATE_LEN],
    y: [u8; COORDINATE_LEN],
}

impl PublicKey {
    /// Reads a COSE_Key of ES256: 77 bytes.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] for a well-formed key of another algorithm, [`Error::MalformedPublicKey`] for
    /// anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        match parse_algorithm(bytes)? {
            Algorithm::Es256 => parse_es256(bytes).ok_or(Error::MalformedPublicKey),
        }
    }

    /// The COSE_Key, byte for byte as it was read.
    pub fn encode(&self) -> Vec<u8> {
        [ES256_BEFORE_X, &self.x, ES256_BEFORE_Y, &self.y].concat()
    }

    /// The algorithm that this key verifies.
    pub const fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    /// The uncompressed point of SEC 1 section 2.3.3: 65 bytes.
    pub fn uncompressed_point(&self) -> Vec<u8> {
        [UNCOMPRESSED, &self.x, &self.y].concat()
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

fn parse_es256(bytes: &[u8]) -> Option<PublicKey> {
    let (x, rest) = bytes.strip_prefix(ES256_BEFORE_X)?.split_first_chunk()?;
    let y = rest.strip_prefix(ES256_BEFORE_Y)?.try_into().ok()?;
    Some(PublicKey { x: *x, y })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Vec<u8> {
        [ES256_BEFORE_X, &[0x11; 32], ES256_BEFORE_Y, &[0x22; 32]].concat()
    }

    /// A well-formed key of another algorithm.
    fn other(identifier: i64) -> Vec<u8> {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder.map(2).unwrap().i64(1).unwrap().i64(1).unwrap();
        encoder.i64(3).unwrap().i64(identifier).unwrap();
        encoder.into_writer()
    }

    #[test]
    fn reads_and_writes_an_es256_key() {
        let parsed = PublicKey::parse(&key()).unwrap();
        assert_eq!(parsed.algorithm().identifier(), -7);
        assert_eq!(parsed.encode(), key());
        assert_eq!(
            parsed.uncompressed_point(),
            [&[4][..], &[0x11; 32], &[0x22; 32]].concat()
        );
    }

    #[test]
    fn refuses_every_truncation_and_a_trailing_byte() {
        let mut key = key();
        for end in 0..key.len() {
            assert_eq!(PublicKey::parse(&key[..end]), Err(Error::MalformedPublicKey));
        }
        key.push(0);
        assert_eq!(PublicKey::parse(&key), Err(Error::MalformedPublicKey));
    }

    #[test]
    fn names_algorithms_that_it_does_not_support() {
        for identifier in [-8, -9, -35, -36, -257, 0, i64::MIN, i64::MAX] {
            assert_eq!(
                PublicKey::parse(&other(identifier)),
                Err(Error::UnsupportedAlgorithm(identifier))
            );
        }
    }

    #[test]
    fn refuses_a_changed_byte_before_a_coordinate() {
        for at in (0..ES256_BEFORE_X.len()).chain(42..45) {
            for bit in 0..8 {
                let mut key = key();
                key[at] ^= 1 << bit;
                assert!(PublicKey::parse(&key).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn refuses_a_repeated_label() {
        let twice = [b"\xa6\x01\x02\x03\x26\x03\x26\x20\x01\x21\x58\x20", &key()[10..]].concat();
        assert_eq!(PublicKey::parse(&twice), Err(Error::MalformedPublicKey));
        let kty_twice = [b"\xa6\x01\x02\x01\x02\x03\x26\x20\x01\x21\x58\x20", &key()[10..]].concat();
        assert_eq!(PublicKey::parse(&kty_twice), Err(Error::MalformedPublicKey));
    }

    #[test]
    fn refuses_a_further_member() {
        let mut key = key();
        key[0] = 0xa6;
        key.extend_from_slice(b"\x23\x00");
        assert_eq!(PublicKey::parse(&key), Err(Error::MalformedPublicKey));
    }

    #[test]
    fn refuses_another_order_and_longer_integers() {
        let order = [b"\xa5\x03\x26\x01\x02\x20\x01\x21\x58\x20", &key()[10..]].concat();
        assert_eq!(PublicKey::parse(&order), Err(Error::MalformedPublicKey));
        let longer = [b"\xa5\x01\x18\x02\x03\x26\x20\x01\x21\x58\x20", &key()[10..]].concat();
        assert_eq!(PublicKey::parse(&longer), Err(Error::MalformedPublicKey));
    }

    #[test]
    fn refuses_a_compressed_point() {
        let compressed = [&key()[..42], b"\x22\xf5"].concat();
        assert_eq!(PublicKey::parse(&compressed), Err(Error::MalformedPublicKey));
    }

    #[test]
    fn refuses_labels_and_algorithms_of_other_types() {
        for bytes in [
            &b"\xa1\x61a\x26"[..],
            b"\xa1\x03\x61a",
            b"\xa0",
            b"\xa1\x01\x02",
            b"\x26",
        ] {
            assert_eq!(PublicKey::parse(bytes), Err(Error::MalformedPublicKey));
        }
    }
}
