#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;

const HELLO: &[u8] = b"\xa0\x09\x30\x07\xa0\x05\x30\x03\x02\x01\x01";
const ASSERTION: &[u8] =
    b"\xa2\x14\x30\x12\xa0\x03\x04\x01\x0a\xa1\x04\x04\x02\x0b\x0b\xa2\x05\x04\x03\x0c\x0c\x0c";
const NOTICE: &[u8] = b"\xa3\x0e\x30\x0c\xa0\x03\x0a\x01\x01\xa1\x05\x0c\x03u:/";

/// A DER value: one-byte tag, minimal length.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match u8::try_from(length) {
        Ok(short @ 0..0x80) => vec![tag, short],
        Ok(byte) => vec![tag, 0x81, byte],
        Err(_) => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&header, content].concat()
}

fn sequence(fields: &[&[u8]]) -> Vec<u8> {
    value(0x30, &fields.concat())
}

fn message(alternative: u8, fields: &[&[u8]]) -> Vec<u8> {
    value(0xa0 | alternative, &sequence(fields))
}

fn octets(number: u8, length: usize) -> Vec<u8> {
    value(0xa0 | number, &value(0x04, &vec![7; length]))
}

fn credential(id_length: usize, uv: u8) -> Vec<u8> {
    sequence(&[&octets(0, id_length), &[0xa1, 3, 0x0a, 1, uv]])
}

fn party(credentials: &[&[u8]]) -> Vec<u8> {
    let list = value(0xa1, &sequence(credentials));
    sequence(&[b"\xa0\x07\x0c\x05r.org", &list])
}

fn parties(parties: &[&[u8]]) -> Vec<u8> {
    value(0xa2, &sequence(parties))
}

/// An unpadded challenge with `rest` behind the known fields.
fn challenge_message(version: u8, nonce: usize, parties: &[u8], rest: &[u8]) -> Vec<u8> {
    message(1, &[&[0xa0, 3, 2, 1, version], &octets(1, nonce), parties, rest])
}

fn one_party() -> Vec<u8> {
    parties(&[&party(&[&credential(1, 1)])])
}

fn challenge(id_length: usize) -> FidoChallenge {
    FidoChallenge {
        nonce: [7; 32],
        parties: vec![RelyingParty {
            rp_id: "r.org".to_owned(),
            credentials: vec![CredentialRef {
                id: vec![7; id_length],
                uv: UserVerification::Preferred,
            }],
        }],
        facets_url: None,
    }
}

fn assert_round_trip(bytes: &[u8], expected: &FidoFactor) {
    assert_eq!(FidoFactor::decode(bytes).as_ref(), Ok(expected));
    assert_eq!(expected.encode().as_deref(), Ok(bytes));
}

fn assert_refused(bytes: &[u8], error: Error) {
    assert_eq!(FidoFactor::decode(bytes), Err(error), "{bytes:02x?}");
}

fn assert_damage_refused(bytes: &[u8]) {
    for end in 0..bytes.len() {
        assert!(FidoFactor::decode(&bytes[..end]).is_err(), "{end} bytes");
    }
    assert_refused(&[bytes, b"\x00"].concat(), Error::MalformedDer);
}

#[test]
fn hello_round_trip() {
    let hello = FidoHello { versions: vec![1] };
    assert!(hello.supports(FIDO_VERSION) && !hello.supports(2));
    assert_round_trip(HELLO, &FidoFactor::Hello(hello));
    assert_damage_refused(HELLO);
}

#[test]
fn hello_limits() {
    let hello = |versions: &[u8]| {
        FidoFactor::Hello(FidoHello {
            versions: versions.to_vec(),
        })
        .encode()
    };
    let list = |integers: &[u8]| message(0, &[&value(0xa0, &value(0x30, integers))]);
    for versions in [&[1, 2, 3, 4, 5, 6, 7, 127][..], &[127]] {
        assert!(FidoFactor::decode(&hello(versions).unwrap()).is_ok());
    }
    for versions in [&[][..], &[1; 9], &[0], &[128], &[255]] {
        assert_eq!(hello(versions), Err(Error::ValueOutOfRange));
    }
    assert_refused(&list(b""), Error::MalformedDer);
    assert_refused(&list(&b"\x02\x01\x01".repeat(9)), Error::ValueOutOfRange);
    for integer in [
        &b"\x02\x01\x00"[..],
        b"\x02\x01\xff",
        b"\x02\x02\x00\x80",
        b"\x02\x02\x01\x01",
    ] {
        assert_refused(&list(integer), Error::ValueOutOfRange);
    }
    assert_refused(&list(b"\x02\x05\x01\x00\x00\x00\x00"), Error::MalformedDer);
}

