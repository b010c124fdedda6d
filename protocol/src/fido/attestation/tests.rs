use base64ct::{Base64, Encoding};
use time::{Date, Month, Time, UtcDateTime};

use super::*;
use crate::fido::cose::Algorithm;

/// When the tests take place, unless they say otherwise.
const NOW: UtcDateTime = at(2026);

/// An ES256 key whose point is not on the curve.
const KEY: [&[u8]; 4] = [
    b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
    &[1; 32],
    b"\x22\x58\x20",
    &[2; 32],
];

/// {"alg": -7, "sig": h'0102'}
const PACKED_SELF: &[u8] = b"\xa2\x63alg\x26\x63sig\x42\x01\x02";

fn authenticator_data() -> Vec<u8> {
    [
        &[7; 32][..],
        b"\x41\0\0\0\x05",
        &[5; 16],
        b"\0\x03key",
        &KEY.concat(),
    ]
    .concat()
}

fn text(text: &str) -> Vec<u8> {
    minicbor::to_vec(text).unwrap()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    minicbor::to_vec(minicbor::bytes::ByteVec::from(bytes.to_vec())).unwrap()
}

/// A map of these members, their values as they are encoded.
fn map(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut map = vec![0xa0 + u8::try_from(members.len()).unwrap()];
    for (name, value) in members {
        map.extend(text(name));
        map.extend_from_slice(value);
    }
    map
}

/// An `x5c`.
fn chain(certificates: &[&[u8]]) -> Vec<u8> {
    let mut array = vec![0x80 + u8::try_from(certificates.len()).unwrap()];
    array.extend(certificates.iter().flat_map(|certificate| bytes(certificate)));
    array
}

/// A whole object with this statement.
fn object(format: &str, statement: &[u8]) -> Vec<u8> {
    object_over(format, statement, &authenticator_data())
}

fn object_over(format: &str, statement: &[u8], data: &[u8]) -> Vec<u8> {
    map(&[
        ("fmt", &text(format)),
        ("attStmt", statement),
        ("authData", &bytes(data)),
    ])
}

fn statement<'a>(format: &'a str, map: &'a [u8]) -> Result<Statement<'a>, AttestationError<'a>> {
    Statement::parse(format, map)
}

/// Why the object is refused, if it is.
fn parse_error(object: &[u8]) -> Option<Error> {
    match AttestationObject::parse(object) {
        Err(AttestationError::Protocol(cause)) => Some(cause),
        Err(AttestationError::UnsupportedFormat(name)) => unreachable!("format {name}"),
        Ok(_) => None,
    }
}

fn assert_malformed(object: &[u8]) {
    assert_eq!(
        parse_error(object),
        Some(Error::MalformedAttestation),
        "{object:02x?}"
    );
}

fn assert_malformed_statement(format: &'static str, map: &[u8]) {
    let malformed = Error::MalformedStatement(format).into();
    assert_eq!(statement(format, map), Err(malformed), "{map:02x?}");
}

/// The middle of a year.
const fn at(year: i32) -> UtcDateTime {
    match Date::from_calendar_date(year, Month::July, 1) {
        Ok(date) => UtcDateTime::new(date, Time::MIDNIGHT),
        Err(_) => UtcDateTime::UNIX_EPOCH,
    }
}

fn pem(der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// That of a realm with these roots.
fn roots_policy(roots: &[&[u8]]) -> AttestationPolicy {
    let text: String = roots.iter().map(|root| pem(root)).collect();
    AttestationPolicy {
        roots: Some(AttestationRoots::parse_pem(&text).unwrap()),
        aaguids: None,
    }
}

mod certificates;
mod chains;
mod fido_u2f;
mod made;
mod packed;
mod policy;
mod roots;
mod statements;
mod tpm;
mod vectors;

#[test]
fn takes_an_object_apart() {
    let object = object("packed", PACKED_SELF);
    let parsed = AttestationObject::parse(&object).unwrap();
    assert_eq!(parsed.authenticator_data, authenticator_data());
    assert_eq!((parsed.data.rp_id_hash, parsed.data.counter), ([7; 32], 5));
    assert_eq!(parsed.credential.aaguid.0, [5; 16]);
    assert_eq!(parsed.credential.id, b"key");
    assert_eq!(parsed.credential.public_key, KEY.concat());
    assert_eq!(parsed.public_key.algorithm(), Algorithm::Es256);
    let expected = Statement::PackedSelf {
        algorithm: -7,
        signature: &[1, 2],
    };
    assert_eq!(parsed.statement, expected);
}

#[test]
fn takes_members_in_any_order() {
    let (format, data) = (text("none"), bytes(&authenticator_data()));
    let members: [(&str, &[u8]); 3] = [("fmt", &format), ("attStmt", b"\xa0"), ("authData", &data)];
    let in_order = map(&members);
    let expected = AttestationObject::parse(&in_order).unwrap();
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let object = map(&order.map(|index| members[index]));
        assert_eq!(AttestationObject::parse(&object), Ok(expected.clone()));
    }
}

