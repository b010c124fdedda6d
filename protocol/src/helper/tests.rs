//! Tests of the frames.

use super::*;
use crate::Error;
use crate::fido::client_settings::{ClientSettings, Facets};
use crate::fido::factor::{CredentialRef, UserVerification};

fn message(body: &[u8]) -> Result<Message, Error> {
    decode(body)
}

fn body(message: &Message) -> Vec<u8> {
    let frame = encode(message).unwrap();
    let (prefix, body) = frame.expose().split_at(4);
    assert_eq!(decode_length(prefix.try_into().unwrap()), Ok(body.len()));
    body.to_vec()
}

fn assert_round_trip(message: &Message) {
    let first = body(message);
    assert_eq!(body(&decode(&first).unwrap()), first);
    for length in 0..first.len() {
        assert!(
            decode(&first[..length]).is_err(),
            "{length} of {} bytes",
            first.len()
        );
    }
    let mut longer = first;
    longer.push(0);
    assert_eq!(decode(&longer).err(), Some(Error::MalformedFrame));
}

fn assert_request() -> Assert {
    Assert {
        realm: "KRBTEST.COM".to_owned(),
        settings: ClientSettings {
            rp_id: None,
            public_suffix_list: Some("/etc/list.dat".to_owned()),
            facets_url: Some("https://www.krbtest.com/facets".to_owned()),
            facets: Facets::Kdc,
            devices: vec!["auto".to_owned(), "unix:/run/key".to_owned()],
        },
        kdc_facets_url: Some("https://kdc.krbtest.com/facets".to_owned()),
        timeout_seconds: 60,
        principal: b"alice@KRBTEST.COM".to_vec(),
        nonce: [7; 32],
        transcript: vec![8; 32],
        request_hash: [9; 32],
        parties: vec![RelyingParty {
            rp_id: "krbtest.com".to_owned(),
            credentials: vec![
                CredentialRef {
                    id: vec![1; 64],
                    uv: UserVerification::Preferred,
                },
                CredentialRef {
                    id: vec![2],
                    uv: UserVerification::Required,
                },
            ],
        }],
    }
}

fn failures() -> Vec<Failure> {
    let product = || "Key".to_owned();
    vec![
        Failure::NoKey,
        Failure::WrongKey { product: product() },
        Failure::Declined { product: product() },
        Failure::TimedOut,
        Failure::Cancelled,
        Failure::PinRequiredNotSet { product: product() },
        Failure::PinInvalid {
            product: product(),
            retries: Some(7),
        },
        Failure::PinInvalid {
            product: product(),
            retries: None,
        },
        Failure::PinBlocked { product: product() },
        Failure::PinAuthBlocked { product: product() },
        Failure::NoAcceptedRelyingParty,
        Failure::DeviceUnavailable {
            device: "/dev/hidraw0".to_owned(),
            reason: "Permission denied".to_owned(),
        },
        Failure::InvalidConfiguration {
            relation: "fido_device".to_owned(),
            value: "usb".to_owned(),
        },
        Failure::U2fOnly { product: product() },
        Failure::Device {
            product: product(),
            code: -2,
            text: "FIDO_ERR_RX".to_owned(),
        },
        Failure::Internal,
        Failure::FacetsUnused {
            reason: "timed out".to_owned(),
        },
    ]
}

#[test]
fn assert_survives() {
    let request = assert_request();
    assert_round_trip(&Message::Assert(Box::new(request.clone())));
    let Ok(Message::Assert(decoded)) = message(&body(&Message::Assert(Box::new(request.clone())))) else {
        panic!("another message");
    };
    assert_eq!(*decoded, request);
}

#[test]
fn pin_survives() {
    assert_round_trip(&Message::Pin(SecretBytes::from("1234é".as_bytes())));
    let Ok(Message::Pin(pin)) = message(&body(&Message::Pin(SecretBytes::from(&b"1234"[..])))) else {
        panic!("another message");
    };
    assert!(pin.matches(b"1234"));
}

