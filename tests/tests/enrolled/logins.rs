//! Password and key give a ticket that says so.

use super::{COOKIE_AND_SPAKE, NO_KEY, POLICY, PROMPT, TOUCH, alice, enrolled, modify_alice};
use krb5_fido_tests::*;
use krb5_testrealm::{Modules, Realm};

#[test]
fn ticket_has_the_flags_of_hardware_and_pre_authentication() {
    let Enrolled { realm, key: _key } = enrolled();
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
    let log = realm.kdc_log();
    let more = LogLine::more();
    assert_eq!(
        as_lines(&log),
        [LogLine::needed(), more.clone(), more, LogLine::issue()]
    );
    let accepted = log
        .lines()
        .find(|line| line.contains("(info): fido: alice@KRBTEST.COM nonce="));
    assert!(
        accepted
            .unwrap()
            .contains(" accepted label=blue up=1 uv=0 counter="),
        "{log}"
    );
}

#[test]
fn trace_of_a_login() {
    let Enrolled { realm, key: _key } = enrolled();
    let login = alice(&realm, &[]);
    let of_module = |line: &&str| !line.contains("PA-SPAKE") && !line.contains("Preauth module");
    let lines = spake_lines(&login.trace);
    assert_eq!(
        lines
            .iter()
            .map(String::as_str)
            .filter(of_module)
            .collect::<Vec<_>>(),
        [
            "Sending SPAKE support message",
            "SPAKE challenge received with group 1, pubkey <32 octets>",
            "SPAKE key generated with pubkey <32 octets>",
            "SPAKE algorithm result: (hidden)",
            "SPAKE final transcript hash: <32 octets>",
            "SPAKE second factor: SF-FIDO",
            "Sending SPAKE response",
        ]
    );
    let fido: Vec<&str> = login
        .trace
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(_, text)| text)
        .filter(|text| text.contains("SF-FIDO"))
        .collect();
    assert_eq!(
        fido,
        [
            "SPAKE second factor: SF-FIDO",
            "SF-FIDO challenge received: 1 relying parties, 1 credentials",
            "Sending SF-FIDO assertion"
        ]
    );
}

#[test]
fn indicator_of_the_key_opens_services_that_demand_it() {
    let enrolled = Enrolled::start(
        Realm::builder()
            .kdc_relation("fido_indicator", "fido")
            .kdc_relation("fido_indicator", "touched")
            .kdc_relation("spake_preauth_indicator", "strong"),
    );
    let Enrolled { realm, key: _key } = enrolled;
    add_user(&realm, "bob");
    for (service, indicator) in [
        ("host/a", "fido"),
        ("host/b", "touched"),
        ("host/c", "strong"),
        ("host/d", "else"),
    ] {
        add_service(&realm, service, indicator);
    }
    assert_ticket(&realm, &alice(&realm, &[]), "IHA");
    assert!(ask_for(&realm, "host/a").success());
    assert!(ask_for(&realm, "host/b").success());
    assert!(ask_for(&realm, "host/c").success());
    assert_service_refused(&realm, "host/d");

    assert_ticket(&realm, &realm.kinit("bob", PASSWORD, &[]).unwrap(), "IA");
    assert!(ask_for(&realm, "host/c").success());
    assert_service_refused(&realm, "host/a");
    assert_service_refused(&realm, "host/b");
}

fn assert_service_refused(realm: &Realm, service: &str) {
    let refused = ask_for(realm, service);
    let expected = format!("kvno: {POLICY} while getting credentials for {service}@KRBTEST.COM\n");
    assert_eq!((refused.code(), refused.stderr), (Some(1), expected));
}

#[test]
fn service_with_requires_hwauth_takes_the_ticket() {
    let Enrolled { realm, key: _key } = enrolled();
    add_user(&realm, "bob");
    realm
        .add_principal("host/hw", "x", &["+requires_hwauth"])
        .unwrap();
    assert_ticket(&realm, &alice(&realm, &[]), "IHA");
    assert!(ask_for(&realm, "host/hw").success());
    assert_ticket(&realm, &realm.kinit("bob", PASSWORD, &[]).unwrap(), "IA");
    let refused = ask_for(&realm, "host/hw");
    assert_eq!(refused.code(), Some(1), "{refused}");
}

