//! `kdb5_fido import`.

use std::fs;

use krb5_testrealm::{Finished, Realm};
use serde_json::{Value, json};

use crate::support::{
    BOTH_FLAGS, PASSWORD, PREAUTH_ALONE, Snapshot, assert_done, assert_failed, assert_unchanged, flags,
    labels, realm, record, run_with_input, set_string, store, strings,
};

/// A document of this realm.
fn document(principals: Value) -> String {
    json!({"v": 1, "realm": "KRBTEST.COM", "exported": "2026-01-02T03:04:05Z", "principals": principals})
        .to_string()
}

/// A document that says this of alice.
fn of_alice(attributes: Value) -> String {
    document(json!([{"principal": "alice@KRBTEST.COM", "attributes": attributes}]))
}

fn credential(id: &str, more: Value) -> Value {
    serde_json::from_str(&record(id, more)).unwrap()
}

fn import(realm: &Realm, document: &str, more: &[&str]) -> Finished {
    run_with_input(realm, &[&["import", "-"], more].concat(), document)
}

/// Asserts that alice alone was refused, and why.
#[track_caller]
fn assert_alice_refused(finished: &Finished, cause: &str) {
    let expected = format!("alice@KRBTEST.COM: failed: {cause}\n0 changed, 0 the same, 1 failed\n");
    let error = "kdb5_fido: 1 of 1 principals could not be imported: alice@KRBTEST.COM\n";
    assert_eq!(
        (finished.code(), &*finished.stdout, &*finished.stderr),
        (Some(1), &*expected, error)
    );
}

