//! krb5-fido-helper and kinds of credentials and keys: alwaysUv, discoverable, hidden by credProtect, EdDSA, ES256 alone.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use krb5_fido_keys::{Algorithm, CredentialRequest, Error, Registration, Verification};
use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Assert, Failure, PinReason},
};

use crate::support::{
    PATIENCE,
    helper_process::{Helper, RP_ID, request},
    open,
    registered::{PIN, USER_PRESENT, USER_VERIFIED, pin, register, registration_request, verify_login},
    scripted_key::{Answer, Information, ScriptedKey},
    software_key::SoftwareKey,
};

const VERIFIED: u8 = USER_PRESENT | USER_VERIFIED;

/// A key with a PIN and a credential registered with it, changed by `change`.
fn key_with(change: impl FnOnce(&mut CredentialRequest<'_>)) -> (SoftwareKey, Registration) {
    let key = SoftwareKey::touched();
    let mut device = open(&key.device());
    let pin = pin(PIN);
    device.set_pin(&pin, None).unwrap();
    let mut request = CredentialRequest {
        verification: Verification::Pin(&pin),
        ..registration_request()
    };
    change(&mut request);
    let registration = device.make_credential(&request).unwrap();
    drop(device);
    (key, registration)
}

fn asked(key: &SoftwareKey, registration: &Registration, uv: UserVerification) -> Assert {
    request(&key.device(), &[b"another", &registration.credential_id], uv)
}

fn discouraged(key: &SoftwareKey, registration: &Registration) -> Assert {
    asked(key, registration, UserVerification::Discouraged)
}

/// One CTAPHID message of one report each way (CTAP 2.1 section 11.2).
fn exchange(stream: &mut UnixStream, channel: [u8; 4], command: u8, payload: &[u8]) -> Vec<u8> {
    let mut report = [0; 64];
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let message = [&channel[..], &[0x80 | command], &length, payload].concat();
    report[..message.len()].copy_from_slice(&message);
    stream.write_all(&report).unwrap();
    stream.read_exact(&mut report).unwrap();
    let length = u16::from_be_bytes([report[5], report[6]]);
    report[7..][..length.into()].to_vec()
}

/// authenticatorConfig toggleAlwaysUv (CTAP 2.1 section 6.11.2), which needs no PIN while none is set.
fn always_verify(key: &SoftwareKey) {
    let mut stream = UnixStream::connect(key.socket()).unwrap();
    let opened = exchange(&mut stream, [0xff; 4], 0x06, b"8 octets");
    let channel = opened[8..12].try_into().unwrap();
    assert_eq!(
        exchange(&mut stream, channel, 0x10, &[0x0d, 0xa1, 0x01, 0x02]),
        [0]
    );
}

#[test]
fn a_key_that_always_verifies_its_user() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    always_verify(&key);
    let mut device = open(&key.device());
    assert!(device.capabilities().always_uv);
    device.set_pin(&pin(PIN), None).unwrap();
    drop(device);
    let mut helper = Helper::asked(&discouraged(&key, &registration));
    assert_eq!(helper.expect_pin_wanted().reason, PinReason::Demanded);
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), VERIFIED);
}

#[test]
fn a_key_that_always_verifies_its_user_and_has_no_pin() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    always_verify(&key);
    let product = "software key".to_owned();
    assert_eq!(
        Helper::asked(&discouraged(&key, &registration)).expect_failure(),
        Failure::PinRequiredNotSet { product }
    );
}

#[test]
fn a_discoverable_credential() {
    let (key, registration) = key_with(|request| request.resident = true);
    let mut helper = Helper::asked(&discouraged(&key, &registration));
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
    let mut helper = Helper::asked(&asked(&key, &registration, UserVerification::Required));
    helper.expect_pin_wanted();
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), VERIFIED);
}

#[test]
fn a_hidden_credential_is_not_found_without_the_pin() {
    for resident in [false, true] {
        let (key, registration) = key_with(|request| {
            request.hidden = true;
            request.resident = resident;
        });
        let mut device = open(&key.device());
        assert!(device.capabilities().credential_protection);
        let ids = [registration.credential_id.as_slice()];
        let pin = pin(PIN);
        for (verification, found) in [(Verification::None, false), (Verification::Pin(&pin), true)] {
            let answer = device.find_credential(RP_ID, &ids, verification, PATIENCE);
            assert_eq!(answer.unwrap().is_some(), found, "resident: {resident}");
        }
    }
}

