//! `kdb5_fido policy`.

use krb5_fido_tests::{Enrolled, PASSWORD, add_service, ask_for, assert_ticket};
use krb5_testrealm::Realm;
use serde_json::{Value, json};

use crate::support::{
    PREAUTH_ALONE, Snapshot, assert_done, assert_failed, assert_unchanged, flags, realm, record, serial,
    set_string, strings,
};

const NOTHING_SET: &str = "\
alice@KRBTEST.COM
    fido_policy         not set: enrolled, as in the realm
    fido_uv             not set: preferred, as in the realm
    fido_indicator      not set: none, as in the realm
";

fn policy(realm: &Realm, more: &[&str]) -> Value {
    let arguments = [&["policy", "alice", "--json"], more].concat();
    let finished = realm.kdb5_fido(&arguments).unwrap().checked().unwrap();
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn without_options_it_shows_and_changes_nothing() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    assert_done(&realm.kdb5_fido(&["policy", "alice"]).unwrap(), NOTHING_SET, "");
    let expected = json!({
        "principal": "alice@KRBTEST.COM",
        "fido_policy": null,
        "fido_uv": null,
        "fido_indicator": null,
        "error": null,
        "in_force": {"policy": "enrolled", "uv": "preferred", "indicators": []},
        "requires_preauth": false,
        "requires_hwauth": false,
    });
    assert_eq!(policy(&realm, &[]), expected);
    assert_unchanged(&realm, &before);
}

#[test]
fn settings_are_string_attributes_of_kadmin() {
    let realm = realm();
    let set = realm
        .kdb5_fido(&[
            "policy",
            "alice",
            "--policy",
            "required",
            "--uv",
            "discouraged",
            "--indicator",
            "one",
            "--indicator",
            "two",
        ])
        .unwrap();
    assert_done(
        &set,
        "alice@KRBTEST.COM\n    fido_policy         required\n    fido_uv             discouraged\n    \
         fido_indicator      one two\n",
        "",
    );
    let expected = [
        "fido_policy: required",
        "fido_uv: discouraged",
        "fido_indicator: one two",
    ];
    assert_eq!(strings(&realm, "alice"), expected);

    policy(&realm, &["--clear", "uv", "--indicator", "three"]);
    assert_eq!(
        strings(&realm, "alice"),
        ["fido_policy: required", "fido_indicator: three"]
    );
    let cleared = policy(&realm, &["--clear", "all", "--uv", "required"]);
    assert_eq!(cleared["in_force"]["uv"], "required");
    assert_eq!(strings(&realm, "alice"), ["fido_uv: required"]);
    set_string(&realm, "alice", "fido_policy", "permissive");
    assert_eq!(policy(&realm, &[])["fido_policy"], "permissive");
}

#[test]
fn flags_and_keys_stay_and_what_is_so_already_is_not_logged() {
    let realm = realm();
    realm
        .kadmin_local(&["modprinc", "+requires_preauth", "alice"])
        .unwrap()
        .checked()
        .unwrap();
    let key = record("AQ", json!({}));
    set_string(&realm, "alice", "fido:blue", &key);
    policy(&realm, &["--policy", "required"]);
    assert_eq!(flags(&realm, "alice"), PREAUTH_ALONE);
    assert_eq!(strings(&realm, "alice")[0], format!("fido:blue: {key}"));
    let before = serial(&realm);
    policy(&realm, &["--policy", "required", "--clear", "indicator"]);
    assert_eq!(serial(&realm), before);
}

#[test]
fn value_that_cannot_be_read_is_shown_and_can_be_corrected() {
    let realm = realm();
    set_string(&realm, "alice", "fido_policy", "some\u{1b}times");
    let shown = realm.kdb5_fido(&["policy", "alice"]).unwrap();
    assert!(
        shown
            .stdout
            .contains("    fido_policy         some\\u{1b}times\n")
            && shown.stdout.ends_with(
                "    error               unknown fido_policy value: no ticket until it is corrected\n"
            ),
        "{shown}"
    );
    assert_eq!(policy(&realm, &[])["error"], "unknown fido_policy value");
    policy(&realm, &["--clear", "policy"]);
    assert_done(&realm.kdb5_fido(&["policy", "alice"]).unwrap(), NOTHING_SET, "");
}

#[test]
fn unknown_principal() {
    let realm = realm();
    for more in [&[][..], &["--policy", "required"]] {
        assert_failed(
            &realm.kdb5_fido(&[&["policy", "nobody"], more].concat()).unwrap(),
            "Principal does not exist: nobody",
        );
    }
}

#[test]
fn next_login_follows() {
    let builder = Realm::builder().kdc_relation("fido_indicator", "fido");
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    add_service(&realm, "host/own", "own");
    let login = |arguments: &[&str]| realm.kinit("alice", PASSWORD, arguments).unwrap();
    let password_alone = ["-X", "fido_device=none"];
    let permissive = realm
        .kdb5_fido(&["policy", "alice", "--policy", "permissive", "--indicator", "own"])
        .unwrap();
    // The flag was set when the key was enrolled.
    assert!(
        permissive
            .stdout
            .ends_with("    requires_hwauth     set: the key is demanded whatever the policy says\n"),
        "{permissive}"
    );
    assert!(!login(&password_alone).success());
    realm
        .kadmin_local(&["modprinc", "-requires_hwauth", "alice"])
        .unwrap()
        .checked()
        .unwrap();
    assert_ticket(&realm, &login(&password_alone), "IA");
    assert!(!ask_for(&realm, "host/own").success());
    assert_ticket(&realm, &login(&[]), "IHA");
    assert!(ask_for(&realm, "host/own").success());
    policy(&realm, &["--clear", "policy"]);
    assert!(!login(&password_alone).success());
}
