//! Why the client has no assertion: one message each, and nothing else is tried.

use std::time::Duration;

use super::{COOKIE_AND_SPAKE, NO_KEY, PROMPT, TOUCH, alice, enrolled};
use krb5_fido_tests::*;
use krb5_testrealm::{Finished, Presence, Realm};

/// The client gave up after the KDC had asked for the key: one password prompt, one exchange, no other mechanism. `log`
/// is what the KDC logged meanwhile.
fn assert_given_up(realm: &Realm, log: &str, login: &Finished, message: &str, prompts: &str) {
    assert_refused(realm, login, message);
    assert_eq!(login.stdout, prompts);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 2]);
    assert!(
        !login.trace.to_lowercase().contains("encrypted timestamp"),
        "{}",
        login.trace
    );
    assert!(
        login.trace.contains(&format!("SF-FIDO ended: {message}\n")),
        "{}",
        login.trace
    );
    let more = LogLine::more();
    assert_eq!(as_lines(log), [LogLine::needed(), more.clone(), more]);
}

#[test]
fn no_key_is_attached() {
    let Enrolled { realm, key } = enrolled();
    let before = memory(&key);
    let login = alice(&realm, &["-X", "fido_device=none"]);
    assert_given_up(&realm, &realm.kdc_log(), &login, NO_KEY, PROMPT);
    assert_eq!(memory(&key), before);
}

#[test]
fn no_key_is_attached_by_krb5_conf() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.set_client_relation("fido_device", &["none"]).unwrap();
    let login = alice(&realm, &[]);
    assert_given_up(&realm, &realm.kdc_log(), &login, NO_KEY, PROMPT);
}

#[test]
fn configured_key_is_not_there() {
    let Enrolled { realm, key: _key } = enrolled();
    let device = format!("unix:{}", realm.dir().join("nobody.sock").display());
    let device_option = format!("fido_device={device}");
    let login = alice(&realm, &["-X", &device_option, "-X", "fido_timeout=1s"]);
    let message = format!("Could not open the security key {device}: No such file or directory");
    let waiting = "Waiting for a key registered for alice@KRBTEST.COM to log in to KRBTEST.COM.";
    let shown = format!("{PROMPT}{message}. {waiting}\n");
    assert_given_up(&realm, &realm.kdc_log(), &login, &message, &shown);
}

#[test]
fn key_of_somebody_else() {
    let Enrolled { realm, key: _key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    add_user(&realm, "bob");
    enrol(&realm, "bob", &other, "red");
    let before = memory(&other);
    let device = format!("fido_device={}", other.device());
    let login = alice(&realm, &["-X", &device, "-X", "fido_timeout=1s"]);
    let message =
        "software key is not a security key registered for alice@KRBTEST.COM: plug in the right one";
    let shown = format!("{PROMPT}{message} to log in to KRBTEST.COM.\n");
    assert_given_up(&realm, &realm.kdc_log(), &login, message, &shown);
    assert_eq!(memory(&other), before);
}

#[test]
fn touch_is_declined() {
    let Enrolled { realm, key } = enrolled();
    drop(key);
    let _key = realm.softkey("key", Presence::Deny).unwrap();
    let message = "The login to KRBTEST.COM was declined on software key";
    let login = alice(&realm, &[]);
    assert_given_up(
        &realm,
        &realm.kdc_log(),
        &login,
        message,
        &format!("{PROMPT}{TOUCH}"),
    );
}

#[test]
fn touch_does_not_come_in_time() {
    let Enrolled { realm, key } = enrolled();
    let held = HoldingKey::start(&key);
    let device = format!("fido_device={}", held.device());
    let login = alice(&realm, &["-X", &device, "-X", "fido_timeout=1s"]);
    let message = "The security key was not touched in time to log in to KRBTEST.COM";
    assert_given_up(
        &realm,
        &realm.kdc_log(),
        &login,
        message,
        &format!("{PROMPT}{TOUCH}"),
    );
    assert!(login.elapsed < Duration::from_secs(5), "{:?}", login.elapsed);
}

#[test]
fn challenge_is_for_another_relying_party() {
    let enrolled = Enrolled::start(Realm::builder());
    let Enrolled { mut realm, key } = enrolled;
    realm.set_client_relation("fido_rp_id", &["example.org"]).unwrap();
    let before = memory(&key);
    let message = "The KDC of KRBTEST.COM asked for signatures for other names than this client accepts: see fido_rp_id \
                   in krb5.conf, or ask your administrator";
    let login = alice(&realm, &[]);
    assert_given_up(&realm, &realm.kdc_log(), &login, message, PROMPT);
    assert_eq!(memory(&key), before);
}

#[test]
fn helper_is_not_installed() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm
        .set_client_relation("fido_helper", &["/nonexistent/helper"])
        .unwrap();
    let message = "Could not start /nonexistent/helper, which talks to security keys: No such file or directory; \
                   see fido_helper in krb5.conf";
    let login = alice(&realm, &[]);
    assert_given_up(&realm, &realm.kdc_log(), &login, message, PROMPT);
}

