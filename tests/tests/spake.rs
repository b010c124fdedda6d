//! SPAKE without a second factor: a principal that has no key logs in as it always did, whoever's module is on the other
//! side.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

use krb5_fido_tests::{
    LogLine, PASSWORD, add_service, add_user, armor, as_lines, ask_for, assert_refused, assert_ticket,
    sent_types, spake_lines,
};
use krb5_testrealm::{Finished, Modules, Realm, RealmBuilder};

const GROUPS: &str = "spake_preauth_groups";
const OPTIMISTIC: &str = "spake_preauth_kdc_challenge";

/// What a request with PA-SPAKE carries.
const COOKIE_AND_SPAKE: [i32; 2] = [133, 151];

/// What one with an encrypted timestamp carries.
const COOKIE_AND_TIMESTAMP: [i32; 2] = [133, 2];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Ours,
    Stock,
}
use Side::{Ours, Stock};

impl Side {
    fn modules(self) -> Modules {
        match self {
            Ours => Modules::Ours,
            Stock => Modules::Stock,
        }
    }

    fn kinit(self, realm: &Realm, password: &str, arguments: &[&str]) -> Finished {
        self.kinit_as(realm, "bob", password, arguments)
    }

    fn kinit_as(self, realm: &Realm, principal: &str, password: &str, arguments: &[&str]) -> Finished {
        let login = match self {
            Ours => realm.kinit(principal, password, arguments),
            Stock => realm.stock_kinit(principal, password, arguments),
        };
        login.unwrap()
    }
}

/// A realm with bob, who has no key.
fn realm_with_bob(builder: RealmBuilder) -> Realm {
    let realm = builder.kadmind(false).start().unwrap();
    add_user(&realm, "bob");
    realm
}

/// Logs in with the right and with a wrong password, in one group.
fn log_in_with_group(client: Side, kdc: Side, name: &str, number: u8) {
    let realm = realm_with_bob(
        Realm::builder()
            .kdc_modules(kdc.modules())
            .kdc_relation(GROUPS, name)
            .client_relation(GROUPS, name),
    );
    let login = client.kinit(&realm, PASSWORD, &[]);
    assert_ticket(&realm, &login, "IA");
    let challenge = format!("SPAKE challenge received with group {number}, pubkey");
    assert!(login.trace.contains(&challenge), "{}", login.trace);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(
        as_lines(&realm.kdc_log()),
        [LogLine::needed(), LogLine::more(), LogLine::issue()]
    );

    realm.kdestroy().unwrap();
    let mark = realm.kdc_log_mark();
    let login = client.kinit(&realm, "incorrect horse", &[]);
    assert_refused(&realm, &login, "Password incorrect");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    let cause = match kdc {
        Ours => "wrong password",
        Stock => "Preauthentication failed",
    };
    let log = realm.kdc_log_since(mark);
    assert_eq!(
        as_lines(&log),
        [LogLine::needed(), LogLine::more(), LogLine::failed(cause)]
    );
    assert!(
        log.contains(&format!("preauth (spake) verify failure: {cause}\n")),
        "{log}"
    );
}

macro_rules! each_group {
    ($($module:ident: $name:literal, $number:literal;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn our_client_with_our_kdc() {
                log_in_with_group(Ours, Ours, $name, $number);
            }

            #[test]
            fn stock_client_with_our_kdc() {
                log_in_with_group(Stock, Ours, $name, $number);
            }

            #[test]
            fn our_client_with_stock_kdc() {
                log_in_with_group(Ours, Stock, $name, $number);
            }
        }
    )*};
}

each_group! {
    edwards25519: "edwards25519", 1;
    p256: "P-256", 2;
    p384: "P-384", 3;
    p521: "P-521", 4;
}

