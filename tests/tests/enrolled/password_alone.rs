//! The password alone gives nothing, whatever the client and whichever of the KDC's modules is left.

use super::{COOKIE_AND_SPAKE, POLICY, PROMPT, alice, enrolled, modify_alice};
use krb5_fido_tests::{kerberos::*, *};
use krb5_testrealm::Realm;

const UNUSED_KEY: &str = "a security key is required, and was not used";

#[test]
fn stock_client_is_refused() {
    let Enrolled { realm, key } = enrolled();
    let before = memory(&key);
    let login = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(
        &realm,
        &login,
        "Pre-authentication failed: Preauthentication failed",
    );
    assert_eq!(as_lines(&realm.kdc_log()), [LogLine::needed(), LogLine::more()]);
    assert_eq!(memory(&key), before);
}

#[test]
fn stock_client_is_refused_by_the_policy_module_alone() {
    let Enrolled { realm, key: _key } = enrolled();
    modify_alice(&realm, &["-requires_hwauth"]);
    let login = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(&realm, &login, POLICY);
    let log = realm.kdc_log();
    assert_eq!(
        as_lines(&log).last(),
        Some(&LogLine::new("FIDO_REQUIRED", UNUSED_KEY))
    );
    let notice = log
        .lines()
        .find(|line| line.contains("(Notice): fido: alice@KRBTEST.COM nonce="));
    assert!(
        notice
            .unwrap()
            .ends_with(" refused: a ticket without the registered key"),
        "{log}"
    );
}

#[test]
fn client_without_spake_finds_no_mechanism() {
    let enrolled = Enrolled::start(Realm::builder().client_relation("plugins/clpreauth:disable", "spake"));
    let login = alice(&enrolled.realm, &[]);
    assert_refused(&enrolled.realm, &login, "Generic preauthentication failure");
    assert_eq!(as_lines(&enrolled.realm.kdc_log()), [LogLine::needed()]);
}

#[test]
fn client_without_spake_is_refused_by_the_policy_module_alone() {
    let enrolled = Enrolled::start(Realm::builder().client_relation("plugins/clpreauth:disable", "spake"));
    modify_alice(&enrolled.realm, &["-requires_hwauth"]);
    let login = alice(&enrolled.realm, &[]);
    assert_refused(&enrolled.realm, &login, POLICY);
    let refused = LogLine::new("FIDO_REQUIRED", UNUSED_KEY);
    assert_eq!(as_lines(&enrolled.realm.kdc_log()), [LogLine::needed(), refused]);
}

#[test]
fn encrypted_challenge_is_refused_by_the_policy_module_alone() {
    let enrolled = Enrolled::start(Realm::builder().client_relation("plugins/clpreauth:disable", "spake"));
    let Enrolled { realm, key: _key } = enrolled;
    modify_alice(&realm, &["-requires_hwauth"]);
    let armor = armor(&realm);
    let mark = realm.kdc_log_mark();
    let login = alice(&realm, &["-T", &armor]);
    assert_refused(&realm, &login, POLICY);
    assert_eq!(sent_types(&login.trace), [[133, 138]]);
    let refused = LogLine::new("FIDO_REQUIRED", UNUSED_KEY);
    assert_eq!(as_lines(&realm.kdc_log_since(mark)), [LogLine::needed(), refused]);
}

/// Sends an encrypted timestamp that the KDC did not ask for.
fn force_encrypted_timestamp(realm: &Realm) -> KrbError {
    let client = AsClient::new(realm, "alice");
    let body = client.tgt_body();
    let time = client.send_plain(&body).error().time;
    let request = AsRequest {
        pa_data: vec![encrypted_timestamp(&client.key(), &time)],
        body: body.encode(),
    };
    client.send(&request).error()
}

#[test]
fn forced_encrypted_timestamp_lacks_the_hardware_factor() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_eq!(force_encrypted_timestamp(&realm).code, KDC_ERR_PREAUTH_REQUIRED);
    assert_eq!(
        as_lines(&realm.kdc_log()).last().unwrap().status,
        "NEEDED_HW_PREAUTH"
    );
}

#[test]
fn forced_encrypted_timestamp_is_refused_by_the_policy_module_alone() {
    let Enrolled { realm, key: _key } = enrolled();
    modify_alice(&realm, &["-requires_hwauth"]);
    assert_eq!(force_encrypted_timestamp(&realm).code, KDC_ERR_POLICY);
    let refused = LogLine::new("FIDO_REQUIRED", UNUSED_KEY);
    assert_eq!(as_lines(&realm.kdc_log()).last(), Some(&refused));
}

