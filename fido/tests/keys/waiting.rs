//! krb5-fido-helper waits for the right key.

use std::os::unix::net::UnixListener;

use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Assert, Failure},
};
use rustix::process::Signal;

use crate::support::{
    helper_process::{Helper, request},
    open,
    registered::{USER_PRESENT, register, verify_login},
    scripted_key::{Answer, GET_ASSERTION, Information, ScriptedKey, assertion, holding},
    software_key::SoftwareKey,
    wait_until,
};

const ID: &[u8] = b"credential";

fn discouraged(device: &str, id: &[u8]) -> Assert {
    request(device, &[id], UserVerification::Discouraged)
}

/// With one second of patience.
fn hurried(mut request: Assert) -> Assert {
    request.timeout_seconds = 1;
    request
}

fn wrong_key() -> ScriptedKey {
    ScriptedKey::start(Information::default(), holding(b"another", || Answer::HangUp))
}

fn wrong() -> Failure {
    Failure::WrongKey {
        product: "software key".to_owned(),
    }
}

fn is_missing(failure: &Failure, device: &str) -> bool {
    matches!(failure, Failure::DeviceUnavailable { device: named, reason }
        if named == device && reason.contains("No such file"))
}

#[test]
fn no_key_at_all_fails_at_once_where_none_may_be_used() {
    for devices in [&["none"][..], &["none", "none"]] {
        let mut request = discouraged("none", ID);
        request.settings.devices = devices.iter().map(|device| (*device).to_owned()).collect();
        assert_eq!(Helper::asked(&request).expect_failure(), Failure::NoKey);
    }
}

#[test]
fn a_key_that_is_plugged_in_late() {
    let mut key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    key.unplug();
    let mut helper = Helper::asked(&discouraged(&key.device(), &registration.credential_id));
    assert!(is_missing(&helper.expect_waiting(), &key.device()));
    key.plug_in(&["auto"]);
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
}

#[test]
fn a_key_that_does_not_come() {
    for device in ["unix:/nonexistent/key", "/dev/nonexistent"] {
        let mut helper = Helper::asked(&hurried(discouraged(device, ID)));
        let waiting = helper.expect_waiting();
        assert!(is_missing(&waiting, device), "{waiting:?}");
        assert_eq!(helper.expect_failure(), waiting);
    }
}

#[test]
fn a_socket_that_nobody_listens_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    drop(UnixListener::bind(&path).unwrap());
    let device = format!("unix:{}", path.display());
    let failure = Helper::asked(&hurried(discouraged(&device, ID))).expect_last();
    assert!(
        matches!(&failure, Failure::DeviceUnavailable { device: named, reason }
            if *named == device && reason.contains("refused")),
        "{failure:?}"
    );
}

#[test]
fn a_key_that_does_not_answer_is_tried_again() {
    let information = Information {
        dropped: 4,
        ..Information::default()
    };
    let key = ScriptedKey::start(information, holding(ID, || Answer::Cbor(assertion(ID))));
    let mut helper = Helper::asked(&discouraged(&key.device(), ID));
    // Told after a second.
    let failure = helper.expect_waiting();
    assert!(
        matches!(&failure, Failure::DeviceUnavailable { device, .. } if *device == key.device()),
        "{failure:?}"
    );
    helper.expect_touch();
    helper.expect_assertion();
    assert_eq!(key.connections(), 5);
}

#[test]
fn a_device_that_is_no_key() {
    let mut helper = Helper::asked(&discouraged("/dev/null", ID));
    let failure = helper.expect_waiting();
    assert!(
        matches!(&failure, Failure::DeviceUnavailable { device, .. } if device == "/dev/null"),
        "{failure:?}"
    );
}

#[test]
fn the_wrong_key_is_named_and_the_right_one_waited_for() {
    let (wrong_key, mut key) = (wrong_key(), SoftwareKey::touched());
    let registration = register(&mut open(&key.device()));
    key.unplug();
    let mut request = discouraged(&wrong_key.device(), &registration.credential_id);
    request.settings.devices.push(key.device());
    let mut helper = Helper::asked(&request);
    assert_eq!(helper.expect_waiting(), wrong());
    key.plug_in(&["auto"]);
    helper.expect_touch();
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
    assert_eq!(wrong_key.requests(GET_ASSERTION).len(), 1, "asked once");
}

#[test]
fn the_wrong_key_is_named_in_the_end() {
    let key = wrong_key();
    let mut request = hurried(discouraged(&key.device(), ID));
    request
        .settings
        .devices
        .insert(0, "unix:/nonexistent/key".to_owned());
    let mut helper = Helper::asked(&request);
    assert_eq!(helper.expect_waiting(), wrong());
    assert_eq!(helper.expect_failure(), wrong());
}

#[test]
fn a_key_that_comes_back_is_asked_again() {
    let mut key = SoftwareKey::touched();
    let mut helper = Helper::asked(&discouraged(&key.device(), ID));
    assert_eq!(helper.expect_waiting(), wrong());
    key.unplug();
    assert!(is_missing(&helper.expect_waiting(), &key.device()));
    key.plug_in(&["auto"]);
    // It is still the wrong one, and its user knows.
    helper.signal(Signal::INT);
    assert_eq!(helper.expect_failure(), Failure::Cancelled);
}

#[test]
fn a_signal_ends_the_wait() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut helper = Helper::asked(&discouraged("unix:/nonexistent/key", ID));
        helper.expect_waiting();
        helper.signal(signal);
        assert_eq!(helper.expect_failure(), Failure::Cancelled, "{signal:?}");
    }
}

#[test]
fn the_wait_ends_with_the_module() {
    let mut helper = Helper::asked(&discouraged("unix:/nonexistent/key", ID));
    helper.expect_waiting();
    assert!(helper.hang_up().ended_quietly());
}

#[test]
fn a_signal_while_the_wrong_key_is_attached_leaves_it_ready() {
    let key = wrong_key();
    let mut helper = Helper::asked(&discouraged(&key.device(), ID));
    helper.expect_waiting();
    helper.signal(Signal::INT);
    assert_eq!(helper.expect_failure(), Failure::Cancelled);
    wait_until("the key is closed", || key.cancellations() > 0);
    assert!(open(&key.device()).capabilities().fido2);
}

#[test]
fn a_signal_during_the_touch_leaves_the_key_ready() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open(&key.device()));
    let key = key.restart("never");
    let asked = discouraged(&key.device(), &registration.credential_id);
    let mut helper = Helper::asked(&asked);
    helper.expect_touch();
    helper.signal(Signal::INT);
    assert_eq!(helper.expect_failure(), Failure::Cancelled);
    let mut next = Helper::asked(&asked);
    next.expect_touch();
}

#[test]
fn what_the_module_sends_meanwhile_is_a_fault() {
    let mut helper = Helper::asked(&discouraged("unix:/nonexistent/key", ID));
    helper.expect_waiting();
    helper.send_pin("1234");
    assert_eq!(helper.expect_failure(), Failure::Internal);
}