#[test]
fn keys_and_settings_are_added_and_the_flags_set() {
    let realm = realm();
    set_string(&realm, "alice", "session_enctypes", "aes256-cts");
    let blue = credential("AQ", json!({"x": [1, 2]}));
    let text = of_alice(json!({"fido:blue": blue, "fido_policy": "required", "fido_indicator": "a b"}));
    assert_done(
        &import(&realm, &text, &[]),
        "alice@KRBTEST.COM: added fido:blue fido_policy fido_indicator; set +requires_preauth +requires_hwauth\n\
         1 changed, 0 the same, 0 failed\n",
        "",
    );
    assert_eq!(
        strings(&realm, "alice"),
        [
            "session_enctypes: aes256-cts".to_owned(),
            format!("fido:blue: {blue}"),
            "fido_policy: required".to_owned(),
            "fido_indicator: a b".to_owned(),
        ]
    );
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn second_time_nothing_is_left_to_do() {
    let realm = realm();
    let text = of_alice(json!({"fido:blue": credential("AQ", json!({})), "fido_uv": "required"}));
    import(&realm, &text, &[]).checked().unwrap();
    let before = Snapshot::of(&realm, "alice");
    for more in [&[][..], &["--replace"], &["--dry-run"]] {
        let finished = import(&realm, &text, more);
        let expected = "alice@KRBTEST.COM: same fido:blue fido_uv\n0 changed, 1 the same, 0 failed\n";
        assert!(
            finished.success() && finished.stdout.starts_with(expected),
            "{finished}"
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn flags_follow_the_policy_that_the_document_brings() {
    let realm = realm();
    let text = of_alice(json!({"fido:blue": credential("AQ", json!({})), "fido_policy": "permissive"}));
    let finished = import(&realm, &text, &[]);
    assert!(
        finished.stdout.contains("; set +requires_preauth\n"),
        "{finished}"
    );
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
}

#[test]
fn settings_alone_leave_the_flags() {
    let realm = realm();
    import(&realm, &of_alice(json!({"fido_policy": "required"})), &[])
        .checked()
        .unwrap();
    assert_eq!(strings(&realm, "alice"), ["fido_policy: required"]);
    assert_eq!(flags(&realm, "alice"), "Attributes:");
}

#[test]
fn dry_run_tells_the_same_and_changes_nothing() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let before = Snapshot::of(&realm, "alice");
    let text =
        of_alice(json!({"fido:red": credential("AQ", json!({})), "fido:new": credential("Ag", json!({}))}));
    assert_done(
        &import(&realm, &text, &["--dry-run", "--replace"]),
        "alice@KRBTEST.COM: added fido:red fido:new; removed fido:blue\n1 changed, 0 the same, 0 failed\n\
         Nothing was written: --dry-run.\n",
        "",
    );
    let refused = import(&realm, &text, &["--dry-run"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert_unchanged(&realm, &before);
}

#[test]
fn label_of_another_record_is_refused_and_replaced() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "kept", &record("Aw", json!({})));
    let before = Snapshot::of(&realm, "alice");
    for other in [
        credential("Ag", json!({})),
        credential("AQ", json!({"counter": 1})),
    ] {
        let text = of_alice(json!({"fido:new": credential("BA", json!({})), "fido:blue": other}));
        assert_alice_refused(
            &import(&realm, &text, &[]),
            "alice@KRBTEST.COM has another fido:blue already: --replace puts that of the document in its place",
        );
        assert_unchanged(&realm, &before);
    }
    let other = credential("Ag", json!({}));
    assert_done(
        &import(&realm, &of_alice(json!({"fido:blue": other})), &["--replace"]),
        "alice@KRBTEST.COM: replaced fido:blue\n1 changed, 0 the same, 0 failed\n",
        "",
    );
    let kept = record("Aw", json!({}));
    assert_eq!(
        strings(&realm, "alice"),
        [format!("fido:blue: {other}"), format!("fido:kept: {kept}")]
    );
}

#[test]
fn key_under_another_label_is_refused_and_moved() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let before = Snapshot::of(&realm, "alice");
    let text = of_alice(json!({"fido:red": credential("AQ", json!({}))}));
    assert_alice_refused(
        &import(&realm, &text, &[]),
        "The key of fido:red is registered for alice@KRBTEST.COM already, as blue: --replace moves it",
    );
    assert_unchanged(&realm, &before);
    assert_done(
        &import(&realm, &text, &["--replace"]),
        "alice@KRBTEST.COM: added fido:red; removed fido:blue\n1 changed, 0 the same, 0 failed\n",
        "",
    );
    assert_eq!(labels(&realm, "alice"), ["red"]);
}

#[test]
fn two_keys_that_have_each_others_labels_are_exchanged() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    let (first, second) = (credential("AQ", json!({})), credential("Ag", json!({})));
    let text = of_alice(json!({"fido:blue": second, "fido:red": first}));
    assert_eq!(import(&realm, &text, &[]).code(), Some(1));
    import(&realm, &text, &["--replace"]).checked().unwrap();
    assert_eq!(
        strings(&realm, "alice"),
        [format!("fido:blue: {second}"), format!("fido:red: {first}")]
    );
}

#[test]
fn setting_with_another_value_is_refused_and_replaced() {
    let realm = realm();
    set_string(&realm, "alice", "fido_policy", "required");
    let before = Snapshot::of(&realm, "alice");
    let text = of_alice(json!({"fido_policy": "permissive", "fido_uv": "required"}));
    assert_alice_refused(
        &import(&realm, &text, &[]),
        "alice@KRBTEST.COM has another fido_policy already: --replace puts that of the document in its place",
    );
    assert_unchanged(&realm, &before);
    import(&realm, &text, &["--replace"]).checked().unwrap();
    assert_eq!(
        strings(&realm, "alice"),
        ["fido_policy: permissive", "fido_uv: required"]
    );
}

#[test]
fn one_key_under_two_labels_is_refused_even_to_replace() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let text = of_alice(json!({
        "fido:blue": credential("AQ", json!({})),
        "fido:red": credential("AQ", json!({"counter": 1})),
    }));
    for more in [&[][..], &["--replace"]] {
        let refused = import(&realm, &text, more);
        assert_alice_refused(
            &refused,
            "This key is registered for alice@KRBTEST.COM already, as red",
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn tampered_records_and_foreign_attributes_are_refused_as_a_whole() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let good = credential("AQ", json!({}));
    for (name, value, cause) in [
        (
            "fido:red",
            credential("Ag", json!({"alg": -8})),
            "\"fido:red\" in the document: credential record names another algorithm than its key",
        ),
        (
            "fido:red",
            credential("Ag", json!({"pk": "AA"})),
            "\"fido:red\" in the document: malformed COSE key",
        ),
        (
            "fido:red",
            credential("Ag", json!({"rp": "a\u{1b}"})),
            "\"fido:red\" in the document: credential record has a malformed member rp",
        ),
        (
            "fido:a b",
            credential("Ag", json!({})),
            "\"fido:a b\" in the document: malformed credential label",
        ),
        (
            "fido_policy",
            json!("none"),
            "\"fido_policy\" in the document: unknown fido_policy value",
        ),
        (
            "fido_invite",
            json!("{}"),
            "\"fido_invite\" is no attribute that is imported: fido:LABEL, fido_policy, fido_uv and fido_indicator are",
        ),
        (
            "require_auth\u{1b}",
            json!(""),
            "\"require_auth\\u{1b}\" is no attribute that is imported: fido:LABEL, fido_policy, fido_uv and \
             fido_indicator are",
        ),
    ] {
        let mut attributes = json!({"fido:blue": good});
        attributes[name] = value;
        for more in [&[][..], &["--replace"]] {
            assert_alice_refused(&import(&realm, &of_alice(attributes.clone()), more), cause);
        }
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn what_is_no_document_changes_nothing() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let good = of_alice(json!({"fido:blue": credential("AQ", json!({}))}));
    for (text, cause) in [
        (String::new(), "EOF while parsing a value at line 1 column 0"),
        (
            good.replacen("\"realm\":", "\n\"realm\" ", 1),
            "expected `:` at line 2 column 9",
        ),
        (
            record("AQ", json!({})),
            "the document has no realm, or a malformed one",
        ),
        (
            good.replacen("\"v\":1", "\"v\":2", 1),
            "it is of another version than 1",
        ),
        (
            good.replacen("\"alg\":-7", "\"alg\":-7,\"alg\":-7", 1),
            "an object in it has two members of one name",
        ),
        (
            good.replacen("\"principal\":", "\"flags\":[],\"principal\":", 1),
            "\"alice@KRBTEST.COM\" has a member \"flags\", which version 1 does not know",
        ),
    ] {
        assert_failed(
            &import(&realm, &text, &[]),
            &format!("No export document in standard input: {cause}"),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let realm = realm();
    let run = |file: &str| realm.kdb5_fido(&["import", file]).unwrap();
    assert_failed(
        &run("/nonexistent"),
        "Could not read /nonexistent: No such file or directory (os error 2)",
    );
    let binary = realm.dir().join("binary");
    fs::write(&binary, b"\xff").unwrap();
    let binary = binary.to_str().unwrap();
    assert_failed(
        &run(binary),
        &format!("Could not read {binary}: stream did not contain valid UTF-8"),
    );
    assert_failed(
        &run("/dev/zero"),
        "The document in /dev/zero is too long: at most 67108864 bytes are read; export principals in parts",
    );
}

/// alice is fine, bob is not, nobody is not there; carol comes last and is fine, too.
#[test]
fn it_goes_on_after_a_principal_that_fails() {
    let realm = realm();
    for name in ["bob", "carol"] {
        realm.add_principal(name, PASSWORD, &[]).unwrap();
    }
    set_string(&realm, "bob", "fido_policy", "required");
    let of = |name: &str| {
        json!({
            "principal": format!("{name}@KRBTEST.COM"),
            "attributes": {"fido:blue": credential("AQ", json!({})), "fido_policy": "enrolled"},
        })
    };
    let text = document(json!([of("alice"), of("bob"), of("no\u{1b}body"), of("carol")]));
    let finished = import(&realm, &text, &[]);
    let added = "added fido:blue fido_policy; set +requires_preauth +requires_hwauth";
    let expected = format!(
        "alice@KRBTEST.COM: {added}\n\
         bob@KRBTEST.COM: failed: bob@KRBTEST.COM has another fido_policy already: --replace puts that of the document in \
         its place\n\
         no\\u{{1b}}body@KRBTEST.COM: failed: Principal does not exist: no\\u{{1b}}body@KRBTEST.COM\n\
         carol@KRBTEST.COM: {added}\n2 changed, 0 the same, 2 failed\n"
    );
    let error =
        "kdb5_fido: 2 of 4 principals could not be imported: bob@KRBTEST.COM, no\\u{1b}body@KRBTEST.COM\n";
    assert_eq!(
        (finished.code(), &*finished.stdout, &*finished.stderr),
        (Some(1), &*expected, error)
    );
    assert_eq!(strings(&realm, "bob"), ["fido_policy: required"]);
    assert_eq!(
        (labels(&realm, "carol").len(), &*flags(&realm, "carol")),
        (1, BOTH_FLAGS)
    );
}

#[test]
fn json_report() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let text = document(json!([
        {"principal": "alice", "attributes": {"fido:blue": credential("AQ", json!({})), "fido_uv": "required"}},
        {"principal": "nobody", "attributes": {}},
    ]));
    let finished = import(&realm, &text, &["--json"]);
    assert_eq!(finished.code(), Some(1), "{finished}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let expected = json!({
        "realm": "KRBTEST.COM",
        "dry_run": false,
        "changed": 1,
        "same": 0,
        "failed": 1,
        "principals": [
            {
                "principal": "alice",
                "added": ["fido_uv"],
                "same": ["fido:blue"],
                "replaced": [],
                "removed": [],
                "error": null,
                "requires_preauth": true,
                "requires_hwauth": true,
            },
            {
                "principal": "nobody",
                "added": [],
                "same": [],
                "replaced": [],
                "removed": [],
                "error": "Principal does not exist: nobody",
                "requires_preauth": null,
                "requires_hwauth": null,
            },
        ],
    });
    assert_eq!(report, expected);
}

#[test]
fn another_realm_needs_a_word() {
    let realm = realm();
    let other =
        of_alice(json!({"fido:blue": credential("AQ", json!({}))})).replace("KRBTEST.COM", "OTHER.TEST");
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &import(&realm, &other, &[]),
        "The document is of \"OTHER.TEST\", and this is KRBTEST.COM: --any-realm takes its principals for those of \
         KRBTEST.COM",
    );
    assert_unchanged(&realm, &before);
    assert_done(
        &import(&realm, &other, &["--any-realm"]),
        "alice@KRBTEST.COM: added fido:blue; set +requires_preauth +requires_hwauth\n\
         1 changed, 0 the same, 0 failed\n",
        "",
    );
    assert_eq!(labels(&realm, "alice"), ["blue"]);
}

#[test]
fn message_names_some_and_the_report_all() {
    let realm = realm();
    let nobody: Vec<Value> = (1..=12)
        .map(|number| json!({"principal": format!("nobody{number}"), "attributes": {}}))
        .collect();
    let finished = import(&realm, &document(json!(nobody)), &[]);
    assert!(
        finished.stderr.ends_with(", nobody9, nobody10 and 2 more\n"),
        "{finished}"
    );
    assert_eq!(
        finished
            .stdout
            .matches(": failed: Principal does not exist: nobody")
            .count(),
        12
    );
}
