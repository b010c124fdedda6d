//! kfido list, show, rename and remove.

use krb5_fido_tests::{PASSWORD, attribute, kadmin, talk};
use krb5_testrealm::Artifacts;
use serde_json::{Value, json};

use crate::{
    json,
    support::{ADMIN, Site, assert_done, assert_failed},
};

/// alice has the key blue.
fn enrolled() -> Site {
    let site = Site::new();
    let enrolled = site.by_admin(&["enroll", "alice", "--name", "blue"]);
    enrolled.checked().unwrap();
    site
}

fn set_string(site: &Site, name: &str, value: &str) {
    kadmin(&site.realm, &["setstr", "alice", name, value]);
}

#[test]
fn keys_are_listed_as_kdb5_fido_lists_them() {
    let site = enrolled();
    set_string(&site, "fido:old", "{");
    for arguments in [&["list", "alice"][..], &["list", "--json", "alice"]] {
        let listed = site.by_admin(arguments);
        let local = site.realm.kdb5_fido(arguments).unwrap();
        assert_done(&listed, &local.stdout, "");
        assert!(
            listed.stdout.contains("blue") && listed.stdout.contains("fido:old"),
            "{listed}"
        );
    }
}

#[test]
fn whoever_has_no_key_has_an_empty_list() {
    let site = Site::new();
    assert_done(
        &site.by_admin(&["list", "alice"]),
        "alice@KRBTEST.COM\n    no security keys\n",
        "",
    );
    assert_done(&site.by_admin(&["list", "alice", "--json"]), "[]\n", "");
}

#[test]
fn a_user_lists_his_own_keys() {
    let site = enrolled();
    site.add_to_keytab("alice");
    let expected = site.by_admin(&["list", "alice"]).stdout;
    assert_done(&site.by("alice", &["list"]), &expected, "");
    // Who logs in may be named by PRINC alone, or be the principal of the default cache.
    let typed = "Password for alice@KRBTEST.COM: \nTouch your security key (software key) to log in to KRBTEST.COM.\n";
    assert_done(
        &site.with_password(&["list", "alice"], &[PASSWORD]),
        &expected,
        typed,
    );
    let login = site.realm.kinit("alice", PASSWORD, &[]).unwrap();
    login.checked().unwrap();
    assert_done(&site.with_password(&["list"], &[PASSWORD]), &expected, typed);
}

#[test]
fn everything_about_a_key() {
    let site = enrolled();
    let record = site.record("blue");
    let shown = site.by_admin(&["show", "blue", "alice"]);
    assert_eq!((shown.code(), &*shown.stderr), (Some(0), ""), "{shown}");
    let head =
        "alice@KRBTEST.COM\nkey blue\n    state               usable\n    relying party       krbtest.com\n";
    assert!(shown.stdout.starts_with(head), "{shown}");
    for line in [
        format!("credential id       {}", record["id"].as_str().unwrap()),
        "by                  admin/admin@KRBTEST.COM".to_owned(),
        "registration        kept: the attestation can be looked at".to_owned(),
    ] {
        assert!(shown.stdout.contains(&format!("    {line}\n")), "{shown}");
    }
    let described = json(&site.by_admin(&["show", "blue", "alice", "--json"]));
    assert_eq!(described["principal"], "alice@KRBTEST.COM");
    let key = &described["keys"][0];
    for name in ["rp", "id", "alg", "aaguid", "fmt", "created", "by", "counter"] {
        assert_eq!(key[name], record[name], "{name}");
    }
    assert_eq!(
        (&key["label"], &key["registration"]),
        (&json!("blue"), &json!(true))
    );
}

#[test]
fn a_record_that_cannot_be_read_is_shown_with_the_reason() {
    let site = Site::new();
    set_string(&site, "fido:old", "{");
    let shown = site.by_admin(&["show", "old", "alice"]);
    let text = "alice@KRBTEST.COM\nfido:old\n    state               garbled: credential record is not a JSON object\n";
    assert_done(&shown, text, "");
    let described = json(&site.by_admin(&["show", "old", "alice", "--json"]));
    assert_eq!(described["keys"][0]["state"], "garbled");
}