#[test]
fn assertion_round_trip() {
    let assertion = FidoAssertion {
        credential_id: vec![0x0a],
        authenticator_data: vec![0x0b; 2],
        signature: vec![0x0c; 3],
    };
    assert_round_trip(ASSERTION, &FidoFactor::Assertion(assertion));
    assert_damage_refused(ASSERTION);
}

#[test]
fn assertion_limits() {
    let assertion = |id| message(2, &[&octets(0, id), &octets(1, 0), &octets(2, 0)]);
    for id in [1, CREDENTIAL_ID_MAX] {
        let decoded = FidoFactor::decode(&assertion(id)).unwrap();
        assert_eq!(decoded.encode().unwrap(), assertion(id));
    }
    for id in [0, CREDENTIAL_ID_MAX + 1] {
        assert_refused(&assertion(id), Error::ValueOutOfRange);
        let factor = FidoFactor::Assertion(FidoAssertion {
            credential_id: vec![0; id],
            authenticator_data: vec![],
            signature: vec![],
        });
        assert_eq!(factor.encode(), Err(Error::ValueOutOfRange));
    }
}

#[test]
fn assertion_of_more_than_64_kib() {
    let factor = FidoFactor::Assertion(FidoAssertion {
        credential_id: vec![0],
        authenticator_data: vec![0; MESSAGE_MAX],
        signature: vec![],
    });
    assert_eq!(factor.encode(), Err(Error::MessageTooLong));
    assert_refused(&vec![0xa2; MESSAGE_MAX + 1], Error::MessageTooLong);
}

#[test]
fn notice_round_trip() {
    let notice = FidoNotice {
        code: NoticeCode::NoneUsable,
        enrol_url: Some("u:/".to_owned()),
    };
    assert_round_trip(NOTICE, &FidoFactor::Notice(notice));
    assert_damage_refused(NOTICE);
    let without_url = FidoNotice {
        code: NoticeCode::EnrolRequired,
        enrol_url: None,
    };
    let bytes = message(3, &[b"\xa0\x03\x0a\x01\x00"]);
    assert_round_trip(&bytes, &FidoFactor::Notice(without_url));
}

#[test]
fn notice_with_unknown_code() {
    assert_refused(&message(3, &[b"\xa0\x03\x0a\x01\x02"]), Error::UnknownEnumerated);
    assert_refused(&message(3, &[b"\xa0\x03\x0a\x01\x80"]), Error::MalformedDer);
    assert_refused(&message(3, &[b"\xa0\x04\x0a\x02\x00\x01"]), Error::MalformedDer);
}

#[test]
fn challenge_is_decoded_with_or_without_padding() {
    let expected = FidoFactor::Challenge(challenge(1));
    for rest in [vec![], octets(4, 0), octets(4, 300)] {
        let bytes = challenge_message(1, 32, &one_party(), &rest);
        assert_eq!(FidoFactor::decode(&bytes).as_ref(), Ok(&expected));
        assert_damage_refused(&bytes);
    }
    let padding_of_another_type = value(0xa4, &value(0x0c, b""));
    let bytes = challenge_message(1, 32, &one_party(), &padding_of_another_type);
    assert_refused(&bytes, Error::MalformedDer);
}

#[test]
fn challenge_round_trip_with_facets() {
    let mut challenge = challenge(1023);
    challenge.facets_url = Some("https://r.org/facets".to_owned());
    challenge.parties.push(RelyingParty {
        rp_id: "krb5realm:R.ORG".to_owned(),
        credentials: [UserVerification::Discouraged, UserVerification::Required]
            .map(|uv| CredentialRef { id: vec![1], uv })
            .to_vec(),
    });
    let bytes = challenge.encode_padded(0).unwrap();
    assert_eq!(FidoFactor::decode(&bytes), Ok(FidoFactor::Challenge(challenge)));
    assert_damage_refused(&bytes);
}

#[test]
fn challenge_is_padded_to_a_multiple_at_every_length() {
    for (url, id) in (1..=1023).map(|id| (0, id)).chain((0..1100).map(|url| (url, 1))) {
        let mut challenge = challenge(id);
        challenge.facets_url = Some("u".repeat(url));
        let bytes = FidoFactor::Challenge(challenge.clone()).encode().unwrap();
        assert_eq!(bytes.len() % 1024, 0, "url {url}, id {id}");
        assert!(bytes.len() <= 3072);
        assert_eq!(FidoFactor::decode(&bytes), Ok(FidoFactor::Challenge(challenge)));
    }
}

