//! `kdb5_fido disable` and `enable`.

use krb5_fido_tests::{Enrolled, PASSWORD, assert_refused, assert_ticket};
use krb5_testrealm::{Finished, Realm};
use serde_json::json;

use crate::support::{
    BOTH_FLAGS, Snapshot, assert_done, assert_failed, assert_unchanged, flags, kdb5_fido, realm, record,
    set_string, store, strings,
};

fn run(realm: &Realm, arguments: &[&str]) -> Finished {
    realm.kdb5_fido(arguments).unwrap()
}

/// alice with the keys blue and red.
fn realm_with_two() -> Realm {
    let realm = realm();
    store(&realm, "alice", "blue", &record("AQ", json!({"x": [1.50]})));
    store(&realm, "alice", "red", &record("Ag", json!({})));
    realm
}

const NONE_LEFT: &str = "No key is left that may be used: no ticket until one is enabled or registered.\n";

#[test]
fn disabling_and_enabling_leave_everything_else() {
    let realm = realm_with_two();
    let before = strings(&realm, "alice");
    assert_done(
        &run(&realm, &["disable", "alice", "blue"]),
        "Disabled blue of alice@KRBTEST.COM.\n",
        "",
    );
    let disabled = strings(&realm, "alice");
    let (kept, since) = disabled[0]
        .split_once(",\"disabled\":true,\"disabled_at\":\"20")
        .unwrap();
    assert_eq!(format!("{kept}}}"), before[0]);
    assert!(since.ends_with("Z\"}"), "{since}");
    assert_eq!(disabled[1..], before[1..]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    assert_done(
        &run(&realm, &["enable", "alice", "blue"]),
        "Enabled blue of alice@KRBTEST.COM.\n",
        "",
    );
    assert_eq!(strings(&realm, "alice"), before);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
}

#[test]
fn what_is_so_already_is_told_and_nothing_is_written() {
    let realm = realm_with_two();
    set_string(
        &realm,
        "alice",
        "fido:red",
        &record("Ag", json!({"disabled": false})),
    );
    let before = Snapshot::of(&realm, "alice");
    for label in ["blue", "red"] {
        assert_done(
            &run(&realm, &["enable", "alice", label]),
            &format!("{label} of alice@KRBTEST.COM is enabled already.\n"),
            "",
        );
    }
    assert_unchanged(&realm, &before);
    run(&realm, &["disable", "alice", "blue"]).checked().unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_done(
        &run(&realm, &["disable", "alice", "blue"]),
        "blue of alice@KRBTEST.COM is disabled already.\n",
        "",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn last_usable_key_tells_what_follows() {
    let mut realm = realm_with_two();
    run(&realm, &["disable", "alice", "blue"]).checked().unwrap();
    assert_done(
        &run(&realm, &["disable", "alice", "red"]),
        &format!("Disabled red of alice@KRBTEST.COM.\n{NONE_LEFT}"),
        "",
    );
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    let query = ["modprinc", "-requires_hwauth", "alice"];
    realm.kadmin_local(&query).unwrap().checked().unwrap();
    assert_done(
        &run(&realm, &["disable", "alice", "red"]),
        &format!("red of alice@KRBTEST.COM is disabled already.\n{NONE_LEFT}"),
        "",
    );
    realm.set_kdc_relation("fido_policy", &["permissive"]).unwrap();
    assert_done(
        &run(&realm, &["disable", "alice", "red"]),
        "red of alice@KRBTEST.COM is disabled already.\n\
         No key is left that may be used: the policy is permissive, and lets the password alone do.\n",
        "",
    );
    set_string(&realm, "alice", "fido_uv", "nonsense");
    let told = run(&realm, &["disable", "alice", "red"]);
    let consequence = "\nNo key is left that may be used: no ticket, since ";
    assert!(told.stdout.contains(consequence), "{told}");
}

#[test]
fn all_at_once() {
    let realm = realm_with_two();
    store(&realm, "alice", "off", &record("Aw", json!({"disabled": true})));
    set_string(&realm, "alice", "fido:broken", "not json");
    let before = strings(&realm, "alice");
    assert_done(
        &run(&realm, &["disable", "alice", "--all"]),
        &format!(
            "Disabled blue of alice@KRBTEST.COM.\n\
             Disabled red of alice@KRBTEST.COM.\n\
             off of alice@KRBTEST.COM is disabled already.\n\
             fido:broken of alice@KRBTEST.COM cannot be read, and is not accepted either.\n{NONE_LEFT}"
        ),
        "",
    );
    let after = strings(&realm, "alice");
    assert_eq!(after[2..], before[2..]);
    assert!(after[..2].iter().all(|line| line.contains(",\"disabled\":true,")));
    let before = Snapshot::of(&realm, "alice");
    let again = run(&realm, &["disable", "alice", "--all"]);
    assert!(
        again
            .stdout
            .starts_with("blue of alice@KRBTEST.COM is disabled already.\n"),
        "{again}"
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn all_of_none_is_an_error() {
    let realm = realm();
    assert_failed(
        &run(&realm, &["disable", "alice", "--all"]),
        "alice@KRBTEST.COM has no security key",
    );
}

#[test]
fn unknown_label_and_unknown_principal() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    for command in ["disable", "enable"] {
        for label in ["green", "Blue", "", "fido:blue"] {
            assert_failed(
                &run(&realm, &[command, "alice", label]),
                &format!("alice@KRBTEST.COM has no key named {label}: list shows what there is"),
            );
        }
        assert_failed(
            &run(&realm, &[command, "nobody", "blue"]),
            "Principal does not exist: nobody",
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn garbled_record_is_no_key_that_could_be_disabled() {
    let realm = realm_with_two();
    set_string(&realm, "alice", "fido:broken", "not json");
    set_string(&realm, "alice", "fido:-bad", &record("Aw", json!({})));
    let before = Snapshot::of(&realm, "alice");
    for command in ["disable", "enable"] {
        for (label, cause) in [
            ("broken", "credential record is not a JSON object"),
            ("-bad", "malformed credential label"),
        ] {
            assert_failed(
                &run(&realm, &[command, "alice", "--", label]),
                &format!(
                    "{label} of alice@KRBTEST.COM cannot be read, and is not accepted: {cause}; remove it with kdb5_fido \
                     remove"
                ),
            );
        }
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn one_label_or_all() {
    let realm = realm_with_two();
    let before = Snapshot::of(&realm, "alice");
    for arguments in [
        &["disable", "alice"][..],
        &["disable", "alice", "blue", "--all"],
        &["enable", "alice"],
        &["enable", "alice", "--all"],
    ] {
        let mut command = kdb5_fido(&realm);
        command.args(arguments);
        let refused = realm.run(command, "").unwrap();
        assert_eq!((refused.code(), &*refused.stdout), (Some(2), ""), "{refused}");
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn enabled_key_that_may_not_be_used_is_told() {
    let realm = realm();
    let old = json!({"disabled": true, "not_after": "2026-01-02T03:04:06Z"});
    store(&realm, "alice", "old", &record("AQ", old));
    assert_done(
        &run(&realm, &["enable", "alice", "old"]),
        "Enabled old of alice@KRBTEST.COM.\n\
         It may not be used all the same: credential is expired.\n",
        "",
    );
    set_string(
        &realm,
        "alice",
        "fido:twin1",
        &record("Ag", json!({"disabled": true})),
    );
    set_string(
        &realm,
        "alice",
        "fido:twin2",
        &record("Ag", json!({"disabled": true})),
    );
    assert_done(
        &run(&realm, &["enable", "alice", "twin1"]),
        "Enabled twin1 of alice@KRBTEST.COM.\n\
         It may not be used all the same: another record of the same key may not be used.\n",
        "",
    );
}

#[test]
fn json_output() {
    let realm = realm_with_two();
    set_string(&realm, "alice", "fido:broken", "not json");
    assert_done(
        &run(&realm, &["disable", "alice", "blue", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"changed\":[\"blue\"],\"unchanged\":[],\"garbled\":[],\"usable\":1}\n",
        "",
    );
    assert_done(
        &run(&realm, &["disable", "alice", "--all", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"changed\":[\"red\"],\"unchanged\":[\"blue\"],\
         \"garbled\":[\"fido:broken\"],\"usable\":0}\n",
        "",
    );
    assert_done(
        &run(&realm, &["enable", "alice", "blue", "--json"]),
        "{\"principal\":\"alice@KRBTEST.COM\",\"changed\":[\"blue\"],\"unchanged\":[],\"garbled\":[],\"usable\":1}\n",
        "",
    );
}

#[test]
fn disabled_key_does_not_log_in_and_nor_does_the_password_alone() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    run(&realm, &["disable", "alice", "--all"]).checked().unwrap();
    let refused = realm.kinit("alice", PASSWORD, &[]).unwrap();
    assert_refused(
        &realm,
        &refused,
        "None of the security keys registered for alice@KRBTEST.COM may be used: ask your administrator",
    );
    let password_alone = realm
        .kinit("alice", PASSWORD, &["-X", "fido_device=none"])
        .unwrap();
    assert_eq!(password_alone.code(), Some(1), "{password_alone}");
    run(&realm, &["enable", "alice", "blue"]).checked().unwrap();
    assert_ticket(&realm, &realm.kinit("alice", PASSWORD, &[]).unwrap(), "IHA");
}
