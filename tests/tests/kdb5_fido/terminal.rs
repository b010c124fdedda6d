//! Questions on a terminal.

use std::fs;

use krb5_fido_tests::set_pin;
use krb5_fido_tests::{Dialog, talk};
use krb5_testrealm::{Artifacts, Presence, Realm, SoftKey};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, PASSWORD, PREAUTH_ALONE, Snapshot, assert_failed_after, assert_unchanged, flags, labels,
    realm, record, shown, store,
};

const QUESTION: &str = "blue is the last key of alice@KRBTEST.COM: fido_policy decides whether the password alone will do from now on. Remove it? (type yes): ";
const LAST: &str = "kdb5_fido: blue is the last key of alice@KRBTEST.COM: without one fido_policy decides whether the password alone will do; say \
    --yes if that is meant\n";

fn realm_with_one() -> Realm {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    realm
}

/// Runs kdb5_fido on a terminal; what it prints on standard output goes to the file `out` in the realm's directory.
fn run(realm: &Realm, arguments: &str, dialog: &[(&str, &str)]) -> Dialog {
    run_meanwhile(realm, arguments, dialog, &|| ())
}

/// The same; something else happens between question and answer.
fn run_meanwhile(realm: &Realm, arguments: &str, dialog: &[(&str, &str)], meanwhile: &dyn Fn()) -> Dialog {
    let program = Artifacts::locate().unwrap().kdb5_fido();
    let out = realm.dir().join("out");
    let command = format!("exec {} {arguments} >{}", program.display(), out.display());
    talk(realm, &command, dialog, meanwhile)
}

fn output(realm: &Realm) -> String {
    fs::read_to_string(realm.dir().join("out")).unwrap()
}

#[test]
fn last_key_goes_after_yes() {
    let realm = realm_with_one();
    let Dialog { screen, code } = run(&realm, "remove alice blue", &[("(type yes): ", "yes")]);
    assert_eq!((&*screen, code), (&*format!("{QUESTION}yes\n"), Some(0)));
    assert_eq!(
        output(&realm),
        "Removed blue of alice@KRBTEST.COM.\n\
         It was the last key: cleared requires_hwauth; requires_preauth stays.\n"
    );
    assert_eq!(labels(&realm, "alice"), [""; 0]);
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
}