#[test]
fn challenge_padding_is_the_least() {
    assert_eq!(challenge(1).encode_padded(0).unwrap().len(), 1024);
    let exact = (0..2048).find(|fields| find_padding(*fields, 0) == Some(None));
    assert_eq!(exact, Some(1024 - 8));
    assert_eq!(find_padding(1024 - 8 - 4, 0), Some(Some(0)));
    assert_eq!(find_padding(1024 - 8 - 3, 0), Some(Some(1024 - 5)));
    for fields in 0..=65_536_usize {
        let unpadded = encoded_length(encoded_length(fields));
        let added = find_padding(fields, 0).unwrap().map_or(0, |length| {
            encoded_length(encoded_length(fields + encoded_length(encoded_length(length)))) - unpadded
        });
        assert_eq!((unpadded + added) % 1024, 0);
        assert!(added <= 2048 + 8, "{fields}");
    }
}

#[test]
fn challenge_is_padded_to_a_minimum() {
    for (minimum, expected) in [
        (0, 1024),
        (1024, 1024),
        (1025, 2048),
        (1400, 2048),
        (4095, 4096),
        (4096, 4096),
    ] {
        for id in 1..=600 {
            let bytes = challenge(id).encode_padded(minimum).unwrap();
            assert_eq!(bytes.len(), expected, "id {id}, minimum {minimum}");
            assert_eq!(FidoFactor::decode_clear_challenge(&bytes), Ok(challenge(id)));
        }
    }
    let long = challenge(1023).encode_padded(1024).unwrap();
    assert_eq!(long.len(), 2048);
}

#[test]
fn challenge_in_the_clear_names_no_facet_list() {
    let mut challenge = challenge(1);
    challenge.facets_url = Some("https://r.org/facets".to_owned());
    let bytes = challenge.encode_padded(0).unwrap();
    assert_eq!(
        FidoFactor::decode_clear_challenge(&bytes),
        Err(Error::FacetsUrlInClear)
    );
}

#[test]
fn only_a_challenge_stands_in_the_clear() {
    for bytes in [HELLO, ASSERTION, NOTICE] {
        let refused = FidoFactor::decode_clear_challenge(bytes);
        assert_eq!(refused, Err(Error::UnexpectedMessage));
    }
    for (bytes, error) in [
        (&b""[..], Error::MalformedDer),
        (b"\xa1\x02\x30\x00", Error::MalformedDer),
        (b"\xa4\x02\x30\x00", Error::UnknownMessage),
    ] {
        assert_eq!(FidoFactor::decode_clear_challenge(bytes), Err(error));
    }
}

#[test]
fn challenge_up_to_64_kib() {
    let mut challenge = challenge(1);
    challenge.facets_url = Some("u".repeat(65_400));
    assert_eq!(challenge.encode_padded(0).unwrap().len(), MESSAGE_MAX);
    challenge.facets_url = Some("u".repeat(65_500));
    assert_eq!(challenge.encode_padded(0), Err(Error::MessageTooLong));
}

#[test]
fn challenge_limits() {
    let party_with = |id| parties(&[&party(&[&credential(id, 1)])]);
    for id in [1, CREDENTIAL_ID_MAX] {
        assert!(FidoFactor::decode(&challenge_message(1, 32, &party_with(id), b"")).is_ok());
    }
    for id in [0, CREDENTIAL_ID_MAX + 1] {
        let bytes = challenge_message(1, 32, &party_with(id), b"");
        assert_refused(&bytes, Error::ValueOutOfRange);
        assert_eq!(challenge(id).encode_padded(0), Err(Error::ValueOutOfRange));
    }
    for nonce in [0, 31, 33] {
        let bytes = challenge_message(1, nonce, &one_party(), b"");
        assert_refused(&bytes, Error::ValueOutOfRange);
    }
    for version in [0, 2, 0xff] {
        let bytes = challenge_message(version, 32, &one_party(), b"");
        assert_refused(&bytes, Error::UnsupportedFactorVersion);
    }
}

#[test]
fn challenge_with_empty_lists() {
    assert_refused(&challenge_message(1, 32, &parties(&[]), b""), Error::MalformedDer);
    let no_credential = parties(&[&party(&[])]);
    assert_refused(
        &challenge_message(1, 32, &no_credential, b""),
        Error::MalformedDer,
    );
    let mut challenge = challenge(1);
    challenge.parties[0].credentials.clear();
    assert_eq!(challenge.encode_padded(0), Err(Error::ValueOutOfRange));
    challenge.parties.clear();
    assert_eq!(challenge.encode_padded(0), Err(Error::ValueOutOfRange));
}

