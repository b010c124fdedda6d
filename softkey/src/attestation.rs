//! The key and the self-signed certificate that U2F registrations are signed with (U2F raw message formats 1.2 section
//! 4.3).
//!
//! A hardware key shares them with the rest of its batch. Here each key has its own: the certificate says nothing about who
//! made the key, and relying parties that compare certificates can tell that it is the same key.

use opensk::api::{
    crypto::{
        EC_FIELD_SIZE,
        ec_signing::{EcPublicKey, EcSecretKey, EcSignature},
        software_crypto::{SoftwareEcdsaPublicKey, SoftwareEcdsaSecretKey},
    },
    rng::Rng,
};
use zeroize::Zeroizing;

// Tags of X.690.
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The explicit tags of version and extensions in a TBSCertificate (RFC 5280 section 4.1).
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

// Contents of object identifiers (RFC 5758 section 3.2, RFC 5480 section 2.1.1, RFC 5280).
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

const VERSION_3: u8 = 2;
const SERIAL_LENGTH: usize = 16;
const NAME: &[u8] = b"softkey";
/// Before any of these keys, and "no well-defined expiration date" (RFC 5280 section 4.1.2.5).
const NOT_BEFORE: &[u8] = b"250101000000Z";
const NOT_AFTER: &[u8] = b"99991231235959Z";

/// Private key (32 bytes) and certificate (DER).
pub(crate) struct Attestation {
    pub(crate) private_key: Zeroizing<Vec<u8>>,
    pub(crate) certificate: Vec<u8>,
}

/// Makes a new key and a certificate for it.
pub(crate) fn generate(random: &mut impl Rng) -> Attestation {
    let key = SoftwareEcdsaSecretKey::random(random);
    let mut serial = [0; SERIAL_LENGTH];
    random.fill_bytes(&mut serial);
    let to_be_signed = encode_to_be_signed(&mut serial, &key.public_key());
    let signature = key.sign(&to_be_signed).to_der();
    Attestation {
        private_key: Zeroizing::new(key.export()),
        certificate: encode(
            SEQUENCE,
            &[&to_be_signed, &signature_algorithm(), &encode_bits(&signature)],
        ),
    }
}

fn encode_to_be_signed(serial: &mut [u8; SERIAL_LENGTH], key: &SoftwareEcdsaPublicKey) -> Vec<u8> {
    // Positive, and without a leading zero octet.
    serial[0] = serial[0] & 0x3f | 0x40;
    let attribute = encode(
        SEQUENCE,
        &[
            &encode(OBJECT_IDENTIFIER, &[COMMON_NAME]),
            &encode(UTF8_STRING, &[NAME]),
        ],
    );
    let name = encode(SEQUENCE, &[&encode(SET, &[&attribute])]);
    let validity = [
        encode(UTC_TIME, &[NOT_BEFORE]),
        encode(GENERALIZED_TIME, &[NOT_AFTER]),
    ]
    .concat();
    let no_authority = encode(
        SEQUENCE,
        &[
            &encode(OBJECT_IDENTIFIER, &[BASIC_CONSTRAINTS]),
            &encode(BOOLEAN, &[&[0xff]]),
            &encode(OCTET_STRING, &[&encode(SEQUENCE, &[])]),
        ],
    );
    encode(
        SEQUENCE,
        &[
            &encode(VERSION, &[&encode(INTEGER, &[&[VERSION_3]])]),
            &encode(INTEGER, &[serial.as_slice()]),
            &signature_algorithm(),
            &name,
            &encode(SEQUENCE, &[&validity]),
            &name,
            &encode_public_key(key),
            &encode(EXTENSIONS, &[&encode(SEQUENCE, &[&no_authority])]),
        ],
    )
}

fn signature_algorithm() -> Vec<u8> {
    encode(SEQUENCE, &[&encode(OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA256])])
}

fn encode_public_key(key: &SoftwareEcdsaPublicKey) -> Vec<u8> {
    let (mut x, mut y) = ([0; EC_FIELD_SIZE], [0; EC_FIELD_SIZE]);
    key.to_coordinates(&mut x, &mut y);
    let algorithm = [
        encode(OBJECT_IDENTIFIER, &[EC_PUBLIC_KEY]),
        encode(OBJECT_IDENTIFIER, &[SECP256R1]),
    ]
    .concat();
    let point = [&[4], x.as_slice(), &y].concat();
    encode(
        SEQUENCE,
        &[&encode(SEQUENCE, &[&algorithm]), &encode_bits(&point)],
    )
}

fn encode_bits(content: &[u8]) -> Vec<u8> {
    encode(BIT_STRING, &[&[0], content])
}

/// One value of DER, its content given in parts; of less than 64 KiB.
fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let length = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), &content].concat()
}

#[cfg(test)]
mod tests {
    use opensk::api::rng::rand_core::{self, CryptoRng, RngCore, impls};
    use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

    use super::*;

    /// Repeatable, and different at each call.
    struct Counter(u8);

    impl RngCore for Counter {
        fn next_u32(&mut self) -> u32 {
            impls::next_u32_via_fill(self)
        }

        fn next_u64(&mut self) -> u64 {
            impls::next_u64_via_fill(self)
        }

        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            self.0 = self.0.wrapping_add(1);
            bytes.fill(self.0);
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }

    impl CryptoRng for Counter {}
    impl Rng for Counter {}

    #[test]
    fn short_lengths_take_one_octet() {
        assert_eq!(encode(OCTET_STRING, &[]), [4, 0]);
        assert_eq!(encode(OCTET_STRING, &[&[7; 127]])[..3], [4, 127, 7]);
    }

    #[test]
    fn long_lengths_take_as_few_octets_as_they_can() {
        assert_eq!(encode(OCTET_STRING, &[&[7; 128]])[..4], [4, 0x81, 128, 7]);
        assert_eq!(encode(OCTET_STRING, &[&[7; 255]])[..4], [4, 0x81, 255, 7]);
        assert_eq!(encode(OCTET_STRING, &[&[7; 256]])[..5], [4, 0x82, 1, 0, 7]);
    }

    #[test]
    fn the_certificate_is_signed_with_its_own_key() {
        let certificate = generate(&mut Counter(0)).certificate;
        // The length of the outer sequence takes three octets, that of the inner one two.
        assert_eq!(certificate[..2], [SEQUENCE, 0x82]);
        assert_eq!(certificate[4..6], [SEQUENCE, 0x81]);
        let inner = 3 + usize::from(certificate[6]);
        let (to_be_signed, rest) = certificate[4..].split_at(inner);
        let algorithm = signature_algorithm();
        assert_eq!(rest[..algorithm.len()], algorithm);
        let signature = &rest[algorithm.len() + 3..];

        let point = to_be_signed
            .windows(67)
            .find(|window| window[..3] == [0x42, 0, 4])
            .unwrap();
        let key = VerifyingKey::from_sec1_bytes(&point[2..]).unwrap();
        key.verify(to_be_signed, &Signature::from_der(signature).unwrap())
            .unwrap();
    }

    #[test]
    fn every_key_has_a_certificate_of_its_own() {
        let mut random = Counter(0);
        let (one, other) = (generate(&mut random), generate(&mut random));
        assert_ne!(one.certificate, other.certificate);
        assert_ne!(*one.private_key, *other.private_key);
    }
}
