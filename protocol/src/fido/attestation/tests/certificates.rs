//! How many certificates there may be, how long and how malformed, and what is shown of them.

use rcgen::{DnType, KeyPair, PKCS_RSA_SHA256};

use super::{made::*, *};
use crate::registry::{CERTIFICATE_MAX, CERTIFICATES_MAX};

#[test]
fn a_statement_has_at_most_8_certificates() {
    let (attester, data, issuer) = (Attester::with(|_| ()), data(), root());
    let with = |count: usize| refused(&attester.packed(&data, &vec![issuer.der().as_ref(); count]));
    assert_eq!(CERTIFICATES_MAX, 8);
    assert_eq!(with(7), None);
    assert_eq!(with(8), Some(StatementError::TooManyCertificates));
}

/// A certificate of about as many bytes.
fn certificate_of(length: usize) -> Vec<u8> {
    let attester = Attester::with(|wanted| {
        let filling = [
            &[4, 0x82][..],
            &u16::try_from(length).unwrap().to_be_bytes(),
            &vec![0; length],
        ]
        .concat();
        let extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], filling);
        wanted.custom_extensions.push(extension);
    });
    attester.der
}

#[test]
fn a_certificate_has_at_most_8_kib() {
    assert_eq!(CERTIFICATE_MAX, 8192);
    let (attester, data) = (Attester::with(|_| ()), data());
    let long = certificate_of(7000);
    assert!(long.len() <= CERTIFICATE_MAX);
    assert_eq!(refused(&attester.packed(&data, &[&long])), None);
    let longer = certificate_of(8000);
    assert!(longer.len() > CERTIFICATE_MAX);
    assert_eq!(
        refused(&attester.packed(&data, &[&long, &longer])),
        Some(StatementError::CertificateTooLong(3))
    );
    assert_eq!(
        refused(&packed_object(ES256, &data, b"", &[&longer])),
        Some(StatementError::CertificateTooLong(1))
    );
}

#[test]
fn truncated_certificates_are_malformed() {
    let (attester, data) = (Attester::with(|_| ()), data());
    for end in 1..attester.der.len() {
        let truncated = &attester.der[..end];
        let leaf = packed_object(ES256, &data, b"", &[truncated]);
        assert_eq!(
            refused(&leaf),
            Some(StatementError::MalformedCertificate(1)),
            "{end}"
        );
        let issuer = attester.packed(&data, &[truncated]);
        assert_eq!(
            refused(&issuer),
            Some(StatementError::MalformedCertificate(2)),
            "{end}"
        );
    }
}

#[test]
fn nothing_follows_a_certificate() {
    let mut attester = Attester::with(|_| ());
    attester.der.push(0);
    let refused = refused(&attester.packed(&data(), &[]));
    assert_eq!(refused, Some(StatementError::MalformedCertificate(1)));
}

/// Every bit of a certificate that is turned leads to a verdict; and under a root, the verdict is to refuse.
#[test]
fn certificates_with_a_bit_turned_are_refused_under_roots() {
    let (root, data) = (root(), data());
    let attester = Attester::issued_by(&root, &attestation_certificate());
    let policy = roots_policy(&[root.der()]);
    let signature = sign(&attester.key, &[&data, &HASH]);
    for position in 0..attester.der.len() {
        let mut der = attester.der.clone();
        der[position] ^= 1 << (position % 8);
        let object = packed_object(ES256, &data, &signature, &[&der]);
        assert!(refused_by(&policy, &object, NOW).is_some(), "byte {position}");
    }
}

#[test]
fn keys_with_unused_bits_are_refused() {
    let mut attester = Attester::with(|_| ());
    let key_bits = [3, 66, 0, 4];
    let position = attester
        .der
        .windows(4)
        .position(|bytes| bytes == key_bits)
        .unwrap();
    attester.der[position + 2] = 1;
    let refused = refused(&attester.packed(&data(), &[]));
    assert!(matches!(
        refused,
        Some(StatementError::MalformedCertificate(1) | StatementError::CertificateKey)
    ));
}

#[test]
fn malformed_rsa_keys_are_refused() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut attester = Attester::with_key(&root(), &attestation_certificate(), key);
    let data = data();
    let signature = sign(&attester.key, &[&data, &HASH]);
    let exponent = [2, 3, 1, 0, 1];
    let position = attester
        .der
        .windows(5)
        .position(|bytes| bytes == exponent)
        .unwrap();
    for (offset, value) in [(0, 3), (1, 2), (2, 0x81), (4, 0)] {
        let was = core::mem::replace(&mut attester.der[position + offset], value);
        let object = packed_object(-257, &data, &signature, &[&attester.der]);
        assert_eq!(refused(&object), Some(StatementError::CertificateKey), "{offset}");
        attester.der[position + offset] = was;
    }
}

fn shown(name: Option<&str>) -> String {
    let attester = Attester::with(|wanted| {
        wanted.distinguished_name.remove(DnType::CommonName);
        if let Some(name) = name {
            wanted.distinguished_name.push(DnType::CommonName, name);
        }
    });
    let object = attester.packed(&data(), &[]);
    let parsed = AttestationObject::parse(&object).unwrap();
    parsed.statement.certificate().unwrap().unwrap().to_string()
}

#[test]
fn subject_and_issuer_are_shown() {
    assert_eq!(shown(Some("Key")), r#""Key", issued by "Example Root""#);
    assert_eq!(shown(None), r#"no common name, issued by "Example Root""#);
    assert_eq!(shown(Some("")), r#"no common name, issued by "Example Root""#);
}

#[test]
fn what_could_mislead_is_shown_escaped() {
    let name = "A\n\x1b[2J\0\u{202e}\u{85}\", issued by \"B\\";
    let escaped = r#""A\n\u{1b}[2J\0\u{202e}\u{85}\", issued by \"B\\", issued by "Example Root""#;
    assert_eq!(shown(Some(name)), escaped);
}

#[test]
fn long_names_are_shown_in_part() {
    let (long, longer) = ("\u{e9}".repeat(64), "\u{e9}".repeat(65));
    assert_eq!(
        shown(Some(&long)),
        format!(r#""{long}", issued by "Example Root""#)
    );
    assert_eq!(
        shown(Some(&longer)),
        format!(r#""{long}"..., issued by "Example Root""#)
    );
}

#[test]
fn statements_without_certificates_show_none() {
    for (format, statement) in [("none", &b"\xa0"[..]), ("packed", PACKED_SELF)] {
        let object = object(format, statement);
        let parsed = AttestationObject::parse(&object).unwrap();
        assert_eq!(parsed.statement.certificate(), Ok(None));
    }
    let malformed = packed_object(ES256, &data(), b"", &[b"certificate"]);
    let parsed = AttestationObject::parse(&malformed).unwrap();
    let cause = StatementError::MalformedCertificate(1);
    assert_eq!(parsed.statement.certificate(), Err(cause));
}
