//! What users see.

use super::*;
use krb5_fido_tests::*;
use krb5_testrealm::Modules;

/// The lines of a trace that this module or libkrb5 write about SPAKE and the factor, without octets.
fn steps(trace: &str) -> Vec<String> {
    let of_module = |line: &String| !line.contains("PA-SPAKE") && !line.contains("Preauth module");
    let mut lines: Vec<String> = trace
        .lines()
        .filter(|line| line.contains("SPAKE") || line.contains("SF-FIDO"))
        .filter_map(|line| line.split_once(": ").map(|(_, text)| text.to_owned()))
        .filter(of_module)
        .collect();
    for line in &mut lines {
        if let Some((text, _)) = line
            .split_once(", pubkey ")
            .or_else(|| line.split_once(" pubkey "))
        {
            *line = text.to_owned();
        }
    }
    lines.retain(|line| !line.contains("transcript hash"));
    lines
}

#[test]
fn login_takes_one_round_trip_less() {
    let Enrolled { realm, key } = Enrolled::start(clear());
    let before = memory(&key);
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
    assert_ne!(memory(&key), before);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(
        steps(&login.trace),
        [
            "Sending SPAKE support message",
            "SPAKE challenge received with group 1",
            "SPAKE key generated with",
            "SPAKE algorithm result: (hidden)",
            "SPAKE second factor: SF-FIDO",
            "SF-FIDO challenge received: 1 relying parties, 1 credentials",
            "Sending SF-FIDO assertion",
            "Sending SPAKE response",
        ]
    );
    let log = realm.kdc_log();
    assert_eq!(
        as_lines(&log),
        [LogLine::needed(), LogLine::more(), LogLine::issue()]
    );
    assert!(log.contains(" accepted label=blue up=1 uv=0 counter="), "{log}");
}

#[test]
fn login_after_an_optimistic_challenge() {
    let Enrolled { realm, key: _key } = Enrolled::start(optimistic());
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 1]);
    assert_eq!(as_lines(&realm.kdc_log()), [LogLine::needed(), LogLine::issue()]);
}

#[test]
fn login_under_fast() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(clear());
    let armor = armor(&realm);
    assert_ticket(&realm, &alice(&realm, &["-T", &armor]), "IHA");
    realm
        .set_kdc_relation("spake_preauth_kdc_challenge", &["edwards25519"])
        .unwrap();
    let login = alice(&realm, &["-T", &armor]);
    assert_ticket(&realm, &login, "IHA");
    assert!(
        login
            .trace
            .contains("Encoding request body and padata into FAST request"),
        "{}",
        login.trace
    );
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 1]);
}

#[test]
fn wrong_password_costs_a_touch_and_ends_the_login() {
    let Enrolled { mut realm, key } = Enrolled::start(clear());
    let before = memory(&key);
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_refused(&realm, &login, "Password incorrect");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_ne!(memory(&key), before);
    assert_eq!(
        as_lines(&realm.kdc_log()),
        [
            LogLine::needed(),
            LogLine::more(),
            LogLine::failed(WRONG_PASSWORD)
        ]
    );

    // The primary KDC may know a newer password, but to ask it costs another touch.
    let port = realm.kdc_port();
    realm
        .set_client_relation("primary_kdc", &[&format!("localhost:{port}")])
        .unwrap();
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_refused(&realm, &login, "Password incorrect");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
}

#[test]
fn login_without_the_key_ends_before_the_response() {
    let Enrolled { realm, key: _key } = Enrolled::start(clear());
    let login = alice(&realm, &["-X", "fido_device=none"]);
    let message = "No security key attached: plug in the one registered for alice@KRBTEST.COM";
    assert_refused(&realm, &login, message);
    assert_eq!(login.stdout, PROMPT);
    assert_eq!(as_lines(&realm.kdc_log()), [LogLine::needed(), LogLine::more()]);
    assert!(
        login.trace.contains(&format!("SF-FIDO ended: {message}\n")),
        "{}",
        login.trace
    );
}

#[test]
fn permissive_takes_the_key_or_the_password() {
    let Enrolled { realm, key } = Enrolled::start(clear().kdc_relation("fido_policy", "permissive"));
    let before = memory(&key);
    let without = alice(&realm, &["-X", "fido_device=none"]);
    assert_ticket(&realm, &without, "IA");
    let stock = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
    assert_ticket(&realm, &stock, "IA");
    assert_eq!(memory(&key), before);
    let with = alice(&realm, &[]);
    assert_ticket(&realm, &with, "IHA");
    for login in [without, stock, with] {
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    }
}

#[test]
fn stock_client_is_refused() {
    let Enrolled { realm, key: _key } = Enrolled::start(clear());
    let login = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(
        &realm,
        &login,
        "Pre-authentication failed: Preauthentication failed",
    );
    assert_eq!(as_lines(&realm.kdc_log()), [LogLine::needed(), LogLine::more()]);
}

#[test]
fn principal_without_a_key_is_not_bothered() {
    let realm = clear()
        .kadmind(false)
        .client_modules(Modules::Ours)
        .start()
        .unwrap();
    add_user(&realm, "alice");
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IA");
    assert_eq!(login.stdout, PROMPT);
}

#[test]
fn without_a_usable_credential_the_password_is_proved_first() {
    let Enrolled { realm, key } = Enrolled::start(clear());
    let mut record: serde_json::Value =
        serde_json::from_str(&attribute(&realm, "alice", "fido:blue").unwrap()).unwrap();
    record["disabled"] = true.into();
    kadmin(&realm, &["setstr", "alice", "fido:blue", &record.to_string()]);
    let before = memory(&key);
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_refused(&realm, &login, "Password incorrect");
    let login = alice(&realm, &[]);
    assert_refused(
        &realm,
        &login,
        "None of the security keys registered for alice@KRBTEST.COM may be used: ask your administrator",
    );
    assert_eq!(login.stdout, PROMPT);
    assert_eq!(memory(&key), before);
}
