//! fido_policy and what goes with it, on a real KDC. Every cell and rule is tested in the protocol crate; here is what a
//! user and an administrator see of them.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_fido_tests::{
    Enrolled, PASSWORD, add_service, add_user, ask_for, assert_ticket, attribute, enrol, kadmin, memory,
    set_pin,
};
use krb5_testrealm::{Finished, Presence, Realm, RealmBuilder};

const NOT_REGISTERED: &str = "bob@KRBTEST.COM must log in with a security key, and none is registered that may be used: \
                              register one with kfido enroll, or";
const NONE_USABLE: &str =
    "None of the security keys registered for alice@KRBTEST.COM may be used: ask your administrator";

fn under(policy: &str) -> RealmBuilder {
    Realm::builder().kdc_relation("fido_policy", policy)
}

/// alice has a key, bob has none.
fn realm(builder: RealmBuilder) -> Enrolled {
    let enrolled = Enrolled::start(builder);
    add_user(&enrolled.realm, "bob");
    enrolled
}

fn login(realm: &Realm, principal: &str, arguments: &[&str]) -> Finished {
    realm.kinit(principal, PASSWORD, arguments).unwrap()
}

fn assert_fails(login: &Finished, message: &str) {
    assert_eq!(login.code(), Some(1), "{login}");
    let expected = format!("kinit: {message} while getting initial credentials\n");
    assert!(login.stderr.ends_with(&expected), "{login}");
}

/// The factor demanded of whoever has a key also for this service: the stock client cannot say SF-FIDO.
fn assert_stock_client_refused(realm: &Realm, principal: &str) {
    assert_eq!(
        realm.stock_kinit(principal, PASSWORD, &[]).unwrap().code(),
        Some(1)
    );
}

#[test]
fn permissive_takes_the_key_where_there_is_one() {
    let Enrolled { realm, key: _key } = realm(under("permissive"));
    assert_ticket(&realm, &login(&realm, "alice", &[]), "IHA");
}

#[test]
fn permissive_takes_the_password_where_there_is_no_key() {
    let Enrolled { realm, key } = realm(under("permissive").kdc_relation("fido_indicator", "fido"));
    add_service(&realm, "host/vault", "fido");
    let before = memory(&key);
    let without = login(&realm, "alice", &["-X", "fido_device=none"]);
    assert_ticket(&realm, &without, "IA");
    assert_eq!(memory(&key), before);
    assert!(!ask_for(&realm, "host/vault").success());
    login(&realm, "alice", &[]).checked().unwrap();
    assert!(ask_for(&realm, "host/vault").success());
}

#[test]
fn hardware_that_an_administrator_demands_is_demanded_under_permissive_too() {
    let Enrolled { realm, key: _key } = realm(under("permissive"));
    kadmin(&realm, &["modprinc", "+requires_hwauth", "alice"]);
    let without = login(&realm, "alice", &["-X", "fido_device=none"]);
    assert_fails(
        &without,
        "No security key attached: plug in the one registered for alice@KRBTEST.COM",
    );
}

#[test]
fn enrolment_sets_the_hardware_flag_unless_the_policy_is_permissive() {
    let flags = |realm: &Realm| kadmin(realm, &["getprinc", "alice"]).contains("REQUIRES_HW_AUTH");
    assert!(!flags(&Enrolled::start(under("permissive")).realm));
    assert!(flags(&Enrolled::start(under("enrolled")).realm));
    assert!(flags(&Enrolled::start(under("required")).realm));
}

#[test]
fn permissive_lets_a_stock_client_in() {
    let Enrolled { realm, key: _key } = realm(under("permissive"));
    assert!(realm.stock_kinit("alice", PASSWORD, &[]).unwrap().success());
}

#[test]
fn permissive_demands_the_key_for_administration() {
    let Enrolled { realm, key: _key } = realm(under("permissive"));
    for service in ["kadmin/admin", "kadmin/changepw"] {
        let arguments = ["-S", service, "-X", "fido_device=none"];
        let refused = login(&realm, "alice", &arguments);
        assert_fails(
            &refused,
            "No security key attached: plug in the one registered for alice@KRBTEST.COM",
        );
        assert!(login(&realm, "alice", &["-S", service]).success());
        assert!(login(&realm, "bob", &["-S", service]).success());
    }
}

#[test]
fn required_turns_away_whoever_has_no_key_and_says_where_to_get_one() {
    let page = "https://keys.krbtest.com/enrol";
    let Enrolled { realm, key: _key } = realm(under("required").kdc_relation("fido_enrol_url", page));
    assert_fails(
        &login(&realm, "bob", &[]),
        &format!("{NOT_REGISTERED} see {page}"),
    );
    assert!(realm.kdc_log().contains("fido: bob@KRBTEST.COM nonce="));
    assert!(
        realm
            .kdc_log()
            .contains("turned away: no security key is registered")
    );
    assert_stock_client_refused(&realm, "bob");
    assert_ticket(&realm, &login(&realm, "alice", &[]), "IHA");
}

