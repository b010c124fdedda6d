//! Programs with a responder of their own: what they are asked, and what becomes of their answers.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use krb5_fido_tests::*;
use krb5_testrealm::{Finished, Presence, Realm};
use serde_json::{Value, json};

const PIN: &str = "1234";
const NO_SUCH_FILE: &str = "No such file or directory";
const MALFORMED: &str =
    "This program answered the question \"fido\" with something else than krb5_fido.h describes";
const WITH_KEY: &str = "ticket with the key";
const ALONE: &str = "ticket";

/// A program of the repository, compiled once.
fn program(compiled: &'static OnceLock<PathBuf>, source: &str) -> &'static Path {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
    compiled.get_or_init(|| compile(&source, env!("CARGO_TARGET_TMPDIR")))
}

/// Runs the example of the documentation.
fn example(realm: &Realm, typed: &str) -> Finished {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = realm.command(program(&PROGRAM, "docs/examples/responder.c"));
    command.arg("alice");
    realm.run(command, typed).unwrap()
}

/// Logs alice in with these answers, and gives the challenges too.
fn answering(realm: &Realm, answers: &[&str]) -> (Finished, Vec<Value>) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = realm.command(program(&PROGRAM, "tests/programs/answering.c"));
    command.arg("alice").args(answers);
    let finished = realm.run(command, &format!("{PASSWORD}\n")).unwrap();
    let lines = finished.stdout.lines().filter(|line| line.starts_with('{'));
    let challenges = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    (finished, challenges)
}

fn assert_outcome(finished: &Finished, outcome: &str) {
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let told = lines.last().copied().unwrap_or_default();
    assert!(
        finished.success() && told == outcome,
        "{finished}{}",
        finished.trace
    );
}

fn assert_error(finished: &Finished, message: &str) {
    assert_eq!(
        (finished.code(), finished.stderr.as_str()),
        (Some(1), format!("{message}\n").as_str()),
        "{finished}{}",
        finished.trace
    );
}

fn challenge(devices: &Value, factors: &[&str]) -> Value {
    json!({
        "version": 1,
        "realm": "KRBTEST.COM",
        "principal": "alice@KRBTEST.COM",
        "factors": factors,
        "devices": devices,
    })
}

fn enrolled(policy: &str) -> Enrolled {
    Enrolled::start(Realm::builder().kdc_relation("fido_policy", policy))
}

#[test]
fn example_of_the_documentation() {
    let Enrolled { realm, key } = enrolled("enrolled");
    let challenge = |pin| {
        format!(
            "fido: {{\"version\":1,\"realm\":\"KRBTEST.COM\",\"principal\":\"alice@KRBTEST.COM\",\"factors\":[\"fido\"],\
             \"devices\":[{{\"path\":\"{}\",\"product\":\"software key\",{pin},\"builtin_uv\":false}}]}}\n",
            key.device()
        )
    };
    let told = "There is a ticket, and the key counted.\n";
    let login = example(&realm, &format!("{PASSWORD}\n"));
    let shown = format!("password: \n{}{told}", challenge("\"pin\":false"));
    assert_eq!(
        (login.stdout.as_str(), login.stderr.as_str()),
        (shown.as_str(), ""),
        "{login}"
    );
    let strange = "1\"2\\3\t4";
    set_pin(&key, strange);
    let login = example(&realm, &format!("{PASSWORD}\n{strange}\n"));
    let shown = format!(
        "password: \n{}{told}",
        challenge("\"pin\":true,\"pin_retries\":8")
    );
    assert_eq!(
        (login.stdout.as_str(), login.stderr.as_str()),
        (shown.as_str(), ""),
        "{login}"
    );
}

#[test]
fn nobody_answers() {
    let Enrolled { realm, key } = enrolled("enrolled");
    let (login, challenges) = answering(&realm, &[]);
    assert_outcome(&login, WITH_KEY);
    let devices =
        json!([{"path": key.device(), "product": "software key", "pin": false, "builtin_uv": false}]);
    assert_eq!(challenges, [challenge(&devices, &["fido"])]);
    set_pin(&key, PIN);
    let (login, _) = answering(&realm, &[]);
    let message = "software key wants its PIN, and this program cannot ask for it: use kinit";
    assert_error(&login, message);
}

#[test]
fn wrong_password_is_asked_nothing_more() {
    let Enrolled { realm, key: _key } = enrolled("enrolled");
    let login = example(&realm, "incorrect horse\n");
    assert_eq!(login.stdout, "password: \n");
    assert!(login.stderr.ends_with(": Preauthentication failed\n"), "{login}");
}

