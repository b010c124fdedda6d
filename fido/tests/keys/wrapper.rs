//! The library against scripted keys.

use std::{
    io::ErrorKind,
    thread,
    time::{Duration, Instant},
};

use krb5_fido_keys::{
    Algorithm, Assertion, AssertionRequest, Attestation, CredentialRequest, Device, Error, Registration,
    Verification,
};

use crate::support::{
    PATIENCE, find, open,
    scripted_key::{
        Answer, CLIENT_PIN, GET_ASSERTION, Information, MAKE_CREDENTIAL, ScriptedKey, assertion, holding,
        is_silent, parse_assertion, parse_excluded, registration,
    },
    wait_until,
};

const ID: &[u8] = b"credential";

fn always(status: u8) -> impl FnMut(u8, &[u8]) -> Answer + Send + 'static {
    move |_, _| Answer::Status(status)
}

fn plain() -> Information {
    Information::default()
}

fn assert_with(device: &mut Device, timeout: Duration) -> Result<Assertion, Error> {
    device.get_assertion(&AssertionRequest {
        rp_id: "krbtest.com",
        client_data_hash: &[9; 32],
        credential_id: ID,
        verification: Verification::None,
        timeout,
    })
}

#[test]
fn returns_authenticator_data_as_in_webauthn() {
    let key = ScriptedKey::start(plain(), holding(ID, || Answer::Cbor(assertion(ID))));
    let signed = assert_with(&mut open(&key.device()), PATIENCE).unwrap();
    assert_eq!(signed.credential_id, ID);
    assert_eq!(signed.authenticator_data, [5; 37]);
    assert_eq!(signed.signature, [6; 70]);
}

#[test]
fn knows_the_only_credential_that_can_have_signed() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::Cbor(assertion(b"")));
    let signed = assert_with(&mut open(&key.device()), PATIENCE).unwrap();
    assert_eq!(signed.credential_id, ID);
}

#[test]
fn refuses_the_assertion_of_a_credential_it_did_not_ask_for() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::Cbor(assertion(b"another")));
    let result = assert_with(&mut open(&key.device()), PATIENCE);
    assert!(matches!(result, Err(Error::MalformedAnswer)));
}

#[test]
fn refuses_answers_that_are_none() {
    for answer in [&b""[..], b"\xff", b"\xa0", b"\xa1\x02\x41\x00"] {
        let key = ScriptedKey::start(plain(), move |_, _| Answer::Cbor(answer.to_vec()));
        assert!(
            assert_with(&mut open(&key.device()), PATIENCE).is_err(),
            "{answer:?}"
        );
    }
}

#[test]
fn asks_again_while_another_program_has_the_key() {
    let mut busy = 3;
    let key = ScriptedKey::start(plain(), move |_, _| {
        busy -= 1;
        if busy >= 0 {
            Answer::Busy
        } else {
            Answer::Cbor(assertion(ID))
        }
    });
    let mut device = open(&key.device());
    assert_with(&mut device, PATIENCE).unwrap();
    assert_eq!(key.requests(GET_ASSERTION).len(), 4);
    assert_eq!(key.connections(), 1);
}

#[test]
fn key_that_another_program_keeps_is_busy() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::Busy);
    let mut device = open(&key.device());
    let started = Instant::now();
    let result = assert_with(&mut device, PATIENCE);
    assert!(
        matches!(&result, Err(Error::NotAnswering { device }) if *device == key.device()),
        "{result:?}"
    );
    assert!(started.elapsed() < PATIENCE);
    let soon = Duration::from_millis(50);
    assert!(assert_with(&mut device, soon).is_err());
}

#[test]
fn causes_of_refusal_are_told_apart() {
    let refuse = |status| {
        let key = ScriptedKey::start(plain(), always(status));
        assert_with(&mut open(&key.device()), PATIENCE).unwrap_err()
    };
    assert!(matches!(refuse(0x2e), Error::NoCredentials));
    assert!(matches!(refuse(0x27), Error::Denied));
    assert!(matches!(refuse(0x36), Error::PinRequired));
    assert!(matches!(refuse(0x30), Error::Device { code: 0x30, .. }));
    assert!(matches!(refuse(0x2f), Error::TimedOut));
}

#[test]
fn a_key_that_hangs_up_is_disconnected_for_good() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::HangUp);
    let mut device = open(&key.device());
    assert!(matches!(
        assert_with(&mut device, PATIENCE),
        Err(Error::Disconnected)
    ));
    assert!(matches!(
        assert_with(&mut device, PATIENCE),
        Err(Error::Disconnected)
    ));
    assert_eq!(key.requests(GET_ASSERTION).len(), 1);
}

#[test]
fn time_limit_ends_the_wait_and_cancels_the_key() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::AwaitTouch);
    let mut device = open(&key.device());
    let started = Instant::now();
    let result = assert_with(&mut device, Duration::from_millis(200));
    assert!(matches!(result, Err(Error::TimedOut)));
    assert!(started.elapsed() < PATIENCE);
    wait_until("the key is cancelled", || key.cancellations() > 0);
    // The late answer must not be taken for that to another request.
    assert!(matches!(device.pin_retries(), Err(Error::Disconnected)));
}

