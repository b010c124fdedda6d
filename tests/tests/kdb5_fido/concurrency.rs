//! Several programs at one entry.

use std::{
    fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use krb5_testrealm::{Error, Finished, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, PASSWORD, PREAUTH_ALONE, Snapshot, assert_unchanged, flags, kdb5_fido, labels, realm, record,
    run_with_input, serial, set_string, store, strings,
};

#[test]
fn two_adds_at_once_are_both_stored() {
    let realm = realm();
    for round in 0..10 {
        let name = format!("user{round}");
        realm.add_principal(&name, PASSWORD, &[]).unwrap();
        let add = |id: &str| run_with_input(&realm, &["add", &name, "-"], &record(id, json!({})));
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(|| add("Ag"));
            (add("AQ"), other.join().unwrap())
        });
        assert_eq!(
            (first.code(), second.code()),
            (Some(0), Some(0)),
            "{first}{second}"
        );
        assert_eq!(labels(&realm, &name), ["key1", "key2"]);
        assert_eq!(flags(&realm, &name), BOTH_FLAGS);
    }
}

/// Runs several programs that all wait for the same lock first, and gives their exit codes in order.
fn race(realm: &Realm, contenders: &[&(dyn Fn() -> Finished + Sync)]) -> Vec<Option<i32>> {
    let locker = Locker::lock(realm);
    let mut codes: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = contenders.iter().map(|&run| scope.spawn(run)).collect();
        thread::sleep(Duration::from_millis(200));
        locker.unlock();
        let ended = running.into_iter().map(|thread| thread.join().unwrap().code());
        ended.collect()
    });
    codes.sort();
    codes
}

#[test]
fn same_credential_is_stored_once() {
    let realm = realm();
    let add = || run_with_input(&realm, &["add", "alice", "-"], &record("AQ", json!({})));
    let codes = race(&realm, &[&add, &add, &add, &add]);
    assert_eq!(codes, [Some(0), Some(1), Some(1), Some(1)]);
    assert_eq!(labels(&realm, "alice"), ["key1"]);
}

