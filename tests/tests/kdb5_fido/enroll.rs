//! `kdb5_fido enroll`.

use krb5_fido_https_server::{HttpsServer, Reply};
use krb5_fido_tests::intent;
use krb5_testrealm::{Finished, Presence, Realm, SoftKey};
use serde_json::Value;

use crate::support::{
    BOTH_FLAGS, PASSWORD, Snapshot, assert_done, assert_failed, assert_failed_after, assert_unchanged, flags,
    kdb5_fido, labels, realm, realm_and_key, set_string, shown, strings,
};

const FIRST_TOUCH: &str = "Touch software key to register it for alice@KRBTEST.COM.\n";

/// All that is said while alice's key is registered.
fn talk(key: &SoftKey) -> String {
    format!(
        "{}{FIRST_TOUCH}Touch software key once more, to try it.\nsoftware key works.\n",
        shown(key)
    )
}

fn enroll(realm: &Realm, device: &str, more: &[&str]) -> Finished {
    let arguments = [&["enroll", "alice", "--device", device], more].concat();
    realm.kdb5_fido(&arguments).unwrap()
}

fn stored_record(realm: &Realm, attribute: &str) -> Value {
    let lines = strings(realm, "alice");
    let value = lines
        .iter()
        .find_map(|line| line.strip_prefix(attribute)?.strip_prefix(": "));
    serde_json::from_str(value.unwrap()).unwrap()
}

#[test]
fn key_is_stored_and_both_flags_are_set() {
    let (realm, key) = realm_and_key();
    assert_eq!(flags(&realm, "alice"), "Attributes:");
    assert_done(
        &enroll(&realm, &key.device(), &[]),
        "Registered key1 for alice@KRBTEST.COM.\nSet +requires_preauth and +requires_hwauth.\n",
        &talk(&key),
    );
    assert_eq!(labels(&realm, "alice"), ["key1"]);
    assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    let record = stored_record(&realm, "fido:key1");
    let names: Vec<&String> = record.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "v",
            "rp",
            "id",
            "pk",
            "alg",
            "created",
            "aaguid",
            "fmt",
            "transports",
            "counter",
            "by",
            "reg"
        ]
    );
    assert_eq!(record["rp"], "krbtest.com");
    assert_eq!(record["alg"], -7);
    assert_eq!(record["by"], "root/admin@KRBTEST.COM");
    assert!(record["counter"].as_u64().unwrap() > 0, "{record}");
}

#[test]
fn flags_that_were_set_are_told_from_those_that_were_not() {
    for (set, told) in [
        ("+requires_preauth", "Set +requires_hwauth."),
        ("+requires_hwauth", "Set +requires_preauth."),
    ] {
        let (realm, key) = realm_and_key();
        realm
            .kadmin_local(&["modprinc", set, "alice"])
            .unwrap()
            .checked()
            .unwrap();
        assert_done(
            &enroll(&realm, &key.device(), &[]),
            &format!("Registered key1 for alice@KRBTEST.COM.\n{told}\n"),
            &talk(&key),
        );
        assert_eq!(flags(&realm, "alice"), BOTH_FLAGS);
    }
}

#[test]
fn flags_that_were_both_set_are_said_to_be() {
    let (realm, key) = realm_and_key();
    let query = [
        "modprinc",
        "+requires_preauth",
        "+requires_hwauth",
        "+disallow_svr",
        "alice",
    ];
    realm.kadmin_local(&query).unwrap().checked().unwrap();
    let before = flags(&realm, "alice");
    assert_done(
        &enroll(&realm, &key.device(), &[]),
        "Registered key1 for alice@KRBTEST.COM.\n+requires_preauth and +requires_hwauth were set already.\n",
        &talk(&key),
    );
    assert_eq!(flags(&realm, "alice"), before);
    assert!(before.contains("DISALLOW_SVR"), "{before}");
}

#[test]
fn what_was_enrolled_logs_in() {
    let (mut realm, key) = realm_and_key();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    enroll(&realm, &key.device(), &[]).checked().unwrap();
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    let listed = realm.klist(&["-f"]).unwrap();
    assert!(listed.stdout.contains("Flags: IHA"), "{listed}");
}

