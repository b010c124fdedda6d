//! Password and key give a ticket that says so.

use super::{COOKIE_AND_SPAKE, PROMPT, TOUCH, alice, enrolled, modify_alice};
use krb5_fido_tests::*;

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

#[test]
fn login_for_the_ticket_of_another_service() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_ticket(&realm, &alice(&realm, &["-S", "kadmin/admin"]), "IHA");
}

#[test]
fn login_after_requires_hwauth_was_cleared() {
    let Enrolled { realm, key: _key } = enrolled();
    modify_alice(&realm, &["-requires_hwauth"]);
    let login = alice(&realm, &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
}
