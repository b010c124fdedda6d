//! Messages between client and KDC, and between client module and helper.

use krb5_fido_protocol::{
    Error,
    fido::{
        factor::FidoFactor,
        question::{Answer, Factor},
    },
    helper::{BODY_MAX, Message, PIN_MAX, decode, decode_length, encode},
    registry::MESSAGE_MAX,
    secret::SecretBytes,
    spake::message::{PaSpake, SecondFactor},
};
use serde_json::Value;

/// The shortest element that an extensible SEQUENCE skips: an empty one, tag and length.
const EXTENSION_MIN: usize = 2;

/// The largest padding behind a decrypted factor.
const PADDING_MAX: usize = 7;

/// How much longer than its fields, at most, the padding makes a challenge.
const CHALLENGE_GROWTH: usize = 3 * 1024;

/// PA-SPAKE messages and the factors inside.
///
/// # Panics
/// If a message is not written as it was read, extensions apart.
pub fn pa_spake(data: &[u8]) {
    if let Ok(message) = PaSpake::decode(data) {
        let written = message.encode().expect("what was read is not too long");
        assert_eq!(PaSpake::decode(&written).as_ref(), Ok(&message));
        assert_same_but_for_extensions(&written, data);
    }
    if let Ok(factor) = SecondFactor::decode_padded(data) {
        let written = factor.encode().expect("what was read is not too long");
        let padding = data.strip_prefix(written.as_slice());
        assert!(padding.is_some_and(|padding| padding.len() <= PADDING_MAX));
    }
}

/// What a program answers to the responder question.
///
/// # Panics
/// If it is not read as krb5_fido.h describes it.
pub fn responder_answer(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let value: Option<Value> = serde_json::from_str(text).ok();
    let Ok(answer) = Answer::parse(text) else { return };
    let value = value.expect("it was read");
    let member = |name| value.get(name).and_then(Value::as_str);
    assert_eq!(answer.choice.device.as_deref(), member("device"));
    let pin = answer.choice.pin.as_ref().map(SecretBytes::expose);
    assert_eq!(pin, member("pin").map(str::as_bytes));
    assert!(pin.is_none_or(|pin| (1..=PIN_MAX).contains(&pin.len())));
    let factor = answer.factor.map(|factor| match factor {
        Factor::Fido => "fido",
        Factor::None => "none",
    });
    assert_eq!(factor, member("factor"));
    // A choice can always be passed on.
    assert!(encode(&Message::Choose(answer.choice)).is_ok() || text.len() > BODY_MAX / 2);
}

/// Messages of SF-FIDO.
///
/// # Panics
/// If a message is not written as it was read, extensions and padding apart.
pub fn factor(data: &[u8]) {
    let Ok(message) = FidoFactor::decode(data) else {
        return;
    };
    match (message.encode(), &message) {
        (Ok(written), _) => {
            assert_eq!(FidoFactor::decode(&written).as_ref(), Ok(&message));
            assert!(written.len() <= MESSAGE_MAX);
            match message {
                FidoFactor::Challenge(_) => assert_eq!(written.len() % 1024, 0),
                _ => assert_same_but_for_extensions(&written, data),
            }
        }
        (Err(error), FidoFactor::Challenge(_)) => {
            assert_eq!(error, Error::MessageTooLong);
            assert!(data.len() + CHALLENGE_GROWTH > MESSAGE_MAX);
        }
        (Err(error), _) => panic!("{error}"),
    }
}

fn assert_same_but_for_extensions(written: &[u8], read: &[u8]) {
    assert!(written == read || written.len() + EXTENSION_MIN <= read.len());
}

/// Bodies of frames between client module and helper.
///
/// # Panics
/// If what is written of a message is not read again as the same.
pub fn helper_frames(data: &[u8]) {
    let Ok(message) = decode(data) else {
        return;
    };
    // Only an encoding that is not the shortest can be longer than what is written.
    let frame = encode(&message).expect("what was read is not too long");
    let (prefix, body) = frame.expose().split_first_chunk().expect("a length comes first");
    assert_eq!(decode_length(*prefix), Ok(body.len()));
    assert!(body.len() <= data.len() && data.len() <= BODY_MAX);
    assert!(body.len() < data.len() || body == data);

    let again = decode(body).expect("what was written is read");
    assert!(encode(&again).is_ok_and(|again| again.matches(frame.expose())));
}
