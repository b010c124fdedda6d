//! krb5-fido-helper against scripted keys: what it signs, asks for, and reports.

use std::{process::Command, time::Instant};

use krb5_fido_protocol::{
    fido::factor::{RelyingParty, UserVerification},
    helper::{Assert, Failure},
};

use crate::support::{
    PATIENCE,
    helper_process::{Helper, PROGRAM, RP_ID, request},
    scripted_key::{
        Answer, GET_ASSERTION, Information, ScriptedKey, assertion, holding, is_silent, parse_assertion,
    },
};

const ID: &[u8] = b"credential";
const PRODUCT: &str = "software key";

fn product() -> String {
    PRODUCT.to_owned()
}

fn key_with(
    options: &[(&'static str, bool)],
    touched: impl FnMut() -> Answer + Send + 'static,
) -> ScriptedKey {
    let information = Information {
        options: options.to_vec(),
        ..Information::default()
    };
    ScriptedKey::start(information, holding(ID, touched))
}

fn signing_key() -> ScriptedKey {
    key_with(&[], || Answer::Cbor(assertion(ID)))
}

fn touch_only(key: &ScriptedKey) -> Assert {
    request(&key.device(), &[ID], UserVerification::Discouraged)
}

fn fail(request: &Assert) -> Failure {
    Helper::asked(request).expect_failure()
}

#[test]
fn says_what_it_is_when_there_is_no_socket() {
    for arguments in [&[][..], &["--help"], &["--version", "x"]] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("not a command for people") && text.contains("file descriptor 3"),
            "{text}"
        );
    }
}