#[test]
fn probes_and_their_answers_survive() {
    for devices in [&[][..], &["auto"], &["/dev/hidraw0", "unix:/run/key"]] {
        let devices: Vec<String> = devices.iter().map(|device| (*device).to_owned()).collect();
        let probe = Message::Probe(devices.clone());
        assert_round_trip(&probe);
        assert!(matches!(message(&body(&probe)), Ok(Message::Probe(decoded)) if decoded == devices));
    }
    for count in 0..=3 {
        let answer = Message::Attached(attached()[..count].to_vec());
        assert_round_trip(&answer);
        assert!(
            matches!(message(&body(&answer)), Ok(Message::Attached(decoded)) if decoded == attached()[..count])
        );
    }
    assert_eq!(
        body(&Message::Attached(Vec::new())),
        b"\xa3\x00\x03\x01\x08\x02\x80"
    );
    assert_eq!(
        body(&Message::Attached(attached()[1..2].to_vec())),
        b"\xa3\x00\x03\x01\x08\x02\x81\x83\x6c/dev/hidrawZ\x63Key\x83\xf5\x08\xf4"
    );
    assert_eq!(body(&Message::Probe(Vec::new())), b"\xa3\x00\x03\x01\x07\x02\x80");
}

fn attached() -> [AttachedKey; 3] {
    let key = |path: &str, state| AttachedKey {
        path: path.to_owned(),
        product: "Key".to_owned(),
        state,
    };
    let state = |pin_set, pin_retries, builtin_uv| KeyState {
        pin_set,
        pin_retries,
        builtin_uv,
    };
    [
        key("unix:/run/key", None),
        key("/dev/hidrawZ", Some(state(true, Some(8), false))),
        key("/dev/hidraw1", Some(state(false, None, true))),
    ]
}

#[test]
fn choices_survive() {
    for (device, pin) in [
        (None, None),
        (Some("auto"), None),
        (None, Some("1234")),
        (Some("/d"), Some("é")),
    ] {
        let choice = Message::Choose(Choice {
            device: device.map(str::to_owned),
            pin: pin.map(|pin| SecretBytes::from(pin.as_bytes())),
        });
        assert_round_trip(&choice);
        let Ok(Message::Choose(decoded)) = message(&body(&choice)) else {
            panic!("another message");
        };
        assert_eq!(decoded.device.as_deref(), device);
        let decoded = decoded.pin.map(|pin| pin.expose().to_vec());
        assert_eq!(decoded.as_deref(), pin.map(str::as_bytes));
    }
}

#[test]
fn refuses_choices_with_impossible_pins() {
    for pin in [&b""[..], &[b'1'; PIN_MAX + 1], b"\xff"] {
        let choice = Message::Choose(Choice {
            device: None,
            pin: Some(SecretBytes::from(pin)),
        });
        assert_eq!(encode(&choice).err(), Some(Error::MalformedFrame), "{pin:02x?}");
    }
    for frame in [
        &b"\xa4\x00\x03\x01\x0b\x02\xf6\x03\x40"[..],
        b"\xa4\x00\x03\x01\x0b\x02\xf6\x03\x61\x31",
        b"\xa4\x00\x03\x01\x0b\x02\x40\x03\xf6",
        b"\xa3\x00\x03\x01\x0b\x02\xf6",
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame), "{frame:02x?}");
    }
}

#[test]
fn skipped_parties_and_unused_facet_lists_survive() {
    for rp_id in ["", "example.com", "krb5realm:KRBTEST.COM", "\u{1b}[2J\n"] {
        let skipped = Message::Skipped(rp_id.to_owned());
        assert_round_trip(&skipped);
        assert!(matches!(message(&body(&skipped)), Ok(Message::Skipped(decoded)) if decoded == rp_id));
        let unused = Message::FacetsUnused(rp_id.to_owned());
        assert_round_trip(&unused);
        assert!(matches!(message(&body(&unused)), Ok(Message::FacetsUnused(decoded)) if decoded == rp_id));
    }
}

#[test]
fn refuses_other_forms_of_probes_and_their_answers() {
    for frame in [
        &b"\xa2\x00\x03\x01\x07"[..],
        b"\xa3\x00\x03\x01\x07\x02\xf6",
        b"\xa3\x00\x03\x01\x07\x02\x64auto",
        b"\xa3\x00\x03\x01\x07\x02\x81\x01",
        b"\xa3\x00\x03\x01\x07\x02\x9f\xff",
        b"\xa3\x00\x03\x01\x07\x02\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa2\x00\x03\x01\x08",
        b"\xa3\x00\x03\x01\x08\x02\x01",
        b"\xa3\x00\x03\x01\x08\x02\xf6",
        b"\xa4\x00\x03\x01\x08\x02\x80\x03\x80",
        b"\xa3\x00\x03\x01\x08\x02\xf5",
        b"\xa3\x00\x03\x01\x08\x02\x81\x82\x61K\x61K",
        b"\xa3\x00\x03\x01\x08\x02\x81\x83\x61K\x61K\x80",
        b"\xa3\x00\x03\x01\x09\x02\x41K",
        b"\xa3\x00\x03\x01\x09\x02\xf6",
        b"\xa3\x00\x03\x01\x04\x02\x80",
        b"\xa3\x00\x03\x01\x04\x02\x61K",
        b"\xa3\x00\x03\x01\x0a\x02\x00",
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame), "{frame:02x?}");
    }
}

