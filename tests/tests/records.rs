//! Credential records that cannot be used: none of them turns into "the password is enough".
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use krb5_fido_tests::{
    Enrolled, LogLine, PASSWORD, PaperKey, add_user, as_lines, assert_refused, assert_ticket, attribute,
    enrol, kadmin, memory,
};
use krb5_testrealm::{Presence, Realm, SoftKey};
use serde_json::{Value, json};

const NONE_USABLE: &str =
    "None of the security keys registered for alice@KRBTEST.COM may be used: ask your administrator";
const POLICY: &str = "KDC policy rejects request";
const UNUSED_KEY: &str = "a security key is required, and was not used";

/// alice, whose one record is called blue.
struct Scene {
    key: SoftKey,
    realm: Realm,
    /// The record as it was enrolled.
    blue: String,
}

impl Scene {
    fn set() -> Self {
        let Enrolled { key, realm } = Enrolled::start(Realm::builder());
        let blue = attribute(&realm, "alice", "fido:blue").unwrap();
        Self { key, realm, blue }
    }

    /// The record as it was enrolled, with a change.
    fn changed(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut record = serde_json::from_str(&self.blue).unwrap();
        change(&mut record);
        record.to_string()
    }

    fn store(&self, name: &str, value: &str) {
        kadmin(&self.realm, &["setstr", "alice", name, value]);
    }

    fn store_bytes(&self, name: &[u8], value: &[u8]) {
        let mut kadmin = self.realm.command("kadmin.local");
        kadmin
            .args(["setstr", "alice"])
            .args([name, value].map(OsStr::from_bytes));
        self.realm.run(kadmin, "").unwrap().checked().unwrap();
    }

    fn remove(&self, name: &str) {
        kadmin(&self.realm, &["delstr", "alice", name]);
    }

    /// With this value instead of the record alice is locked, for `cause`.
    fn lock_with_value(&self, cause: &str, value: &str) {
        self.store("fido:blue", value);
        self.assert_locked(&[&format!("fido:blue: {cause}")]);
    }

    /// No key of alice's may be used, for `causes`: her login ends with the notice, and without the module there is none.
    fn assert_locked(&self, causes: &[&str]) {
        let Self { key, realm, .. } = self;
        let before = memory(key);
        for flag in ["+requires_hwauth", "-requires_hwauth"] {
            kadmin(realm, &["modprinc", flag, "alice"]);
            let mark = realm.kdc_log_mark();
            assert_refused(realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), NONE_USABLE);
            let log = realm.kdc_log_since(mark);
            let more = LogLine::more();
            assert_eq!(as_lines(&log), [LogLine::needed(), more.clone(), more]);
            for cause in causes {
                assert!(
                    log.contains(&format!(" cannot use {cause}\n")),
                    "{cause} is not in\n{log}"
                );
            }
            assert_eq!(log.matches(" cannot use ").count(), causes.len(), "{log}");
            assert!(
                log.contains(" turned away: no registered security key may be used\n"),
                "{log}"
            );
        }
        // Only the policy module is left to refuse the encrypted timestamp of the stock client.
        let login = realm.stock_kinit("alice", PASSWORD, &[]).unwrap();
        assert_refused(realm, &login, POLICY);
        let refused = LogLine::new("FIDO_REQUIRED", UNUSED_KEY);
        assert_eq!(as_lines(&realm.kdc_log()).last(), Some(&refused));
        assert_eq!(&memory(key), &before);
    }
}

/// The record in which `change` was made is locked for `cause`.
fn lock_with(cause: &str, change: impl FnOnce(&mut Value)) {
    let scene = Scene::set();
    let record = scene.changed(change);
    scene.lock_with_value(cause, &record);
}

#[test]
fn disabled() {
    lock_with("credential is disabled", |record| {
        record["disabled"] = true.into()
    });
}

