//! Users and their own keys, with kfido.

use krb5_fido_tests::{PASSWORD, add_user, attribute, kadmin, set_member_of};
use krb5_testrealm::{Artifacts, Finished, Presence, Realm, RealmBuilder, SoftKey};
use serde_json::{Value, json};

use crate::support::{ago, get_ticket, has, last_line, with_key};

/// alice with software keys, and kadmind.
pub(crate) struct Desk {
    pub(crate) keys: Vec<SoftKey>,
    pub(crate) realm: Realm,
}

impl Desk {
    pub(crate) fn new(builder: RealmBuilder) -> Self {
        let realm = builder.client_relation("fido_timeout", "5s").start().unwrap();
        for name in ["alice", "bob"] {
            add_user(&realm, name);
        }
        let mut desk = Self {
            keys: Vec::new(),
            realm,
        };
        desk.plug("one");
        desk
    }

    /// One more key.
    pub(crate) fn plug(&mut self, name: &str) {
        self.keys.push(self.realm.softkey(name, Presence::Auto).unwrap());
        let devices: Vec<String> = self.keys.iter().map(SoftKey::device).collect();
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        self.realm.set_client_relation("fido_device", &devices).unwrap();
    }

    pub(crate) fn invite(&self, options: &[&str]) -> Value {
        let arguments = [&["--json", "invite", "alice"], options].concat();
        let invited = self.realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
        serde_json::from_str(&invited.stdout).unwrap()
    }

    /// kfido with these lines on standard input.
    pub(crate) fn kfido(&self, arguments: &[&str], input: &[&str]) -> Finished {
        let mut command = self.realm.command(Artifacts::locate().unwrap().kfido());
        command.args(arguments);
        self.realm
            .run(command, &format!("{}\n", input.join("\n")))
            .unwrap()
    }

    /// alice registers a key with her password.
    pub(crate) fn enroll(&self, label: &str) -> Finished {
        self.kfido(&["-p", "alice", "enroll", "--name", label], &[PASSWORD])
    }

    pub(crate) fn logs_in(&self) -> bool {
        self.realm.kinit("alice", PASSWORD, &[]).unwrap().success()
    }

    /// As if a key had been registered an hour ago.
    fn let_time_pass(&self, label: &str) {
        set_member_of(&self.realm, label, "created", json!(ago(60)));
    }
}

#[track_caller]
fn assert_refused(finished: &Finished, reason: &str) {
    assert_eq!(finished.code(), Some(1), "{finished}");
    assert!(finished.stderr.contains(reason), "{finished}");
}

#[test]
fn invited_user_registers_a_key_and_logs_in_with_it() {
    let desk = Desk::new(Realm::builder().kdc_relation("fido_policy", "required"));
    let notice = desk.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert!(
        notice.stderr.contains("register one with kfido enroll"),
        "{notice}"
    );

    let invited = desk.invite(&[]);
    let enrolled = desk.enroll("blue").checked().unwrap();
    assert!(
        enrolled
            .stdout
            .starts_with("Registered blue for alice@KRBTEST.COM.\n"),
        "{enrolled}"
    );
    assert!(desk.logs_in());
    assert!(
        !desk
            .realm
            .kinit("alice", PASSWORD, &["-X", "fido_device=none"])
            .unwrap()
            .success()
    );

    let record = attribute(&desk.realm, "alice", "fido:blue").unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["invite"], invited["id"]);
    assert_eq!(record["by"], "alice@KRBTEST.COM");
    assert!(record["reg"]["nonce"].is_string() && record["reg"]["att"].is_string());
    assert!(last_line(&desk.realm).contains(" invite="));
}

#[test]
fn user_who_is_not_invited_is_told_so() {
    let desk = Desk::new(Realm::builder());
    assert_refused(
        &desk.enroll("blue"),
        "there is no open invitation, which it takes unless fido_self_enrol",
    );
    let required = Desk::new(Realm::builder().kdc_relation("fido_policy", "required"));
    assert_refused(
        &required.enroll("blue"),
        "while getting a ticket for kadmin/admin",
    );
    assert!(!has(&desk.realm, "fido:blue") && !has(&required.realm, "fido:blue"));
}

#[test]
fn password_is_enough_where_the_realm_says_so_and_once() {
    let desk = Desk::new(
        Realm::builder()
            .kdc_relation("fido_policy", "required")
            .kdc_relation("fido_self_enrol", "password"),
    );
    desk.enroll("blue").checked().unwrap();
    assert!(desk.logs_in());
    let password_alone = desk.realm.kinit(
        "alice",
        PASSWORD,
        &["-S", "kadmin/admin", "-X", "fido_device=none"],
    );
    assert!(!password_alone.unwrap().success());
}