#[test]
fn helper_ends_without_an_answer() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm.set_client_relation("fido_helper", &["/bin/true"]).unwrap();
    let message = "/bin/true, which talks to security keys, ended unexpectedly: log in again";
    let login = alice(&realm, &[]);
    assert_given_up(&realm, &realm.kdc_log(), &login, message, PROMPT);
}

#[test]
fn impossible_settings_of_the_client() {
    let Enrolled { mut realm, key } = enrolled();
    let rest = ": see krb5.conf, or the -X options of kinit";
    for (relation, value, usual) in [
        ("fido_helper", "helper", vec![]),
        ("fido_timeout", "soon", vec![]),
        ("fido_timeout", "0", vec![]),
        ("fido_device", "key.sock", vec![key.device()]),
    ] {
        realm.set_client_relation(relation, &[value]).unwrap();
        let mark = realm.kdc_log_mark();
        let message = format!("{relation} has the impossible value \"{value}\"{rest}");
        let login = alice(&realm, &[]);
        assert_given_up(&realm, &realm.kdc_log_since(mark), &login, &message, PROMPT);
        let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
        realm.set_client_relation(relation, &usual).unwrap();
    }
    assert_ticket(&realm, &alice(&realm, &[]), "IHA");
}

#[test]
fn facet_list_that_is_not_needed_is_no_obstacle() {
    let Enrolled { mut realm, key: _key } = enrolled();
    realm
        .set_client_relation("fido_facets_url", &["https://example.org/facets"])
        .unwrap();
    for (relation, value) in [("fido_facets", "no"), ("fido_rp_id", "krbtest.com")] {
        realm.set_client_relation(relation, &[value]).unwrap();
        assert_ticket(&realm, &alice(&realm, &[]), "IHA");
        realm.set_client_relation(relation, &[]).unwrap();
    }
}

#[test]
fn options_of_kinit_win_over_krb5_conf() {
    let Enrolled { mut realm, key } = enrolled();
    realm.set_client_relation("fido_timeout", &["soon"]).unwrap();
    realm.set_client_relation("fido_device", &["none"]).unwrap();
    let device = format!("fido_device={}", key.device());
    let login = alice(&realm, &["-X", &device, "-X", "fido_timeout=10s"]);
    assert_ticket(&realm, &login, "IHA");
}

#[test]
fn impossible_timeout_of_kinit_ends_before_any_request() {
    let Enrolled { realm, key: _key } = enrolled();
    let login = alice(&realm, &["-X", "fido_timeout=soon"]);
    assert_eq!(login.code(), Some(1));
    assert!(
        login
            .stderr
            .contains("fido_timeout has the impossible value \"soon\""),
        "{login}"
    );
    assert_eq!(as_lines(&realm.kdc_log()), []);
}

#[test]
fn first_of_several_devices_that_holds_the_credential_signs() {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    add_user(&realm, "bob");
    enrol(&realm, "bob", &other, "red");
    let nobody = format!("unix:{}", realm.dir().join("nobody.sock").display());
    realm
        .set_client_relation("fido_device", &[&nobody, &other.device(), &key.device()])
        .unwrap();
    let before = memory(&other);
    assert_ticket(&realm, &alice(&realm, &[]), "IHA");
    assert_eq!(memory(&other), before);
}