#[test]
fn expired() {
    lock_with("credential is expired", |record| {
        record["not_after"] = "2020-01-01T00:00:00Z".into()
    });
}

#[test]
fn unable_to_verify_its_user_as_it_must() {
    lock_with("credential must verify its user and cannot", |record| {
        record["fmt"] = "fido-u2f".into();
        record["uv"] = "required".into();
    });
}

#[test]
fn of_an_algorithm_that_is_never_allowed() {
    lock_with("Ed448 is never allowed", |record| {
        record["alg"] = (-8).into();
        // {1: 1, 3: -8, -1: 7, -2: 57 bytes}
        record["pk"] =
            "pAEBAycgByFYOQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
                .into();
    });
}

#[test]
fn naming_another_algorithm_than_its_key() {
    lock_with(
        "credential record names another algorithm than its key",
        |record| record["alg"] = (-257).into(),
    );
}

#[test]
fn of_another_version() {
    lock_with("credential record of an unsupported version", |record| {
        record["v"] = 2.into()
    });
}

#[test]
fn without_a_member_that_is_required() {
    let scene = Scene::set();
    for member in ["v", "rp", "id", "pk", "alg", "created"] {
        let record = scene.changed(|record| drop(record.as_object_mut().unwrap().remove(member)));
        scene.lock_with_value(&format!("credential record has no member {member}"), &record);
    }
}

#[test]
fn with_invalid_base64() {
    let scene = Scene::set();
    for (member, value) in [("id", "A"), ("id", "AA=="), ("id", "*"), ("id", ""), ("pk", "+/")] {
        let record = scene.changed(|record| record[member] = value.into());
        scene.lock_with_value(
            &format!("credential record has a malformed member {member}"),
            &record,
        );
    }
}

#[test]
fn with_a_member_of_another_type() {
    let scene = Scene::set();
    for (member, value) in [
        ("v", json!("1")),
        ("disabled", json!("no")),
        ("not_after", json!("tomorrow")),
        ("counter", json!(-1)),
        ("uv", json!("sometimes")),
        ("rp", json!("a\nb")),
    ] {
        let record = scene.changed(|record| record[member] = value);
        scene.lock_with_value(
            &format!("credential record has a malformed member {member}"),
            &record,
        );
    }
}

#[test]
fn with_a_key_that_is_none() {
    lock_with("malformed COSE key", |record| record["pk"] = "pAEBAyc".into());
}

#[test]
fn with_a_member_twice() {
    let scene = Scene::set();
    let twice = scene
        .blue
        .replacen('{', "{\"disabled\":true,\"disabled\":false,", 1);
    scene.lock_with_value("credential record has a member twice", &twice);
}

#[test]
fn that_is_no_json_object() {
    let scene = Scene::set();
    let cut_short = &scene.blue[..scene.blue.len() - 1];
    for value in ["", "garbled", "[]", "null", "1", "\"\"", cut_short] {
        scene.lock_with_value("credential record is not a JSON object", value);
    }
}

#[test]
fn under_a_bad_label() {
    let scene = Scene::set();
    scene.remove("fido:blue");
    let too_long = "123456789012345678901234567890123";
    for (label, shown) in [
        ("", ""),
        ("-blue", "-blue"),
        ("blue key", "blue\\x20key"),
        ("blue:key", "blue:key"),
        ("d\u{e9}j\u{e0}", "d\\xc3\\xa9j\\xc3\\xa0"),
        ("\x1b[31mred\ngreen", "\\x1b[31mred\\ngreen"),
        (too_long, &too_long[..32]),
    ] {
        let attribute = format!("fido:{label}");
        scene.store(&attribute, &scene.blue);
        scene.assert_locked(&[&format!("fido:{shown}: malformed credential label")]);
        scene.remove(&attribute);
    }
}

#[test]
fn of_bytes_that_are_no_text() {
    let scene = Scene::set();
    scene.store_bytes(b"fido:blue", b"{\"v\":1}\xff");
    scene.assert_locked(&["fido:blue: credential record is not a JSON object"]);
}