#[test]
fn time_limit_holds_for_a_silent_key() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::Silence);
    let result = assert_with(&mut open(&key.device()), Duration::from_millis(100));
    assert!(matches!(result, Err(Error::TimedOut)));
}

#[test]
fn canceller_ends_the_wait() {
    let key = ScriptedKey::start(plain(), |_, _| Answer::AwaitTouch);
    let mut device = open(&key.device());
    let canceller = device.canceller();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the request", || !key.requests(GET_ASSERTION).is_empty());
            canceller.cancel();
        });
        assert!(matches!(
            assert_with(&mut device, PATIENCE),
            Err(Error::Cancelled)
        ));
    });
    wait_until("the key is cancelled", || key.cancellations() > 0);
}

#[test]
fn a_cancelled_device_stays_cancelled() {
    let key = ScriptedKey::start(plain(), holding(ID, || Answer::Cbor(assertion(ID))));
    let mut device = open(&key.device());
    device.canceller().cancel();
    assert!(matches!(
        assert_with(&mut device, PATIENCE),
        Err(Error::Cancelled)
    ));
    assert!(matches!(device.pin_retries(), Err(Error::Cancelled)));
    assert!(key.requests(GET_ASSERTION).is_empty());
}

#[test]
fn a_canceller_may_outlive_its_device() {
    let key = ScriptedKey::start(plain(), always(0x01));
    let device = open(&key.device());
    let canceller = device.canceller();
    drop(device);
    canceller.cancel();
}

#[test]
fn closing_cancels() {
    let key = ScriptedKey::start(plain(), always(0x01));
    drop(open(&key.device()));
    wait_until("the key is cancelled", || key.cancellations() == 1);
}

#[test]
fn capabilities_are_what_the_key_says() {
    let information = Information {
        options: vec![
            ("clientPin", true),
            ("uv", false),
            ("alwaysUv", true),
            ("makeCredUvNotRqd", false),
        ],
        ..Information::default()
    };
    let key = ScriptedKey::start(information, always(0x01));
    let device = open(&key.device());
    let capabilities = device.capabilities();
    assert!(capabilities.fido2 && capabilities.pin_set && capabilities.always_uv);
    assert!(!capabilities.uv_configured && !capabilities.credential_without_uv);
    assert!(capabilities.pin_supported && capabilities.uv_supported);
    assert_eq!(capabilities.versions, ["FIDO_2_0"]);
    assert_eq!(capabilities.aaguid.map(|aaguid| aaguid.0), Some([7; 16]));
    assert!(capabilities.algorithms.is_empty());
}

#[test]
fn what_a_key_does_not_name_it_cannot_do() {
    let key = ScriptedKey::start(Information::default(), always(0x01));
    let device = open(&key.device());
    let capabilities = device.capabilities();
    assert!(!capabilities.pin_supported && !capabilities.uv_supported);
}

#[test]
fn reads_pin_retries() {
    let key = ScriptedKey::start(plain(), |command, _| match command {
        CLIENT_PIN => Answer::Cbor(b"\xa1\x03\x05".to_vec()),
        _ => Answer::Status(0x01),
    });
    assert_eq!(open(&key.device()).pin_retries().unwrap(), 5);
}

#[test]
fn a_key_that_speaks_u2f_alone_is_recognized() {
    let information = Information {
        u2f_only: true,
        ..Information::default()
    };
    let key = ScriptedKey::start(information, always(0x01));
    let device = open(&key.device());
    let capabilities = device.capabilities();
    assert!(!capabilities.fido2 && !capabilities.pin_supported);
    assert_eq!(capabilities.versions, ["U2F_V2"]);
    assert_eq!(capabilities.algorithms, [-7]);
}

#[test]
fn searches_in_lists_as_long_as_the_key_takes() {
    let information = Information {
        credentials_max: Some(2),
        ..Information::default()
    };
    let key = ScriptedKey::start(information, holding(b"5", || Answer::HangUp));
    let ids: [&[u8]; 6] = [b"1", b"2", b"3", b"4", b"5", b"6"];
    let found = open(&key.device())
        .find_credential("krbtest.com", &ids, Verification::None, PATIENCE)
        .unwrap();
    assert_eq!(found.as_deref(), Some(&b"5"[..]));
    let lists: Vec<_> = key
        .requests(GET_ASSERTION)
        .iter()
        .map(|request| parse_assertion(request).ids)
        .collect();
    assert_eq!(lists, [[b"1", b"2"], [b"3", b"4"], [b"5", b"6"]]);
}

#[test]
fn searches_one_by_one_when_the_key_does_not_tell() {
    let key = ScriptedKey::start(plain(), holding(b"3", || Answer::HangUp));
    let found = open(&key.device())
        .find_credential("krbtest.com", &[b"1", b"2", b"3"], Verification::None, PATIENCE)
        .unwrap();
    assert_eq!(found.as_deref(), Some(&b"3"[..]));
    assert_eq!(key.requests(GET_ASSERTION).len(), 3);
}

