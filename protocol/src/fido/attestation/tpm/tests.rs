use super::*;

/// Everything in front of the parameters of an RSA key.
const RSA_HEAD: &[u8] = b"\0\x01\0\x0b\0\x04\0\0\0\x03pol\0\x10";

/// Everything in front of the curve of a key that is free to sign by any scheme.
const ECC_HEAD: &[u8] = b"\0\x23\0\x0b\0\x04\0\0\0\0\0\x10\0\x10";

fn rsa(scheme: &[u8], exponent: u32, modulus: &[u8]) -> Vec<u8> {
    let length = u16::try_from(modulus.len()).unwrap().to_be_bytes();
    let parts = [
        RSA_HEAD,
        scheme,
        b"\x08\0",
        &exponent.to_be_bytes(),
        &length,
        modulus,
    ];
    parts.concat()
}

fn ecc(curve: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
    let length = |number: &[u8]| [0, u8::try_from(number.len()).unwrap()];
    [ECC_HEAD, &[0, curve], b"\0\x10", &length(x), x, &length(y), y].concat()
}

fn key(bytes: &[u8]) -> Option<PublicKey> {
    PublicArea::parse(bytes).ok().map(|area| area.key)
}

fn rsa_key(exponent: &[u8]) -> Option<PublicKey> {
    PublicKey::from_rsa(&[0x81; 256], exponent)
}

#[test]
fn reads_rsa_keys() {
    let modulus = [0x81; 256];
    assert_eq!(key(&rsa(b"\0\x10", 0, &modulus)), rsa_key(&[1, 0, 1]));
    assert_eq!(key(&rsa(b"\0\x14\0\x0b", 3, &modulus)), rsa_key(&[3]));
    assert_eq!(key(&rsa(b"\0\x10", u32::MAX, &modulus)), rsa_key(&[0xff; 4]));
    assert!(rsa_key(&[3]).is_some());
}

#[test]
fn refuses_rsa_keys_that_no_credential_has() {
    for (exponent, modulus) in [
        (2, &[0x81; 256][..]),
        (1, &[0x81; 256]),
        (3, &[0x81; 255]),
        (3, &[0; 256]),
    ] {
        assert_eq!(key(&rsa(b"\0\x10", exponent, modulus)), None);
    }
}

#[test]
fn refuses_schemes_of_other_keys() {
    // RSAPSS, RSAES and ECDSA on an RSA key.
    for scheme in [&b"\0\x16\0\x0b"[..], b"\0\x15", b"\0\x18\0\x0b"] {
        assert_eq!(key(&rsa(scheme, 0, &[0x81; 256])), None);
    }
}

#[test]
fn reads_ecc_keys() {
    let of = |algorithm, x: &[u8], y: &[u8]| PublicKey::from_point(algorithm, x, y);
    assert_eq!(
        key(&ecc(3, &[1; 32], &[2; 32])),
        of(Algorithm::Es256, &[1; 32], &[2; 32])
    );
    assert_eq!(
        key(&ecc(4, &[1; 48], &[2; 48])),
        of(Algorithm::Es384, &[1; 48], &[2; 48])
    );
}

#[test]
fn reads_coordinates_without_their_leading_zeros() {
    let mut x = [0; 32];
    x[31] = 7;
    let expected = PublicKey::from_point(Algorithm::Es256, &x, &[0; 32]);
    assert_eq!(key(&ecc(3, &[7], &[])), expected);
}

#[test]
fn refuses_coordinates_that_are_too_long_and_other_curves() {
    assert_eq!(key(&ecc(3, &[1; 33], &[2; 32])), None);
    assert_eq!(key(&ecc(4, &[1; 48], &[2; 49])), None);
    for curve in [0, 1, 2, 5, 0x20] {
        assert_eq!(key(&ecc(curve, &[1; 32], &[2; 32])), None);
    }
}

#[test]
fn refuses_keys_that_encrypt_and_objects_of_other_types() {
    let sound = ecc(3, &[1; 32], &[2; 32]);
    let mut symmetric = sound.clone();
    symmetric[11] = 6;
    assert_eq!(key(&symmetric), None);
    // KEYEDHASH, SYMCIPHER
    for kind in [8, 0x25, 0] {
        let mut other = sound.clone();
        other[1] = kind;
        assert_eq!(key(&other), None);
    }
}

#[test]
fn refuses_truncations_and_what_follows() {
    for sound in [rsa(b"\0\x14\0\x0b", 0, &[0x81; 256]), ecc(3, &[1; 32], &[2; 32])] {
        for end in 0..sound.len() {
            assert_eq!(key(&sound[..end]), None, "{end} bytes");
        }
        assert_eq!(key(&[&sound[..], &[0]].concat()), None);
    }
}