#[test]
fn under_a_label_that_is_no_text() {
    let scene = Scene::set();
    scene.store_bytes(b"fido:\xff", scene.blue.as_bytes());
    scene.remove("fido:blue");
    scene.assert_locked(&["fido:\\xff: malformed credential label"]);
}

#[test]
fn each_of_several() {
    let scene = Scene::set();
    scene.store(
        "fido:blue",
        &scene.changed(|record| record["disabled"] = true.into()),
    );
    scene.store("fido:red", "garbled");
    scene.assert_locked(&[
        "fido:red: credential record is not a JSON object",
        "fido:blue: credential is disabled",
    ]);
}

#[test]
fn removal_of_the_last_record_makes_the_password_enough_again() {
    let scene = Scene::set();
    let removed = scene
        .realm
        .kdb5_fido(&["remove", "alice", "blue", "--yes"])
        .unwrap();
    assert!(removed.success(), "{removed}");
    assert_ticket(
        &scene.realm,
        &scene.realm.kinit("alice", PASSWORD, &[]).unwrap(),
        "IA",
    );
    assert_ticket(
        &scene.realm,
        &scene.realm.stock_kinit("alice", PASSWORD, &[]).unwrap(),
        "IA",
    );
}

#[test]
fn attributes_that_only_look_like_records_mean_nothing() {
    let scene = Scene::set();
    add_user(&scene.realm, "bob");
    for name in ["fido", "FIDO:blue", " fido:blue", "xfido:blue", "fido_note"] {
        kadmin(&scene.realm, &["setstr", "bob", name, "garbled"]);
    }
    assert_ticket(
        &scene.realm,
        &scene.realm.kinit("bob", PASSWORD, &[]).unwrap(),
        "IA",
    );
    assert_ticket(
        &scene.realm,
        &scene.realm.stock_kinit("bob", PASSWORD, &[]).unwrap(),
        "IA",
    );
}

// Good records beside others.

#[test]
fn good_record_beside_garbled_ones() {
    let scene = Scene::set();
    scene.store("fido:a", "garbled");
    scene.store("fido:z", "");
    scene.store("fido:-", "{}");
    let mut record: Value = serde_json::from_str(&PaperKey::generate().record("krbtest.com")).unwrap();
    record["disabled"] = true.into();
    scene.store("fido:off", &record.to_string());
    let login = scene.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_ticket(&scene.realm, &login, "IHA");
    assert!(
        login
            .trace
            .contains("SF-FIDO challenge received: 1 relying parties, 1 credentials\n"),
        "{}",
        login.trace
    );
}

#[test]
fn either_of_two_keys() {
    let scene = Scene::set();
    let green = scene.realm.softkey("green", Presence::Auto).unwrap();
    enrol(&scene.realm, "alice", &green, "green");
    for (key, label) in [(&scene.key, "blue"), (&green, "green")] {
        let device = format!("fido_device={}", key.device());
        let login = scene.realm.kinit("alice", PASSWORD, &["-X", &device]).unwrap();
        assert_ticket(&scene.realm, &login, "IHA");
        assert!(
            login
                .trace
                .contains("SF-FIDO challenge received: 1 relying parties, 2 credentials\n"),
            "{}",
            login.trace
        );
        let log = scene.realm.kdc_log();
        let accepted = log.lines().rfind(|line| line.contains(": fido: "));
        assert!(
            accepted.unwrap().contains(&format!(" accepted label={label} ")),
            "{log}"
        );
    }
}

