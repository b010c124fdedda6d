//! krb5-fido-helper tells which keys are there, and lets a program choose.

use krb5_fido_keys::Registration;
use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{AttachedKey, Failure, KeyState, PinReason},
};

use crate::support::{
    helper_process::{Helper, request, request_of},
    open,
    registered::{PIN, USER_PRESENT, USER_VERIFIED, pin, register, verify_login},
    scripted_key::{Answer, Information, ScriptedKey},
    software_key::SoftwareKey,
};

/// A software key with a credential, and with a PIN if it is to have one.
fn key(has_pin: bool) -> (SoftwareKey, Registration) {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    if has_pin {
        device.set_pin(&pin(PIN), None).unwrap();
    }
    (key, registration)
}

fn attached(key: &SoftwareKey, pin_retries: Option<u8>) -> AttachedKey {
    AttachedKey {
        path: key.device(),
        product: "software key".to_owned(),
        state: Some(KeyState {
            pin_set: pin_retries.is_some(),
            pin_retries,
            builtin_uv: false,
        }),
    }
}

#[test]
fn every_key_is_told_with_its_state() {
    let (plain, with_pin) = (key(false), key(true));
    let mut request = request_of(&[&plain, &with_pin], UserVerification::Discouraged);
    let devices = &mut request.settings.devices;
    devices.push("unix:/nonexistent/key".to_owned());
    let silent = ScriptedKey::start(Information::default(), |_, _| Answer::HangUp);
    devices.push(silent.device());
    let (_helper, keys) = Helper::choosing(&request);
    assert_eq!(keys, [attached(&plain.0, None), attached(&with_pin.0, Some(8))]);
}

#[test]
fn nothing_attached_is_told_at_once() {
    let request = request("unix:/nonexistent/key", &[b"id"], UserVerification::Required);
    let (mut helper, keys) = Helper::choosing(&request);
    assert_eq!(keys, []);
    helper.choose(None, None);
    assert!(matches!(
        helper.expect_waiting(),
        Failure::DeviceUnavailable { .. }
    ));
}

#[test]
fn only_the_chosen_key_is_used() {
    let (first, second) = (key(false), key(false));
    for (chosen, other) in [(&first, &second), (&second, &first)] {
        let request = request_of(&[&first, &second], UserVerification::Discouraged);
        let (mut helper, _) = Helper::choosing(&request);
        helper.choose(Some(&chosen.0.device()), None);
        helper.expect_touch();
        // The other one is ready for others by now.
        drop(open(&other.0.device()));
        verify_login(&chosen.1, &helper.expect_assertion(), USER_PRESENT);
    }
}

#[test]
fn a_key_that_was_not_told_can_be_chosen() {
    let (known, late) = (key(false), key(false));
    let mut request = request_of(&[&known, &late], UserVerification::Discouraged);
    request.settings.devices.pop();
    let (mut helper, keys) = Helper::choosing(&request);
    assert_eq!(keys.len(), 1);
    helper.choose(Some(&late.0.device()), None);
    helper.expect_touch();
    verify_login(&late.1, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn no_key_and_impossible_ones_can_be_chosen() {
    let key = key(false);
    let request = request_of(&[&key], UserVerification::Discouraged);
    let (mut helper, _) = Helper::choosing(&request);
    helper.choose(Some("none"), None);
    assert_eq!(helper.expect_failure(), Failure::NoKey);
    let (mut helper, _) = Helper::choosing(&request);
    helper.choose(Some("usb"), None);
    let (relation, value) = ("fido_device".to_owned(), "usb".to_owned());
    assert_eq!(
        helper.expect_failure(),
        Failure::InvalidConfiguration { relation, value }
    );
}

#[test]
fn the_pin_that_came_along_is_not_asked_for() {
    let key = key(true);
    for uv in [UserVerification::Required, UserVerification::Preferred] {
        let (mut helper, _) = Helper::choosing(&request_of(&[&key], uv));
        helper.choose(None, Some(PIN));
        helper.expect_touch();
        verify_login(&key.1, &helper.expect_assertion(), USER_PRESENT | USER_VERIFIED);
    }
}

#[test]
fn a_wrong_pin_that_came_along_is_asked_for_anew() {
    let key = key(true);
    let (mut helper, _) = Helper::choosing(&request_of(&[&key], UserVerification::Required));
    helper.choose(None, Some("wrong"));
    let wanted = helper.expect_pin_wanted();
    assert_eq!((wanted.reason, wanted.retries), (PinReason::WrongPin, Some(7)));
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(&key.1, &helper.expect_assertion(), USER_PRESENT | USER_VERIFIED);
}

#[test]
fn a_pin_that_is_none_costs_no_try() {
    let key = key(true);
    let (mut helper, _) = Helper::choosing(&request_of(&[&key], UserVerification::Required));
    helper.choose(None, Some("12\x0034"));
    let wanted = helper.expect_pin_wanted();
    assert_eq!((wanted.reason, wanted.retries), (PinReason::WrongPin, Some(8)));
}

#[test]
fn a_pin_that_nobody_wants_is_not_used() {
    let key = key(true);
    let (mut helper, _) = Helper::choosing(&request_of(&[&key], UserVerification::Discouraged));
    helper.choose(None, Some("wrong"));
    helper.expect_touch();
    verify_login(&key.1, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn an_answer_that_is_no_choice_is_refused() {
    let key = key(true);
    let (mut helper, _) = Helper::choosing(&request_of(&[&key], UserVerification::Required));
    helper.send_pin(PIN);
    assert_eq!(helper.expect_failure(), Failure::Internal);
}