/// A log-in by our client and one by the stock client leave the same output and the same trace, but for the SPAKE result,
/// which ours keeps to itself. What the module itself traces is `expected`, letter for letter.
fn assert_same_trace(realm: &Realm, password: &str, expected: &[&str]) {
    let ours = Ours.kinit(realm, password, &[]);
    realm.kdestroy().unwrap();
    let stock = Stock.kinit(realm, password, &[]);
    assert_eq!(
        (ours.code(), &ours.stdout, &ours.stderr),
        (stock.code(), &stock.stdout, &stock.stderr)
    );

    let our_lines = spake_lines(&ours.trace);
    let hide = |line: String| match line.starts_with("SPAKE algorithm result: <") {
        true => RESULT.to_owned(),
        false => line,
    };
    let stock_lines: Vec<String> = spake_lines(&stock.trace).into_iter().map(hide).collect();
    assert_eq!(our_lines, stock_lines);
    let of_module = |line: &&String| {
        ["SPAKE ", "Sending SPAKE ", "Unrecognized SPAKE "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    assert_eq!(our_lines.iter().filter(of_module).collect::<Vec<_>>(), expected);
}

const SUPPORT: &str = "Sending SPAKE support message";
const CHALLENGE: &str = "SPAKE challenge received with group 1, pubkey <32 octets>";
const KEY: &str = "SPAKE key generated with pubkey <32 octets>";
const RESULT: &str = "SPAKE algorithm result: (hidden)";
const HASH: &str = "SPAKE final transcript hash: <32 octets>";
const RESPONSE: &str = "Sending SPAKE response";

#[test]
fn trace_of_a_login() {
    let realm = realm_with_bob(Realm::builder());
    assert_same_trace(
        &realm,
        PASSWORD,
        &[SUPPORT, CHALLENGE, KEY, RESULT, HASH, RESPONSE],
    );
}

#[test]
fn trace_of_a_login_at_a_stock_kdc() {
    let realm = realm_with_bob(Realm::builder().kdc_modules(Modules::Stock));
    assert_same_trace(
        &realm,
        PASSWORD,
        &[SUPPORT, CHALLENGE, KEY, RESULT, HASH, RESPONSE],
    );
}

#[test]
fn trace_of_a_wrong_password() {
    let realm = realm_with_bob(Realm::builder());
    assert_same_trace(
        &realm,
        "incorrect horse",
        &[SUPPORT, CHALLENGE, KEY, RESULT, HASH, RESPONSE],
    );
}

#[test]
fn trace_with_an_unknown_group_name() {
    let realm = realm_with_bob(Realm::builder().client_relation(GROUPS, "curve448 edwards25519"));
    let unknown = "Unrecognized SPAKE group name: curve448";
    assert_same_trace(
        &realm,
        PASSWORD,
        &[unknown, SUPPORT, CHALLENGE, KEY, RESULT, HASH, RESPONSE],
    );
}

#[test]
fn trace_without_a_common_group() {
    let realm = realm_with_bob(Realm::builder().client_relation(GROUPS, "P-256"));
    assert_same_trace(&realm, PASSWORD, &[SUPPORT]);
}

#[test]
fn trace_with_an_optimistic_challenge() {
    let realm = realm_with_bob(Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519"));
    assert_same_trace(&realm, PASSWORD, &[CHALLENGE, KEY, RESULT, HASH, RESPONSE]);
}

#[test]
fn trace_with_an_optimistic_challenge_in_another_group() {
    let realm = realm_with_bob(optimistic_in_another_group());
    let rejected = "SPAKE challenge with group 1 rejected";
    let challenge = "SPAKE challenge received with group 2, pubkey <33 octets>";
    let key = "SPAKE key generated with pubkey <33 octets>";
    assert_same_trace(
        &realm,
        PASSWORD,
        &[rejected, SUPPORT, challenge, key, RESULT, HASH, RESPONSE],
    );
}

#[test]
fn trace_with_an_optimistic_challenge_and_no_common_group() {
    let realm = realm_with_bob(
        Realm::builder()
            .kdc_relation(OPTIMISTIC, "edwards25519")
            .client_relation(GROUPS, "P-256"),
    );
    assert_same_trace(
        &realm,
        PASSWORD,
        &["SPAKE challenge with group 1 rejected", SUPPORT],
    );
}

fn optimistic_in_another_group() -> RealmBuilder {
    Realm::builder()
        .kdc_relation(GROUPS, "edwards25519 P-256")
        .kdc_relation(OPTIMISTIC, "edwards25519")
        .client_relation(GROUPS, "P-256")
}

#[test]
fn without_a_common_group_encrypted_timestamp_follows() {
    let realm = realm_with_bob(Realm::builder().client_relation(GROUPS, "P-256"));
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, PASSWORD, &[]);
        assert_ticket(&realm, &login, "IA");
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE, COOKIE_AND_TIMESTAMP]);
        let log = realm.kdc_log_since(mark);
        let refused = LogLine::failed("no SPAKE group permitted");
        assert_eq!(as_lines(&log), [LogLine::needed(), refused, LogLine::issue()]);
    }
}

#[test]
fn without_a_common_group_and_encrypted_timestamp_there_is_no_login() {
    let realm = realm_with_bob(
        Realm::builder()
            .client_relation(GROUPS, "P-256")
            .kdc_relation("plugins/kdcpreauth:disable", "encrypted_timestamp"),
    );
    for client in [Ours, Stock] {
        let login = client.kinit(&realm, PASSWORD, &[]);
        assert_refused(&realm, &login, "Preauthentication failed");
    }
}

#[test]
fn the_first_group_of_the_client_that_is_permitted_is_taken() {
    let realm = realm_with_bob(
        Realm::builder()
            .kdc_relation(GROUPS, "edwards25519 P-256,P-384")
            .client_relation(GROUPS, "P-521 P-384 edwards25519"),
    );
    for client in [Ours, Stock] {
        let login = client.kinit(&realm, PASSWORD, &[]);
        assert_ticket(&realm, &login, "IA");
        let challenge = "SPAKE challenge received with group 3, pubkey";
        assert!(login.trace.contains(challenge), "{}", login.trace);
    }
}

#[test]
fn optimistic_challenge_saves_a_round_trip() {
    let realm = realm_with_bob(Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519"));
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, PASSWORD, &[]);
        assert_ticket(&realm, &login, "IA");
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE]);
        assert_eq!(
            as_lines(&realm.kdc_log_since(mark)),
            [LogLine::needed(), LogLine::issue()]
        );
    }
}