#[test]
fn messages_of_the_helper_survive() {
    assert_round_trip(&Message::TouchNow(vec!["Key".to_owned()]));
    assert_round_trip(&Message::TouchNow(vec!["Key".to_owned(), String::new()]));
    assert_round_trip(&Message::Assertion(FidoAssertion {
        credential_id: vec![1; 64],
        authenticator_data: vec![2; 37],
        signature: vec![3; 70],
    }));
}

#[test]
fn every_question_for_a_pin_survives() {
    let reasons = [
        PinReason::Demanded,
        PinReason::WrongPin,
        PinReason::NotRecognized,
        PinReason::Hidden,
    ];
    for reason in reasons {
        for retries in [None, Some(0), Some(8)] {
            let product = "Key".to_owned();
            let wanted = PinWanted {
                product,
                retries,
                reason,
            };
            assert_round_trip(&Message::PinWanted(wanted.clone()));
            let encoded = body(&Message::PinWanted(wanted.clone()));
            assert!(matches!(message(&encoded), Ok(Message::PinWanted(decoded)) if decoded == wanted));
        }
    }
    let frame = |reason| [&b"\xa5\x00\x03\x01\x03\x02\x61K\x03\x08\x04"[..], &[reason]].concat();
    assert!(message(&frame(3)).is_ok());
    assert_eq!(message(&frame(4)).err(), Some(Error::MalformedFrame));
    assert_eq!(message(&frame(0xf6)).err(), Some(Error::MalformedFrame));
}

#[test]
fn every_failure_survives() {
    for failure in failures() {
        assert_round_trip(&Message::Failed(failure.clone()));
        let Ok(Message::Failed(decoded)) = message(&body(&Message::Failed(failure.clone()))) else {
            panic!("another message");
        };
        assert_eq!(decoded, failure);
        assert_round_trip(&Message::Waiting(failure.clone()));
        let Ok(Message::Waiting(decoded)) = message(&body(&Message::Waiting(failure.clone()))) else {
            panic!("another message");
        };
        assert_eq!(decoded, failure);
    }
}

#[test]
fn layout_of_a_frame_is_fixed() {
    let frame = encode(&Message::Skipped("K".to_owned())).unwrap();
    assert_eq!(frame.expose(), b"\x00\x00\x00\x08\xa3\x00\x03\x01\x09\x02\x61K");
    assert_eq!(
        body(&Message::TouchNow(vec!["K".to_owned()])),
        b"\xa3\x00\x03\x01\x04\x02\x81\x61K"
    );
}

#[test]
fn refuses_other_versions() {
    for version in [0, 1, 2, 4, 23] {
        let frame = [0xa3, 0x00, version, 0x01, 0x09, 0x02, 0x61, b'K'];
        assert_eq!(message(&frame).err(), Some(Error::UnknownFrameVersion));
    }
}

#[test]
fn refuses_unknown_messages() {
    for kind in [0, 13, 23] {
        let frame = [0xa3, 0x00, 0x03, 0x01, kind, 0x02, 0x61, b'K'];
        assert_eq!(message(&frame).err(), Some(Error::UnknownMessage));
    }
}

#[test]
fn refuses_keys_out_of_order() {
    for frame in [
        &b"\xa3\x01\x03\x00\x09\x02\x61K"[..],
        &b"\xa3\x00\x03\x01\x09\x03\x61K"[..],
        &b"\xa3\x00\x03\x00\x09\x02\x61K"[..],
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame));
    }
}

#[test]
fn refuses_missing_and_surplus_entries() {
    for frame in [
        &b"\xa2\x00\x03\x01\x09"[..],
        &b"\xa4\x00\x03\x01\x09\x02\x61K\x03\x01"[..],
        &b"\xa2\x00\x03\x01\x09\x02\x61K"[..],
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame));
    }
}