#[test]
fn challenge_with_unknown_user_verification() {
    for uv in [3, 127] {
        let parties = parties(&[&party(&[&credential(1, uv)])]);
        assert_refused(&challenge_message(1, 32, &parties, b""), Error::UnknownEnumerated);
    }
}

#[test]
fn strings_that_are_not_utf8() {
    let notice = message(3, &[b"\xa0\x03\x0a\x01\x00", b"\xa1\x04\x0c\x02\xc0\x80"]);
    assert_refused(&notice, Error::MalformedDer);
    let bad_url = b"\xa3\x03\x0c\x01\xff";
    assert_refused(
        &challenge_message(1, 32, &one_party(), bad_url),
        Error::MalformedDer,
    );
}

#[test]
fn wrong_types() {
    let ia5_url = message(3, &[b"\xa0\x03\x0a\x01\x00", b"\xa1\x03\x16\x01u"]);
    assert_refused(&ia5_url, Error::MalformedDer);
    let integer_code = message(3, &[b"\xa0\x03\x02\x01\x00"]);
    assert_refused(&integer_code, Error::MalformedDer);
    let bit_string_id = message(2, &[b"\xa0\x04\x03\x02\x00\x0a", &octets(1, 1), &octets(2, 1)]);
    assert_refused(&bit_string_id, Error::MalformedDer);
    let set_for_sequence = value(0xa3, &value(0x31, b"\xa0\x03\x0a\x01\x00"));
    assert_refused(&set_for_sequence, Error::MalformedDer);
    assert_refused(b"\x30\x05\xa0\x03\x0a\x01\x00", Error::MalformedDer);
    assert_refused(b"\x80\x07\x30\x05\xa0\x03\x0a\x01\x00", Error::MalformedDer);
}

#[test]
fn unknown_elements_are_skipped() {
    let later = octets(9, 3);
    let hello = message(0, &[b"\xa0\x05\x30\x03\x02\x01\x01", &later]);
    assert!(FidoFactor::decode(&hello).is_ok());
    let assertion = message(2, &[&octets(0, 1), &octets(1, 1), &octets(2, 1), &later]);
    assert!(FidoFactor::decode(&assertion).is_ok());
    let notice = message(3, &[b"\xa0\x03\x0a\x01\x00", &later]);
    assert!(FidoFactor::decode(&notice).is_ok());
    let extended = sequence(&[&octets(0, 1), b"\xa1\x03\x0a\x01\x01", &later]);
    let list = value(0xa1, &sequence(&[&extended]));
    let extended_party = sequence(&[b"\xa0\x07\x0c\x05r.org", &list, &later]);
    let bytes = challenge_message(1, 32, &parties(&[&extended_party]), &later);
    assert_eq!(
        FidoFactor::decode(&bytes),
        Ok(FidoFactor::Challenge(challenge(1)))
    );
}

#[test]
fn missing_elements() {
    assert_refused(&message(0, &[]), Error::MalformedDer);
    assert_refused(&message(2, &[&octets(0, 1), &octets(2, 1)]), Error::MalformedDer);
    assert_refused(&message(3, &[b"\xa1\x03\x0c\x01u"]), Error::MalformedDer);
    assert_refused(&challenge_message(1, 32, b"", b""), Error::MalformedDer);
}

#[test]
fn unknown_alternatives_and_trailing_values() {
    assert_refused(b"\xa4\x02\x30\x00", Error::UnknownMessage);
    assert_refused(&[HELLO, HELLO].concat(), Error::MalformedDer);
    let two_inside = value(0xa0, &[&HELLO[2..], &HELLO[2..]].concat());
    assert_refused(&two_inside, Error::MalformedDer);
}

#[test]
fn user_verification_is_ordered_and_spelt() {
    let all = ["discouraged", "preferred", "required"].map(|word| UserVerification::parse(word).unwrap());
    assert!(all.is_sorted() && all[0] < all[1] && all[1] < all[2]);
    assert_eq!(
        all.map(UserVerification::as_str),
        ["discouraged", "preferred", "required"]
    );
    for word in ["", "Required", "required ", "none"] {
        assert_eq!(UserVerification::parse(word), Err(Error::UnknownUserVerification));
    }
}