#[test]
fn code_is_asked_for() {
    let desk = Desk::new(Realm::builder());
    let invited = desk.invite(&["--code"]);
    let code = invited["code"].as_str().unwrap();
    let stored = attribute(&desk.realm, "alice", "fido_invite").unwrap();
    let digits = code.replace('-', "");
    assert!(!stored.contains(code) && !stored.contains(&digits), "{stored}");

    let arguments = ["-p", "alice", "enroll", "--name", "blue"];
    let wrong = desk.kfido(&arguments, &[PASSWORD, "0000-0000-0000-0000-0000-0000-0000-0000"]);
    assert_refused(&wrong, "The invitation takes a code, and that was not it");
    assert!(!has(&desk.realm, "fido:blue"));

    desk.kfido(&arguments, &[PASSWORD, code]).checked().unwrap();
    let record = attribute(&desk.realm, "alice", "fido:blue").unwrap();
    assert!(!record.contains(code) && !record.contains(&digits), "{record}");
    assert!(record.contains(r#""invite_proof":{"key":""#), "{record}");
    assert!(!desk.realm.kadmind_log().contains(&digits));
    assert!(desk.logs_in());
}

#[test]
fn further_key_waits_and_then_takes_the_first() {
    let mut desk = Desk::new(Realm::builder());
    desk.invite(&[]);
    desk.enroll("blue").checked().unwrap();
    desk.plug("two");
    assert_refused(&desk.enroll("red"), "changes of one's own keys wait until 20");

    desk.let_time_pass("blue");
    let enrolled = desk.enroll("red").checked().unwrap();
    assert!(enrolled.stdout.contains("Registered red"), "{enrolled}");
    desk.kfido(&["-p", "alice", "rename", "red", "green"], &[PASSWORD])
        .checked()
        .unwrap();
    assert!(has(&desk.realm, "fido:green") && !has(&desk.realm, "fido:red"));
    let listed = desk
        .kfido(&["-p", "alice", "list"], &[PASSWORD])
        .checked()
        .unwrap();
    assert!(
        listed.stdout.contains("blue") && listed.stdout.contains("green"),
        "{listed}"
    );
    desk.kfido(&["-p", "alice", "remove", "green"], &[PASSWORD])
        .checked()
        .unwrap();
    assert!(!has(&desk.realm, "fido:green"));
    assert!(desk.logs_in());
}

#[test]
fn last_key_stays_where_one_is_demanded() {
    let desk = Desk::new(Realm::builder().kdc_relation("fido_policy", "required"));
    desk.invite(&["--for", "2s"]);
    desk.enroll("blue").checked().unwrap();
    desk.let_time_pass("blue");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let refused = desk.kfido(&["-p", "alice", "remove", "blue", "--yes"], &[PASSWORD]);
    assert_refused(&refused, "Operation requires ``modify'' privilege");
    assert!(last_line(&desk.realm).contains("is the last key that may be used, and one is demanded"));
    assert!(has(&desk.realm, "fido:blue"));
}

#[test]
fn user_without_a_key_of_that_kind_does_nothing_to_others() {
    let desk = Desk::new(Realm::builder());
    with_key(&desk.realm, "blue", 60);
    for arguments in [
        &["-p", "bob", "remove", "blue", "alice"][..],
        &["-p", "bob", "rename", "blue", "red", "alice"],
        &["-p", "bob", "list", "alice"],
    ] {
        let refused = desk.kfido(arguments, &[PASSWORD]);
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains("privilege"), "{refused}");
    }
    assert!(has(&desk.realm, "fido:blue"));
}

#[test]
fn lost_keys_are_replaced() {
    let mut desk = Desk::new(Realm::builder());
    let lost = desk.keys[0].device();
    desk.realm
        .kdb5_fido(&["enroll", "alice", "--name", "lost", "--device", &lost])
        .unwrap()
        .checked()
        .unwrap();
    desk.keys.clear();
    desk.plug("new");
    let usable = desk.realm.kdb5_fido(&["invite", "alice"]).unwrap();
    assert_refused(&usable, "has a key that may be used, lost");

    let invited = desk.invite(&["--replace"]);
    assert_eq!(invited["disabled"], json!(["lost"]));
    assert_eq!(invited["requires_hwauth"], json!(false));
    assert!(!desk.logs_in());
    desk.enroll("new").checked().unwrap();
    assert!(desk.logs_in());
    // What an administrator disabled is not the user's to touch.
    let refused = desk.kfido(&["-p", "alice", "remove", "lost"], &[PASSWORD]);
    assert_refused(&refused, "privilege");
    let mended = desk.realm.kdb5_fido(&["check-config", "--fix"]).unwrap();
    assert!(
        mended
            .stdout
            .contains("set: alice@KRBTEST.COM (+requires_hwauth)"),
        "{mended}"
    );
    assert!(desk.logs_in());
}

#[test]
fn invitation_that_was_ended_invites_nobody() {
    let desk = Desk::new(Realm::builder());
    desk.invite(&[]);
    let closed = desk
        .realm
        .kdb5_fido(&["invite", "alice", "--close"])
        .unwrap()
        .checked()
        .unwrap();
    assert_eq!(closed.stdout, "The invitation of alice@KRBTEST.COM is ended.\n");
    assert_refused(&desk.enroll("blue"), "no open invitation");
    let again = desk
        .realm
        .kdb5_fido(&["invite", "alice", "--close"])
        .unwrap()
        .checked()
        .unwrap();
    assert_eq!(again.stdout, "No invitation of alice@KRBTEST.COM is open.\n");
}

#[test]
fn key_of_an_administrators_making_ends_the_invitation() {
    let desk = Desk::new(Realm::builder());
    desk.invite(&[]);
    get_ticket(&desk.realm, "alice", "thief").checked().unwrap();
    let device = desk.keys[0].device();
    desk.realm
        .kdb5_fido(&["enroll", "alice", "--name", "blue", "--device", &device])
        .unwrap()
        .checked()
        .unwrap();
    kadmin(&desk.realm, &["delstr", "alice", "fido:blue"]);
    assert_refused(&desk.enroll("red"), "must log in with a security key");
}

#[test]
fn invitation_ends_with_the_key_that_spent_it() {
    let desk = Desk::new(Realm::builder());
    desk.invite(&[]);
    desk.enroll("blue").checked().unwrap();
    desk.let_time_pass("blue");
    let refused = desk.kfido(&["-p", "alice", "remove", "blue", "--yes"], &[PASSWORD]);
    assert_refused(&refused, "was made under an invitation that is open until 20");
    desk.realm
        .kdb5_fido(&["remove", "alice", "blue", "--yes"])
        .unwrap()
        .checked()
        .unwrap();
    assert_refused(&desk.enroll("red"), "there is no open invitation");
}
