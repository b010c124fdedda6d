//! What the KDC's log tells, by the admin guide's own means.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{fs, path::Path, process::Command};

use krb5_fido_tests::*;
use krb5_testrealm::Realm;

/// The expressions of the fail2ban filter in the admin guide, for `grep -P`.
fn failure_expressions() -> Vec<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin-guide.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, filter) = guide.split_once("failregex = ").unwrap();
    let (filter, _) = filter.split_once("```").unwrap();
    filter
        .lines()
        .map(|line| line.trim().replace("<HOST>", "127\\.0\\.0\\.1"))
        .collect()
}

/// How many lines of the KDC's log a command of the guide finds.
fn count(realm: &Realm, options: &[&str]) -> usize {
    let log = realm.dir().join("kdc.log");
    let output = Command::new("grep").args(options).arg(log).output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}

fn count_failures(realm: &Realm) -> usize {
    let expressions = failure_expressions();
    assert_eq!(expressions.len(), 2);
    expressions
        .iter()
        .map(|expression| count(realm, &["-P", expression]))
        .sum()
}

#[test]
fn failures_are_told_from_intermediate_passes() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    add_user(&realm, "bob");
    let log_in = |name: &str, password: &str| realm.kinit(name, password, &[]).unwrap();
    assert!(log_in("alice", PASSWORD).success());
    assert!(log_in("bob", PASSWORD).success());
    assert_eq!(count_failures(&realm), 0);
    assert!(!log_in("alice", "incorrect horse").success());
    assert!(!log_in("bob", "incorrect horse").success());
    assert_eq!(count_failures(&realm), 2);
    // The policy module's refusal: the password by another mechanism.
    kadmin(&realm, &["modprinc", "-requires_hwauth", "alice"]);
    kadmin(&realm, &["modprinc", "-requires_preauth", "alice"]);
    let client = AsClient::new(&realm, "alice");
    client.send_plain(&client.tgt_body()).error();
    assert_eq!(count_failures(&realm), 3);
}

#[test]
fn decisions_are_found_by_principal() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
    let accepted = count(&realm, &["-E", "fido: [^ ]+ nonce=[0-9-]+ accepted"]);
    assert_eq!(accepted, 1);
    let client = AsClient::new(&realm, "alice");
    let body = client.tgt_body();
    let asked = client.begin().say_hello();
    let mut statement = asked.statement(&body);
    statement.nonce[0] ^= 1;
    let id = statement.credential_id.clone();
    let forged = PaperKey::generate().sign_as(&id, &statement);
    asked.answer(&body, &forged).send().error();
    let refused = "fido: alice@KRBTEST.COM nonce=.* refused: ";
    assert_eq!(count(&realm, &["-E", refused]), 1);
    let line = "label=blue up=1 uv=0 counter=0 mode=encrypted aaguid=";
    assert_eq!(count(&realm, &["-F", line]), 1);
}

/// The KDC's own line, which has the address, follows ours, and has the cause.
#[test]
fn address_is_in_the_next_line() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
    let log = realm.kdc_log();
    let lines: Vec<&str> = log.lines().collect();
    let ours = lines
        .iter()
        .position(|line| line.contains(" accepted label="))
        .unwrap();
    let next = lines.get(ours + 1).unwrap();
    assert!(next.contains(" 127.0.0.1: ISSUE: "), "{next}");
}

#[test]
fn no_credential_id_is_in_the_log() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    assert!(realm.kinit("alice", PASSWORD, &[]).unwrap().success());
    let record: serde_json::Value =
        serde_json::from_str(&attribute(&realm, "alice", "fido:blue").unwrap()).unwrap();
    let id = record.get("id").unwrap().as_str().unwrap();
    let log = realm.kdc_log();
    assert!(!log.contains(id.get(..16).unwrap()), "{log}");
}
