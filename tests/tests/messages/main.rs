//! Every message of a login that the user guide has a row for, produced for real: the guide says what is shown, with which
//! exit status, and what to do; each row has one situation here, and each situation one row.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod banners;
mod client;
mod double;
mod kdc;
mod keys;
mod pins;
mod rows;

use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::{Finished, Realm};

use rows::{fill, read_rows};

const KEY: &str = "software key";
const REALM: &str = "KRBTEST.COM";
const PRINCIPAL: &str = "alice@KRBTEST.COM";
const PIN: &str = "1234";
const WRONG_PIN: &str = "4321";
/// For logins that end because nothing happens.
const BRIEFLY: [&str; 2] = ["-X", "fido_timeout=1s"];

/// What a program said, and how it ended.
#[derive(Debug)]
struct Played {
    /// Lines that it showed, and the message that it ended with.
    shown: Vec<String>,
    /// `None` where it went on.
    status: Option<i32>,
    /// What stands for placeholders.
    values: Vec<(&'static str, String)>,
}

impl Played {
    fn with(mut self, placeholder: &'static str, value: impl Into<String>) -> Self {
        self.values.push((placeholder, value.into()));
        self
    }
}

impl From<Finished> for Played {
    fn from(finished: Finished) -> Self {
        let mut shown: Vec<String> = finished.stdout.lines().map(str::to_owned).collect();
        shown.push(message_of(&finished.stderr).to_owned());
        Self {
            shown,
            status: finished.code(),
            values: Vec::new(),
        }
    }
}

/// What a program ended with, without what kinit writes around it. Standard error is all that a program may show, but for
/// the words of a panic.
fn message_of(stderr: &str) -> &str {
    let message = match stderr.trim_end().rsplit_once('\n') {
        Some((panic, message)) if panic.contains("panicked at") => message,
        _ => stderr.trim_end(),
    };
    let Some(message) = message.strip_prefix("kinit: ") else {
        return message;
    };
    let ended = message.strip_suffix(" while getting initial credentials");
    let option = message.strip_prefix("Preauth module spake: ");
    let option = option.and_then(|message| message.rsplit_once(" while setting '"));
    ended
        .or(option.map(|(message, _)| message))
        .unwrap_or_else(|| panic!("another end of kinit: {stderr}"))
}

fn enrolled() -> Enrolled {
    Enrolled::start(Realm::builder())
}

/// Logs alice in; `typed` is what she answers after her password, a line each.
fn log_in(realm: &Realm, typed: &[&str], arguments: &[&str]) -> Played {
    let lines = [&[PASSWORD], typed].concat().join("\n");
    realm.kinit("alice", &lines, arguments).unwrap().into()
}

/// Plays the situation of a row, and compares.
fn check(situation: &str, play: fn() -> Played) {
    let rows = read_rows();
    let Some(row) = rows.iter().find(|row| row.situation == situation) else {
        panic!("{}", without_row(situation));
    };
    let mut played = play();
    for (placeholder, usual) in [("KEY", KEY), ("REALM", REALM), ("PRINCIPAL", PRINCIPAL)] {
        played.values.push((placeholder, usual.to_owned()));
    }
    let expected = fill(&row.message, &played.values);
    let is_shown = played
        .shown
        .iter()
        .any(|line| line.trim_end() == expected.trim_end());
    assert!(is_shown, "not shown: {expected}\n{played:#?}");
    assert_eq!(played.status, row.status, "{played:#?}");
}

fn without_row(situation: &str) -> String {
    format!(
        "docs/user-guide.md has no row for {situation:?}: write one, or remove the situation from tests/tests/messages"
    )
}

/// One test for each situation, named for the function that plays it and told by the first cell of its row.
macro_rules! situations {
    ($($place:ident::$name:ident => $situation:literal)*) => {
        const SITUATIONS: &[&str] = &[$($situation),*];
        $(#[test]
        fn $name() {
            check($situation, $place::$name);
        })*
    };
}

situations! {
    banners::touch => "a key waits for its touch"
    banners::touch_one_of_several => "several keys do"
    banners::no_key_yet => "no key is attached"
    banners::another_key_first => "another key is attached"
    banners::named_device_is_not_there_yet => "a key, or a device that `fido_device` names, cannot be used"
    banners::pin => "a PIN is wanted"
    banners::last_pin => "a PIN is wanted, for the last time"
    banners::pin_of_a_key_that_does_not_count => "a PIN is wanted, and the key does not count attempts"
    banners::wrong_pin_first => "the PIN was wrong"
    banners::few_attempts_left => "three or two attempts are left"
    banners::one_attempt_left => "one attempt is left"
    banners::fingerprint_not_recognized => "the fingerprint was not recognized"
    banners::key_that_hides => "no key shows that it is registered, and one hides some of its credentials"

    keys::no_key => "no key came in time, or `fido_device` is `none`"
    keys::another_key => "another key was attached, and the right one did not come in time"
    keys::named_device_is_not_there => "what `fido_device` names did not come in time, or may not be read"
    keys::declined => "the touch was declined"
    keys::not_touched => "the touch did not come in time"
    keys::cancelled => "you gave up in a program with windows of its own"
    keys::unplugged => "the key was unplugged, or fails"

    pins::none_is_set => "a PIN is demanded, and the key has none"
    pins::key_of_u2f => "PIN or fingerprint is demanded, and the key is of the first kind, which has neither"
    pins::wrong_pin_of_a_program => "a program answered with a wrong PIN"
    pins::last_but_one_wrong_pin_of_a_program => "the same, and one attempt is left"
    pins::wrong_pin_of_a_program_and_no_count => "the same, and the key does not count attempts"
    pins::three_wrong_pins => "three wrong PINs in a row"
    pins::too_many_wrong_pins => "too many wrong PINs"
    pins::not_entered => "Enter alone, or the end of the input, in place of a PIN"
    pins::impossible => "more than 63 bytes, or no text, in place of a PIN"
    pins::nobody_to_ask => "a PIN is wanted by a program that cannot ask, or with `kinit -k`"

    kdc::none_registered => "a key is demanded, and you have none"
    kdc::none_registered_and_a_page => "a key is demanded, you have none, and the realm has a page for it"
    kdc::none_usable => "your keys are disabled or have expired"
    kdc::none_usable_and_a_page => "the same, where the realm has a page to register keys"
    kdc::unintelligible => "the KDC is newer than this client, or not yours"
    kdc::wrong_password => "wrong password"
    kdc::signature_refused => "the KDC did not accept what the key signed"
    kdc::signature_refused_without_a_password => "the same with `kinit -k`"
    kdc::client_without_the_module => "your key is demanded, and krb5.conf does not load the client module"
    kdc::client_module_not_found => "the same, and it is not where krb5.conf says, or this KDC does not have its own"
    kdc::policy => "the key is demanded, and something else was tried"

    client::name_not_accepted => "your key is registered for a name that this client does not sign for, or this is not your KDC"
    client::facet_list => "the same, and the facet list of the realm does not help"
    client::impossible_value => "a relation of krb5.conf or an option of kinit has an impossible value"
    client::no_such_option => "an option of kinit is mistyped"
    client::helper_missing => "krb5-fido-helper is not installed there"
    client::helper_ends => "krb5-fido-helper crashed, or is of another version"
    client::helper_hangs => "krb5-fido-helper hangs"
    client::helper_fails => "krb5-fido-helper lacks memory or the like"
    client::malformed_answer => "a program chooses keys by itself, and does it wrong"
    client::not_repeated => "a program tries again at once after a refusal; kinit never shows this"
    client::panic => "a fault of the client module"
}

#[test]
fn each_row_has_one_situation_and_each_situation_one_row() {
    let rows = read_rows();
    for row in &rows {
        let situation = row.situation.as_str();
        let situations = SITUATIONS.iter().filter(|known| **known == situation).count();
        assert_eq!(
            situations, 1,
            "the row {situation:?} of docs/user-guide.md has {situations} situations: in tests/tests/messages, write a \
             function that produces its message, and name it once in situations!"
        );
    }
    for situation in SITUATIONS {
        let count = rows.iter().filter(|row| row.situation == *situation).count();
        assert_ne!(count, 0, "{}", without_row(situation));
        assert_eq!(count, 1, "docs/user-guide.md has {count} rows for {situation:?}");
    }
}
