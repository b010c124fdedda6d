//! Which group, and what happens without one: challenges that the KDC sends unasked, groups that the other side does not
//! permit, encrypted timestamp instead.

use krb5_fido_tests::{
    Enrolled, LogLine, PASSWORD, as_lines, assert_refused, assert_ticket, kadmin, memory, module_lines,
    sent_types,
};
use krb5_testrealm::{Realm, RealmBuilder};

use crate::{
    ASSERTION, COOKIE_AND_SPAKE, COOKIE_AND_TIMESTAMP, FACTOR, FIDO_CHALLENGE, GROUPS, HASH, LOGIN,
    LOGIN_WITH_KEY, RESPONSE, RESULT, SUPPORT,
    sides::{Ours, Side, alice, alike, issued, log_in, log_in_wrongly, realm_with_bob},
};

const OPTIMISTIC: &str = "spake_preauth_kdc_challenge";
const REJECTED: &str = "SPAKE challenge with group 1 rejected";

/// What the modules trace of a login in P-256.
const P256: [&str; 6] = [
    SUPPORT,
    "SPAKE challenge received with group 2, pubkey <33 octets>",
    "SPAKE key generated with pubkey <33 octets>",
    RESULT,
    HASH,
    RESPONSE,
];

at_each_kdc! {
    the_first_group_of_the_client_that_is_permitted_is_taken
    unknown_group_names_are_traced_and_passed_over
    optimistic_challenge_saves_a_round_trip
    optimistic_challenge_with_a_wrong_password
    optimistic_challenge_in_another_group_is_answered_with_support
    optimistic_challenge_without_a_common_group
    optimistic_challenge_in_a_group_that_is_not_permitted_turns_the_module_off
    without_a_common_group_encrypted_timestamp_follows
    without_a_common_group_and_encrypted_timestamp_there_is_no_login
}

fn the_first_group_of_the_client_that_is_permitted_is_taken(kdc: Side) {
    let builder = Realm::builder()
        .kdc_relation(GROUPS, "edwards25519 P-256,P-384")
        .client_relation(GROUPS, "P-521 P-384 edwards25519");
    let (login, log) = log_in(&realm_with_bob(kdc, builder), "bob", &[]);
    let challenge = "SPAKE challenge received with group 3, pubkey <49 octets>";
    assert_eq!(module_lines(&login.trace)[1], challenge);
    assert_eq!(log, issued());
}

fn unknown_group_names_are_traced_and_passed_over(kdc: Side) {
    let builder = Realm::builder().client_relation(GROUPS, "curve448 edwards25519");
    let (login, _) = log_in(&realm_with_bob(kdc, builder), "bob", &[]);
    let lines = module_lines(&login.trace);
    assert_eq!(lines[0], "Unrecognized SPAKE group name: curve448");
    assert_eq!(lines[1..], LOGIN);
}

fn optimistic_challenge_saves_a_round_trip(kdc: Side) {
    let builder = Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519");
    let (login, log) = log_in(&realm_with_bob(kdc, builder), "bob", &[]);
    assert_eq!(module_lines(&login.trace), LOGIN[1..]);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE]);
    assert_eq!(log, [LogLine::needed(), LogLine::issue()]);
}

fn optimistic_challenge_with_a_wrong_password(kdc: Side) {
    let builder = Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519");
    let realm = realm_with_bob(kdc, builder);
    let (login, log) = log_in_wrongly(&realm, "bob", &[]);
    assert_eq!(module_lines(&login.trace), LOGIN[1..]);
    assert_eq!(log, [LogLine::needed(), kdc.wrong_password()]);
}

fn in_another_group() -> RealmBuilder {
    Realm::builder()
        .kdc_relation(GROUPS, "edwards25519 P-256")
        .kdc_relation(OPTIMISTIC, "edwards25519")
        .client_relation(GROUPS, "P-256")
}

fn optimistic_challenge_in_another_group_is_answered_with_support(kdc: Side) {
    let (login, log) = log_in(&realm_with_bob(kdc, in_another_group()), "bob", &[]);
    let lines = module_lines(&login.trace);
    assert_eq!(lines[0], REJECTED);
    assert_eq!(lines[1..], P256);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(log, issued());
}

