//! Programs that have threads, that ignore SIGCHLD or take every child, that fork: a login leaves no child, descriptor,
//! thread, signal mask or handler behind, whatever comes of it (`login.c` says so otherwise).

use std::thread;

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, assert_refused, await_output, enrol};
use krb5_testrealm::{Presence, Realm, SoftKey};

use crate::{TOUCH, enrolled, login_program};

/// What each principal, with a device or without, is shown and gets, sorted.
fn log_in(realm: &Realm, habit: &str, logins: &[String]) -> Vec<String> {
    let mut program = realm.command(login_program());
    program.args([habit, PASSWORD]).args(logins);
    let finished = realm.run(program, "").unwrap();
    assert!(finished.success() && finished.stderr.is_empty(), "{finished}");
    let mut lines: Vec<String> = finished.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines of logins that succeed with a key, sorted.
fn touched(principals: &[&str]) -> Vec<String> {
    let lines = principals.iter().flat_map(|principal| {
        [
            format!("{principal}: {}", TOUCH.trim_end()),
            format!("{principal}: ticket with a key"),
        ]
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// Adds a principal with a key of its own.
fn add_with_key(realm: &Realm, name: &str) -> SoftKey {
    add_user(realm, name);
    let key = realm.softkey(name, Presence::Auto).unwrap();
    enrol(realm, name, &key, "own");
    key
}

fn with(principal: &str, key: &SoftKey) -> String {
    format!("{principal},{}", key.device())
}

/// With a key, without any, and with a helper that ends at once.
fn assert_unnoticed(habit: &str, signal: &[&str]) {
    let Enrolled { mut realm, key } = enrolled();
    add_user(&realm, "bob");
    let mut expected = touched(&["alice"]);
    expected.extend([
        "alice: No security key attached: plug in the one registered for alice@KRBTEST.COM".to_owned(),
        "bob: ticket without a key".to_owned(),
    ]);
    expected.extend(signal.iter().map(ToString::to_string));
    expected.sort();
    let logins = [with("alice", &key), "alice,none".to_owned(), "bob".to_owned()];
    assert_eq!(log_in(&realm, habit, &logins), expected);

    realm.set_client_relation("fido_helper", &["/bin/true"]).unwrap();
    let ended = "alice: /bin/true, which talks to security keys, ended unexpectedly: log in again";
    let mut expected = vec![ended; 5];
    expected.extend(signal);
    expected.sort_unstable();
    assert_eq!(log_in(&realm, habit, &["alice"; 5].map(str::to_owned)), expected);
}

#[test]
fn one_login_after_the_other() {
    assert_unnoticed("plain", &[]);
}

#[test]
fn sigchld_is_ignored() {
    assert_unnoticed("ignore", &[]);
}

#[test]
fn every_child_is_taken_by_a_handler() {
    assert_unnoticed("reap", &["a child came and went"]);
}

#[test]
fn parent_and_child_go_on_with_one_context() {
    let Enrolled { realm, key } = enrolled();
    let other = add_with_key(&realm, "bob");
    let logins = [with("alice", &key), with("bob", &other)];
    let expected = touched(&["alice", "alice", "bob"]);
    assert_eq!(log_in(&realm, "fork", &logins), expected);
}

#[test]
fn ten_threads_with_a_key_each() {
    let Enrolled { realm, key: _key } = enrolled();
    let names: Vec<String> = (0..10).map(|number| format!("user{number}")).collect();
    let keys: Vec<SoftKey> = names.iter().map(|name| add_with_key(&realm, name)).collect();
    let logins: Vec<String> = names
        .iter()
        .zip(&keys)
        .map(|(name, key)| with(name, key))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(log_in(&realm, "threads", &logins), touched(&names));
}

/// The key serves one after the other.
#[test]
fn three_threads_with_one_key() {
    let Enrolled { realm, key } = enrolled();
    for name in ["bob", "carol"] {
        add_user(&realm, name);
        enrol(&realm, name, &key, "shared");
    }
    let names = ["alice", "bob", "carol"];
    let logins = names.map(|name| with(name, &key));
    assert_eq!(log_in(&realm, "threads", &logins), touched(&names));
}

#[test]
fn key_that_another_login_holds() {
    let Enrolled { mut realm, key } = enrolled();
    realm.set_client_relation("fido_timeout", &["4s"]).unwrap();
    add_user(&realm, "bob");
    enrol(&realm, "bob", &key, "shared");
    drop(key);
    let key = realm.softkey("key", Presence::Never).unwrap();
    let touch = format!("alice: {TOUCH}");
    let (held, refused) = thread::scope(|scope| {
        let held = scope.spawn(|| log_in(&realm, "plain", &["alice".to_owned()]));
        await_output(&realm, &touch);
        let refused = realm.kinit("bob", PASSWORD, &["-X", "fido_timeout=2s"]).unwrap();
        (held.join().unwrap(), refused)
    });
    let untouched = "alice: The security key was not touched in time to log in to KRBTEST.COM";
    assert_eq!(held, [untouched, touch.trim_end()]);
    let busy = format!(
        "Could not open the security key {}: busy, or not a security key",
        key.device()
    );
    assert_refused(&realm, &refused, &busy);
    let waiting = "Waiting for a key registered for bob@KRBTEST.COM to log in to KRBTEST.COM.";
    assert_eq!(
        refused.stdout,
        format!("Password for bob@KRBTEST.COM: \n{busy}. {waiting}\n")
    );
}