macro_rules! each_group {
    ($($test:ident: $name:literal, $number:literal;)*) => {$(
        #[test]
        fn $test() {
            let groups = "spake_preauth_groups";
            let enrolled = Enrolled::start(
                Realm::builder().kdc_relation(groups, $name).client_relation(groups, $name),
            );
            let login = alice(&enrolled.realm, &[]);
            assert_ticket(&enrolled.realm, &login, "IHA");
            let challenge = concat!("SPAKE challenge received with group ", $number, ", pubkey");
            assert!(login.trace.contains(challenge), "{}", login.trace);
        }
    )*};
}

each_group! {
    login_in_p256: "P-256", 2;
    login_in_p384: "P-384", 3;
    login_in_p521: "P-521", 4;
}

#[test]
fn login_after_an_optimistic_challenge() {
    let enrolled =
        Enrolled::start(Realm::builder().kdc_relation("spake_preauth_kdc_challenge", "edwards25519"));
    let login = alice(&enrolled.realm, &[]);
    assert_ticket(&enrolled.realm, &login, "IHA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
}

#[test]
fn login_under_fast() {
    let Enrolled { realm, key: _key } = enrolled();
    let armor = armor(&realm);
    let login = alice(&realm, &["-T", &armor]);
    assert_ticket(&realm, &login, "IHA");
    assert!(
        login
            .trace
            .contains("Encoding request body and padata into FAST request"),
        "{}",
        login.trace
    );
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
}

#[test]
fn login_with_a_canonicalized_name() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_ticket(&realm, &alice(&realm, &["-C"]), "IHA");
}

#[test]
fn login_with_an_enterprise_name() {
    let Enrolled { realm, key } = enrolled();
    let name = "carol\\@example.org";
    add_user(&realm, name);
    enrol(&realm, name, &key, "blue");
    let login = realm.kinit("carol@example.org", PASSWORD, &["-E"]).unwrap();
    assert_ticket(&realm, &login, "IHA");
    let log = realm.kdc_log();
    assert!(
        log.contains("fido: carol\\@example.org@KRBTEST.COM nonce="),
        "{log}"
    );
}

#[test]
fn login_for_the_ticket_of_another_service() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_ticket(&realm, &alice(&realm, &["-S", "kadmin/admin"]), "IHA");
}

#[test]
fn login_with_a_keytab_needs_the_touch_too() {
    let Enrolled { realm, key } = enrolled();
    let keytab = realm.dir().join("alice.keytab");
    let keytab = keytab.to_str().unwrap();
    kadmin(&realm, &["ktadd", "-norandkey", "-k", keytab, "alice"]);
    let before = memory(&key);
    let login = realm.kinit("alice", "", &["-k", "-t", keytab]).unwrap();
    assert_ticket(&realm, &login, "IHA");
    assert_ne!(memory(&key), before);

    realm.kdestroy().unwrap();
    let login = realm
        .kinit("alice", "", &["-k", "-t", keytab, "-X", "fido_device=none"])
        .unwrap();
    assert_refused(&realm, &login, NO_KEY);
}

#[test]
fn login_after_requires_hwauth_was_cleared() {
    let Enrolled { realm, key: _key } = enrolled();
    modify_alice(&realm, &["-requires_hwauth"]);
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
}

#[test]
fn stock_client_of_a_principal_without_key_is_not_bothered() {
    let Enrolled { realm, key: _key } = enrolled();
    add_user(&realm, "bob");
    let login = realm.stock_kinit("bob", PASSWORD, &[]).unwrap();
    assert_ticket(&realm, &login, "IA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
}

#[test]
fn stock_kdc_has_no_use_for_the_key() {
    let realm = Realm::builder()
        .kdc_modules(Modules::Stock)
        .kadmind(false)
        .start()
        .unwrap();
    add_user(&realm, "alice");
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IA");
    assert_eq!(login.stdout, PROMPT);
}