#[test]
fn configured_device_is_used_without_device() {
    let (mut realm, key) = realm_and_key();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    let enrolled = realm.kdb5_fido(&["enroll", "alice"]).unwrap();
    assert_eq!((enrolled.code(), &*enrolled.stderr), (Some(0), &*talk(&key)));
}

#[test]
fn second_key_gets_the_next_label_and_both_log_in() {
    let (mut realm, first) = realm_and_key();
    let second = realm.softkey("second", Presence::Auto).unwrap();
    enroll(&realm, &first.device(), &[]).checked().unwrap();
    assert_done(
        &enroll(&realm, &second.device(), &[]),
        "Registered key2 for alice@KRBTEST.COM.\n+requires_preauth and +requires_hwauth were set already.\n",
        &talk(&second),
    );
    assert_eq!(labels(&realm, "alice"), ["key1", "key2"]);
    for key in [&first, &second] {
        realm
            .set_client_relation("fido_device", &[&key.device()])
            .unwrap();
        realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    }
}

#[test]
fn default_label_is_the_lowest_free_one() {
    let (realm, key) = realm_and_key();
    for taken in ["fido:key1", "fido:key3"] {
        set_string(&realm, "alice", taken, "garbled");
    }
    let enrolled = enroll(&realm, &key.device(), &[]).checked().unwrap();
    assert!(enrolled.stdout.starts_with("Registered key2 for "), "{enrolled}");
    assert_eq!(labels(&realm, "alice"), ["key1", "key3", "key2"]);
}

#[test]
fn name_is_the_label() {
    let (realm, key) = realm_and_key();
    let enrolled = enroll(&realm, &key.device(), &["--name", "Blue.5_c-x"]);
    assert_done(
        &enrolled,
        "Registered Blue.5_c-x for alice@KRBTEST.COM.\nSet +requires_preauth and +requires_hwauth.\n",
        &talk(&key),
    );
    assert_eq!(labels(&realm, "alice"), ["Blue.5_c-x"]);
}

#[test]
fn json_describes_the_record_and_talk_stays_on_standard_error() {
    let (realm, key) = realm_and_key();
    let enrolled = enroll(&realm, &key.device(), &["--json"]);
    assert_eq!((enrolled.code(), &*enrolled.stderr), (Some(0), &*talk(&key)));
    assert_eq!(enrolled.stdout.lines().count(), 1);
    let printed: Value = serde_json::from_str(&enrolled.stdout).unwrap();
    let record = stored_record(&realm, "fido:key1");
    for name in ["rp", "alg", "created", "aaguid", "fmt", "counter", "by"] {
        assert_eq!(printed[name], record[name], "{name}");
    }
    assert_eq!(printed["principal"], "alice@KRBTEST.COM");
    assert_eq!(printed["label"], "key1");
    assert_eq!(printed["state"], "usable");
    assert_eq!(printed["not_after"], Value::Null);
    assert_eq!(printed["requires_preauth"], true);
    assert_eq!(printed["requires_hwauth"], true);
    assert_eq!(printed.as_object().unwrap().len(), 13);
}