#[test]
fn required_without_a_page_names_the_administrator() {
    let Enrolled { realm, key: _key } = realm(under("required"));
    assert_fails(
        &login(&realm, "bob", &[]),
        &format!("{NOT_REGISTERED} ask your administrator"),
    );
    let getprinc = realm.kadmin_local(&["getprinc", "bob"]).unwrap();
    assert!(
        getprinc.stdout.contains("Failed password attempts: 0"),
        "{getprinc}"
    );
}

#[test]
fn required_refuses_encrypted_timestamp() {
    let Enrolled { realm, key: _key } = realm(under("required"));
    let mut kinit = realm.stock_client_command("kinit");
    kinit.arg("bob");
    let refused = realm.run(kinit, "correct horse\n").unwrap();
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        !realm.kdc_log().contains("ISSUE: authtime"),
        "{}",
        realm.kdc_log()
    );
}

#[test]
fn required_leaves_hosts_alone_by_default() {
    let Enrolled { realm, key: _key } = realm(under("required"));
    realm
        .add_principal("host/web.krbtest.com", PASSWORD, &["+requires_preauth"])
        .unwrap();
    assert_ticket(&realm, &login(&realm, "host/web.krbtest.com", &[]), "IA");
}

#[test]
fn exemptions_of_the_realm_replace_the_default() {
    let builder = under("required")
        .kdc_relation("fido_exempt", "b*")
        .kdc_relation("fido_exempt", "x/*");
    let Enrolled { realm, key: _key } = realm(builder);
    realm
        .add_principal("host/web", PASSWORD, &["+requires_preauth"])
        .unwrap();
    assert!(login(&realm, "bob", &[]).success());
    assert!(!login(&realm, "host/web", &[]).success());
}

#[test]
fn an_own_policy_is_followed_and_an_unreadable_one_refuses() {
    let Enrolled { realm, key: _key } = realm(under("enrolled"));
    kadmin(&realm, &["setstr", "bob", "fido_policy", "required"]);
    assert_fails(
        &login(&realm, "bob", &[]),
        &format!("{NOT_REGISTERED} ask your administrator"),
    );
    kadmin(&realm, &["setstr", "bob", "fido_policy", "sometimes"]);
    assert_eq!(login(&realm, "bob", &[]).code(), Some(1));
    assert_stock_client_refused(&realm, "bob");
    assert!(
        realm
            .kdc_log()
            .contains("has a setting that cannot be followed: unknown fido_policy value")
    );
    kadmin(&realm, &["delstr", "bob", "fido_policy"]);
    assert!(login(&realm, "bob", &[]).success());
}

#[test]
fn own_indicators_replace_those_of_the_realm() {
    let Enrolled { realm, key: _key } = realm(under("enrolled").kdc_relation("fido_indicator", "fido"));
    add_service(&realm, "host/fido", "fido");
    add_service(&realm, "host/own", "own");
    kadmin(&realm, &["setstr", "alice", "fido_indicator", "own"]);
    login(&realm, "alice", &[]).checked().unwrap();
    assert!(ask_for(&realm, "host/own").success());
    assert!(!ask_for(&realm, "host/fido").success());
}

#[test]
fn whoever_may_enrol_by_himself_gets_a_ticket_for_that_alone() {
    let builder = under("required").kdc_relation("fido_self_enrol", "password");
    let Enrolled { realm, key: _key } = realm(builder);
    assert!(login(&realm, "bob", &["-S", "kadmin/admin"]).success());
    assert_fails(
        &login(&realm, "bob", &[]),
        &format!("{NOT_REGISTERED} ask your administrator"),
    );
    let arguments = ["-S", "kadmin/admin", "-X", "fido_device=none"];
    assert_eq!(login(&realm, "alice", &arguments).code(), Some(1));
}

#[test]
fn an_algorithm_that_is_not_allowed_makes_the_key_unusable() {
    let Enrolled { mut realm, key: _key } = realm(under("enrolled"));
    realm
        .set_kdc_relation("fido_algorithms", &["EdDSA ES384"])
        .unwrap();
    assert_fails(&login(&realm, "alice", &[]), NONE_USABLE);
    assert!(
        realm.kdc_log().contains("cannot use fido:blue: "),
        "{}",
        realm.kdc_log()
    );
}

/// The policy becomes stricter after the enrolment.
fn then_verify() -> Enrolled {
    let builder = under("enrolled")
        .kdc_relation("fido_indicator", "fido")
        .kdc_relation("fido_uv_indicator", "fido-uv");
    let mut enrolled = realm(builder);
    enrolled.realm.set_kdc_relation("fido_uv", &["required"]).unwrap();
    enrolled
}

#[test]
fn verification_is_demanded_of_a_key_without_a_pin() {
    let Enrolled { realm, key: _key } = then_verify();
    assert_fails(
        &login(&realm, "alice", &[]),
        "KRBTEST.COM wants the PIN of software key, and none is set: set one with fido2-token -S",
    );
}

