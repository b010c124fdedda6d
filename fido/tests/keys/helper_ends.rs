//! krb5-fido-helper ends when its module goes, when a signal comes, and when it is sent garbage.

use std::time::Instant;

use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{BODY_MAX, Choice, Failure, Message, encode},
};
use rustix::process::Signal;

use crate::support::{
    PATIENCE,
    helper_process::{Helper, request},
    scripted_key::{Answer, CLIENT_PIN, Information, ScriptedKey, holding},
    wait_until,
};

const ID: &[u8] = b"credential";

fn waiting_key() -> ScriptedKey {
    ScriptedKey::start(Information::default(), holding(ID, || Answer::AwaitTouch))
}

/// A helper whose key waits for a touch.
fn waiting_helper(key: &ScriptedKey) -> Helper {
    let mut helper = Helper::asked(&request(&key.device(), &[ID], UserVerification::Discouraged));
    helper.expect_touch();
    helper
}

/// A helper that waits for a PIN.
fn helper_wanting_pin(key: &ScriptedKey) -> Helper {
    let mut helper = Helper::asked(&request(&key.device(), &[ID], UserVerification::Required));
    helper.expect_pin_wanted();
    helper
}

fn pin_key() -> ScriptedKey {
    let information = Information {
        options: vec![("clientPin", true)],
        ..Information::default()
    };
    let mut held = holding(ID, || Answer::AwaitTouch);
    ScriptedKey::start(information, move |command, parameters| match command {
        CLIENT_PIN => Answer::Cbor(vec![0xa1, 0x03, 8]),
        _ => held(command, parameters),
    })
}

#[test]
fn before_the_request() {
    assert!(Helper::start().hang_up().ended_quietly());
}

#[test]
fn by_a_probe_where_a_pin_is_wanted() {
    let key = pin_key();
    let mut helper = helper_wanting_pin(&key);
    helper.send(&Message::Probe(Vec::new()));
    assert_eq!(helper.expect_failure(), Failure::Internal);
}

#[test]
fn in_the_middle_of_a_frame() {
    let request = request("none", &[ID], UserVerification::Preferred);
    let frame = encode(&Message::Assert(Box::new(request))).unwrap();
    for length in [1, 4, 5, frame.expose().len() - 1] {
        let mut helper = Helper::start();
        helper.send_bytes(&frame.expose()[..length]);
        assert!(helper.hang_up().ended_quietly(), "{length} bytes");
    }
}

#[test]
fn while_the_key_waits_for_a_touch() {
    let key = waiting_key();
    assert!(waiting_helper(&key).hang_up().ended_quietly());
    wait_until("the key is cancelled", || key.cancellations() > 0);
}

#[test]
fn while_a_pin_is_wanted() {
    let key = pin_key();
    assert!(helper_wanting_pin(&key).hang_up().ended_quietly());
    wait_until("the key is closed", || key.cancellations() > 0);
}

#[test]
fn although_the_key_does_not_answer() {
    let key = ScriptedKey::start(Information::default(), holding(ID, || Answer::Silence));
    let started = Instant::now();
    assert!(waiting_helper(&key).hang_up().ended_quietly());
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn by_signal_while_the_key_waits_for_a_touch() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let key = waiting_key();
        let helper = waiting_helper(&key);
        helper.signal(signal);
        assert_eq!(helper.expect_failure(), Failure::Cancelled, "{signal:?}");
        wait_until("the key is cancelled", || key.cancellations() > 0);
    }
}

#[test]
fn by_signal_while_a_pin_is_wanted() {
    let key = pin_key();
    let helper = helper_wanting_pin(&key);
    helper.signal(Signal::INT);
    assert_eq!(helper.expect_failure(), Failure::Cancelled);
}

#[test]
fn by_frames_that_are_none() {
    let oversize = u32::try_from(BODY_MAX + 1).unwrap().to_be_bytes();
    for garbage in [
        &b"\x00\x00\x00\x00"[..],
        b"\x00\x00\x00\x01\xff",
        b"\x00\x00\x00\x08\xa3\x00\x02\x01\x09\x02\x61K",
        b"\x00\x00\x00\x08\xa3\x00\x03\x01\x0d\x02\x61K",
        b"GET / HTTP/1.0\r\n\r\n",
        &oversize,
    ] {
        let mut helper = Helper::start();
        helper.send_bytes(garbage);
        assert_eq!(helper.expect_failure(), Failure::Internal, "{garbage:?}");
    }
}

#[test]
fn by_a_first_message_that_asks_nothing() {
    for message in [
        Message::TouchNow(vec!["key".to_owned()]),
        Message::Failed(Failure::NoKey),
        Message::Pin(b"1234"[..].into()),
        Message::Attached(Vec::new()),
        Message::Choose(Choice::default()),
        Message::Skipped("example.com".to_owned()),
    ] {
        let mut helper = Helper::start();
        helper.send(&message);
        assert_eq!(helper.expect_failure(), Failure::Internal);
    }
}

#[test]
fn by_an_answer_that_is_no_pin() {
    let key = pin_key();
    let mut helper = helper_wanting_pin(&key);
    helper.send(&Message::TouchNow(vec!["key".to_owned()]));
    assert_eq!(helper.expect_failure(), Failure::Internal);
}

#[test]
fn by_garbage_while_the_key_waits_for_a_touch() {
    let key = waiting_key();
    let mut helper = waiting_helper(&key);
    helper.send_bytes(b"\x00\x00\x00\x01\xff");
    assert_eq!(helper.expect_failure(), Failure::Internal);
    wait_until("the key is cancelled", || key.cancellations() > 0);
}