#[test]
fn same_key_is_refused_for_the_same_party() {
    let (realm, key) = realm_and_key();
    enroll(&realm, &key.device(), &[]).checked().unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_failed_after(
        &enroll(&realm, &key.device(), &["--name", "again"]),
        &format!("{}{FIRST_TOUCH}", shown(&key)),
        "software key is registered for alice@KRBTEST.COM already",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn same_key_serves_another_principal() {
    let (realm, key) = realm_and_key();
    realm.add_principal("bob", PASSWORD, &[]).unwrap();
    enroll(&realm, &key.device(), &[]).checked().unwrap();
    let enrolled = realm
        .kdb5_fido(&["enroll", "bob", "--device", &key.device()])
        .unwrap();
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    assert_eq!(labels(&realm, "bob"), ["key1"]);
}

#[test]
fn label_that_is_taken_is_refused_before_any_touch() {
    let (realm, key) = realm_and_key();
    enroll(&realm, &key.device(), &["--name", "blue"])
        .checked()
        .unwrap();
    set_string(&realm, "alice", "fido:garbled", "{");
    let before = Snapshot::of(&realm, "alice");
    for label in ["blue", "garbled"] {
        assert_failed(
            &enroll(&realm, &key.device(), &["--name", label]),
            &format!("alice@KRBTEST.COM has a key named {label} already: choose another name"),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn label_that_is_none_is_refused_before_any_touch() {
    let (realm, key) = realm_and_key();
    let before = Snapshot::of(&realm, "alice");
    for label in [
        "",
        " ",
        "-a",
        ".a",
        "a b",
        "a:b",
        "schlüssel",
        "a\nb",
        &"a".repeat(33),
    ] {
        let option = format!("--name={label}");
        assert_failed(
            &enroll(&realm, &key.device(), &[&option]),
            &format!(
                "\"{label}\" cannot be the name of a key: a letter or digit, then up to 31 letters, digits, '.', '_' or '-'"
            ),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn unknown_principals_are_named_as_given() {
    let (realm, key) = realm_and_key();
    for name in ["nobody", "nobody@KRBTEST.COM", "alice@OTHER.ORG", "alice/", ""] {
        assert_failed(
            &realm
                .kdb5_fido(&["enroll", name, "--device", &key.device()])
                .unwrap(),
            &format!("Principal does not exist: {name}"),
        );
    }
    assert_failed(
        &realm
            .kdb5_fido(&["enroll", "a@b@c", "--device", &key.device()])
            .unwrap(),
        "Malformed representation of principal while parsing the principal name a@b@c",
    );
}

#[test]
fn keys_that_are_not_there_are_said_to_be_missing() {
    let realm = realm();
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &enroll(&realm, "none", &[]),
        "No security key attached: plug one in, or name it with --device",
    );
    assert_failed(
        &enroll(&realm, "unix:/nonexistent", &[]),
        "cannot open unix:/nonexistent: No such file or directory (os error 2) while registering a key; nothing was \
         stored",
    );
    assert_failed(
        &enroll(&realm, "hidraw0", &[]),
        "\"hidraw0\" is no device: auto, none, an absolute path, or unix: and an absolute path would be",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn one_of_several_keys_must_be_named() {
    let (realm, first) = realm_and_key();
    let second = realm.softkey("second", Presence::Auto).unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &enroll(&realm, &first.device(), &["--device", &second.device()]),
        &format!(
            "Several security keys are attached ({}, {}): name one with --device",
            first.device(),
            second.device()
        ),
    );
    assert_unchanged(&realm, &before);
    let twice = enroll(&realm, &first.device(), &["--device", &first.device()]);
    assert_eq!(twice.code(), Some(0), "{twice}");
}

#[test]
fn declined_touch_stores_nothing() {
    let realm = realm();
    let key = realm.softkey("key", Presence::Deny).unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_failed_after(
        &enroll(&realm, &key.device(), &[]),
        &format!("{}{FIRST_TOUCH}", shown(&key)),
        "declined at the security key while registering a key; nothing was stored",
    );
    assert_unchanged(&realm, &before);
    assert_eq!(flags(&realm, "alice"), "Attributes:");
}

#[test]
fn party_that_no_client_signs_for_is_refused_before_any_touch() {
    let (realm, key) = realm_and_key();
    let before = Snapshot::of(&realm, "alice");
    for party in ["example.org", "com", "KRBTEST.COM", "krb5realm:OTHER.ORG", ""] {
        assert_failed(
            &enroll(&realm, &key.device(), &["--rp-id", party]),
            &format!(
                "No client signs for \"{party}\" in KRBTEST.COM: krbtest.com or krb5realm:KRBTEST.COM would do, or set \
                 fido_rp_id in krb5.conf everywhere"
            ),
        );
    }
    assert_unchanged(&realm, &before);
}

#[test]
fn realm_as_party_is_accepted_and_logs_in() {
    let (mut realm, key) = realm_and_key();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    let enrolled = enroll(&realm, &key.device(), &["--rp-id", "krb5realm:KRBTEST.COM"]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    let intent = intent(
        &key,
        "alice",
        "krb5realm:KRBTEST.COM (the realm's own name)",
        "root/admin",
    );
    assert!(enrolled.stderr.starts_with(&intent), "{enrolled}");
    assert_eq!(stored_record(&realm, "fido:key1")["rp"], "krb5realm:KRBTEST.COM");
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
}

#[test]
fn configured_party_is_the_only_one() {
    let (mut realm, key) = realm_and_key();
    realm
        .set_client_relation("fido_rp_id", &["login.example.org"])
        .unwrap();
    realm
        .set_client_relation("fido_device", &[&key.device()])
        .unwrap();
    assert_failed(
        &enroll(&realm, &key.device(), &["--rp-id", "krbtest.com"]),
        "No client signs for \"krbtest.com\" in KRBTEST.COM: login.example.org would do, or set fido_rp_id in krb5.conf \
         everywhere",
    );
    let enrolled = enroll(&realm, &key.device(), &[]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    let intent = intent(&key, "alice", "login.example.org (fido_rp_id)", "root/admin");
    assert!(enrolled.stderr.starts_with(&intent), "{enrolled}");
    assert_eq!(stored_record(&realm, "fido:key1")["rp"], "login.example.org");
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
}

#[test]
fn suffix_list_that_is_missing_is_not_replaced() {
    let (mut realm, key) = realm_and_key();
    realm
        .set_client_relation("fido_public_suffix_list", &["/nonexistent"])
        .unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &enroll(&realm, &key.device(), &[]),
        "fido_public_suffix_list: /nonexistent is no absolute path of a file that can be read",
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn facet_list_that_vouches_comes_first_and_one_that_does_not_is_told() {
    let (mut realm, key) = realm_and_key();
    let second = realm.softkey("second", Presence::Auto).unwrap();
    let server = HttpsServer::start("login.example.net");
    server.serve("/facets", Reply::facets(&["KRBTEST.COM"]));
    let mut enroll = |path, key: &SoftKey, label| {
        realm
            .set_client_relation("fido_facets_url", &[&server.url(path)])
            .unwrap();
        let mut command = kdb5_fido(&realm);
        command.args(["enroll", "alice", "--device", &key.device(), "--name", label]);
        command.envs(server.environment());
        realm.run(command, "").unwrap()
    };
    let vouched = enroll("/facets", &key, "one");
    assert_eq!(vouched.code(), Some(0), "{vouched}");
    let party = "login.example.net (the host of the realm's facet list)";
    let intent = intent(&key, "alice", party, "root/admin");
    assert!(vouched.stderr.starts_with(&intent), "{vouched}");

    let missing = enroll("/none", &second, "two");
    assert_eq!(missing.code(), Some(0), "{missing}");
    let warning = "kdb5_fido: warning: the server of the facet list https://login.example.net/none answers with the HTTP \
                   status 404\n";
    assert!(
        missing
            .stderr
            .starts_with(&format!("{warning}{}", shown(&second))),
        "{missing}"
    );
    assert_eq!(stored_record(&realm, "fido:one")["rp"], "login.example.net");
    assert_eq!(stored_record(&realm, "fido:two")["rp"], "krbtest.com");
}

#[test]
fn a_key_with_another_algorithm_that_it_keeps_itself() {
    let (realm, key) = realm_and_key();
    let enrolled = enroll(&realm, &key.device(), &["--algorithm", "eddsa", "--resident"]);
    assert_eq!(enrolled.code(), Some(0), "{enrolled}");
    assert!(
        enrolled
            .stderr
            .contains("\n    kept                by the key itself"),
        "{enrolled}"
    );
    assert_eq!(stored_record(&realm, "fido:key1")["alg"], -8);
}

#[test]
fn what_is_wanted_of_a_key_must_suit_the_realm_and_the_key() {
    let builder = Realm::builder().kadmind(false);
    let realm = builder.kdc_relation("fido_algorithms", "ES256").start().unwrap();
    realm.add_principal("alice", PASSWORD, &[]).unwrap();
    let key = realm.softkey("key", Presence::Auto).unwrap();
    let before = Snapshot::of(&realm, "alice");
    assert_failed(
        &enroll(&realm, &key.device(), &["--algorithm", "EdDSA"]),
        "fido_algorithms of KRBTEST.COM accepts none of the algorithms that keys are asked for here: EdDSA",
    );
    assert_failed(
        &enroll(&realm, &key.device(), &["--uv"]),
        "software key does not know its user, as --uv demands: set a PIN with fido2-token -S, if it can have one; nothing \
         was stored",
    );
    assert_unchanged(&realm, &before);
}
