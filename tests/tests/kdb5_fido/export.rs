//! `kdb5_fido export`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use krb5_fido_tests::add_alias;
use krb5_testrealm::{Finished, Realm};
use serde_json::{Value, json};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

use crate::support::{
    PASSWORD, Snapshot, assert_done, assert_failed, assert_unchanged, realm, record, set_string,
};

/// alice with keys and settings, bob with a setting alone, carol with nothing that is exported.
fn populated() -> Realm {
    let realm = realm();
    for name in ["bob", "carol"] {
        realm.add_principal(name, PASSWORD, &[]).unwrap();
    }
    for (principal, name, value) in [
        (
            "alice",
            "fido:blue",
            &*record("AQ", json!({"x": {"n": [1, null]}})),
        ),
        ("alice", "fido:off", &record("Ag", json!({"disabled": true}))),
        ("alice", "fido:broken", "{\"v\":1}"),
        ("alice", "fido_policy", "required"),
        ("alice", "fido_uv", "preferred"),
        ("alice", "fido_indicator", "a b"),
        ("alice", "fido_invite", "{\"v\":1}"),
        ("alice", "session_enctypes", "aes256-cts"),
        ("bob", "fido_policy", "permissive"),
        ("carol", "fido_invite", "{\"v\":1}"),
    ] {
        set_string(&realm, principal, name, value);
    }
    realm
}

fn export(realm: &Realm, more: &[&str]) -> Finished {
    realm.kdb5_fido(&[&["export"], more].concat()).unwrap()
}

fn exported(realm: &Realm, more: &[&str]) -> Value {
    let finished = export(realm, more);
    assert!(finished.success() && finished.stderr.is_empty(), "{finished}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// What the document says of alice.
fn alice() -> Value {
    let read = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
    json!({
        "principal": "alice@KRBTEST.COM",
        "attributes": {
            "fido:blue": read(record("AQ", json!({"x": {"n": [1, null]}}))),
            "fido:off": read(record("Ag", json!({"disabled": true}))),
            "fido_policy": "required",
            "fido_uv": "preferred",
            "fido_indicator": "a b",
        },
        "garbled": {"fido:broken": "{\"v\":1}"},
    })
}

#[test]
fn everybody_with_keys_or_settings() {
    let realm = populated();
    let before = Snapshot::of(&realm, "alice");
    let mut document = exported(&realm, &[]);
    let time = document.as_object_mut().unwrap().remove("exported").unwrap();
    let time = UtcDateTime::parse(time.as_str().unwrap(), &Rfc3339).unwrap();
    assert!((UtcDateTime::now() - time).as_seconds_f64().abs() < 60.0);
    let bob = json!({"principal": "bob@KRBTEST.COM", "attributes": {"fido_policy": "permissive"}});
    assert_eq!(
        document,
        json!({"v": 1, "realm": "KRBTEST.COM", "principals": [alice(), bob]})
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn a_line_for_each_principal() {
    let realm = populated();
    let text = export(&realm, &["--out", "-"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("{\"v\":1,\"realm\":\"KRBTEST.COM\",\"exported\":\""));
    assert!(lines[1].starts_with("{\"principal\":\"alice@KRBTEST.COM\",") && lines[1].ends_with("}},"));
    assert!(lines[2].starts_with("{\"principal\":\"bob@KRBTEST.COM\",") && lines[2].ends_with("}}"));
    assert_eq!(lines[3..], ["]}"]);
}

#[test]
fn some_principals_by_name() {
    let realm = populated();
    let of = |names: &[&str]| exported(&realm, names)["principals"].take();
    assert_eq!(of(&["alice"]), json!([alice()]));
    let carol = json!({"principal": "carol@KRBTEST.COM", "attributes": {}});
    assert_eq!(
        of(&["carol", "alice", "alice@KRBTEST.COM"]),
        json!([alice(), carol])
    );
}

#[test]
fn nobody_has_anything() {
    let realm = realm();
    assert_eq!(exported(&realm, &[])["principals"], json!([]));
}

#[test]
fn principal_is_exported_once_whatever_aliases_it_has() {
    let realm = populated();
    let has_aliases = add_alias(&realm, "ally", "alice");
    assert_eq!(exported(&realm, &[])["principals"].as_array().unwrap().len(), 2);
    if has_aliases {
        assert_eq!(
            exported(&realm, &["ally", "alice"])["principals"],
            json!([alice()])
        );
    }
}

#[test]
fn unknown_principal_ends_it_before_anything_is_written() {
    let realm = populated();
    let path = realm.dir().join("keys.json");
    for out in [&[][..], &["--out", path.to_str().unwrap()]] {
        assert_failed(
            &export(&realm, &[&["alice", "nobody"], out].concat()),
            "Principal does not exist: nobody",
        );
    }
    assert!(!path.exists());
}

#[test]
fn file_is_private_and_complete() {
    let realm = populated();
    let path = realm.dir().join("keys.json");
    let name = path.to_str().unwrap();
    let done = format!("Exported 2 principals to {name}.\n");
    assert_done(&export(&realm, &["--out", name]), &done, "");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let document: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(document["principals"][0], alice());
    let done = format!("Exported 1 principal to {name}.\n");
    assert_done(&export(&realm, &["bob", "--force", "--out", name]), &done, "");
    assert_done(
        &export(&realm, &["--json", "--force", "--out", name]),
        &format!("{{\"principals\":2,\"file\":\"{name}\"}}\n"),
        "",
    );
}

#[test]
fn file_that_is_there_stays() {
    let realm = populated();
    let path = realm.dir().join("keys.json");
    fs::write(&path, "precious").unwrap();
    let name = path.to_str().unwrap();
    assert_failed(
        &export(&realm, &["--out", name]),
        &format!("{name} is there already: --force replaces it"),
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn what_cannot_be_a_file_is_named() {
    let realm = populated();
    let directory = realm.dir().to_str().unwrap();
    for path in [directory, "/dev/null"] {
        for force in [&[][..], &["--force"]] {
            assert_failed(
                &export(&realm, &[&["--out", path], force].concat()),
                &format!("{path} is no regular file: name another"),
            );
        }
    }
    let refused = export(&realm, &["--out", "/nonexistent/keys.json"]);
    let error = "kdb5_fido: Could not write /nonexistent/keys.json: No such file or directory (os error 2)";
    assert!(
        refused.code() == Some(1) && refused.stderr.starts_with(error),
        "{refused}"
    );
}

#[test]
fn force_without_a_file_is_a_mistake() {
    let realm = realm();
    assert_eq!(export(&realm, &["--force"]).code(), Some(2));
}