#[test]
fn takes_lengths_that_are_not_the_shortest() {
    let short = object("none", b"\xa0");
    let long = [b"\xb9\0\x03\x78\x03fmt\x78\x04none", &short[10..]].concat();
    assert_eq!(AttestationObject::parse(&long), AttestationObject::parse(&short));
}

#[test]
fn refuses_every_truncation() {
    let object = object("packed", PACKED_SELF);
    for end in 0..object.len() {
        assert_malformed(&object[..end]);
    }
}

#[test]
fn refuses_what_follows() {
    for trailing in [&b"\0"[..], b"\xa0", b"\xff"] {
        assert_malformed(&[&object("none", b"\xa0"), trailing].concat());
    }
}

#[test]
fn refuses_what_is_no_map_with_definite_length() {
    for value in [
        &b"\x83\x63fmt\x67attStmt\x68authData"[..],
        b"\x63fmt",
        b"\xf6",
        b"\xc0\xa0",
    ] {
        assert_malformed(value);
    }
    let mut indefinite = object("none", b"\xa0");
    indefinite[0] = 0xbf;
    indefinite.push(0xff);
    assert_malformed(&indefinite);
}

#[test]
fn refuses_missing_members() {
    let (format, data) = (text("none"), bytes(&authenticator_data()));
    let members: [(&str, &[u8]); 3] = [("fmt", &format), ("attStmt", b"\xa0"), ("authData", &data)];
    assert_malformed(&map(&[]));
    for missing in 0..3 {
        let mut members = members.to_vec();
        members.remove(missing);
        assert_malformed(&map(&members));
    }
}

#[test]
fn refuses_members_that_stand_twice() {
    let (format, data) = (text("none"), bytes(&authenticator_data()));
    let members: [(&str, &[u8]); 3] = [("fmt", &format), ("attStmt", b"\xa0"), ("authData", &data)];
    for repeated in members {
        let mut members = members.to_vec();
        members.push(repeated);
        assert_eq!(
            parse_error(&map(&members)),
            Some(Error::AttestationMemberRepeated)
        );
    }
}

#[test]
fn refuses_members_of_other_names() {
    let (format, data) = (text("none"), bytes(&authenticator_data()));
    for name in ["", "Fmt", "fmt ", "epAtt", "sig"] {
        assert_malformed(&map(&[
            ("fmt", &format),
            ("attStmt", b"\xa0"),
            ("authData", &data),
            (name, b"\xf6"),
        ]));
    }
}

#[test]
fn refuses_names_that_are_no_text() {
    let mut object = object("none", b"\xa0");
    object[1] = 0x43;
    assert_malformed(&object);
    object.splice(1..5, [1]);
    assert_malformed(&object);
}

#[test]
fn refuses_the_keys_of_a_ctap_response() {
    let data = bytes(&authenticator_data());
    assert_malformed(&[b"\xa3\x01\x64none\x02", data.as_slice(), b"\x03\xa0"].concat());
}

#[test]
fn refuses_members_of_other_types() {
    let (format, data) = (text("none"), bytes(&authenticator_data()));
    for other in [&b"\x44none"[..], b"\x01", b"\xf6", b"\x81\x64none", b"\x61\xff"] {
        assert_malformed(&map(&[("fmt", other), ("attStmt", b"\xa0"), ("authData", &data)]));
    }
    for other in [&b"\x80"[..], b"\xf6", b"\x41\xa0", b"\x60"] {
        assert_malformed(&map(&[("fmt", &format), ("attStmt", other), ("authData", &data)]));
    }
    for other in [&b"\xa0"[..], b"\xf6", b"\x61a", b"\x80"] {
        assert_malformed(&map(&[
            ("fmt", &format),
            ("attStmt", b"\xa0"),
            ("authData", other),
        ]));
    }
}