#[test]
fn refuses_indefinite_lengths() {
    assert_eq!(
        message(b"\xbf\x00\x03\x01\x09\x02\x61K\xff").err(),
        Some(Error::MalformedFrame)
    );
    assert_eq!(
        message(b"\xa3\x00\x03\x01\x09\x02\x7f\x61K\xff").err(),
        Some(Error::MalformedFrame)
    );
}

#[test]
fn refuses_values_of_other_types() {
    for frame in [
        &b"\x80"[..],
        &b"\xa3\x00\x61\x32\x01\x09\x02\x61K"[..],
        &b"\xa3\x00\x03\x01\x09\x02\x41K"[..],
        &b"\xa3\x00\x03\x01\x09\x02\xf6"[..],
        &b"\xa3\x00\x03\x01\x09\x02\x61\xff"[..],
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame));
    }
}

#[test]
fn refuses_oversize() {
    assert_eq!(
        decode_length([0, 2, 0, 0]),
        Ok(BODY_MAX),
        "the limit itself is allowed"
    );
    assert_eq!(decode_length([0, 2, 0, 1]), Err(Error::MessageTooLong));
    assert_eq!(decode_length([0xff; 4]), Err(Error::MessageTooLong));
    assert_eq!(message(&vec![0; BODY_MAX + 1]).err(), Some(Error::MessageTooLong));
    let huge = Message::Skipped("K".repeat(BODY_MAX));
    assert_eq!(encode(&huge).err(), Some(Error::MessageTooLong));
}

#[test]
fn does_not_believe_the_number_of_elements() {
    let mut request = assert_request();
    request.settings.devices = vec!["auto".to_owned()];
    let mut frame = body(&Message::Assert(Box::new(request)));
    let devices = frame
        .windows(6)
        .position(|bytes| bytes == b"\x81\x64auto")
        .unwrap();
    frame.splice(
        devices..=devices,
        [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    );
    assert_eq!(message(&frame).err(), Some(Error::MalformedFrame));
}

#[test]
fn refuses_empty_lists() {
    let mut request = assert_request();
    request.parties[0].credentials.clear();
    let frame = body(&Message::Assert(Box::new(request.clone())));
    assert_eq!(message(&frame).err(), Some(Error::MalformedFrame));
    request.parties.clear();
    let frame = body(&Message::Assert(Box::new(request)));
    assert_eq!(message(&frame).err(), Some(Error::MalformedFrame));
}

#[test]
fn refuses_credential_ids_of_impossible_length() {
    for length in [0, 1024] {
        let mut request = assert_request();
        request.parties[0].credentials[0].id = vec![1; length];
        let frame = body(&Message::Assert(Box::new(request)));
        assert_eq!(
            message(&frame).err(),
            Some(Error::MalformedFrame),
            "{length} bytes"
        );
    }
}

#[test]
fn refuses_unknown_user_verification() {
    let mut frame = body(&Message::Assert(Box::new(assert_request())));
    assert_eq!(frame.pop(), Some(2));
    frame.push(3);
    assert_eq!(message(&frame).err(), Some(Error::MalformedFrame));
}

#[test]
fn refuses_impossible_pins() {
    for pin in [&b""[..], b"\xff\xff", &[b'1'; PIN_MAX + 1]] {
        assert_eq!(
            encode(&Message::Pin(SecretBytes::from(pin))).err(),
            Some(Error::MalformedFrame)
        );
    }
    for frame in [
        &b"\xa3\x00\x03\x01\x02\x02\x40"[..],
        &b"\xa3\x00\x03\x01\x02\x02\x42\xff\xff"[..],
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame));
    }
    let mut long = b"\xa3\x00\x03\x01\x02\x02\x58\x40".to_vec();
    long.extend_from_slice(&[b'1'; PIN_MAX + 1]);
    assert_eq!(message(&long).err(), Some(Error::MalformedFrame));
}

#[test]
fn refuses_unknown_causes_and_wrong_numbers_of_fields() {
    for frame in [
        &b"\xa4\x00\x03\x01\x06\x02\x10\x03\x80"[..],
        &b"\xa4\x00\x03\x01\x06\x02\x00\x03\x81\x61K"[..],
        &b"\xa4\x00\x03\x01\x06\x02\x01\x03\x80"[..],
    ] {
        assert_eq!(message(frame).err(), Some(Error::MalformedFrame));
    }
}
