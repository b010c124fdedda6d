//! Credentials by a password alone, through python3-gssapi: a program without a prompter.

use std::time::Duration;

use krb5_fido_tests::{Enrolled, PASSWORD, assert_ticket, set_pin};
use krb5_testrealm::{Finished, Realm};

use crate::{PIN, enrolled, not_there, source};

/// Far less than the minute that other programs wait for a key.
const AT_ONCE: Duration = Duration::from_secs(20);

fn acquire(realm: &Realm, password: &str) -> Finished {
    let mut python = realm.command("/usr/bin/python3");
    python
        .arg(source("gss_login.py"))
        .args(["alice@KRBTEST.COM", password])
        .arg(format!("FILE:{}", realm.dir().join("ccache").display()));
    realm.run(python, "").unwrap()
}

fn assert_refused(refused: &Finished, message: &str) {
    assert_eq!(
        (refused.code(), &*refused.stdout),
        (Some(1), ""),
        "{}",
        refused.trace
    );
    assert_eq!(refused.stderr, format!("alice@KRBTEST.COM: {message}\n"));
    assert!(refused.elapsed < AT_ONCE, "{:?}", refused.elapsed);
}

#[test]
fn key_that_wants_a_touch_alone() {
    let Enrolled { realm, key: _key } = enrolled();
    let acquired = acquire(&realm, PASSWORD);
    assert_eq!(acquired.stdout, "");
    assert_ticket(&realm, &acquired, "IHA");
}

#[test]
fn wrong_password() {
    let Enrolled { realm, key: _key } = enrolled();
    assert_refused(&acquire(&realm, "incorrect horse"), "Preauthentication failed");
}

#[test]
fn key_that_wants_its_pin() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    let message = "software key wants its PIN, and this program cannot ask for it: use kinit";
    assert_refused(&acquire(&realm, PASSWORD), message);
}

#[test]
fn no_key_is_waited_for() {
    let Enrolled { mut realm, key } = enrolled();
    let message = not_there(&key.device());
    drop(key);
    assert_refused(&acquire(&realm, PASSWORD), &message);
    realm.set_client_relation("fido_device", &["none"]).unwrap();
    let message = "No security key attached: plug in the one registered for alice@KRBTEST.COM";
    assert_refused(&acquire(&realm, PASSWORD), message);
}
