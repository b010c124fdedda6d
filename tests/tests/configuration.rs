//! Relations of kdc.conf that keep the KDC from starting, and what it says then.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_testrealm::{Error, Realm, RealmBuilder};

fn builder() -> RealmBuilder {
    Realm::builder().kadmind(false)
}

/// The log of a KDC that does not start.
fn refusal(builder: RealmBuilder) -> String {
    match builder.start() {
        Ok(_) => panic!("the KDC starts"),
        Err(error @ Error::KdcStart(_)) => error.kdc_log().unwrap().to_owned(),
        Err(error) => panic!("{error}"),
    }
}

/// The KDC does not start, and names realm, relation and value.
fn assert_refused(relation: &str, value: &str, cause: &str) {
    let log = refusal(builder().kdc_relation(relation, value));
    let expected = format!("[realms] KRBTEST.COM: {relation} = \"{value}\": {cause}");
    assert!(log.contains(&expected), "{expected}\nis not in\n{log}");
}

#[test]
fn every_relation_that_this_version_serves() {
    let relations = [
        ("fido_policy", "required"),
        ("fido_exempt", "host/* *$"),
        ("fido_exempt", "K/M*"),
        ("fido_max_credentials", "3"),
        ("fido_aaguids", "2fc0579f-8113-47ea-b116-bb5a8db9202a"),
        ("fido_challenge", "encrypted"),
        ("fido_uv", "discouraged"),
        ("fido_self_enrol", "password"),
        ("fido_algorithms", "EdDSA ES256"),
        ("fido_enrol_url", "https://keys.example.com/"),
        ("fido_indicator", "one"),
        ("fido_indicator", "two"),
        ("fido_uv_indicator", "three"),
    ];
    let add = |builder: RealmBuilder, (relation, value)| builder.kdc_relation(relation, value);
    relations.into_iter().fold(builder(), add).start().unwrap();
}

#[test]
fn a_policy_that_is_none() {
    assert_refused("fido_policy", "sometimes", "unknown fido_policy value");
    assert_refused("fido_policy", "Enrolled", "unknown fido_policy value");
}

#[test]
fn a_policy_that_stands_twice() {
    let log = refusal(
        builder()
            .kdc_relation("fido_policy", "enrolled")
            .kdc_relation("fido_policy", "required"),
    );
    assert!(
        log.contains("KRBTEST.COM: fido_policy = \"enrolled\", \"required\": it stands more than once"),
        "{log}"
    );
}

#[test]
fn a_value_that_is_none() {
    assert_refused("fido_uv", "always", "unknown fido_uv value");
    assert_refused("fido_challenge", "", "unknown fido_challenge value");
    assert_refused("fido_challenge", "Clear", "unknown fido_challenge value");
    assert_refused(
        "fido_enrol_url",
        "http://keys.example.com/",
        "it begins with https:// and has no spaces",
    );
    assert_refused(
        "fido_exempt",
        "ho?t",
        "malformed pattern: only * is special, and names have no realm here",
    );
    assert_refused("fido_uv_indicator", "", "an indicator is a word");
}

#[test]
fn clear_challenges_with_large_datagrams() {
    const LIMIT: &str = "kdcdefaults:kdc_max_dgram_reply_size";
    let clear = builder().kdc_relation("fido_challenge", "clear");
    let expected = "KRBTEST.COM: fido_challenge = \"clear\": kdc_max_dgram_reply_size";
    let log = refusal(clear.clone());
    let unset = format!("{expected} must be set in [kdcdefaults], to at most 4096");
    assert!(log.contains(&unset), "{log}");
    for value in [
        "4097",
        "65536",
        "-1",
        "many",
        "4096 bytes",
        "0x400",
        "99999999999999999999",
        "",
    ] {
        let log = refusal(clear.clone().kdc_relation(LIMIT, value));
        let refused = format!("{expected} = \"{value}\" in [kdcdefaults] must be a number of at most 4096");
        assert!(log.contains(&refused), "{refused}\nis not in\n{log}");
    }
    // The last value is the one that krb5kdc takes.
    let twice = clear.kdc_relation(LIMIT, "1024").kdc_relation(LIMIT, "8192");
    assert!(refusal(twice).contains("= \"8192\" in [kdcdefaults]"));
}

#[test]
fn clear_challenges_of_a_realm_that_the_kdc_does_not_serve() {
    let log = refusal(builder().kdc_relation("realms/OTHER.ORG:fido_challenge", "clear"));
    assert!(
        log.contains("[realms] OTHER.ORG: fido_challenge = \"clear\": kdc_max_dgram_reply_size must be set"),
        "{log}"
    );
}

#[test]
fn clear_challenges_with_small_datagrams() {
    let clear = builder().kdc_relation("fido_challenge", "clear");
    clear
        .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096")
        .start()
        .unwrap();
}

#[test]
fn algorithms_that_are_not_allowed_or_none() {
    assert_refused("fido_algorithms", "ES256 ES512", "ES512 is never allowed");
    assert_refused("fido_algorithms", "Ed448", "Ed448 is never allowed");
    assert_refused("fido_algorithms", "ES256 PS256", "unknown algorithm name");
    assert_refused("fido_algorithms", "ES256 ES256", "algorithm named twice");
    assert_refused("fido_algorithms", "", "no algorithm named");
}

#[test]
fn what_is_demanded_of_new_keys() {
    assert_refused("fido_max_credentials", "0", "it must be a number of at least 1");
    assert_refused(
        "fido_attestation_roots",
        "roots.pem",
        "it must be an absolute path",
    );
    assert_refused("fido_aaguids", "yubikey", "it must be UUIDs in lower case");
    assert_refused("fido_self_enrol", "yes", "unknown fido_self_enrol value");
}

#[test]
fn a_relation_that_there_is_not() {
    assert_refused("fido_polisy", "enrolled", "there is no such relation");
}

#[test]
fn an_indicator_without_a_name() {
    assert_refused("fido_indicator", "", "an indicator is a word");
}

#[test]
fn a_relation_in_the_wrong_section() {
    let log = refusal(builder().kdc_relation("kdcdefaults:fido_policy", "enrolled"));
    assert!(log.contains("fido_policy stands in [kdcdefaults]"), "{log}");
}

#[test]
fn a_realm_that_the_kdc_does_not_serve_is_checked_too() {
    let log = refusal(builder().kdc_relation("realms/OTHER.ORG:fido_policy", "sometimes"));
    assert!(
        log.contains("[realms] OTHER.ORG: fido_policy = \"sometimes\""),
        "{log}"
    );
}

#[test]
fn groups_that_are_none_leave_spake_out_and_say_so() {
    let realm = builder()
        .kdc_relation("spake_preauth_groups", "P-224")
        .start()
        .unwrap();
    let log = realm.kdc_log();
    assert!(
        log.contains("preauth spake failed to initialize: No SPAKE preauth groups configured"),
        "{log}"
    );
}

#[test]
fn a_challenge_group_that_is_not_permitted_leaves_spake_out_and_says_so() {
    let realm = builder()
        .kdc_relation("spake_preauth_kdc_challenge", "P-256")
        .start()
        .unwrap();
    let log = realm.kdc_log();
    let expected = "preauth spake failed to initialize: SPAKE challenge group not a permitted group: P-256";
    assert!(log.contains(expected), "{log}");
}
