//! kpasswd and kadmin with a key that wants its PIN, and without the key. What they do with a touch alone is compared with
//! the stock client in `interop`, as kinit is; ksu, too, is there.

use krb5_fido_tests::{Enrolled, PASSWORD, assert_ticket, set_pin};
use krb5_testrealm::{Finished, Realm};

use crate::{PIN, TOUCH, not_there, waiting};

const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const PIN_PROMPT: &str = "PIN for software key (8 attempts left): \n";
const NEW: &str = "battery staple";

fn enrolled() -> Enrolled {
    Enrolled::in_realm(Realm::builder().start().unwrap())
}

fn run(realm: &Realm, words: &[&str], typed: &[&str]) -> Finished {
    let (program, arguments) = words.split_first().unwrap();
    let mut command = realm.command(program);
    command.args(arguments);
    realm.run(command, &(typed.join("\n") + "\n")).unwrap()
}

#[test]
fn kpasswd_asks_for_the_pin() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    let changed = run(&realm, &["kpasswd", "alice"], &[PASSWORD, PIN, NEW, NEW]);
    assert!(changed.success(), "{changed}{}", changed.trace);
    assert_eq!(
        changed.stdout,
        format!("{PROMPT}{PIN_PROMPT}{TOUCH}Enter new password: \nEnter it again: \nPassword changed.\n")
    );
    let login = realm.kinit("alice", &format!("{NEW}\n{PIN}"), &[]).unwrap();
    assert_ticket(&realm, &login, "IHA");
}

#[test]
fn kadmin_asks_for_the_pin() {
    let Enrolled { realm, key } = enrolled();
    set_pin(&key, PIN);
    let asked = run(&realm, &["kadmin", "-p", "alice", "getprivs"], &[PASSWORD, PIN]);
    assert!(asked.success(), "{asked}{}", asked.trace);
    let expected = format!("{PROMPT}{PIN_PROMPT}{TOUCH}current privileges: INQUIRE ADD MODIFY DELETE\n");
    assert_eq!(asked.stdout, expected);
}

/// Tickets for kadmind can come from kinit, with the key, and be used once it is gone.
#[test]
fn kadmin_takes_the_ticket_of_kinit() {
    let Enrolled { realm, key } = enrolled();
    let login = realm.kinit("alice", PASSWORD, &["-S", "kadmin/admin"]).unwrap();
    assert_ticket(&realm, &login, "IHA");
    drop(key);
    let cache = realm.dir().join("ccache");
    let query = ["kadmin", "-c", cache.to_str().unwrap(), "-p", "alice", "getprivs"];
    let asked = run(&realm, &query, &[]);
    assert!(asked.success(), "{asked}");
    assert!(!asked.stdout.contains("Touch"), "{asked}");
}

/// A realm in which alice's key is not there, and the device that stands for it.
fn without_key() -> (Realm, String) {
    let Enrolled { mut realm, key } = enrolled();
    realm.set_client_relation("fido_timeout", &["1s"]).unwrap();
    (realm, key.device())
}

#[test]
fn kadmin_says_why_it_ends() {
    let (realm, device) = without_key();
    let refused = run(&realm, &["kadmin", "-p", "alice", "getprivs"], &[PASSWORD]);
    let expected = format!(
        "kadmin: {} while initializing kadmin interface\n",
        not_there(&device)
    );
    assert_eq!((refused.code(), refused.stderr), (Some(1), expected));
}

/// kpasswd prints the texts of error codes alone: only while it waits does it say why.
#[test]
fn kpasswd_says_why_it_waits() {
    let (realm, device) = without_key();
    let refused = run(&realm, &["kpasswd", "alice"], &[PASSWORD, NEW, NEW]);
    assert_eq!(refused.stdout, format!("{PROMPT}{}", waiting(&device)));
    let expected = "kpasswd: Password read interrupted getting initial ticket\n";
    assert_eq!((refused.code(), &*refused.stderr), (Some(1), expected));
}