#[test]
fn a_file_is_no_socket() {
    let script = "exec \"$0\" 3</dev/null";
    let output = Command::new("sh").args(["-c", script, PROGRAM]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn signs_after_a_touch() {
    let key = signing_key();
    let mut helper = Helper::asked(&touch_only(&key));
    assert_eq!(helper.expect_touch(), PRODUCT);
    let signed = helper.expect_assertion();
    assert_eq!(signed.credential_id, ID);
    assert_eq!(signed.authenticator_data, [5; 37]);
    assert_eq!(signed.signature, [6; 70]);
}

#[test]
fn asks_the_touch_for_the_found_credential_alone() {
    let key = signing_key();
    let mut helper = Helper::asked(&request(
        &key.device(),
        &[b"lost", ID, b"other"],
        UserVerification::Discouraged,
    ));
    helper.expect_touch();
    helper.expect_assertion();
    let requests = key.requests(GET_ASSERTION);
    let last = parse_assertion(requests.last().unwrap());
    assert_eq!(last.ids, [ID]);
    assert_eq!(last.rp_id, RP_ID);
    assert_ne!(last.client_data_hash, [0; 32]);
    assert!(requests.iter().filter(|request| !is_silent(request)).count() == 1);
}

#[test]
fn takes_the_key_that_holds_a_credential() {
    let (other, key) = (
        ScriptedKey::start(Information::default(), holding(b"x", || Answer::HangUp)),
        signing_key(),
    );
    let mut request = touch_only(&key);
    request.settings.devices.insert(0, other.device());
    request
        .settings
        .devices
        .insert(0, "unix:/nonexistent/key".to_owned());
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    assert_eq!(helper.expect_assertion().credential_id, ID);
    assert_eq!(other.requests(GET_ASSERTION).len(), 1);
}

#[test]
fn takes_the_party_that_the_key_knows() {
    let key = signing_key();
    let mut request = touch_only(&key);
    request.settings.rp_id = None;
    request.parties[0].rp_id = "krb5realm:KRBTEST.COM".to_owned();
    let mut unknown = request.parties[0].clone();
    unknown.rp_id = RP_ID.to_owned();
    unknown.credentials[0].id = b"elsewhere".to_vec();
    request.parties.insert(0, unknown);
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    helper.expect_assertion();
    let last = key.requests(GET_ASSERTION).pop().unwrap();
    assert_eq!(parse_assertion(&last).rp_id, "krb5realm:KRBTEST.COM");
}

#[test]
fn what_is_signed_depends_on_the_party() {
    let hash = |rp_id: &str| {
        let key = signing_key();
        let mut request = touch_only(&key);
        request.settings.rp_id = Some(rp_id.to_owned());
        request.parties[0].rp_id = rp_id.to_owned();
        let mut helper = Helper::asked(&request);
        helper.expect_touch();
        helper.expect_assertion();
        parse_assertion(&key.requests(GET_ASSERTION).pop().unwrap()).client_data_hash
    };
    assert_ne!(hash("krbtest.com"), hash("example.com"));
}

#[test]
fn repeats_the_request_when_the_key_is_tired_of_waiting() {
    let mut times = 0;
    let key = key_with(&[], move || {
        times += 1;
        match times {
            1 => Answer::Status(0x2f),
            2 => Answer::Status(0x3a),
            _ => Answer::Cbor(assertion(ID)),
        }
    });
    let mut helper = Helper::asked(&touch_only(&key));
    helper.expect_touch();
    helper.expect_assertion();
}

#[test]
fn uses_the_built_in_verification_that_is_configured() {
    for (options, uv) in [
        (
            &[("uv", true), ("clientPin", true)][..],
            UserVerification::Preferred,
        ),
        (&[("uv", true)], UserVerification::Required),
        (&[("uv", true), ("alwaysUv", true)], UserVerification::Discouraged),
    ] {
        let key = key_with(options, || Answer::Cbor(assertion(ID)));
        let mut helper = Helper::asked(&request(&key.device(), &[ID], uv));
        helper.expect_touch();
        helper.expect_assertion();
        let last = parse_assertion(&key.requests(GET_ASSERTION).pop().unwrap());
        assert!(last.options.contains(&("uv".to_owned(), true)), "{options:?}");
    }
}

#[test]
fn does_without_verification_where_it_may() {
    for (options, uv) in [
        (
            &[("uv", true), ("clientPin", true)][..],
            UserVerification::Discouraged,
        ),
        (
            &[("uv", false), ("clientPin", false)],
            UserVerification::Preferred,
        ),
        (&[], UserVerification::Preferred),
    ] {
        let key = key_with(options, || Answer::Cbor(assertion(ID)));
        let mut helper = Helper::asked(&request(&key.device(), &[ID], uv));
        helper.expect_touch();
        helper.expect_assertion();
        let last = parse_assertion(&key.requests(GET_ASSERTION).pop().unwrap());
        assert!(!last.options.iter().any(|(name, _)| name == "uv"), "{options:?}");
    }
}

#[test]
fn required_verification_needs_a_key_that_can() {
    for options in [&[][..], &[("clientPin", false), ("uv", false)]] {
        let key = key_with(options, || Answer::Cbor(assertion(ID)));
        let failure = fail(&request(&key.device(), &[ID], UserVerification::Required));
        assert_eq!(failure, Failure::PinRequiredNotSet { product: product() });
        assert!(
            key.requests(GET_ASSERTION)
                .iter()
                .all(|request| is_silent(request))
        );
    }
}

#[test]
fn declined() {
    let key = key_with(&[], || Answer::Status(0x27));
    let mut helper = Helper::asked(&touch_only(&key));
    helper.expect_touch();
    assert_eq!(helper.expect_failure(), Failure::Declined { product: product() });
}

#[test]
fn timed_out() {
    let key = key_with(&[], || Answer::AwaitTouch);
    let mut request = touch_only(&key);
    request.timeout_seconds = 1;
    let started = Instant::now();
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    assert_eq!(helper.expect_failure(), Failure::TimedOut);
    assert!(started.elapsed() < PATIENCE);
    assert!(key.cancellations() > 0);
}

#[test]
fn no_time_at_all() {
    let key = signing_key();
    let mut request = touch_only(&key);
    request.timeout_seconds = 0;
    assert_eq!(fail(&request), Failure::TimedOut);
    assert_eq!(key.connections(), 0);
}

#[test]
fn other_errors_keep_code_and_name() {
    let key = key_with(&[], || Answer::Status(0x30));
    let mut helper = Helper::asked(&touch_only(&key));
    helper.expect_touch();
    assert_eq!(
        helper.expect_failure(),
        Failure::Device {
            product: product(),
            code: 0x30,
            text: "FIDO_ERR_NOT_ALLOWED".to_owned(),
        }
    );
}

#[test]
fn a_key_that_is_pulled_out() {
    let key = key_with(&[], || Answer::HangUp);
    let mut helper = Helper::asked(&touch_only(&key));
    helper.expect_touch();
    assert!(matches!(helper.expect_failure(), Failure::Device { code: 0, .. }));
}

#[test]
fn impossible_devices() {
    for value in ["usb", "", "hidraw0", "unix:", "unix:relative"] {
        let failure = fail(&request(value, &[ID], UserVerification::Preferred));
        let relation = "fido_device".to_owned();
        let value = value.to_owned();
        assert_eq!(failure, Failure::InvalidConfiguration { relation, value });
    }
}

#[test]
fn impossible_suffix_lists() {
    for path in ["/nonexistent/list", "list.dat", "/"] {
        let key = signing_key();
        let mut request = touch_only(&key);
        request.settings.rp_id = None;
        request.settings.public_suffix_list = Some(path.to_owned());
        let relation = "fido_public_suffix_list".to_owned();
        let value = path.to_owned();
        assert_eq!(fail(&request), Failure::InvalidConfiguration { relation, value });
        assert_eq!(key.connections(), 0);
    }
}

#[test]
fn signs_for_accepted_parties_only() {
    for (configured, rp_id) in [
        (Some("krbtest.com"), "example.com"),
        (Some("krbtest.com"), "krb5realm:KRBTEST.COM"),
        (None, "example.com"),
        (None, "com"),
        (None, "www.krbtest.com"),
        (None, "krb5realm:OTHER.COM"),
        (None, ""),
    ] {
        let key = signing_key();
        let mut request = touch_only(&key);
        request.settings.rp_id = configured.map(str::to_owned);
        request.parties[0].rp_id = rp_id.to_owned();
        let mut helper = Helper::asked(&request);
        assert_eq!(helper.expect_skipped(), rp_id);
        assert_eq!(
            helper.expect_failure(),
            Failure::NoAcceptedRelyingParty,
            "{rp_id}"
        );
        assert_eq!(key.connections(), 0, "{rp_id}");
    }
}

#[test]
fn skips_parties_that_are_not_accepted_and_says_so_first() {
    let key = signing_key();
    let mut request = touch_only(&key);
    let accepted = request.parties[0].clone();
    let other = |rp_id: &str| RelyingParty {
        rp_id: rp_id.to_owned(),
        ..accepted.clone()
    };
    request.parties.insert(0, other("example.com"));
    request.parties.push(other("evil\u{1b}\n"));
    let mut helper = Helper::asked(&request);
    assert_eq!(helper.expect_skipped(), "example.com");
    assert_eq!(helper.expect_skipped(), "evil\u{1b}\n");
    helper.expect_touch();
    helper.expect_assertion();
    for request in key.requests(GET_ASSERTION) {
        assert_eq!(parse_assertion(&request).rp_id, RP_ID);
    }
}

#[test]
fn reads_the_configured_suffix_list() {
    let key = signing_key();
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("list.dat");
    std::fs::write(&list, "// ours\nkrbtest.com\n").unwrap();
    let mut request = touch_only(&key);
    request.settings.rp_id = None;
    request.realm = "LAB.KRBTEST.COM".to_owned();
    request.settings.public_suffix_list = Some(list.to_str().unwrap().to_owned());
    let mut refused = Helper::asked(&request);
    assert_eq!(refused.expect_skipped(), RP_ID);
    assert_eq!(refused.expect_failure(), Failure::NoAcceptedRelyingParty);
    request.parties[0].rp_id = "lab.krbtest.com".to_owned();
    let mut helper = Helper::asked(&request);
    helper.expect_touch();
    helper.expect_assertion();
}