#[test]
fn optimistic_challenge_with_a_wrong_password() {
    let realm = realm_with_bob(Realm::builder().kdc_relation(OPTIMISTIC, "edwards25519"));
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, "incorrect horse", &[]);
        assert_refused(&realm, &login, "Password incorrect");
        let log = realm.kdc_log_since(mark);
        assert_eq!(
            as_lines(&log),
            [LogLine::needed(), LogLine::failed("wrong password")]
        );
    }
}

#[test]
fn optimistic_challenge_in_another_group_is_answered_with_support() {
    let realm = realm_with_bob(optimistic_in_another_group());
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, PASSWORD, &[]);
        assert_ticket(&realm, &login, "IA");
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
        assert_eq!(
            as_lines(&realm.kdc_log_since(mark)),
            [LogLine::needed(), LogLine::more(), LogLine::issue()]
        );
    }
}

#[test]
fn optimistic_challenge_in_a_group_that_is_not_permitted_turns_the_module_off() {
    let realm = realm_with_bob(Realm::builder().kdc_relation(OPTIMISTIC, "P-256"));
    let login = Ours.kinit(&realm, PASSWORD, &[]);
    assert_ticket(&realm, &login, "IA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_TIMESTAMP]);
    let log = realm.kdc_log();
    assert!(
        log.contains("SPAKE challenge group not a permitted group: P-256"),
        "{log}"
    );
}

#[test]
fn indicator_of_spake_reaches_the_ticket() {
    let realm = realm_with_bob(
        Realm::builder()
            .kdc_relation("spake_preauth_indicator", "strong")
            .kdc_relation("spake_preauth_indicator", "pw"),
    );
    for (service, wanted) in [("host/a", "strong"), ("host/b", "pw"), ("host/c", "fido")] {
        add_service(&realm, service, wanted);
    }
    for client in [Ours, Stock] {
        assert_ticket(&realm, &client.kinit(&realm, PASSWORD, &[]), "IA");
        assert!(ask_for(&realm, "host/a").success());
        assert!(ask_for(&realm, "host/b").success());
        let refused = ask_for(&realm, "host/c");
        assert_eq!(
            (refused.code(), refused.stderr.as_str()),
            (
                Some(1),
                "kvno: KDC policy rejects request while getting credentials for host/c@KRBTEST.COM\n"
            )
        );
    }
}

#[test]
fn fast_armor_with_the_key_of_a_host() {
    let realm = realm_with_bob(Realm::builder());
    let armor = armor(&realm);
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, PASSWORD, &["-T", &armor]);
        assert_ticket(&realm, &login, "IA");
        assert!(
            login.trace.contains("FAST negotiation: available"),
            "{}",
            login.trace
        );
        assert!(
            login
                .trace
                .contains("Encoding request body and padata into FAST request"),
            "{}",
            login.trace
        );
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
        assert_eq!(
            as_lines(&realm.kdc_log_since(mark)),
            [LogLine::needed(), LogLine::more(), LogLine::issue()]
        );
    }
}

#[test]
fn fast_armor_with_a_wrong_password() {
    let realm = realm_with_bob(Realm::builder());
    let armor = armor(&realm);
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        let login = client.kinit(&realm, "incorrect horse", &["-T", &armor]);
        assert_refused(&realm, &login, "Password incorrect");
        let log = realm.kdc_log_since(mark);
        assert_eq!(
            as_lines(&log),
            [
                LogLine::needed(),
                LogLine::more(),
                LogLine::failed("wrong password")
            ]
        );
    }
}

#[test]
fn canonicalized_and_enterprise_names() {
    let realm = realm_with_bob(Realm::builder());
    add_user(&realm, "carol\\@example.org");
    for client in [Ours, Stock] {
        assert_ticket(&realm, &client.kinit(&realm, PASSWORD, &["-C"]), "IA");
        realm.kdestroy().unwrap();
        let login = client.kinit_as(&realm, "carol@example.org", PASSWORD, &["-E"]);
        assert_ticket(&realm, &login, "IA");
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
        realm.kdestroy().unwrap();
        let login = client.kinit_as(&realm, "carol@example.org", "incorrect horse", &["-E"]);
        assert_refused(&realm, &login, "Password incorrect");
    }
}

#[test]
fn principal_with_a_key_of_another_encryption_type() {
    let realm = Realm::builder().kadmind(false).start().unwrap();
    for enctype in [
        "aes128-cts-hmac-sha1-96",
        "aes256-cts-hmac-sha384-192",
        "camellia256-cts-cmac",
    ] {
        let keysalt = format!("{enctype}:normal");
        realm
            .add_principal(enctype, PASSWORD, &["+requires_preauth", "-e", &keysalt])
            .unwrap();
        for client in [Ours, Stock] {
            let login = client.kinit_as(&realm, enctype, PASSWORD, &[]);
            assert_ticket(&realm, &login, "IA");
            assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
        }
    }
}