#[test]
fn refuses_malformed_authenticator_data() {
    let data = authenticator_data();
    let mut without_credential = data[..37].to_vec();
    without_credential[32] = 1;
    let mut trailing = data.clone();
    trailing.push(0);
    for data in [&[][..], &data[..37], &data[..100], &without_credential, &trailing] {
        let object = map(&[
            ("fmt", &text("none")),
            ("attStmt", b"\xa0"),
            ("authData", &bytes(data)),
        ]);
        assert_eq!(parse_error(&object), Some(Error::MalformedAuthenticatorData));
    }
}

#[test]
fn refuses_credentials_with_other_keys() {
    let mut data = authenticator_data();
    let es256 = data.iter().rposition(|byte| *byte == 0x26).unwrap();
    for (algorithm, cause) in [
        (0x25, Error::UnsupportedAlgorithm(-6)),
        (0x27, Error::MalformedPublicKey),
    ] {
        data[es256] = algorithm;
        let object = map(&[
            ("fmt", &text("none")),
            ("attStmt", b"\xa0"),
            ("authData", &bytes(&data)),
        ]);
        assert_eq!(parse_error(&object), Some(cause));
    }
}

#[test]
fn limits_credential_ids_to_1023_bytes() {
    for (length, is_refused) in [(1_u16, false), (1023, false), (0, true), (1024, true)] {
        let id = vec![9; length.into()];
        let parts = [
            &[7; 32][..],
            b"\x41\0\0\0\x05",
            &[5; 16],
            &length.to_be_bytes(),
            &id,
        ];
        let object = map(&[
            ("fmt", &text("none")),
            ("attStmt", b"\xa0"),
            ("authData", &bytes(&[parts.concat(), KEY.concat()].concat())),
        ]);
        let refused = is_refused.then_some(Error::MalformedAuthenticatorData);
        assert_eq!(parse_error(&object), refused, "{length} bytes");
    }
}

#[test]
fn refuses_unknown_formats_by_name() {
    for name in [
        "android-key",
        "android-safetynet",
        "apple",
        "compound",
        "None",
        "!",
        &"x".repeat(32),
    ] {
        let object = object(name, b"\xa1\x01\x02");
        let refused = AttestationObject::parse(&object).unwrap_err();
        assert_eq!(refused, AttestationError::UnsupportedFormat(name));
        let message = format!("attestation statement format {name} is not supported by this version");
        assert_eq!(refused.to_string(), message);
    }
}

#[test]
fn refuses_formats_whose_names_must_not_be_shown() {
    for name in [
        "",
        " none",
        "no ne",
        "none\0",
        "none\n",
        "\x1b[2J",
        "a\"b",
        "a\\b",
        "n\u{f6}ne",
        &"x".repeat(33),
    ] {
        assert_malformed(&object(name, b"\xa0"));
    }
}

#[test]
fn limits_objects_to_64_kib() {
    let with_signature = |length: usize| {
        let signature = bytes(&vec![1; length]);
        object("packed", &map(&[("alg", b"\x26"), ("sig", &signature)]))
    };
    let other_bytes = with_signature(60_000).len() - 60_000;
    let largest = with_signature(ATTESTATION_MAX - other_bytes);
    assert_eq!(largest.len(), ATTESTATION_MAX);
    assert_eq!(parse_error(&largest), None);
    let larger = with_signature(ATTESTATION_MAX - other_bytes + 1);
    assert_eq!(parse_error(&larger), Some(Error::AttestationTooLong));
}

#[test]
fn refuses_deep_nesting_and_lengths_beyond_the_input() {
    assert_malformed(&object("packed", b"\xa1\x63x5c\x81\x81\x81\x80"));
    assert_malformed(&object(
        "packed",
        b"\xa1\x63x5c\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    ));
    assert_malformed(&object(
        "packed",
        b"\xa1\x63sig\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ));
    assert_malformed(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x63fmt\x64none");
}
