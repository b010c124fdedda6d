//! What is shown while a login goes on; each login ends as its user's answer has it.

use std::thread;

use krb5_fido_protocol::helper::{Failure, Message, PinReason};
use krb5_fido_tests::*;
use krb5_testrealm::{Presence, Realm};

use super::{PIN, Played, WRONG_PIN, double, enrolled, log_in, pins::worn};

/// Logs alice in, and plugs her key in once kinit has said this.
fn plug_in_late(realm: &Realm, typed: &[&str], said: &str) -> Played {
    let (login, _key) = thread::scope(|scope| {
        let login = scope.spawn(|| log_in(realm, typed, &[]));
        await_output(realm, said);
        let key = realm.softkey("key", Presence::Auto).unwrap();
        (login.join().unwrap(), key)
    });
    login
}

pub(crate) fn touch() -> Played {
    let Enrolled { realm, key: _key } = enrolled();
    log_in(&realm, &[], &[])
}

pub(crate) fn touch_one_of_several() -> Played {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    enrol(&realm, "alice", &other, "red");
    realm
        .set_client_relation("fido_device", &[&key.device(), &other.device()])
        .unwrap();
    log_in(&realm, &[], &[])
}

pub(crate) fn no_key_yet() -> Played {
    let login = |enrolled: &Enrolled| log_in(&enrolled.realm, &[], &[]);
    double::play(login, |helper| {
        helper.send(&Message::Waiting(Failure::NoKey));
        helper.sign();
    })
}

/// Another key is attached, with a PIN if that is wanted.
fn with_another_key(pin: Option<&str>, typed: &[&str]) -> Played {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    pin.into_iter().for_each(|pin| set_pin(&other, pin));
    realm
        .set_client_relation("fido_device", &[&other.device(), &key.device()])
        .unwrap();
    drop(key);
    plug_in_late(&realm, typed, "is not a security key registered for")
}

pub(crate) fn another_key_first() -> Played {
    with_another_key(None, &[])
}

pub(crate) fn key_that_hides() -> Played {
    with_another_key(Some(PIN), &[PIN])
}

pub(crate) fn named_device_is_not_there_yet() -> Played {
    let Enrolled { realm, key } = enrolled();
    let device = key.device();
    drop(key);
    plug_in_late(&realm, &[], "Waiting for a key")
        .with("DEVICE", device)
        .with("REASON", "No such file or directory")
}

pub(crate) fn pin() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in(&realm, &[PIN], &[]).with("N", "8")
}

pub(crate) fn wrong_pin_first() -> Played {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    log_in(&realm, &[WRONG_PIN, PIN], &[])
}

pub(crate) fn few_attempts_left() -> Played {
    let Enrolled { realm, key: _key } = worn(enrolled());
    log_in(&realm, &[""], &[]).with("N", "2")
}

pub(crate) fn one_attempt_left() -> Played {
    let Enrolled { realm, key: _key } = worn(enrolled());
    log_in(&realm, &[WRONG_PIN, ""], &[])
}

pub(crate) fn last_pin() -> Played {
    let Enrolled { realm, key: _key } = worn(enrolled());
    log_in(&realm, &[WRONG_PIN, PIN], &[])
}

pub(crate) fn pin_of_a_key_that_does_not_count() -> Played {
    let login = |enrolled: &Enrolled| log_in(&enrolled.realm, &[PIN], &[]);
    double::play(login, |helper| {
        helper.ask_pin(None, PinReason::Demanded);
        helper.sign();
    })
}

pub(crate) fn fingerprint_not_recognized() -> Played {
    let login = |enrolled: &Enrolled| log_in(&enrolled.realm, &[PIN], &[]);
    double::play(login, |helper| {
        helper.ask_pin(Some(8), PinReason::NotRecognized);
        helper.sign();
    })
}