#[test]
fn same_label_is_removed_once_and_leaves_the_flags_to_the_other_key() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    let remove = || realm.kdb5_fido(&["remove", "alice", "blue"]).unwrap();
    let codes = race(&realm, &[&remove, &remove, &remove, &remove]);
    assert_eq!(codes, [Some(0), Some(1), Some(1), Some(1)]);
    assert_eq!(labels(&realm, "alice"), ["red"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn last_key_does_not_go_unasked_when_all_are_removed_at_once() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    let remove = |label: &str| realm.kdb5_fido(&["remove", "alice", label]).unwrap();
    let codes = race(&realm, &[&|| remove("blue"), &|| remove("red")]);
    assert_eq!(codes, [Some(0), Some(1)]);
    assert_eq!(labels(&realm, "alice").len(), 1);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

/// Dumps alice's entry, starts a change, and loads the dump over it as soon as it was made, as a login does that began
/// before and ends after it. `look` shows whether it was made.
fn change_and_write_over<T: PartialEq>(
    realm: &Realm,
    arguments: &[&str],
    look: impl Fn() -> T,
) -> ExitStatus {
    let dump = realm.dir().join("alice.dump");
    let kdb5_util = |arguments: &[&str]| {
        let mut command = realm.command("kdb5_util");
        command.args(arguments);
        realm.run_within(command, "", Duration::from_secs(5))
    };
    let dump = dump.to_str().unwrap();
    kdb5_util(&["dump", dump, "alice@KRBTEST.COM"])
        .unwrap()
        .checked()
        .unwrap();
    let before = look();
    for _ in 0..20 {
        let mut change = Running::start(realm, arguments);
        while look() == before {}
        change.signal("STOP");
        let is_stopped = change.is_stopped();
        let loaded = kdb5_util(&["load", "-update", dump]);
        let is_over = matches!(&loaded, Ok(load) if load.success());
        change.signal("CONT");
        let status = change.wait();
        // It ended before it was stopped, or was stopped while it read, with a lock: another time, then.
        if is_stopped && is_over {
            return status;
        }
        kdb5_util(&["load", "-update", dump]).unwrap().checked().unwrap();
    }
    panic!("no change waited to see whether it stays");
}

#[test]
fn key_that_a_login_takes_away_again_is_stored_again() {
    let realm = realm();
    let path = write_record(&realm, 0);
    let status = change_and_write_over(&realm, &["add", "alice", &path], || labels(&realm, "alice"));
    assert!(status.success());
    assert_eq!(labels(&realm, "alice"), ["key1"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn key_that_a_login_brings_back_is_removed_again() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let status = change_and_write_over(&realm, &["remove", "alice", "blue", "--yes"], || {
        labels(&realm, "alice")
    });
    assert!(status.success());
    assert_eq!(labels(&realm, "alice"), [""; 0]);
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
}

#[test]
fn name_that_a_login_takes_back_is_given_again() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let status = change_and_write_over(&realm, &["rename", "alice", "blue", "green"], || {
        labels(&realm, "alice")
    });
    assert!(status.success());
    assert_eq!(labels(&realm, "alice"), ["green"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn key_that_a_login_enables_again_is_disabled_again() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let status = change_and_write_over(&realm, &["disable", "alice", "--all"], || {
        strings(&realm, "alice")
    });
    assert!(status.success());
    assert!(strings(&realm, "alice")[0].contains(",\"disabled\":true,"));
}

#[test]
fn import_that_a_login_takes_away_again_is_made_again() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let path = realm.dir().join("keys.json").to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| realm.kdb5_fido(arguments).unwrap().checked().unwrap();
    run(&["export", "--out", &path]);
    run(&["remove", "alice", "blue", "--yes"]);
    let status = change_and_write_over(&realm, &["import", &path], || labels(&realm, "alice"));
    assert!(status.success());
    assert_eq!(labels(&realm, "alice"), ["blue"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn name_is_given_once_when_two_keys_want_it() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    let rename = |old: &str| realm.kdb5_fido(&["rename", "alice", old, "green"]).unwrap();
    let codes = race(&realm, &[&|| rename("blue"), &|| rename("red")]);
    assert_eq!(codes, [Some(0), Some(1)]);
    let left = labels(&realm, "alice");
    assert!(left.len() == 2 && left.contains(&"green".to_owned()), "{left:?}");
}

#[test]
fn setting_that_a_login_takes_away_again_is_set_again() {
    let realm = realm();
    let arguments = ["policy", "alice", "--policy", "required", "--uv", "required"];
    let status = change_and_write_over(&realm, &arguments, || strings(&realm, "alice"));
    assert!(status.success());
    let expected = ["fido_policy: required", "fido_uv: required"];
    assert_eq!(strings(&realm, "alice"), expected);
}

#[test]
fn flags_that_a_login_takes_away_again_are_set_again() {
    let realm = realm();
    set_string(&realm, "alice", "fido:blue", &record("AQ", json!({})));
    change_and_write_over(&realm, &["check-config", "--fix"], || flags(&realm, "alice"));
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

/// The KDC reads the entry at the beginning of a login and writes all of it back at the end.
#[test]
fn failing_logins_bring_no_removed_key_back() {
    let realm = realm();
    store(&realm, "alice", "kept", &record("AQ", json!({})));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..3 {
            let (realm, stop) = (&realm, &stop);
            scope.spawn(move || {
                let cache = format!("FILE:{}/cc{number}", realm.dir().display());
                while !stop.load(Ordering::Relaxed) {
                    let refused = realm.stock_kinit("alice", "wrong", &["-c", &cache]).unwrap();
                    assert_eq!(refused.code(), Some(1), "{refused}");
                }
            });
        }
        for round in 0..6 {
            store(&realm, "alice", "lost", &record("Ag", json!({})));
            assert_eq!(labels(&realm, "alice"), ["kept", "lost"], "round {round}");
            let removed = realm.kdb5_fido(&["remove", "alice", "lost"]).unwrap();
            assert_eq!(removed.code(), Some(0), "{removed}");
            assert_eq!(labels(&realm, "alice"), ["kept"], "round {round}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(labels(&realm, "alice"), ["kept"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

/// kadmin.local that holds the lock of the database.
struct Locker(Child);

impl Locker {
    fn lock(realm: &Realm) -> Self {
        let mut command = realm.command("kadmin.local");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"lock\n").unwrap();
        let is_free = || {
            let mut probe = realm.command("kadmin.local");
            probe.args(["getprinc", "alice"]);
            match realm.run_within(probe, "", Duration::from_millis(500)) {
                Err(Error::Timeout { .. }) => false,
                other => other.unwrap().success(),
            }
        };
        while is_free() {}
        Self(child)
    }

    /// Its end of input ends it, and the lock with it.
    fn unlock(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// kdb5_fido that goes on by itself. Drop ends it.
struct Running(Child);

impl Running {
    fn start(realm: &Realm, arguments: &[&str]) -> Self {
        let mut command = kdb5_fido(realm);
        command.args(arguments).stdin(Stdio::null());
        Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        // Where it has ended by itself, it is there until it is waited for.
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.contains(") T ")
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a record with so many bytes in an unknown member to a file.
fn write_record(realm: &Realm, padding: usize) -> String {
    let path = realm.dir().join("record.json");
    fs::write(&path, record("AQ", json!({"x": "x".repeat(padding)}))).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn lock_of_kadmin_local_is_waited_for() {
    let realm = realm();
    let locker = Locker::lock(&realm);
    let mut add = Running::start(&realm, &["add", "alice", &write_record(&realm, 0)]);
    thread::sleep(Duration::from_millis(300));
    assert!(add.is_running());
    locker.unlock();
    assert!(add.wait().success());
    assert_eq!(labels(&realm, "alice"), ["key1"]);
}

#[test]
fn wait_for_the_lock_can_be_interrupted() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let locker = Locker::lock(&realm);
    let mut add = Running::start(&realm, &["add", "alice", &write_record(&realm, 0)]);
    thread::sleep(Duration::from_millis(300));
    add.signal("TERM");
    assert_eq!(add.wait().signal(), Some(15));
    locker.unlock();
    assert_unchanged(&realm, &before);
}

/// A large record takes its time under the lock: the update log grows to a thousand times its size.
#[test]
fn change_is_not_torn_by_a_signal() {
    for delay in [15, 30, 60, 90] {
        let realm = realm();
        let before = serial(&realm);
        let path = write_record(&realm, 50_000);
        let mut add = Running::start(&realm, &["add", "alice", &path]);
        thread::sleep(Duration::from_millis(delay));
        add.signal("TERM");
        add.wait();
        let found = (labels(&realm, "alice"), flags(&realm, "alice"), serial(&realm));
        assert!(
            found == (vec![], "Attributes:".to_owned(), before)
                || found == (vec!["key1".to_owned()], BOTH_FLAGS.to_owned(), before + 2),
            "{delay}: {found:?}, {before} before"
        );
    }
}