#[test]
fn either_of_two_relying_parties() {
    let scene = Scene::set();
    let green = scene.realm.softkey("green", Presence::Auto).unwrap();
    let rp_id = "krb5realm:KRBTEST.COM";
    let arguments = [
        "enroll",
        "alice",
        "--device",
        &green.device(),
        "--name",
        "green",
        "--rp-id",
        rp_id,
    ];
    scene.realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
    for key in [&scene.key, &green] {
        let device = format!("fido_device={}", key.device());
        let login = scene.realm.kinit("alice", PASSWORD, &["-X", &device]).unwrap();
        assert_ticket(&scene.realm, &login, "IHA");
        assert!(
            login
                .trace
                .contains("SF-FIDO challenge received: 2 relying parties, 2 credentials\n"),
            "{}",
            login.trace
        );
    }
}

#[test]
fn one_key_for_two_principals() {
    let scene = Scene::set();
    add_user(&scene.realm, "bob");
    enrol(&scene.realm, "bob", &scene.key, "blue");
    for principal in ["alice", "bob"] {
        assert_ticket(
            &scene.realm,
            &scene.realm.kinit(principal, PASSWORD, &[]).unwrap(),
            "IHA",
        );
    }
}

#[test]
fn unknown_members_are_no_obstacle() {
    let scene = Scene::set();
    let record = scene.changed(|record| {
        record["note"] = json!({"colour": "blue", "by": ["helpdesk"]});
        record["not_after"] = "2999-12-31T23:59:59Z".into();
        record["disabled"] = false.into();
    });
    scene.store("fido:blue", &record);
    assert_ticket(
        &scene.realm,
        &scene.realm.kinit("alice", PASSWORD, &[]).unwrap(),
        "IHA",
    );
}

#[test]
fn more_keys_than_anybody_has() {
    let scene = Scene::set();
    for number in 0..30 {
        scene.store(
            &format!("fido:paper{number}"),
            &PaperKey::generate().record("krbtest.com"),
        );
    }
    let login = scene.realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_ticket(&scene.realm, &login, "IHA");
    assert!(
        login.trace.contains("1 relying parties, 31 credentials\n"),
        "{}",
        login.trace
    );
}

// Settings of a principal that this version does not follow.

/// The attribute refuses alice with her key, and bob without one, whatever client they have.
fn refuse_setting(name: &str, value: &str, cause: &str) {
    let scene = Scene::set();
    let realm = &scene.realm;
    add_user(realm, "bob");
    for principal in ["alice", "bob"] {
        kadmin(realm, &["setstr", principal, name, value]);
        kadmin(realm, &["modprinc", "-requires_hwauth", principal]);
        let mark = realm.kdc_log_mark();
        let login = realm.kinit(principal, PASSWORD, &[]).unwrap();
        assert_refused(realm, &login, &NONE_USABLE.replace("alice", principal));
        let log = realm.kdc_log_since(mark);
        assert!(
            log.contains(&format!(" has a setting that cannot be followed: {cause}\n")),
            "{log}"
        );

        let login = realm.stock_kinit(principal, PASSWORD, &[]).unwrap();
        assert_refused(realm, &login, POLICY);
        let refused = LogLine::new("FIDO_REQUIRED", cause);
        assert_eq!(as_lines(&realm.kdc_log()).last(), Some(&refused));
    }
}

#[test]
fn policy_of_a_principal_that_does_not_exist() {
    refuse_setting("fido_policy", "nonsense", "unknown fido_policy value");
}

#[test]
fn user_verification_of_a_principal_that_does_not_exist() {
    refuse_setting("fido_uv", "always", "unknown fido_uv value");
}

#[test]
fn indicator_of_a_principal_without_a_word() {
    refuse_setting("fido_indicator", " ", "malformed fido_indicator value");
}

#[test]
fn settings_of_a_principal_that_are_the_usual_ones() {
    let scene = Scene::set();
    scene.store("fido_policy", "enrolled");
    scene.store("fido_uv", "preferred");
    assert_ticket(
        &scene.realm,
        &scene.realm.kinit("alice", PASSWORD, &[]).unwrap(),
        "IHA",
    );
}
