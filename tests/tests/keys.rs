//! Logins with keys of every kind: plugged in late, with a PIN, two at once, U2F alone.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs::File,
    io::Write,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use krb5_fido_keys::{Device, DeviceSpec, Pin, discover};
use krb5_fido_tests::*;
use krb5_testrealm::{Finished, Presence, Realm, SoftKey};

const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";
const TOUCH_ONE: &str =
    "Touch one of your security keys (software key, software key) to log in to KRBTEST.COM.\n";
const PIN: &str = "1234";

fn enrolled() -> Enrolled {
    Enrolled::start(Realm::builder().kdc_relation("fido_uv_indicator", "verified"))
}

/// Logs alice in; `typed` is what she answers after her password, a line each.
fn alice(realm: &Realm, typed: &[&str], arguments: &[&str]) -> Finished {
    let lines = [&[PASSWORD], typed].concat().join("\n");
    realm.kinit("alice", &lines, arguments).unwrap()
}

fn open(key: &SoftKey) -> Result<Device, krb5_fido_keys::Error> {
    let spec = DeviceSpec::parse(&key.device()).unwrap();
    let found = discover(&[spec]).unwrap().pop().unwrap();
    Device::open(&found)
}

fn set_pin(key: &SoftKey) {
    let pin = Pin::new(PIN.as_bytes()).unwrap();
    open(key).unwrap().set_pin(&pin, None).unwrap();
}

/// Logs alice in, and presses Ctrl-C once kinit has said this: a terminal signals every process in its foreground.
fn interrupt_login(realm: &Realm, said: &str) {
    let mut kinit = realm.command("kinit");
    kinit
        .args(["-X", "fido_timeout=20s", "alice"])
        .stdin(Stdio::piped())
        .stdout(File::create(realm.dir().join("runs/interrupted.out")).unwrap())
        .stderr(Stdio::null())
        .process_group(0);
    let mut kinit = kinit.spawn().unwrap();
    let typed = format!("{PASSWORD}\n");
    kinit.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    await_output(realm, said);
    let group = format!("-{}", kinit.id());
    let killed = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(killed.unwrap().success());
    assert_eq!(kinit.wait().unwrap().signal(), Some(2));
}

/// The banner while the only configured key is not there.
fn waiting(device: &str) -> String {
    format!(
        "Could not open the security key {device}: No such file or directory. \
         Waiting for a key registered for alice@KRBTEST.COM to log in to KRBTEST.COM.\n"
    )
}

#[test]
fn key_that_is_plugged_in_late() {
    let Enrolled { realm, key } = enrolled();
    let waiting = waiting(&key.device());
    drop(key);
    let (login, _key) = thread::scope(|scope| {
        let login = scope.spawn(|| alice(&realm, &[], &[]));
        await_output(&realm, &waiting);
        let key = realm.softkey("key", Presence::Auto).unwrap();
        (login.join().unwrap(), key)
    });
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{waiting}{TOUCH}"));
    assert!(
        login.trace.contains("SF-FIDO waits for a key: Could not open"),
        "{}",
        login.trace
    );
}

#[test]
fn ctrl_c_ends_the_wait_for_a_key() {
    let Enrolled { realm, key } = enrolled();
    let waiting = waiting(&key.device());
    drop(key);
    interrupt_login(&realm, &waiting);
}

#[test]
fn ctrl_c_ends_the_wait_for_a_touch_and_leaves_the_key_ready() {
    let Enrolled { realm, key } = enrolled();
    drop(key);
    let key = realm.softkey("key", Presence::Never).unwrap();
    interrupt_login(&realm, TOUCH);
    // kinit does not wait for its helper when a signal ends it.
    let started = Instant::now();
    while open(&key).is_err() {
        assert!(started.elapsed() < PATIENCE, "the key stays busy");
    }
}

#[test]
fn wrong_key_first() {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&other.device(), &key.device()])
        .unwrap();
    drop(key);
    let waiting = "software key is not a security key registered for alice@KRBTEST.COM: \
                   plug in the right one to log in to KRBTEST.COM.\n";
    let (login, _key) = thread::scope(|scope| {
        let login = scope.spawn(|| alice(&realm, &[], &[]));
        await_output(&realm, waiting);
        let key = realm.softkey("key", Presence::Auto).unwrap();
        (login.join().unwrap(), key)
    });
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{waiting}{TOUCH}"));
}

