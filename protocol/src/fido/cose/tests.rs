#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;
use crate::fido::record::tests::cose_of;

fn es256() -> Vec<u8> {
    cose_of(Algorithm::Es256)
}

/// A key of RS256 with this modulus and exponent, each under the head for its length.
fn rs256(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.map(4).unwrap();
    encoder.i64(1).unwrap().i64(3).unwrap();
    encoder.i64(3).unwrap().i64(-257).unwrap();
    encoder.i64(-1).unwrap().bytes(modulus).unwrap();
    encoder.i64(-2).unwrap().bytes(exponent).unwrap();
    encoder.into_writer()
}

/// A number of `bits` bits, in as many bytes as it needs.
fn number(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] >>= bytes.len() * 8 - bits;
    bytes
}

/// A well-formed key that has only an algorithm.
fn other(identifier: i64) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.map(2).unwrap().i64(1).unwrap().i64(1).unwrap();
    encoder.i64(3).unwrap().i64(identifier).unwrap();
    encoder.into_writer()
}

fn assert_malformed(key: &[u8]) {
    assert_eq!(
        PublicKey::parse(key),
        Err(Error::MalformedPublicKey),
        "{key:02x?}"
    );
}

#[test]
fn names_and_numbers_are_those_of_iana() {
    let expected = [("ES256", -7), ("EdDSA", -8), ("ES384", -35), ("RS256", -257)];
    let all: Vec<_> = Algorithm::ALL
        .iter()
        .map(|algorithm| (algorithm.name(), algorithm.identifier()))
        .collect();
    assert_eq!(all, expected);
}

#[test]
fn lists_of_algorithms() {
    assert_eq!(
        Algorithm::parse_list("ES256 EdDSA ES384 RS256").unwrap(),
        Algorithm::ALL
    );
    assert_eq!(
        Algorithm::parse_list("  RS256\tES256 ").unwrap(),
        [Algorithm::Rs256, Algorithm::Es256]
    );
    for (value, error) in [
        ("", Error::NoAlgorithm),
        (" \t", Error::NoAlgorithm),
        ("ES256 ES256", Error::RepeatedAlgorithm),
        ("es256", Error::UnknownAlgorithmName),
        ("ES256,EdDSA", Error::UnknownAlgorithmName),
        ("ES256 -8", Error::UnknownAlgorithmName),
        ("EDDSA", Error::UnknownAlgorithmName),
        ("Ed25519", Error::UnknownAlgorithmName),
        ("ES256K", Error::UnknownAlgorithmName),
        ("RS1", Error::UnknownAlgorithmName),
        ("ES256 ES512", Error::ForbiddenAlgorithm("ES512")),
        ("Ed448", Error::ForbiddenAlgorithm("Ed448")),
    ] {
        assert_eq!(Algorithm::parse_list(value), Err(error), "{value:?}");
    }
    assert_eq!(
        Error::ForbiddenAlgorithm("ES512").to_string(),
        "ES512 is never allowed"
    );
}

#[test]
fn reads_and_writes_keys_of_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let cose = cose_of(*algorithm);
        let parsed = PublicKey::parse(&cose).unwrap();
        assert_eq!(parsed.algorithm(), *algorithm);
        assert_eq!(parsed.encode(), cose);
    }
}

#[test]
fn lengths_are_those_of_the_specifications() {
    assert_eq!(es256().len(), 77);
    assert_eq!(cose_of(Algorithm::EdDsa).len(), 42);
    assert_eq!(cose_of(Algorithm::Es384).len(), 110);
}

#[test]
fn refuses_every_truncation_and_a_trailing_byte() {
    for algorithm in Algorithm::ALL {
        let mut key = cose_of(*algorithm);
        for end in 0..key.len() {
            assert_malformed(&key[..end]);
        }
        key.push(0);
        assert_malformed(&key);
    }
}

#[test]
fn names_algorithms_that_it_does_not_know() {
    for identifier in [-9, -19, -37, -47, -65535, 0, i64::MIN, i64::MAX] {
        assert_eq!(
            PublicKey::parse(&other(identifier)),
            Err(Error::UnsupportedAlgorithm(identifier))
        );
    }
}

#[test]
fn names_algorithms_that_are_never_allowed() {
    let eddsa_with_ed448 = [EDDSA_WITH_ED448, b"\x21\x58\x39", &[1; 57]].concat();
    for (key, name) in [
        (other(-36), "ES512"),
        (other(-53), "Ed448"),
        (eddsa_with_ed448, "Ed448"),
    ] {
        assert_eq!(PublicKey::parse(&key), Err(Error::ForbiddenAlgorithm(name)));
    }
}

#[test]
fn refuses_supported_algorithms_without_their_key() {
    for algorithm in Algorithm::ALL {
        assert_malformed(&other(algorithm.identifier()));
    }
}