#[test]
fn a_hidden_credential() {
    for uv in [UserVerification::Discouraged, UserVerification::Required] {
        let (key, registration) = key_with(|request| request.hidden = true);
        let mut helper = Helper::asked(&asked(&key, &registration, uv));
        assert_eq!(helper.expect_pin_wanted().reason, PinReason::Hidden);
        helper.send_pin("wrong");
        assert_eq!(helper.expect_pin_wanted().reason, PinReason::WrongPin);
        helper.send_pin(PIN);
        helper.expect_touch();
        verify_login(&registration, &helper.expect_assertion(), VERIFIED);
    }
}

#[test]
fn a_key_that_may_hide_a_credential_is_not_asked_where_another_shows_one() {
    let (key, registration) = key_with(|request| request.hidden = true);
    let other = SoftwareKey::touched();
    let shown = register(&mut open(&other.device()));
    let mut request = discouraged(&key, &registration);
    request.settings.devices.push(other.device());
    request.parties[0].credentials[0]
        .id
        .clone_from(&shown.credential_id);
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    verify_login(&shown, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn a_key_that_hides_nothing_is_the_wrong_one() {
    let (_, registration) = key_with(|_| {});
    let (other, _) = key_with(|request| request.hidden = true);
    let mut helper = Helper::asked(&discouraged(&other, &registration));
    assert_eq!(helper.expect_pin_wanted().reason, PinReason::Hidden);
    helper.send_pin(PIN);
    let waiting = helper.expect_waiting();
    assert!(matches!(waiting, Failure::WrongKey { .. }), "{waiting:?}");
}

#[test]
fn a_key_that_takes_no_pin_any_more_hides_what_it_has() {
    let (key, registration) = key_with(|request| request.hidden = true);
    let mut helper = Helper::asked(&discouraged(&key, &registration));
    for _ in 0..3 {
        helper.expect_pin_wanted();
        helper.send_pin("wrong");
    }
    let waiting = helper.expect_waiting();
    assert!(matches!(waiting, Failure::PinAuthBlocked { .. }), "{waiting:?}");
}

#[test]
fn the_touched_one_of_two_keys_that_may_hide_credentials() {
    let (first, registration) = key_with(|request| request.hidden = true);
    let (second, other) = key_with(|request| request.hidden = true);
    let first = first.restart("never");
    let mut request = discouraged(&first, &registration);
    request.settings.devices.push(second.device());
    request.parties[0].credentials[0]
        .id
        .clone_from(&other.credential_id);
    let mut helper = Helper::asked(&request);
    helper.expect_touch_of(2);
    assert_eq!(helper.expect_pin_wanted().reason, PinReason::Hidden);
    helper.send_pin(PIN);
    helper.expect_touch();
    verify_login(&other, &helper.expect_assertion(), VERIFIED);
}

#[test]
fn an_eddsa_credential() {
    let key = SoftwareKey::touched();
    let registration = open(&key.device())
        .make_credential(&CredentialRequest {
            algorithm: Algorithm::EdDsa,
            ..registration_request()
        })
        .unwrap();
    registration.verify_attestation().unwrap();
    let mut helper = Helper::asked(&discouraged(&key, &registration));
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn a_key_that_knows_es256_alone() {
    let eddsa = CredentialRequest {
        algorithm: Algorithm::EdDsa,
        ..registration_request()
    };
    // CTAP2_ERR_UNSUPPORTED_ALGORITHM
    let key = ScriptedKey::start(Information::default(), |_, _| Answer::Status(0x26));
    let result = open(&key.device()).make_credential(&eddsa);
    assert!(matches!(result.map(drop), Err(Error::UnsupportedAlgorithm)));
    let key = SoftwareKey::u2f();
    let mut device = open(&key.device());
    assert!(device.make_credential(&eddsa).is_err());
    let registration = register(&mut device);
    drop(device);
    let mut helper = Helper::asked(&discouraged(&key, &registration));
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
}