#[test]
fn a_key_that_the_kdc_would_refuse_is_not_enrolled() {
    let Enrolled { mut realm, key } = then_verify();
    let device = key.device();
    let enroll = ["enroll", "bob", "--device", &device];
    let refused = realm.kdb5_fido(&enroll).unwrap();
    assert_eq!(refused.code(), Some(1), "{refused}");
    let expected = "kdb5_fido: KRBTEST.COM wants the PIN of software key, and none is set: set one with fido2-token -S; \
                    nothing was stored\n";
    assert!(refused.stderr.ends_with(expected), "{refused}");

    realm.set_kdc_relation("fido_uv", &[]).unwrap();
    realm.set_kdc_relation("fido_algorithms", &["ES384"]).unwrap();
    let refused = realm.kdb5_fido(&enroll).unwrap();
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(
        refused
            .stderr
            .contains("fido_algorithms of KRBTEST.COM accepts none"),
        "{refused}"
    );
    assert!(login(&realm, "bob", &[]).success());
    assert!(
        realm
            .kdb5_fido(&["list", "alice"])
            .unwrap()
            .stdout
            .contains("unusable")
    );
}

#[test]
fn verification_of_a_principal_replaces_that_of_the_realm() {
    let Enrolled { realm, key: _key } = then_verify();
    kadmin(&realm, &["setstr", "alice", "fido_uv", "discouraged"]);
    assert_ticket(&realm, &login(&realm, "alice", &[]), "IHA");
}

#[test]
fn verification_gives_its_own_indicator() {
    let Enrolled { realm, key } = then_verify();
    add_service(&realm, "host/touch", "fido");
    add_service(&realm, "host/pin", "fido-uv");
    set_pin(&key, "123456");
    // The password and the PIN come from one pipe, a line each.
    let mut kinit = realm.command("kinit");
    kinit.arg("alice");
    let with_pin = realm.run(kinit, &format!("{PASSWORD}\n123456\n")).unwrap();
    assert!(with_pin.success(), "{with_pin}");
    assert!(
        with_pin
            .stdout
            .contains("PIN for software key (8 attempts left): "),
        "{with_pin}"
    );
    assert!(ask_for(&realm, "host/pin").success() && ask_for(&realm, "host/touch").success());
    assert!(
        realm.kdc_log().contains("accepted label=blue up=1 uv=1"),
        "{}",
        realm.kdc_log()
    );
}

#[test]
fn permissive_does_not_take_a_mistake_for_the_absence_of_a_key() {
    let Enrolled { realm, key: _key } = realm(under("permissive"));
    let options = ["-X", "fido_device=unix:/nonexistent", "-X", "fido_timeout=1s"];
    let mistyped = login(&realm, "alice", &options);
    assert!(
        mistyped
            .stderr
            .contains("Could not open the security key unix:/nonexistent"),
        "{mistyped}"
    );
    assert_eq!(mistyped.code(), Some(1), "{mistyped}");
}

#[test]
fn permissive_needs_no_helper_for_the_password() {
    let Enrolled { mut realm, key: _key } = realm(under("permissive"));
    realm
        .set_client_relation("fido_helper", &["/nonexistent/helper"])
        .unwrap();
    realm.set_client_relation("fido_device", &["auto"]).unwrap();
    assert_ticket(&realm, &login(&realm, "alice", &[]), "IA");
}

#[test]
fn a_credential_that_two_records_hold_is_as_good_as_the_worse_one() {
    let Enrolled { realm, key: _key } = realm(under("enrolled"));
    let record = attribute(&realm, "alice", "fido:blue").unwrap();
    kadmin(&realm, &["setstr", "alice", "fido:copy", &record]);
    assert_ticket(&realm, &login(&realm, "alice", &[]), "IHA");
    let mut disabled: serde_json::Value = serde_json::from_str(&record).unwrap();
    disabled["disabled"] = true.into();
    kadmin(&realm, &["setstr", "alice", "fido:copy", &disabled.to_string()]);
    assert_fails(&login(&realm, "alice", &[]), NONE_USABLE);
}

#[test]
fn a_user_of_kadmind_changes_no_setting_of_his_own() {
    let mut realm = Realm::builder().start().unwrap();
    add_user(&realm, "alice");
    let key = realm.softkey("key", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    enrol(&realm, "alice", &key, "blue");
    let settings = || {
        let principal = kadmin(&realm, &["getprinc", "alice"]);
        let flags = principal.lines().find(|line| line.starts_with("Attributes:"));
        (flags.unwrap().to_owned(), kadmin(&realm, &["getstrs", "alice"]))
    };
    let before = settings();
    let login = realm.kinit("alice", PASSWORD, &["-S", "kadmin/admin"]).unwrap();
    assert!(login.success(), "{login}");
    for query in [
        "setstr alice fido:red {}",
        "setstr alice fido_policy permissive",
        "delstr alice fido:blue",
        "modprinc -requires_hwauth alice",
    ] {
        let mut command = realm.command("kadmin");
        let cache = format!("FILE:{}", realm.dir().join("ccache").display());
        command.args(["-p", "alice", "-c", &cache, "-q", query]);
        let refused = realm.run(command, "").unwrap();
        assert!(
            refused.stderr.contains("Operation requires ``modify'' privilege"),
            "{query}: {refused}"
        );
    }
    assert_eq!(settings(), before);
}