fn optimistic_challenge_without_a_common_group(kdc: Side) {
    let builder = no_common_group().kdc_relation(OPTIMISTIC, "edwards25519");
    let (login, log) = log_in(&realm_with_bob(kdc, builder), "bob", &[]);
    assert_eq!(module_lines(&login.trace), [REJECTED, SUPPORT]);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE, COOKIE_AND_TIMESTAMP]);
    assert_eq!(log, [LogLine::needed(), kdc.no_group(), LogLine::issue()]);
}

fn optimistic_challenge_in_a_group_that_is_not_permitted_turns_the_module_off(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder().kdc_relation(OPTIMISTIC, "P-256"));
    let (login, log) = log_in(&realm, "bob", &[]);
    assert!(module_lines(&login.trace).is_empty(), "{}", login.trace);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_TIMESTAMP]);
    assert_eq!(log, [LogLine::needed(), LogLine::issue()]);
    let log = realm.kdc_log();
    let cause = "SPAKE challenge group not a permitted group: P-256";
    assert!(log.contains(cause), "{log}");
}

fn no_common_group() -> RealmBuilder {
    Realm::builder()
        .kdc_relation(GROUPS, "edwards25519")
        .client_relation(GROUPS, "P-256")
}

fn without_a_common_group_encrypted_timestamp_follows(kdc: Side) {
    let (login, log) = log_in(&realm_with_bob(kdc, no_common_group()), "bob", &[]);
    assert_eq!(module_lines(&login.trace), [SUPPORT]);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE, COOKIE_AND_TIMESTAMP]);
    assert_eq!(log, [LogLine::needed(), kdc.no_group(), LogLine::issue()]);
}

fn without_a_common_group_and_encrypted_timestamp_there_is_no_login(kdc: Side) {
    let builder = no_common_group().kdc_relation("plugins/kdcpreauth:disable", "encrypted_timestamp");
    let realm = realm_with_bob(kdc, builder);
    let (login, log) = alike(&realm, |client| {
        let login = client.kinit(&realm, "bob", PASSWORD, &[]);
        assert_refused(&realm, &login, "Preauthentication failed");
        login
    });
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE]);
    assert_eq!(log, [LogLine::needed(), kdc.no_group()]);
}

mod with_a_key {
    use super::*;

    #[test]
    fn optimistic_challenge_saves_a_round_trip() {
        let builder = Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519");
        let enrolled = Enrolled::start(builder);
        let login = alice(&enrolled, &[]);
        assert_ticket(&enrolled.realm, &login, "IHA");
        assert_eq!(module_lines(&login.trace), LOGIN_WITH_KEY[1..]);
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
        let log = as_lines(&enrolled.realm.kdc_log());
        assert_eq!(log, issued());
    }

    #[test]
    fn optimistic_challenge_in_another_group_is_answered_with_support() {
        let enrolled = Enrolled::start(in_another_group());
        let login = alice(&enrolled, &[]);
        assert_ticket(&enrolled.realm, &login, "IHA");
        let mut expected = vec![REJECTED];
        expected.extend(P256);
        expected.insert(6, FACTOR);
        expected.extend([FIDO_CHALLENGE, ASSERTION]);
        assert_eq!(module_lines(&login.trace), expected);
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
    }

    /// requires_hwauth, which enrolling has set, leaves nothing to fall back to.
    #[test]
    fn without_a_common_group_there_is_no_login() {
        let enrolled = Enrolled::start(no_common_group());
        let before = memory(&enrolled.key);
        let login = alice(&enrolled, &[]);
        assert_refused(&enrolled.realm, &login, "Preauthentication failed");
        assert_eq!(module_lines(&login.trace), [SUPPORT]);
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE]);
        let log = as_lines(&enrolled.realm.kdc_log());
        assert_eq!(log, [LogLine::needed(), Ours.no_group()]);
        assert_eq!(memory(&enrolled.key), before);
    }

    #[test]
    fn encrypted_timestamp_instead_is_refused_by_the_policy_module() {
        let enrolled = Enrolled::start(no_common_group());
        kadmin(&enrolled.realm, &["modprinc", "-requires_hwauth", "alice"]);
        let login = alice(&enrolled, &[]);
        assert_refused(&enrolled.realm, &login, "KDC policy rejects request");
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE, COOKIE_AND_TIMESTAMP]);
        let refused = LogLine::new("FIDO_REQUIRED", "a security key is required, and was not used");
        let log = as_lines(&enrolled.realm.kdc_log());
        assert_eq!(log, [LogLine::needed(), Ours.no_group(), refused]);
    }
}
