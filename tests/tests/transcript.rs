//! The session that the user guide shows is one that was had: this test has it again, and compares.
//!
//! After a change of what programs print, `UPDATE_TRANSCRIPT=1 cargo test -p krb5-fido-tests --test transcript` writes it anew.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use krb5_fido_tests::{Dialog, PASSWORD, add_user, set_member, talk};
use krb5_testrealm::{Artifacts, Presence, Realm};
use time::{Duration, UtcDateTime, format_description::well_known::Rfc3339};

const HEADING: &str = "\n## A session\n";
const FENCE: &str = "\n```console\n";

/// What stands in the guide for the moment of the session.
const SHOWN: &str = "2026-12-01T09:00:00Z";

/// What stands there for the directory of the realm.
const SHOWN_DIRECTORY: &str = "/run/user/1000";

/// What stands there for a code.
const SHOWN_CODE: &str = "3f1c-9a52-77e0-4bd8-a1c6-0e95-d24f-68b3";

const PASSWORD_OF: (&str, &str) = ("Password for alice@KRBTEST.COM: ", PASSWORD);

/// Somebody at a terminal, and what is on it.
struct Session {
    realm: Realm,
    began: UtcDateTime,
    code: String,
    text: String,
}

impl Session {
    fn run(&mut self, command: &str, dialog: &[(&str, &str)], expected: i32) {
        let programs = Artifacts::locate().unwrap().directory().to_owned();
        let in_shell = format!("PATH={}:$PATH TZ=UTC LC_ALL=C {command}", programs.display());
        let Dialog { screen, code } = talk(&self.realm, &in_shell, dialog, &|| ());
        assert_eq!(code, Some(expected), "{command}\n{screen}");
        self.text += &format!("$ {command}\n{screen}");
    }

    fn say(&mut self, remark: &str) {
        self.text += &format!("# {remark}\n");
    }

    /// The same whenever it is had, and wherever.
    fn shown(&self) -> String {
        let directory = self.realm.dir().to_str().unwrap();
        let text = self
            .text
            .replace(&self.code, SHOWN_CODE)
            .replace(directory, SHOWN_DIRECTORY);
        let words = text.split_inclusive([' ', '\n', ',', ';']);
        words.map(|word| self.shown_word(word)).collect()
    }

    fn shown_word(&self, word: &str) -> String {
        let time = word.trim_end_matches([' ', '\n', ',', ';', '.', ':']);
        let Ok(parsed) = UtcDateTime::parse(time, &Rfc3339) else {
            return word.to_owned();
        };
        // To the five minutes: what lies in between is the machine's.
        let since = parsed - self.began;
        let steps = (since + Duration::minutes(2)).whole_minutes().div_euclid(5);
        let shown = UtcDateTime::parse(SHOWN, &Rfc3339).unwrap() + Duration::minutes(5 * steps);
        word.replace(time, &shown.format(&Rfc3339).unwrap())
    }
}

/// What happens when twenty minutes have passed.
fn let_time_pass(realm: &Realm) {
    let long_ago = UtcDateTime::now().truncate_to_second() - Duration::minutes(25);
    set_member(realm, "created", long_ago.format(&Rfc3339).unwrap().into());
}

fn have_session() -> String {
    let mut realm = Realm::builder()
        .kdc_relation("fido_policy", "required")
        .start()
        .unwrap();
    add_user(&realm, "alice");
    let first = realm.softkey("first", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&first.device()])
        .unwrap();
    let mut session = Session {
        realm,
        began: UtcDateTime::now(),
        code: String::new(),
        text: String::new(),
    };
    let yes = ("Is that meant? (type yes): ", "yes");

    session.say("The administrator, on the KDC");
    session.run("kdb5_fido invite alice --code", &[], 0);
    let code = session
        .text
        .lines()
        .find_map(|line| line.split_once("never again: "));
    session.code = code.unwrap().1.to_owned();

    session.say("alice, wherever she is");
    session.run("kinit alice", &[PASSWORD_OF], 1);
    let code = session.code.clone();
    let dialog = [PASSWORD_OF, ("Code of the invitation: ", code.as_str()), yes];
    session.run("kfido -p alice enroll --name blue", &dialog, 0);
    session.run("kinit alice", &[PASSWORD_OF], 0);
    session.run("kfido list", &[PASSWORD_OF], 0);

    session.say("At once another key, in case this one gets lost");
    let second = session.realm.softkey("second", Presence::Auto).unwrap();
    let devices = [first.device(), second.device()];
    let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
    session
        .realm
        .set_client_relation("fido_device", &devices)
        .unwrap();
    session.run("kfido enroll --name spare", &[PASSWORD_OF], 1);
    session.say("Twenty minutes later");
    let_time_pass(&session.realm);
    session.run("kfido enroll --name spare", &[PASSWORD_OF, yes], 0);
    session.run("kfido rename spare drawer", &[PASSWORD_OF], 0);

    session.say("The administrator: the blue key is lost");
    session.run("kdb5_fido disable alice blue", &[], 0);
    session.shown()
}

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/user-guide.md")
}

#[test]
fn session_in_the_user_guide_is_one_that_was_had() {
    let text = fs::read_to_string(guide()).unwrap();
    let (before, section) = text.split_once(HEADING).unwrap();
    let (introduction, rest) = section.split_once(FENCE).unwrap();
    let (written, after) = rest.split_once("```\n").unwrap();
    let had = have_session();
    if env::var_os("UPDATE_TRANSCRIPT").is_some() {
        let anew = format!("{before}{HEADING}{introduction}{FENCE}{had}```\n{after}");
        fs::write(guide(), anew).unwrap();
        return;
    }
    assert!(
        had == written,
        "UPDATE_TRANSCRIPT=1 writes it anew. The guide has\n{written}\nand this is what was had:\n{had}"
    );
}
