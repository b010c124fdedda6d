//! krb5-fido-helper and several keys at the same time.

use krb5_fido_keys::{Registration, Verification};
use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Failure, PinReason},
};
use rustix::process::Signal;

use crate::support::{
    PATIENCE,
    helper_process::{Helper, RP_ID, request, request_of},
    open,
    registered::{PIN, USER_PRESENT, USER_VERIFIED, pin, register, verify_login},
    scripted_key::{Answer, CLIENT_PIN, GET_ASSERTION, Information, ScriptedKey, holding, is_silent},
    software_key::SoftwareKey,
    wait_until,
};

/// A software key with a credential, which from now on gives this answer to every touch.
fn holder(presence: &str) -> (SoftwareKey, Registration) {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    (key.restart(presence), registration)
}

/// The same with a PIN.
fn pin_holder(presence: &str) -> (SoftwareKey, Registration) {
    let (key, registration) = holder(presence);
    open(&key.device()).set_pin(&pin(PIN), None).unwrap();
    (key, registration)
}

/// Nothing of an earlier request holds the key up.
fn assert_ready((key, registration): &(SoftwareKey, Registration)) {
    let mut device = open(&key.device());
    let ids = [registration.credential_id.as_slice()];
    let found = device.find_credential(RP_ID, &ids, Verification::None, PATIENCE);
    assert!(found.unwrap().is_some());
}

#[test]
fn the_only_one_that_holds_a_credential_is_used() {
    let (first, second) = (holder("never"), holder("auto"));
    let mut request = request_of(&[&first, &second], UserVerification::Discouraged);
    request.parties[0].credentials.remove(0);
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    verify_login(&second.1, &helper.expect_assertion(), USER_PRESENT);
    assert_ready(&first);
}

#[test]
fn the_touched_one_counts_and_the_other_is_ready_at_once() {
    let (first, second) = (holder("never"), holder("auto"));
    for keys in [[&first, &second], [&second, &first]] {
        let mut helper = Helper::asked(&request_of(&keys, UserVerification::Discouraged));
        helper.expect_touch_of(2);
        verify_login(&second.1, &helper.expect_assertion(), USER_PRESENT);
        assert_ready(&first);
        assert_ready(&second);
    }
}

#[test]
fn the_touched_one_is_asked_for_its_pin() {
    let (first, second) = (pin_holder("never"), pin_holder("auto"));
    let mut helper = Helper::asked(&request_of(&[&first, &second], UserVerification::Required));
    helper.expect_touch_of(2);
    let wanted = helper.expect_pin_wanted();
    assert_eq!(wanted.reason, PinReason::Demanded);
    assert_ready(&first);
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(
        &second.1,
        &helper.expect_assertion(),
        USER_PRESENT | USER_VERIFIED,
    );
}

#[test]
fn a_key_with_a_pin_and_one_without() {
    let (with, without) = (pin_holder("never"), holder("auto"));
    let mut helper = Helper::asked(&request_of(&[&with, &without], UserVerification::Preferred));
    helper.expect_touch_of(2);
    verify_login(&without.1, &helper.expect_assertion(), USER_PRESENT);
    assert_ready(&with);
}

#[test]
fn a_key_that_cannot_do_what_is_required_is_left_out() {
    let (with, without) = (pin_holder("auto"), holder("never"));
    let mut helper = Helper::asked(&request_of(&[&without, &with], UserVerification::Required));
    helper.expect_pin_wanted();
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(&with.1, &helper.expect_assertion(), USER_PRESENT | USER_VERIFIED);
}

#[test]
fn declining_at_one_leaves_the_other() {
    let (first, second) = (holder("deny"), holder("auto"));
    let mut helper = Helper::asked(&request_of(&[&first, &second], UserVerification::Discouraged));
    helper.expect_touch_of(2);
    verify_login(&second.1, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn declining_at_all_ends_the_login() {
    let (first, second) = (holder("deny"), holder("deny"));
    let mut helper = Helper::asked(&request_of(&[&first, &second], UserVerification::Discouraged));
    helper.expect_touch_of(2);
    assert!(matches!(helper.expect_failure(), Failure::Declined { .. }));
}

fn waiting_key(id: &'static [u8]) -> ScriptedKey {
    ScriptedKey::start(Information::default(), holding(id, || Answer::AwaitTouch))
}

#[test]
fn a_signal_cancels_all() {
    let keys = [waiting_key(b"one"), waiting_key(b"two"), waiting_key(b"three")];
    let mut request = request("none", &[b"one", b"two", b"three"], UserVerification::Discouraged);
    request.settings.devices = keys.iter().map(ScriptedKey::device).collect();
    let mut helper = Helper::asked(&request);
    helper.expect_touch_of(3);
    for key in &keys {
        let blinks = || {
            key.requests(GET_ASSERTION)
                .iter()
                .any(|request| !is_silent(request))
        };
        wait_until("the key blinks", blinks);
    }
    helper.signal(Signal::INT);
    assert_eq!(helper.expect_failure(), Failure::Cancelled);
    for key in &keys {
        wait_until("the key is cancelled", || key.cancellations() > 0);
    }
}

#[test]
fn the_touched_one_may_want_its_pin_after_all() {
    // CTAP2_ERR_UV_INVALID after a fingerprint, CTAP2_ERR_PUAT_REQUIRED after a touch.
    for (uv, status, reason) in [
        (UserVerification::Preferred, 0x3f, PinReason::NotRecognized),
        (UserVerification::Discouraged, 0x36, PinReason::Demanded),
    ] {
        let information = Information {
            options: vec![("clientPin", true), ("uv", true)],
            ..Information::default()
        };
        let mut held = holding(b"one", move || Answer::Status(status));
        let touched = ScriptedKey::start(information, move |command, parameters| match command {
            CLIENT_PIN => Answer::Cbor(vec![0xa1, 0x03, 8]),
            _ => held(command, parameters),
        });
        let other = waiting_key(b"two");
        let mut request = request("none", &[b"one", b"two"], uv);
        request.settings.devices = vec![touched.device(), other.device()];
        let mut helper = Helper::asked(&request);
        helper.expect_touch_of(2);
        assert_eq!(helper.expect_pin_wanted().reason, reason);
        wait_until("the other key is cancelled", || other.cancellations() > 0);
    }
}

#[test]
fn a_key_that_does_not_answer_holds_up_nobody() {
    let silent = ScriptedKey::start(Information::default(), |_, _| Answer::Silence);
    let (key, registration) = holder("auto");
    let mut request = request(
        &silent.device(),
        &[&registration.credential_id],
        UserVerification::Discouraged,
    );
    request.settings.devices.push(key.device());
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
}
