//! krb5-fido-helper and PINs: when it asks, what it says, and when it gives up.

use krb5_fido_keys::Registration;
use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Assert, Failure, Message, PinReason},
    secret::SecretBytes,
};

use crate::support::{
    helper_process::{Helper, request},
    open,
    registered::{PIN, USER_PRESENT, USER_VERIFIED, pin, register, verify_login},
    scripted_key::{
        Answer, CLIENT_PIN, GET_ASSERTION, Information, ScriptedKey, holding, is_silent, key_agreement,
    },
    software_key::SoftwareKey,
};

const ID: &[u8] = b"credential";
const PRODUCT: &str = "software key";

fn product() -> String {
    PRODUCT.to_owned()
}

/// A key with a PIN of which `retries` wrong ones are left, and which answers a PIN by this status. Its fingerprints are
/// blocked.
fn pin_key(options: &[(&'static str, bool)], retries: u8, status: u8) -> ScriptedKey {
    let information = Information {
        options: options.to_vec(),
        ..Information::default()
    };
    let mut held = holding(ID, || Answer::Status(0x3c));
    ScriptedKey::start(information, move |command, parameters| {
        match (command, parameters) {
            // {1: protocol, 2: getPINRetries}, {1: protocol, 2: getKeyAgreement}, and what comes with a PIN.
            (CLIENT_PIN, [.., 0x02, 0x01]) => Answer::Cbor(vec![0xa1, 0x03, retries]),
            (CLIENT_PIN, [.., 0x02, 0x02]) => Answer::Cbor(key_agreement()),
            (CLIENT_PIN, _) => Answer::Status(status),
            _ => held(command, parameters),
        }
    })
}

fn required(key: &ScriptedKey) -> Assert {
    request(&key.device(), &[ID], UserVerification::Required)
}

/// A software key with a credential, and then a PIN.
fn software_key() -> (SoftwareKey, Registration) {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let registration = register(&mut device);
    device.set_pin(&pin(PIN), None).unwrap();
    drop(device);
    (key, registration)
}

fn login(key: &SoftwareKey, registration: &Registration) -> Helper {
    Helper::asked(&request(
        &key.device(),
        &[&registration.credential_id],
        UserVerification::Preferred,
    ))
}

#[test]
fn asked_for_where_it_is_set() {
    for uv in [UserVerification::Preferred, UserVerification::Required] {
        let key = pin_key(&[("clientPin", true)], 8, 0x34);
        let mut helper = Helper::asked(&request(&key.device(), &[ID], uv));
        let wanted = helper.expect_pin_wanted();
        assert_eq!((wanted.product.as_str(), wanted.retries), (PRODUCT, Some(8)));
        assert_eq!(wanted.reason, PinReason::Demanded);
        helper.send_pin("1234");
        assert_eq!(
            helper.expect_failure(),
            Failure::PinAuthBlocked { product: product() }
        );
    }
}

#[test]
fn asked_for_though_discouraged_by_a_key_that_always_wants_it() {
    let key = pin_key(&[("clientPin", true), ("alwaysUv", true)], 8, 0x34);
    let mut helper = Helper::asked(&request(&key.device(), &[ID], UserVerification::Discouraged));
    helper.expect_pin_wanted();
    helper.send_pin("1234");
    helper.expect_failure();
}

#[test]
fn asked_for_in_the_same_attempt_when_fingerprints_fail() {
    // CTAP2_ERR_UV_BLOCKED, CTAP2_ERR_UV_INVALID, and CTAP2_ERR_PUAT_REQUIRED of keys that count no tries.
    for status in [0x3c, 0x3f, 0x36] {
        let information = Information {
            options: vec![("clientPin", true), ("uv", true)],
            ..Information::default()
        };
        let mut held = holding(ID, move || Answer::Status(status));
        let key = ScriptedKey::start(information, move |command, parameters| {
            match (command, parameters) {
                (CLIENT_PIN, [.., 0x02, 0x01]) => Answer::Cbor(vec![0xa1, 0x03, 3]),
                (CLIENT_PIN, [.., 0x02, 0x02]) => Answer::Cbor(key_agreement()),
                (CLIENT_PIN, _) => Answer::Status(0x32),
                _ => held(command, parameters),
            }
        });
        let mut helper = Helper::asked(&required(&key));
        helper.expect_touch();
        let wanted = helper.expect_pin_wanted();
        assert_eq!(
            (wanted.retries, wanted.reason),
            (Some(3), PinReason::NotRecognized)
        );
        helper.send_pin("1234");
        assert_eq!(
            helper.expect_failure(),
            Failure::PinBlocked { product: product() }
        );
    }
}

#[test]
fn not_asked_for_when_blocked() {
    let key = pin_key(&[("clientPin", true)], 0, 0x32);
    let failure = Helper::asked(&required(&key)).expect_failure();
    assert_eq!(failure, Failure::PinBlocked { product: product() });
}

#[test]
fn what_no_key_has_as_its_pin_costs_no_try() {
    let key = pin_key(&[("clientPin", true)], 5, 0x31);
    let mut helper = Helper::asked(&required(&key));
    for reason in [PinReason::Demanded, PinReason::WrongPin, PinReason::WrongPin] {
        assert_eq!(helper.expect_pin_wanted().reason, reason);
        helper.send(&Message::Pin(SecretBytes::from(&b"12\x0034"[..])));
    }
    helper.expect_pin_wanted();
    assert_eq!(
        key.requests(CLIENT_PIN).len(),
        1,
        "nothing but the number of retries was asked"
    );
}

#[test]
fn a_program_that_knows_no_pin_does_not_ask_for_ever() {
    let key = pin_key(&[("clientPin", true)], 5, 0x31);
    let mut helper = Helper::asked(&required(&key));
    for _ in 0..5 {
        helper.expect_pin_wanted();
        helper.send(&Message::Pin(SecretBytes::from(&b"12\x0034"[..])));
    }
    let retries = Some(5);
    assert_eq!(
        helper.expect_failure(),
        Failure::PinInvalid {
            product: product(),
            retries
        }
    );
}

#[test]
fn a_wrong_one_is_asked_for_again() {
    let (key, registration) = software_key();
    let mut helper = login(&key, &registration);
    let first = helper.expect_pin_wanted();
    helper.send_pin("wrong");
    let second = helper.expect_pin_wanted();
    assert_eq!(second.reason, PinReason::WrongPin);
    assert_eq!(second.retries, first.retries.map(|retries| retries - 1));
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(
        &registration,
        &helper.expect_assertion(),
        USER_PRESENT | USER_VERIFIED,
    );
}

#[test]
fn three_wrong_ones_end_the_login_until_the_key_is_plugged_in_again() {
    let (key, registration) = software_key();
    let mut helper = login(&key, &registration);
    for _ in 0..3 {
        helper.expect_pin_wanted();
        helper.send_pin("wrong");
    }
    let failure = helper.expect_failure();
    assert!(matches!(failure, Failure::PinAuthBlocked { .. }), "{failure:?}");
    let mut helper = login(&key, &registration);
    helper.expect_pin_wanted();
    helper.send_pin(PIN);
    assert_eq!(helper.expect_failure(), failure);
    let key = key.restart("auto");
    let mut helper = login(&key, &registration);
    assert_eq!(helper.expect_pin_wanted().retries, Some(5));
    helper.send_pin(PIN);
    helper.expect_touch();
    helper.expect_assertion();
}

#[test]
fn a_wrong_one_is_found_out_before_the_touch() {
    let key = pin_key(&[("clientPin", true)], 2, 0x31);
    let mut helper = Helper::asked(&required(&key));
    helper.expect_pin_wanted();
    helper.send_pin("1234");
    helper.expect_pin_wanted();
    let touched = key.requests(GET_ASSERTION);
    assert!(touched.iter().all(|request| is_silent(request)));
}