#[test]
fn last_key_stays_after_anything_else() {
    let realm = realm_with_one();
    let before = Snapshot::of(&realm, "alice");
    for answer in ["", "no", "y", "Yes", "YES", "yes please"] {
        let Dialog { screen, code } = run(&realm, "remove alice blue", &[("(type yes): ", answer)]);
        assert_eq!(
            (&*screen, code),
            (&*format!("{QUESTION}{answer}\n{LAST}"), Some(1))
        );
        assert_eq!(output(&realm), "");
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn nothing_is_asked_that_cannot_be_seen_or_answered() {
    let realm = realm_with_one();
    let before = Snapshot::of(&realm, "alice");
    let Dialog { screen, code } = run(&realm, "remove alice blue </dev/null", &[]);
    assert_eq!((&*screen, code), (LAST, Some(1)));
    let Dialog { screen, code } = run(&realm, "remove alice blue 2>/dev/null", &[]);
    assert_eq!((&*screen, code), ("", Some(1)));
    assert_unchanged(&realm, &before);
}

#[test]
fn nothing_is_asked_with_yes_or_for_one_of_two() {
    let realm = realm_with_one();
    store(&realm, "alice", "red", &record("Ag", json!({})));
    let Dialog { screen, code } = run(&realm, "remove alice red", &[]);
    assert_eq!((&*screen, code), ("", Some(0)));
    let Dialog { screen, code } = run(&realm, "remove alice blue --yes", &[]);
    assert_eq!((&*screen, code), ("", Some(0)));
}

/// While the question is open another key is enrolled: then it is not the last one any more.
#[test]
fn key_that_is_not_the_last_one_any_more_keeps_the_flags() {
    let realm = realm_with_one();
    let enrol_another = || store(&realm, "alice", "red", &record("Ag", json!({})));
    let Dialog { screen, code } = run_meanwhile(
        &realm,
        "remove alice blue",
        &[("(type yes): ", "yes")],
        &enrol_another,
    );
    assert_eq!((&*screen, code), (&*format!("{QUESTION}yes\n"), Some(0)));
    assert_eq!(output(&realm), "Removed blue of alice@KRBTEST.COM.\n");
    assert_eq!(labels(&realm, "alice"), ["red"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn key_that_is_gone_meanwhile_takes_no_flags_with_it() {
    let realm = realm_with_one();
    let replace_it = || {
        store(&realm, "alice", "red", &record("Ag", json!({})));
        realm
            .kdb5_fido(&["remove", "alice", "blue"])
            .unwrap()
            .checked()
            .unwrap();
    };
    let Dialog { screen, code } = run_meanwhile(
        &realm,
        "remove alice blue",
        &[("(type yes): ", "yes")],
        &replace_it,
    );
    let gone = "kdb5_fido: alice@KRBTEST.COM has no key named blue: list shows what there is\n";
    assert_eq!((&*screen, code), (&*format!("{QUESTION}yes\n{gone}"), Some(1)));
    assert_eq!(labels(&realm, "alice"), ["red"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

/// A key that touches itself and has the PIN 123456.
fn key_with_pin(realm: &Realm) -> SoftKey {
    let key = realm.softkey("key", Presence::Auto).unwrap();
    set_pin(&key, "123456");
    key
}

const MEANT: &str = "Is that meant? (type yes): ";
const PIN_QUESTION: &str = "PIN for software key (8 attempts left): ";

#[test]
fn pin_is_asked_for_without_echo_and_the_key_logs_in() {
    let mut realm = realm();
    let key = key_with_pin(&realm);
    let Dialog { screen, code } = run(
        &realm,
        &format!("enroll alice --device {}", key.device()),
        &[(MEANT, "yes"), ("attempts left): ", "123456")],
    );
    assert_eq!(
        (&*screen, code),
        (
            &*format!(
                "{}{MEANT}yes\n{PIN_QUESTION}\n\
                 Touch software key to register it for alice@KRBTEST.COM.\n\
                 Touch software key once more, to try it.\n\
                 software key works.\n",
                shown(&key)
            ),
            Some(0)
        )
    );
    assert_eq!(
        output(&realm),
        "Registered key1 for alice@KRBTEST.COM.\nSet +requires_preauth and +requires_hwauth.\n"
    );
    assert_eq!(labels(&realm, "alice"), ["key1"]);

    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    let input = format!("{PASSWORD}\n123456\n");
    let mut kinit = realm.command("kinit");
    kinit.arg("alice");
    realm.run(kinit, &input).unwrap().checked().unwrap();
}

#[test]
fn a_key_that_is_not_meant_is_not_registered() {
    let realm = realm();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    let before = Snapshot::of(&realm, "alice");
    let enroll = format!("enroll alice --device {}", key.device());
    let shown = shown(&key);
    for answer in ["", "no", "y"] {
        let Dialog { screen, code } = run(&realm, &enroll, &[(MEANT, answer)]);
        let expected = format!("{shown}{MEANT}{answer}\nkdb5_fido: Not confirmed; nothing was stored\n");
        assert_eq!((screen, code), (expected, Some(1)));
    }
    assert_unchanged(&realm, &before);
    let Dialog { screen, code } = run(&realm, &format!("{enroll} --yes"), &[]);
    assert_eq!((screen.contains(MEANT), code), (false, Some(0)), "{screen}");
}

#[test]
fn wrong_pin_is_said_to_be_wrong_and_nothing_is_stored() {
    let realm = realm();
    let key = key_with_pin(&realm);
    let before = Snapshot::of(&realm, "alice");
    let enroll = format!("enroll alice --yes --device {}", key.device());
    let shown = shown(&key);
    let Dialog { screen, code } = run(&realm, &enroll, &[("attempts left): ", "654321")]);
    assert_eq!(
        (&*screen, code),
        (
            &*format!(
                "{shown}{PIN_QUESTION}\n\
                 Touch software key to register it for alice@KRBTEST.COM.\n\
                 kdb5_fido: wrong PIN while registering a key; nothing was stored\n"
            ),
            Some(1)
        )
    );
    let Dialog { screen, code } = run(&realm, &enroll, &[("(7 attempts left): ", "")]);
    assert_eq!(
        (&*screen, code),
        (
            &*format!(
                "{shown}PIN for software key (7 attempts left): \n\
                 kdb5_fido: No security key has such a PIN: 1 to 63 bytes of UTF-8; nothing was stored\n"
            ),
            Some(1)
        )
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn pin_without_a_terminal_is_not_read_from_standard_input() {
    let realm = realm();
    let key = key_with_pin(&realm);
    let before = Snapshot::of(&realm, "alice");
    let mut command = realm.command("setsid");
    command.arg("-w").arg(Artifacts::locate().unwrap().kdb5_fido());
    command.args(["enroll", "alice", "--device", &key.device()]);
    assert_failed_after(
        &realm.run(command, "123456\n").unwrap(),
        &shown(&key),
        "Could not ask on the terminal: No such device or address (os error 6); nothing was changed",
    );
    assert_unchanged(&realm, &before);
}
