//! Logins that end because of a PIN.

use krb5_fido_tests::*;
use krb5_testrealm::{Presence, Realm};

use super::{BRIEFLY, PIN, Played, WRONG_PIN, client::answer, double, enrolled, log_in};

/// Plugs the key in anew.
fn plug_in_anew(enrolled: Enrolled) -> Enrolled {
    let Enrolled { realm, key } = enrolled;
    drop(key);
    let key = realm.softkey("key", Presence::Auto).unwrap();
    Enrolled { key, realm }
}

/// A key with a PIN, of which six wrong ones were tried: it takes two more.
pub(crate) fn worn(enrolled: Enrolled) -> Enrolled {
    set_pin(&enrolled.key, PIN);
    let mut worn = enrolled;
    for _ in 0..2 {
        log_in(&worn.realm, &[WRONG_PIN; 3], &[]);
        worn = plug_in_anew(worn);
    }
    worn
}

/// alice's PIN is demanded.
fn demand_pin(realm: &Realm) {
    kadmin(realm, &["setstr", "alice", "fido_uv", "required"]);
}

pub(crate) fn none_is_set() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    demand_pin(&realm);
    log_in(&realm, &[], &[])
}

/// The key was registered as one that can do more.
pub(crate) fn key_of_u2f() -> Played {
    let Enrolled { realm, key } = enrolled();
    drop(key);
    let _key = realm
        .softkey_with("key", Presence::Auto, &["--u2f-only"])
        .unwrap();
    demand_pin(&realm);
    log_in(&realm, &[], &BRIEFLY)
}

pub(crate) fn wrong_pin_of_a_program() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    answer(&realm, r#"{"pin":"4321"}"#).with("N", "7")
}

pub(crate) fn last_but_one_wrong_pin_of_a_program() -> Played {
    let Enrolled { realm, key: _key } = worn(enrolled());
    answer(&realm, r#"{"pin":"4321"}"#)
}

/// Logs alice in without a prompter: her key is in a key table.
fn log_in_unasked(realm: &Realm) -> Played {
    let keytab = write_keytab(realm);
    realm.kinit("alice", "", &["-k", "-t", &keytab]).unwrap().into()
}

pub(crate) fn wrong_pin_of_a_program_and_no_count() -> Played {
    let login = |enrolled: &Enrolled| log_in_unasked(&enrolled.realm);
    double::play(login, |helper| helper.ask_pin_in_vain(None))
}

pub(crate) fn three_wrong_pins() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in(&realm, &[WRONG_PIN; 3], &[])
}

pub(crate) fn too_many_wrong_pins() -> Played {
    let Enrolled { realm, key: _key } = worn(enrolled());
    log_in(&realm, &[WRONG_PIN; 2], &[])
}

pub(crate) fn not_entered() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in(&realm, &[WRONG_PIN], &[])
}

pub(crate) fn impossible() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in(&realm, &[&"1".repeat(64)], &[])
}

pub(crate) fn nobody_to_ask() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in_unasked(&realm)
}