#[test]
fn a_search_signs_nothing_of_worth_and_needs_no_touch() {
    let key = ScriptedKey::start(plain(), holding(b"held", || Answer::HangUp));
    let found = open(&key.device())
        .find_credential("krbtest.com", &[b"another"], Verification::None, PATIENCE)
        .unwrap();
    assert_eq!(found, None);
    for request in key.requests(GET_ASSERTION) {
        assert!(is_silent(&request));
        assert_eq!(parse_assertion(&request).client_data_hash, [0; 32]);
    }
}

fn registration_request() -> CredentialRequest<'static> {
    CredentialRequest {
        rp_id: "krbtest.com",
        rp_name: "KRBTEST.COM",
        user_id: b"alice",
        user_name: "alice",
        user_display_name: "Alice",
        client_data_hash: &[9; 32],
        exclude: &[],
        algorithm: Algorithm::Es256,
        hidden: false,
        resident: false,
        verification: Verification::None,
        timeout: PATIENCE,
    }
}

fn register(answer: Vec<u8>) -> Result<Registration, Error> {
    let key = ScriptedKey::start(plain(), move |_, _| Answer::Cbor(answer.clone()));
    open(&key.device()).make_credential(&registration_request())
}

/// Registers with a key that takes two credentials in a request, answers a search by `found`, and holds none.
fn register_excluding(exclude: &[&[u8]], found: fn() -> Answer) -> ScriptedKey {
    let information = Information {
        credentials_max: Some(2),
        ..Information::default()
    };
    let key = ScriptedKey::start(information, move |command, _| match command {
        GET_ASSERTION => found(),
        _ => Answer::Status(0x19),
    });
    let result = open(&key.device()).make_credential(&CredentialRequest {
        exclude,
        ..registration_request()
    });
    assert!(matches!(result.map(drop), Err(Error::CredentialExcluded)));
    key
}

fn excluded(key: &ScriptedKey) -> Vec<Vec<u8>> {
    parse_excluded(&key.requests(MAKE_CREDENTIAL)[0])
}

#[test]
fn excludes_what_fits_without_a_search() {
    let key = register_excluding(&[b"1", b"2"], || Answer::HangUp);
    assert_eq!(excluded(&key), [b"1", b"2"]);
}

#[test]
fn excludes_the_one_that_is_held_if_the_key_does_not_take_all() {
    let key = register_excluding(&[b"1", b"2", b"3"], || Answer::Cbor(assertion(b"1")));
    assert_eq!(excluded(&key), [b"1"]);
    assert!(
        key.requests(GET_ASSERTION)
            .iter()
            .all(|request| is_silent(request))
    );
}

#[test]
fn excludes_as_many_as_it_can_if_none_is_found() {
    let none_held: fn() -> Answer = || Answer::Status(0x2e);
    let hidden_from_the_unverified: fn() -> Answer = || Answer::Status(0x36);
    for found in [none_held, hidden_from_the_unverified] {
        let key = register_excluding(&[b"1", b"2", b"3"], found);
        assert_eq!(excluded(&key), [b"1", b"2"]);
    }
}

#[test]
fn returns_a_registration_without_attestation() {
    let made = register(registration("krbtest.com", ID, "none")).unwrap();
    assert_eq!(made.credential_id, ID);
    assert_eq!(made.format, "none");
    assert_eq!(made.aaguid, [7; 16]);
    assert_eq!(made.attestation_statement, [0xa0]);
    assert_eq!(made.authenticator_data[53..65], [&[0, 10], ID].concat());
    assert_eq!(made.verify_attestation().unwrap(), Attestation::None);
}

#[test]
fn a_forged_attestation_does_not_verify() {
    let made = register(registration("krbtest.com", ID, "packed")).unwrap();
    assert!(matches!(
        made.verify_attestation(),
        Err(Error::AttestationInvalid)
    ));
}

#[test]
fn refuses_registrations_that_are_none() {
    for answer in [&b""[..], b"\xa0", b"\xa1\x01\x64none"] {
        assert!(register(answer.to_vec()).is_err(), "{answer:?}");
    }
}

#[test]
fn a_socket_that_is_not_there_is_unavailable() {
    let Err(Error::Unavailable { device, reason }) = Device::open(&find("unix:/nonexistent/key")) else {
        panic!("another result");
    };
    assert_eq!(device, "unix:/nonexistent/key");
    assert_eq!(reason.kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_that_is_not_there_is_unavailable() {
    let Err(Error::Unavailable { device, reason }) = Device::open(&find("/nonexistent/key")) else {
        panic!("another result");
    };
    assert_eq!(device, "/nonexistent/key");
    assert_eq!(reason.kind(), ErrorKind::NotFound);
}

#[test]
fn a_device_that_is_no_key_is_not_answering() {
    assert!(matches!(
        Device::open(&find("/dev/null")),
        Err(Error::NotAnswering { .. })
    ));
}

#[test]
fn names_with_a_zero_byte_are_refused() {
    let key = ScriptedKey::start(plain(), always(0x01));
    let result = open(&key.device()).find_credential("krbtest\0.com", &[ID], Verification::None, PATIENCE);
    assert!(matches!(result, Err(Error::InvalidArgument)));
}
