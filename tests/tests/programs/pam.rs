//! pam_krb5, under pamtester: what a login screen shows of prompts and banners.

use std::thread;

use krb5_fido_tests::{Enrolled, PASSWORD, assert_ticket, await_output, set_pin};
use krb5_testrealm::{Finished, Presence, Realm};

use crate::{PIN, TOUCH, enrolled, in_namespaces, waiting, write_accounts, write_pam_service};

/// pamtester prints without regard to who waits for it.
const SCRIPT: &str = r#"
mount --bind "$1/pam.d" /etc/pam.d
mount --bind "$1/passwd" /etc/passwd
shift
exec stdbuf -oL pamtester login alice "$@"
"#;

const LOGGED_IN: &str = "pamtester: successfully authenticated\n";
/// Prompts go to the standard error, without a line end.
const REFUSED: &str = "Password: pamtester: Authentication failure\n";

fn with_pam() -> Enrolled {
    let enrolled = enrolled();
    write_pam_service(&enrolled.realm, "login");
    write_accounts(&enrolled.realm);
    enrolled
}

/// Runs these operations of PAM for alice, who types these lines.
fn pam(realm: &Realm, operations: &[&str], typed: &[&str]) -> Finished {
    in_namespaces(realm, SCRIPT, operations, &(typed.join("\n") + "\n"))
}

fn log_in(realm: &Realm, typed: &[&str]) -> Finished {
    pam(realm, &["authenticate"], typed)
}

fn assert_shown(login: &Finished, banners: &str, prompts: &str) {
    assert!(login.success(), "{login}{}", login.trace);
    let shown = (login.stdout.as_str(), login.stderr.as_str());
    assert_eq!(shown, (&*format!("{banners}{LOGGED_IN}"), prompts));
}

fn assert_refused(login: &Finished, banners: &str, prompts: &str) {
    let shown = (login.code(), login.stdout.as_str(), login.stderr.as_str());
    assert_eq!(shown, (Some(1), banners, prompts), "{}", login.trace);
}

#[test]
fn touch_opens_a_session_with_a_ticket() {
    let Enrolled { realm, key: _key } = with_pam();
    let operations = ["authenticate", "acct_mgmt", "open_session"];
    let mut session = pam(&realm, &operations, &[PASSWORD]);
    assert_shown_session(&session);
    session.stderr.clear();
    assert_ticket(&realm, &session, "IHA");
}

fn assert_shown_session(session: &Finished) {
    let shown = format!(
        "{TOUCH}{LOGGED_IN}pamtester: account management done.\npamtester: successfully opened a session\n"
    );
    assert_eq!(session.stdout, shown, "{}", session.trace);
    assert_eq!(session.stderr, "Password: ");
}

#[test]
fn wrong_password_asks_for_no_touch() {
    let Enrolled { realm, key: _key } = with_pam();
    assert_refused(&log_in(&realm, &["incorrect horse"]), "", REFUSED);
}

#[test]
fn pin_is_asked_for_after_the_password() {
    let Enrolled { realm, key } = with_pam();
    set_pin(&key, PIN);
    let prompts = "Password: PIN for software key (8 attempts left): ";
    assert_shown(&log_in(&realm, &[PASSWORD, PIN]), TOUCH, prompts);
}

#[test]
fn wrong_pin_is_asked_for_again_in_the_same_login() {
    let Enrolled { realm, key } = with_pam();
    set_pin(&key, PIN);
    let login = log_in(&realm, &[PASSWORD, "4321", PIN]);
    let prompts =
        "Password: PIN for software key (8 attempts left): PIN for software key (7 attempts left): ";
    assert_shown(&login, &format!("Wrong PIN for software key.\n{TOUCH}"), prompts);
}

/// What ends a login pam_krb5 keeps to itself; why it waits it has shown.
#[test]
fn no_key_comes_in_time() {
    let Enrolled { mut realm, key } = with_pam();
    realm.set_client_relation("fido_timeout", &["1s"]).unwrap();
    let banner = waiting(&key.device());
    drop(key);
    assert_refused(&log_in(&realm, &[PASSWORD]), &banner, REFUSED);
}

#[test]
fn key_that_is_plugged_in_late() {
    let Enrolled { realm, key } = with_pam();
    let banner = waiting(&key.device());
    drop(key);
    let (login, _key) = thread::scope(|scope| {
        let login = scope.spawn(|| log_in(&realm, &[PASSWORD]));
        await_output(&realm, &banner);
        let key = realm.softkey("key", Presence::Auto).unwrap();
        (login.join().unwrap(), key)
    });
    assert_shown(&login, &format!("{banner}{TOUCH}"), "Password: ");
}

#[test]
fn declined_touch_is_refused_without_a_reason() {
    let Enrolled { realm, key } = with_pam();
    drop(key);
    let _key = realm.softkey("key", Presence::Deny).unwrap();
    let login = log_in(&realm, &[PASSWORD]);
    assert_refused(&login, TOUCH, REFUSED);
    let message = "SF-FIDO ended: The login to KRBTEST.COM was declined on software key\n";
    assert!(login.trace.contains(message), "{}", login.trace);
}

/// An application that asks PAM to be silent gets no banner: the key blinks, and that is all. Prompts it does get.
#[test]
fn silent_login_shows_no_banner() {
    let Enrolled { realm, key } = with_pam();
    set_pin(&key, PIN);
    let login = pam(&realm, &["authenticate(PAM_SILENT)"], &[PASSWORD, PIN]);
    assert_shown(&login, "", "Password: PIN for software key (8 attempts left): ");
}