#[test]
fn program_that_cannot_tell_what_it_waits_for_does_not_wait() {
    let Enrolled { realm, key } = enrolled();
    let keytab = write_keytab(&realm);
    let device = key.device();
    drop(key);
    let login = realm.kinit("alice", "", &["-k", "-t", &keytab]).unwrap();
    let message = format!("Could not open the security key {device}: No such file or directory");
    assert_refused(&realm, &login, &message);
    assert_eq!(login.stdout, "");
}

#[test]
fn wrong_pin_and_then_the_right_one() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key);
    add_service(&realm, "host/verified", "verified");
    let login = alice(&realm, &["4321", PIN], &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(
        login.stdout,
        format!(
            "{PROMPT}PIN for software key (8 attempts left): \n\
             Wrong PIN for software key.\nPIN for software key (7 attempts left): \n{TOUCH}"
        )
    );
    assert!(ask_for(&realm, "host/verified").success());
}

#[test]
fn wrong_pins_until_the_key_takes_no_more() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key);
    let wrong = ["4321"; 3];
    let message =
        "software key takes no PIN until it is plugged in anew: unplug it, plug it in, and log in again";
    assert_refused(&realm, &alice(&realm, &wrong, &[]), message);
    assert_refused(&realm, &alice(&realm, &[PIN], &[]), message);
    drop(key);
    let key = realm.softkey("key", Presence::Auto).unwrap();
    assert_refused(&realm, &alice(&realm, &wrong, &[]), message);
    drop(key);
    let _key = realm.softkey("key", Presence::Auto).unwrap();
    let login = alice(&realm, &["4321", "4321"], &[]);
    assert_refused(
        &realm,
        &login,
        "software key is locked after too many wrong PINs: only a reset, which erases it, unlocks it",
    );
    let warning = |left: &str| {
        format!(
            "Warning: {left} software key, and only a reset, which erases it, unlocks it. Press Enter alone to give up.\n"
        )
    };
    assert_eq!(
        login.stdout,
        format!(
            "{PROMPT}{}PIN for software key (2 attempts left): \nWrong PIN for software key.\n\
             {}PIN for software key (1 attempt left): \n",
            warning("2 more wrong PINs lock"),
            warning("one more wrong PIN locks")
        )
    );
}

#[test]
fn two_keys_of_which_one_is_touched() {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    enrol(&realm, "alice", &other, "red");
    drop(key);
    let key = realm.softkey("key", Presence::Never).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device(), &other.device()])
        .unwrap();
    for _ in 0..2 {
        let mark = realm.kdc_log_mark();
        let login = alice(&realm, &[], &[]);
        assert_ticket(&realm, &login, "IHA");
        assert_eq!(login.stdout, format!("{PROMPT}{TOUCH_ONE}"));
        let log = realm.kdc_log_since(mark);
        assert!(log.contains(" accepted label=red up=1 uv=0"), "{log}");
    }
}

#[test]
fn touched_key_of_two_is_asked_for_its_pin() {
    let Enrolled { mut realm, key } = enrolled();
    let other = realm.softkey("other", Presence::Auto).unwrap();
    enrol(&realm, "alice", &other, "red");
    set_pin(&key);
    set_pin(&other);
    drop(key);
    let key = realm.softkey("key", Presence::Never).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device(), &other.device()])
        .unwrap();
    let login = alice(&realm, &[PIN], &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(
        login.stdout,
        format!("{PROMPT}{TOUCH_ONE}PIN for software key (8 attempts left): \n{TOUCH}")
    );
    let log = realm.kdc_log();
    assert!(log.contains(" accepted label=red up=1 uv=1"), "{log}");
}

#[test]
fn key_that_speaks_u2f_alone() {
    let mut realm = Realm::builder().kadmind(false).start().unwrap();
    add_user(&realm, "alice");
    let key = realm
        .softkey_with("key", Presence::Auto, &["--u2f-only"])
        .unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    enrol(&realm, "alice", &key, "old");
    let login = alice(&realm, &[], &[]);
    assert_ticket(&realm, &login, "IHA");
    assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}"));
    let log = realm.kdc_log();
    assert!(log.contains(" accepted label=old up=1 uv=0"), "{log}");
}
