//! Keys that speak U2F alone.

use krb5_fido_keys::{Attestation, Error, Registration, Verification};
use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Assert, Failure},
};
use rustix::process::Signal;

use crate::support::{
    PATIENCE,
    helper_process::{Helper, RP_ID, request},
    open,
    registered::{USER_PRESENT, assert_with, pin, register, registration_request, verify, verify_login},
    software_key::SoftwareKey,
};

fn registered() -> (SoftwareKey, Registration) {
    let key = SoftwareKey::u2f();
    let registration = register(&mut open(&key.device()));
    (key, registration)
}

/// The same key, from now on with this answer to every touch.
fn again(mut key: SoftwareKey, presence: &str) -> SoftwareKey {
    key.unplug();
    key.plug_in(&[presence, "--u2f-only"]);
    key
}

fn asked(key: &SoftwareKey, registration: &Registration, uv: UserVerification) -> Assert {
    request(&key.device(), &[b"another", &registration.credential_id], uv)
}

#[test]
fn registers_and_attests() {
    let (key, registration) = registered();
    assert!(!open(&key.device()).capabilities().fido2);
    assert_eq!(registration.format, "fido-u2f");
    assert_eq!(registration.aaguid, [0; 16]);
    assert_eq!(registration.verify_attestation().unwrap(), Attestation::Certified);
}

#[test]
fn tells_silently_what_it_holds() {
    let (key, registration) = registered();
    let id = registration.credential_id.as_slice();
    // Key handles have 255 bytes at most.
    let long = [7; 256];
    let key = again(key, "deny");
    let mut device = open(&key.device());
    let mut find = |rp_id: &str, ids: &[&[u8]]| {
        device
            .find_credential(rp_id, ids, Verification::None, PATIENCE)
            .unwrap()
    };
    assert_eq!(find(RP_ID, &[b"another", &long, id]).as_deref(), Some(id));
    assert_eq!(find(RP_ID, &[b"another", &long]), None);
    assert_eq!(find("example.com", &[id]), None);
    assert_eq!(find(RP_ID, &[]), None);
}

#[test]
fn signs_with_authenticator_data_as_in_webauthn() {
    let (key, registration) = registered();
    let mut device = open(&key.device());
    let signed = assert_with(&mut device, &registration.credential_id, Verification::None).unwrap();
    assert_eq!(signed.authenticator_data.len(), 37);
    let (data, signature) = (&signed.authenticator_data, &signed.signature);
    let hash = registration_request().client_data_hash;
    verify(&registration, data, signature, hash, USER_PRESENT);
}

#[test]
fn cannot_verify_its_user() {
    let (key, registration) = registered();
    let mut device = open(&key.device());
    for verification in [Verification::BuiltIn, Verification::Pin(&pin("1234"))] {
        let result = assert_with(&mut device, &registration.credential_id, verification);
        assert!(matches!(result, Err(Error::UnsupportedOption)), "{result:?}");
    }
    assert!(matches!(
        device.await_touch(PATIENCE),
        Err(Error::UnsupportedOption)
    ));
}

#[test]
fn logs_in_with_a_touch() {
    let (key, registration) = registered();
    for uv in [UserVerification::Discouraged, UserVerification::Preferred] {
        let mut helper = Helper::asked(&asked(&key, &registration, uv));
        helper.expect_touch();
        verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
    }
}

#[test]
fn is_refused_where_its_user_must_be_verified() {
    let (key, registration) = registered();
    let request = asked(&key, &registration, UserVerification::Required);
    let product = "software key".to_owned();
    assert_eq!(
        Helper::asked(&request).expect_failure(),
        Failure::U2fOnly { product }
    );
}

#[test]
fn may_be_the_wrong_key() {
    let (_, registration) = registered();
    let other = SoftwareKey::u2f();
    let mut helper = Helper::asked(&asked(&other, &registration, UserVerification::Preferred));
    assert!(matches!(helper.expect_waiting(), Failure::WrongKey { .. }));
}

#[test]
fn declines() {
    let (key, registration) = registered();
    let key = again(key, "deny");
    let mut helper = Helper::asked(&asked(&key, &registration, UserVerification::Preferred));
    helper.expect_touch();
    let failure = helper.expect_failure();
    assert!(matches!(failure, Failure::Declined { .. }), "{failure:?}");
}

#[test]
fn is_not_touched_in_time_and_is_ready_at_once() {
    let (key, registration) = registered();
    let key = again(key, "never");
    let mut request = asked(&key, &registration, UserVerification::Preferred);
    request.timeout_seconds = 1;
    for _ in 0..2 {
        let mut helper = Helper::asked(&request);
        helper.expect_touch();
        assert_eq!(helper.expect_failure(), Failure::TimedOut);
    }
}

#[test]
fn a_signal_ends_the_wait_for_its_touch() {
    let (key, registration) = registered();
    let key = again(key, "never");
    let request = asked(&key, &registration, UserVerification::Preferred);
    for _ in 0..2 {
        let mut helper = Helper::asked(&request);
        helper.expect_touch();
        helper.signal(Signal::INT);
        assert_eq!(helper.expect_failure(), Failure::Cancelled);
    }
}

#[test]
fn blinks_beside_a_key_that_speaks_fido2() {
    let (key, registration) = registered();
    let key = again(key, "never");
    let other = SoftwareKey::touched();
    let touched = register(&mut open(&other.device()));
    let ids = [
        registration.credential_id.as_slice(),
        touched.credential_id.as_slice(),
    ];
    let mut request = request(&key.device(), &ids, UserVerification::Preferred);
    request.settings.devices.push(other.device());
    let mut helper = Helper::asked(&request);
    helper.expect_touch_of(2);
    verify_login(&touched, &helper.expect_assertion(), USER_PRESENT);
    let mut next = Helper::asked(&asked(&key, &registration, UserVerification::Preferred));
    next.expect_touch();
}