#[test]
fn refuses_a_changed_byte_before_a_coordinate() {
    for (algorithm, fixed) in [
        (Algorithm::Es256, (0..10).chain(42..45)),
        (Algorithm::EdDsa, (0..10).chain(0..0)),
        (Algorithm::Es384, (0..11).chain(59..62)),
        (Algorithm::Rs256, (0..11).chain(267..269)),
    ] {
        for at in fixed {
            for bit in 0..8 {
                let mut key = cose_of(algorithm);
                key[at] ^= 1 << bit;
                assert!(
                    PublicKey::parse(&key).is_err(),
                    "{algorithm:?}, byte {at}, bit {bit}"
                );
            }
        }
    }
}

#[test]
fn refuses_the_key_of_one_algorithm_under_the_number_of_another() {
    let mut es384_as_es256 = cose_of(Algorithm::Es384);
    es384_as_es256.splice(3..5, [0x38, 0x06]);
    assert_malformed(&es384_as_es256);
    let es256_as_eddsa = [b"\xa5\x01\x02\x03\x27", &es256()[5..]].concat();
    assert_malformed(&es256_as_eddsa);
    let x25519 = [b"\xa4\x01\x01\x03\x27\x20\x04", &cose_of(Algorithm::EdDsa)[7..]].concat();
    assert_malformed(&x25519);
    let p384_for_es256 = [b"\xa5\x01\x02\x03\x26", &cose_of(Algorithm::Es384)[5..]].concat();
    assert_malformed(&p384_for_es256);
    let p256_for_es384 = [b"\xa5\x01\x02\x03\x38\x22", &es256()[5..]].concat();
    assert_malformed(&p256_for_es384);
}

#[test]
fn refuses_a_repeated_label() {
    let twice = [
        b"\xa6\x01\x02\x03\x26\x03\x26\x20\x01\x21\x58\x20",
        &es256()[10..],
    ]
    .concat();
    assert_malformed(&twice);
    let kty_twice = [
        b"\xa6\x01\x02\x01\x02\x03\x26\x20\x01\x21\x58\x20",
        &es256()[10..],
    ]
    .concat();
    assert_malformed(&kty_twice);
}

#[test]
fn refuses_a_further_member() {
    for algorithm in Algorithm::ALL {
        let mut key = cose_of(*algorithm);
        key[0] += 1;
        key.extend_from_slice(b"\x23\x00");
        assert_malformed(&key);
    }
}

#[test]
fn refuses_another_order_and_longer_integers() {
    let order = [b"\xa5\x03\x26\x01\x02\x20\x01\x21\x58\x20", &es256()[10..]].concat();
    assert_malformed(&order);
    let longer = [b"\xa5\x01\x18\x02\x03\x26\x20\x01\x21\x58\x20", &es256()[10..]].concat();
    assert_malformed(&longer);
    let longer_length = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x59\x00\x20", &[1; 32][..]].concat();
    assert_malformed(&longer_length);
}

#[test]
fn refuses_a_compressed_point() {
    let compressed = [&es256()[..42], b"\x22\xf5"].concat();
    assert_malformed(&compressed);
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
        assert_malformed(bytes);
    }
}

#[test]
fn takes_moduli_of_2048_to_4096_bits() {
    for bits in [2048, 2049, 3072, 3482, 4095, 4096] {
        let key = rs256(&number(bits), b"\x01\x00\x01");
        assert_eq!(PublicKey::parse(&key).unwrap().encode(), key, "{bits} bits");
    }
    for bits in [1, 512, 1024, 2040, 2047, 4097, 4104, 8192, 65_528] {
        assert_malformed(&rs256(&number(bits), b"\x01\x00\x01"));
    }
}

#[test]
fn takes_odd_exponents_of_up_to_four_bytes() {
    for exponent in [&b"\x03"[..], b"\x01\x01", b"\x01\x00\x01", b"\xff\xff\xff\xff"] {
        let key = rs256(&number(2048), exponent);
        assert_eq!(PublicKey::parse(&key).unwrap().encode(), key, "{exponent:02x?}");
    }
    for exponent in [
        &b""[..],
        b"\x00",
        b"\x01",
        b"\x02",
        b"\x01\x00",
        b"\x01\x00\x00\x00\x01",
    ] {
        assert_malformed(&rs256(&number(2048), exponent));
    }
}

#[test]
fn refuses_leading_zeros_in_an_rsa_key() {
    assert_malformed(&rs256(&[&[0], &number(2048)[..]].concat(), b"\x01\x00\x01"));
    assert_malformed(&rs256(&[&[0], &number(2047)[..]].concat(), b"\x01\x00\x01"));
    assert_malformed(&rs256(&number(2048), b"\x00\x01\x00\x01"));
}

#[test]
fn refuses_an_exponent_under_a_longer_head() {
    let key = rs256(&number(2048), b"\x01\x00\x01");
    let (before, _) = key.split_at(key.len() - 4);
    assert_malformed(&[before, b"\x58\x03\x01\x00\x01"].concat());
    assert_malformed(&[before, b"\x1a\x00\x01\x00\x01"].concat());
}
