//! kfido register: records without kadmind.

use std::{fs, os::unix::fs::PermissionsExt as _};

use krb5_fido_protocol::fido::record::CredentialRecord;
use krb5_fido_tests::{PASSWORD, add_user, attribute, kadmin};
use krb5_testrealm::{Finished, Presence, Realm, SoftKey};

use crate::{
    realm,
    support::{assert_done, assert_failed},
};

/// A realm without kadmind, with a key that clients find.
fn with_key() -> (Realm, SoftKey) {
    let mut realm = realm();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    add_user(&realm, "alice");
    (realm, key)
}

fn file(realm: &Realm) -> String {
    realm.dir().join("record").to_str().unwrap().to_owned()
}

fn register(realm: &Realm, more: &[&str]) -> Finished {
    realm.kfido(&[&["register", "alice"], more].concat()).unwrap()
}

#[track_caller]
fn assert_logs_in(realm: &Realm) {
    let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_eq!(login.code(), Some(0), "{login}");
    let listed = realm.klist(&["-f"]).unwrap();
    assert!(listed.stdout.contains("Flags: IHA"), "{listed}");
}

#[test]
fn a_record_in_a_file_is_stored_by_kdb5_fido() {
    let (realm, key) = with_key();
    let file = file(&realm);
    let registered = register(&realm, &["--out", &file]);
    assert_eq!(
        (registered.code(), &*registered.stdout),
        (Some(0), ""),
        "{registered}"
    );
    let shown = format!("    security key        software key ({}), AAGUID", key.device());
    assert!(registered.stderr.contains(&shown), "{registered}");
    let end = format!(
        "software key works.\nIts record for alice@KRBTEST.COM is in {file}: kdb5_fido add stores it.\n"
    );
    assert!(registered.stderr.ends_with(&end), "{registered}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 1);
    let record = CredentialRecord::parse(text.trim()).unwrap();
    assert_eq!(record.by(), Some("alice@KRBTEST.COM"));
    assert!(record.registration().is_some());
    realm
        .kdb5_fido(&["add", "alice", &file])
        .unwrap()
        .checked()
        .unwrap();
    assert_logs_in(&realm);
}

#[test]
fn a_record_on_standard_output_is_stored_by_setstr() {
    let (realm, _key) = with_key();
    let registered = register(&realm, &["--out", "-"]);
    assert_eq!(registered.code(), Some(0), "{registered}");
    assert!(
        registered.stderr.ends_with("software key works.\n"),
        "{registered}"
    );
    kadmin(
        &realm,
        &["setstr", "alice", "fido:blue", registered.stdout.trim()],
    );
    assert_eq!(
        attribute(&realm, "alice", "fido:blue").as_deref(),
        Some(registered.stdout.trim())
    );
    assert_logs_in(&realm);
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_may_be_replaced() {
    let (realm, _key) = with_key();
    let file = file(&realm);
    fs::write(&file, "kept").unwrap();
    assert_failed(
        &register(&realm, &["--out", &file]),
        &format!("{file} is there already: --force replaces it"),
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    register(&realm, &["--out", &file, "--force"]).checked().unwrap();
    assert!(fs::read_to_string(&file).unwrap().starts_with('{'));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn no_touch_is_wasted_on_a_file_that_cannot_be() {
    let (realm, _key) = with_key();
    let directory = realm.dir().to_str().unwrap();
    assert_failed(
        &register(&realm, &["--out", directory, "--force"]),
        &format!("{directory} is no regular file: name another"),
    );
}

#[test]
fn a_touch_that_is_declined_leaves_no_file() {
    let (realm, _key) = with_key();
    let nobody = realm.softkey("nobody", Presence::Deny).unwrap();
    let file = file(&realm);
    let refused = register(&realm, &["--out", &file, "--device", &nobody.device()]);
    let message = "kfido: declined at the security key while registering a key; nothing was stored\n";
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.ends_with(message), "{refused}");
    assert!(!fs::exists(&file).unwrap());
}

#[test]
fn a_realm_is_that_of_the_principal() {
    let (realm, key) = with_key();
    let arguments = [
        "register",
        "alice@OTHER.ORG",
        "--device",
        &key.device(),
        "--out",
        "-",
        "--rp-id",
        "krb5realm:OTHER.ORG",
    ];
    let registered = realm.kfido(&arguments).unwrap();
    assert_eq!(registered.code(), Some(0), "{registered}");
    let record = CredentialRecord::parse(registered.stdout.trim()).unwrap();
    assert_eq!(record.rp_id(), "krb5realm:OTHER.ORG");
    let named = realm
        .kfido(&[
            "register",
            "-r",
            "OTHER.ORG",
            "alice",
            "--out",
            "-",
            "--device",
            &key.device(),
        ])
        .unwrap();
    assert!(
        named.stderr.contains("    principal           alice@OTHER.ORG\n"),
        "{named}"
    );
    let malformed = realm.kfido(&["register", "a@b@c", "--out", "-"]).unwrap();
    let message = "Malformed representation of principal while parsing the principal name a@b@c";
    assert_failed(&malformed, message);
}

#[test]
fn what_is_told_stays_off_standard_output() {
    let (realm, _key) = with_key();
    let registered = register(&realm, &["--out", "-", "--json"]);
    assert_done(&registered, &registered.stdout, &registered.stderr);
    assert!(
        CredentialRecord::parse(registered.stdout.trim()).is_ok(),
        "{registered}"
    );
}
