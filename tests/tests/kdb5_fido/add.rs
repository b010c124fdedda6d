//! `kdb5_fido add`.

use std::fs;

use krb5_testrealm::{Finished, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, Snapshot, assert_done, assert_failed, assert_unchanged, flags, labels, realm, record,
    run_with_input, set_string, store, strings,
};

fn add(realm: &Realm, text: &str, more: &[&str]) -> Finished {
    run_with_input(realm, &[&["add", "alice", "-"], more].concat(), text)
}

#[test]
fn record_from_a_file() {
    let realm = realm();
    let path = realm.dir().join("record.json");
    let text = record("AQ", json!({"unknown": {"kept": [1, 2]}}));
    fs::write(&path, format!("\n{text}\n")).unwrap();
    assert_done(
        &realm
            .kdb5_fido(&["add", "alice", path.to_str().unwrap()])
            .unwrap(),
        "Registered key1 for alice@KRBTEST.COM.\nSet +requires_preauth and +requires_hwauth.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), [format!("fido:key1: {text}")]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn record_from_standard_input() {
    let realm = realm();
    let text = record("AQ", json!({}));
    assert_done(
        &add(&realm, &text, &["--name", "blue"]),
        "Registered blue for alice@KRBTEST.COM.\nSet +requires_preauth and +requires_hwauth.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), [format!("fido:blue: {text}")]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn json_output() {
    let realm = realm();
    let text = record(
        "AQ",
        json!({"counter": 7, "by": "carol@KRBTEST.COM", "fmt": "packed"}),
    );
    assert_done(
        &add(&realm, &text, &["--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"label\":\"key1\",\"state\":\"usable\",\"rp\":\"krbtest.com\",\"alg\":-7,\
         \"created\":\"2026-01-02T03:04:05Z\",\"not_after\":null,\"aaguid\":null,\"fmt\":\"packed\",\"counter\":7,\
         \"by\":\"carol@KRBTEST.COM\",\"requires_preauth\":true,\"requires_hwauth\":true}\n",
        "",
    );
}

#[test]
fn what_is_no_record_is_refused_with_its_cause() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let twice = record("AQ", json!({})).replacen("{\"v\":1,", "{\"v\":1,\"v\":1,", 1);
    for (text, cause) in [
        ("", "credential record is not a JSON object"),
        ("[]", "credential record is not a JSON object"),
        ("{\"v\":1", "credential record is not a JSON object"),
        (
            &format!("{}{{}}", record("AQ", json!({}))),
            "credential record is not a JSON object",
        ),
        ("{}", "credential record has no member v"),
        (&twice, "credential record has a member twice"),
        (
            &record("AQ", json!({"v": 2})),
            "credential record of an unsupported version",
        ),
        (
            &record("AQ", json!({"alg": -8})),
            "credential record names another algorithm than its key",
        ),
        (
            &record("AQ", json!({"pk": null})),
            "credential record has no member pk",
        ),
        (
            &record("A", json!({})),
            "credential record has a malformed member id",
        ),
        (
            &record("", json!({})),
            "credential record has a malformed member id",
        ),
        (&record("AQ", json!({"pk": "AA"})), "malformed COSE key"),
        (
            &record("AQ", json!({"created": "yesterday"})),
            "credential record has a malformed member created",
        ),
        (
            &record("AQ", json!({"rp": "a\u{1b}[31m"})),
            "credential record has a malformed member rp",
        ),
        (
            &record("AQ", json!({"x": "x".repeat(65_536)})),
            "credential record too long",
        ),
    ] {
        assert_failed(
            &add(&realm, text, &[]),
            &format!("No credential record in standard input: {cause}"),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    let binary = realm.dir().join("binary");
    fs::write(&binary, b"\xff\xfe").unwrap();
    let directory = realm.dir().to_str().unwrap();
    for (file, cause) in [
        ("/nonexistent/record", "No such file or directory (os error 2)"),
        (directory, "Is a directory (os error 21)"),
        (binary.to_str().unwrap(), "stream did not contain valid UTF-8"),
    ] {
        assert_failed(
            &realm.kdb5_fido(&["add", "alice", file]).unwrap(),
            &format!("Could not read {file}: {cause}"),
        );
    }
    assert_failed(
        &realm.kdb5_fido(&["add", "alice", "/dev/zero"]).unwrap(),
        "No credential record in /dev/zero: credential record too long",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn credential_that_is_registered_under_another_label() {
    let realm = realm();
    let text = record("AQ", json!({}));
    store(&realm, "alice", "blue", &text);
    let before = Snapshot::of(&realm, "alice");
    for name in [&[][..], &["--name", "red"]] {
        assert_failed(
            &add(&realm, &text, name),
            "This key is registered for alice@KRBTEST.COM already, as blue",
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn label_that_is_taken_or_none() {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let before = Snapshot::of(&realm, "alice");
    let other = record("Ag", json!({}));
    assert_failed(
        &add(&realm, &other, &["--name", "blue"]),
        "alice@KRBTEST.COM has a key named blue already: choose another name",
    );
    assert_failed(
        &add(&realm, &other, &["--name", "a b"]),
        "\"a b\" cannot be the name of a key: a letter or digit, then up to 31 letters, digits, '.', '_' or '-'",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn unknown_principal() {
    let realm = realm();
    assert_failed(
        &run_with_input(&realm, &["add", "nobody", "-"], &record("AQ", json!({}))),
        "Principal does not exist: nobody",
    );
}

#[test]
fn no_room_is_told_and_changes_nothing() {
    let mut realm = realm();
    // The update log takes less.
    realm.set_kdc_relation("iprop_enable", &["false"]).unwrap();
    set_string(&realm, "alice", "dummy", &"x".repeat(65_000));
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &add(&realm, &record("AQ", json!({"x": "x".repeat(600)})), &[]),
        "The string attributes of alice have no room for it (65,535 bytes in all): remove one first",
    );
    assert_unchanged(&realm, &before);
    store(&realm, "alice", "small", &record("AQ", json!({})));
    assert_eq!(labels(&realm, "alice"), ["small"]);
}

#[test]
fn other_attributes_and_settings_stay() {
    let realm = realm();
    set_string(&realm, "alice", "session_enctypes", "aes256-cts");
    let query = ["modprinc", "-maxlife", "2 hours", "+ok_as_delegate", "alice"];
    realm.kadmin_local(&query).unwrap().checked().unwrap();
    let entry = |realm: &Realm| realm.kadmin_local(&["getprinc", "alice"]).unwrap().stdout;
    let before = entry(&realm);
    store(&realm, "alice", "blue", &record("AQ", json!({})));
    let removed = realm.kdb5_fido(&["remove", "alice", "blue", "--yes"]).unwrap();
    assert_eq!(removed.code(), Some(0), "{removed}");
    assert_eq!(strings(&realm, "alice"), ["session_enctypes: aes256-cts"]);
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("Last modified:"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(
        settings(&entry(&realm)),
        settings(&before.replace(
            "Attributes: OK_AS_DELEGATE",
            "Attributes: REQUIRES_PRE_AUTH OK_AS_DELEGATE"
        ))
    );
}