#[test]
fn a_label_that_no_key_has() {
    let site = enrolled();
    let before = site.alice();
    let message = "alice@KRBTEST.COM has no key named red: list shows what there is";
    for arguments in [
        &["show", "red", "alice"][..],
        &["rename", "red", "green", "alice"],
        &["remove", "red", "alice"],
    ] {
        assert_failed(&site.by_admin(arguments), message);
    }
    assert_eq!(site.alice(), before);
}

#[test]
fn a_key_gets_another_name_and_keeps_its_record() {
    let site = enrolled();
    let record = attribute(&site.realm, "alice", "fido:blue");
    assert_done(
        &site.by_admin(&["rename", "blue", "red", "alice"]),
        "Renamed blue of alice@KRBTEST.COM to red.\n",
        "",
    );
    assert_eq!(site.labels("alice"), ["red"]);
    assert_eq!(attribute(&site.realm, "alice", "fido:red"), record);
    assert_done(
        &site.by_admin(&["rename", "red", "red", "alice"]),
        "red of alice@KRBTEST.COM has that name already.\n",
        "",
    );
    let renamed = site.by_admin(&["rename", "red", "green", "alice", "--json"]);
    let expected = json!({
        "principal": "alice@KRBTEST.COM",
        "label": "green",
        "old_label": "red",
        "changed": true,
    });
    assert_eq!(json(&renamed), expected);
}

#[test]
fn a_name_that_another_key_has_is_refused() {
    let site = enrolled();
    set_string(&site, "fido:old", "{");
    let before = site.alice();
    assert_failed(
        &site.by_admin(&["rename", "blue", "old", "alice"]),
        "alice@KRBTEST.COM has a key named old already: choose another name",
    );
    assert_eq!(site.alice(), before);
}

#[test]
fn the_last_key_of_somebody_else_goes_with_its_flag() {
    let site = enrolled();
    let before = site.alice();
    let question = "blue is the last key of alice@KRBTEST.COM: without one fido_policy decides whether the password alone will \
                    do; say --yes if that is meant";
    assert_failed(&site.by_admin(&["remove", "blue", "alice"]), question);
    assert_eq!(site.alice(), before);
    assert_done(
        &site.by_admin(&["remove", "blue", "alice", "--yes"]),
        "Removed blue of alice@KRBTEST.COM.\n\
         It was the last key: cleared requires_hwauth; requires_preauth stays.\n",
        "",
    );
    assert_eq!(site.labels("alice"), [""; 0]);
    assert_eq!(site.flags("alice"), "REQUIRES_PRE_AUTH");
}

#[test]
fn the_last_key_is_asked_about_on_a_terminal() {
    let site = enrolled();
    let kfido = Artifacts::locate().unwrap().kfido();
    let command = format!(
        "{} -k -t {} -p {ADMIN} remove blue alice",
        kfido.display(),
        site.keytab()
    );
    let removed = talk(
        &site.realm,
        &command,
        &[("Remove it? (type yes): ", "yes")],
        &|| (),
    );
    assert_eq!(removed.code, Some(0), "{}", removed.screen);
    assert_eq!(site.labels("alice"), [""; 0]);
}

#[test]
fn one_of_two_keys_goes_unasked_and_the_flags_stay() {
    let site = enrolled();
    set_string(&site, "fido:old", "{");
    let flags = site.flags("alice");
    let removed = site.by_admin(&["remove", "old", "alice", "--json"]);
    let expected = json!({
        "principal": "alice@KRBTEST.COM",
        "label": "old",
        "was_last": false,
        "requires_preauth": true,
        "requires_hwauth": true,
    });
    assert_eq!(json(&removed), expected);
    assert_eq!(site.labels("alice"), ["blue"]);
    assert_eq!(site.flags("alice"), flags);
    assert_eq!(
        json(&site.by_admin(&["show", "blue", "alice", "--json"]))["keys"][0]["error"],
        Value::Null
    );
}