#[test]
fn wrong_pin_is_told_with_the_attempts_that_are_left() {
    let Enrolled { realm, key } = enrolled("enrolled");
    set_pin(&key, PIN);
    for left in [7, 6] {
        let (login, challenges) = answering(&realm, &[r#"{"pin":"4321"}"#]);
        assert_error(
            &login,
            &format!("Wrong PIN for software key: {left} attempts left"),
        );
        assert_eq!(challenges[0]["devices"][0]["pin_retries"], left + 1);
    }
    assert_outcome(&answering(&realm, &[r#"{"pin":"1234"}"#]).0, WITH_KEY);
}

#[test]
fn no_key_is_attached() {
    let Enrolled { realm, key } = enrolled("enrolled");
    let device = key.device();
    drop(key);
    let (login, challenges) = answering(&realm, &[]);
    assert_error(
        &login,
        &format!("Could not open the security key {device}: {NO_SUCH_FILE}"),
    );
    assert_eq!(challenges, [challenge(&json!([]), &["fido"])]);
}

#[test]
fn device_is_chosen() {
    let Enrolled { mut realm, key } = enrolled("enrolled");
    let other = realm.softkey("other", Presence::Auto).unwrap();
    enrol(&realm, "alice", &other, "red");
    realm
        .set_client_relation("fido_device", &[&key.device(), &other.device()])
        .unwrap();
    for (chosen, label) in [(&key, "blue"), (&other, "red"), (&key, "blue")] {
        let mark = realm.kdc_log_mark();
        let answer = json!({"device": chosen.device()}).to_string();
        let (login, challenges) = answering(&realm, &[&answer]);
        assert_outcome(&login, WITH_KEY);
        assert_eq!(challenges[0]["devices"].as_array().unwrap().len(), 2);
        let log = realm.kdc_log_since(mark);
        assert!(log.contains(&format!(" accepted label={label} ")), "{log}");
    }
    let (login, _) = answering(&realm, &[r#"{"device":"hidraw0"}"#]);
    let message =
        "fido_device has the impossible value \"hidraw0\": see krb5.conf, or the -X options of kinit";
    assert_error(&login, message);
}

#[test]
fn factor_is_chosen_where_the_policy_leaves_the_choice() {
    let Enrolled { realm, key } = enrolled("permissive");
    let named = json!([{"path": key.device(), "product": ""}]);
    let first = challenge(&named, &["fido", "none"]);
    let (login, challenges) = answering(&realm, &[r#"{"factor":"none"}"#]);
    assert_outcome(&login, ALONE);
    assert_eq!(challenges, std::slice::from_ref(&first));
    for answers in [&[][..], &[r#"{"factor":"fido"}"#]] {
        let (login, challenges) = answering(&realm, answers);
        assert_outcome(&login, WITH_KEY);
        assert_eq!((challenges.len(), &challenges[0]), (2, &first));
        assert_eq!(challenges[1]["factors"], json!(["fido"]));
    }
}

#[test]
fn factor_is_not_chosen_where_the_policy_demands_it() {
    let Enrolled { realm, key: _key } = enrolled("enrolled");
    let (login, _) = answering(&realm, &[r#"{"factor":"none"}"#]);
    assert_error(&login, "The login to KRBTEST.COM was cancelled");
}

#[test]
fn first_answer_holds_until_there_is_another() {
    let Enrolled { realm, key } = enrolled("permissive");
    set_pin(&key, PIN);
    let pin = r#"{"pin":"1234"}"#;
    assert_outcome(&answering(&realm, &[pin]).0, WITH_KEY);
    assert_outcome(&answering(&realm, &["", pin]).0, WITH_KEY);
    assert_outcome(&answering(&realm, &[r#"{"pin":"4321"}"#, pin]).0, WITH_KEY);
}

#[test]
fn answers_in_mode_clear() {
    let builder = Realm::builder()
        .kdc_relation("fido_challenge", "clear")
        .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096");
    let Enrolled { realm, key } = Enrolled::start(builder);
    set_pin(&key, PIN);
    let (login, challenges) = answering(&realm, &[r#"{"pin":"1234"}"#]);
    assert_outcome(&login, WITH_KEY);
    let named = json!([{"path": key.device(), "product": ""}]);
    assert_eq!(challenges, [challenge(&named, &["fido"])]);
    let (login, _) = answering(&realm, &[r#"{"factor":"none"}"#]);
    assert_error(&login, "The login to KRBTEST.COM was cancelled");
}

#[test]
fn answers_that_are_none() {
    let Enrolled { realm, key: _key } = enrolled("enrolled");
    for answer in [
        "1234",
        "{",
        r#"{"pin":1234}"#,
        r#"{"pin":""}"#,
        r#"{"factor":"both"}"#,
    ] {
        let (login, _) = answering(&realm, &[answer]);
        assert_error(&login, MALFORMED);
    }
}