#[test]
fn request_without_pre_authentication_is_refused_where_none_is_required() {
    let Enrolled { realm, key: _key } = enrolled();
    let client = AsClient::new(&realm, "alice");
    for flags in [
        &["-requires_preauth", "-requires_hwauth"][..],
        &["-requires_preauth", "+requires_hwauth"],
    ] {
        modify_alice(&realm, flags);
        let code = client.send_plain(&client.tgt_body()).error().code;
        let line = as_lines(&realm.kdc_log()).pop().unwrap();
        match flags[1] {
            "-requires_hwauth" => {
                assert_eq!(
                    (code, line),
                    (KDC_ERR_POLICY, LogLine::new("FIDO_REQUIRED", UNUSED_KEY))
                );
            }
            _ => assert_eq!(
                (code, line.status.as_str()),
                (KDC_ERR_PREAUTH_REQUIRED, "NEEDED_HW_PREAUTH")
            ),
        }
    }
}

#[test]
fn kinit_without_pre_authentication_is_refused_where_none_is_required() {
    let Enrolled { realm, key: _key } = enrolled();
    modify_alice(&realm, &["-requires_preauth", "-requires_hwauth"]);
    assert_refused(&realm, &alice(&realm, &[]), POLICY);
    assert_refused(
        &realm,
        &realm.stock_kinit("alice", PASSWORD, &[]).unwrap(),
        POLICY,
    );
}

#[test]
fn policy_module_without_our_preauthentication_module_issues_nothing() {
    // The stock module instead, because ours is not where it is looked for or does not start.
    for (relation, value) in [
        ("plugins/kdcpreauth:module", "none:/nonexistent.so"),
        ("spake_preauth_kdc_challenge", "P-256"),
    ] {
        let Enrolled { mut realm, key: _key } =
            Enrolled::start(Realm::builder().kdc_relation("spake_preauth_groups", "edwards25519"));
        modify_alice(&realm, &["-requires_hwauth"]);
        realm.set_kdc_relation(relation, &[value]).unwrap();
        assert_refused(&realm, &alice(&realm, &[]), POLICY);
        assert_refused(
            &realm,
            &realm.stock_kinit("alice", PASSWORD, &[]).unwrap(),
            POLICY,
        );
    }
}

#[test]
fn requires_hwauth_without_our_modules_issues_nothing() {
    let Enrolled { mut realm, key: _key } =
        Enrolled::start(Realm::builder().kdc_relation("spake_preauth_groups", "edwards25519"));
    realm
        .set_kdc_relation("plugins/kdcpreauth:module", &["none:/nonexistent.so"])
        .unwrap();
    realm
        .set_kdc_relation("plugins/kdcpolicy:module", &["none:/nonexistent.so"])
        .unwrap();
    for login in [
        alice(&realm, &[]),
        realm.stock_kinit("alice", PASSWORD, &[]).unwrap(),
    ] {
        assert_refused(&realm, &login, "Generic preauthentication failure");
    }
    assert_eq!(force_encrypted_timestamp(&realm).code, KDC_ERR_PREAUTH_REQUIRED);
    assert_eq!(
        as_lines(&realm.kdc_log()).last().unwrap().status,
        "NEEDED_HW_PREAUTH"
    );
}

#[test]
fn after_a_wrong_password_the_key_is_not_asked() {
    let Enrolled { realm, key } = enrolled();
    let before = memory(&key);
    let login = realm.kinit("alice", "incorrect horse", &[]).unwrap();
    assert_refused(&realm, &login, "Password incorrect");
    assert_eq!(login.stdout, PROMPT);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    let log = as_lines(&realm.kdc_log());
    assert_eq!(
        log,
        [
            LogLine::needed(),
            LogLine::more(),
            LogLine::failed("wrong password")
        ]
    );
    assert_eq!(memory(&key), before);
}

#[test]
fn principal_with_requires_hwauth_and_no_key_is_told_to_enrol() {
    let Enrolled { realm, key: _key } = enrolled();
    realm
        .add_principal("bob", PASSWORD, &["+requires_preauth", "+requires_hwauth"])
        .unwrap();
    let mark = realm.kdc_log_mark();
    let login = realm.kinit("bob", PASSWORD, &[]).unwrap();
    let text = "bob@KRBTEST.COM must log in with a security key, and none is registered that may be used: register one with kfido enroll, or ask your administrator";
    assert_refused(&realm, &login, text);
    let log = realm.kdc_log_since(mark);
    assert_eq!(
        as_lines(&log),
        [LogLine::needed(), LogLine::more(), LogLine::more()]
    );
    assert!(
        log.contains(" turned away: no security key is registered\n"),
        "{log}"
    );
}
