//! `kdb5_fido show`.

use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::{Finished, Realm};
use serde_json::{Value, json};

use crate::support::{Snapshot, assert_done, assert_failed, assert_unchanged, realm, record, set_string};

/// All that a record may say.
fn full() -> Value {
    json!({
        "aaguid": "ee882879-721c-4913-9775-3dfcce97072a",
        "fmt": "packed",
        "transports": ["usb", "nfc"],
        "uv_enrolled": true,
        "uv": "required",
        "by": "root/admin@KRBTEST.COM",
        "counter": 7,
        "not_after": "2126-01-02T03:04:06Z",
        "reg": {"nonce": "AQ", "att": "oA"},
        "invite": "AAAAAAAAAAAAAAAAAAAAAA",
        "colour": "blue",
        "\u{1b}[31m": 1,
    })
}

/// alice with a full record, a short one, a disabled one and a garbled one.
fn populated() -> Realm {
    let realm = realm();
    for (label, value) in [
        ("full", &*record("AQID", full())),
        ("short", &record("Ag", json!({}))),
        ("off", &record("Aw", json!({"disabled": true}))),
        ("broken", "{\"v\":1}"),
        ("-bad", &record("BA", json!({}))),
    ] {
        set_string(&realm, "alice", &format!("fido:{label}"), value);
    }
    realm
}

fn show(realm: &Realm, more: &[&str]) -> Finished {
    realm.kdb5_fido(&[&["show", "alice"], more].concat()).unwrap()
}

fn shown(realm: &Realm, more: &[&str]) -> Value {
    let finished = show(realm, &[more, &["--json"]].concat());
    assert!(finished.success() && finished.stderr.is_empty(), "{finished}");
    serde_json::from_str(&finished.stdout).unwrap()
}

const FULL: &str = "\
key full
    state               usable, PIN or fingerprint required by its record
    last use            not used here yet
    relying party       krbtest.com
    credential id       AQID
    algorithm           ES256
    AAGUID              ee882879-721c-4913-9775-3dfcce97072a
    format              packed
    transports          usb nfc
    created             2026-01-02T03:04:05Z
    by                  root/admin@KRBTEST.COM
    counter             7 at registration
    user verification   required
    not after           2126-01-02T03:04:06Z
    invitation          AAAAAAAAAAAAAAAAAAAAAA
    registration        kept: the attestation can be looked at
    unknown members     colour \\u{1b}[31m
";

/// What a record tells that has nothing but what it must have.
fn short(label: &str, state: &str, id: &str) -> String {
    format!(
        "\
key {label}
    state               {state}
    last use            not used here yet
    relying party       krbtest.com
    credential id       {id}
    algorithm           ES256
    AAGUID              not recorded
    format              not recorded
    transports          not recorded
    created             2026-01-02T03:04:05Z
    by                  not recorded
    counter             0 at registration
    user verification   as the policy says
    not after           no end
    invitation          none
    registration        not kept
"
    )
}

const BROKEN: &str = "\
fido:broken
    state               garbled: credential record has no member pk
";
const BAD: &str = "\
fido:-bad
    state               garbled: malformed credential label
";

#[test]
fn all_keys_in_every_state() {
    let realm = populated();
    let before = Snapshot::of(&realm, "alice");
    let usable = "usable, PIN or fingerprint preferred by the realm";
    let expected = [
        "alice@KRBTEST.COM\n",
        FULL,
        &short("short", usable, "Ag"),
        &short("off", "credential is disabled", "Aw"),
        BROKEN,
        BAD,
    ];
    assert_done(&show(&realm, &[]), &expected.concat(), "");
    assert_unchanged(&realm, &before);
}

#[test]
fn one_key_readable_or_not() {
    let realm = populated();
    for (label, expected) in [("full", FULL), ("broken", BROKEN), ("-bad", BAD)] {
        assert_done(
            &show(&realm, &["--", label]),
            &format!("alice@KRBTEST.COM\n{expected}"),
            "",
        );
    }
}

#[test]
fn json_of_one_key() {
    let realm = populated();
    let full = json!({
        "label": "full",
        "state": "usable",
        "error": null,
        "rp": "krbtest.com",
        "id": "AQID",
        "alg": -7,
        "algorithm": "ES256",
        "aaguid": "ee882879-721c-4913-9775-3dfcce97072a",
        "fmt": "packed",
        "transports": ["usb", "nfc"],
        "created": "2026-01-02T03:04:05Z",
        "by": "root/admin@KRBTEST.COM",
        "counter": 7,
        "uv": "required",
        "not_after": "2126-01-02T03:04:06Z",
        "invite": "AAAAAAAAAAAAAAAAAAAAAA",
        "registration": true,
        "last_used": null,
        "last_counter": null,
        "user_verified": null,
        "unknown": ["colour", "\u{1b}[31m"],
    });
    assert_eq!(
        shown(&realm, &["full"]),
        json!({"principal": "alice@KRBTEST.COM", "keys": [full]})
    );
    let broken = json!({
        "attribute": "fido:broken",
        "state": "garbled",
        "error": "credential record has no member pk",
    });
    assert_eq!(shown(&realm, &["broken"])["keys"], json!([broken]));
}

#[test]
fn json_of_all_keys() {
    let realm = populated();
    let all = shown(&realm, &[]);
    let keys = all["keys"].as_array().unwrap().iter();
    let states: Vec<&str> = keys.map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["usable", "usable", "disabled", "garbled", "garbled"]);
    let off = &all["keys"][2];
    assert_eq!(off["error"], "credential is disabled");
    let absent = [
        "aaguid",
        "fmt",
        "transports",
        "by",
        "uv",
        "not_after",
        "invite",
        "last_used",
    ];
    for name in absent {
        assert_eq!(off.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(
        (&off["registration"], &off["unknown"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn label_that_is_not_there() {
    let realm = populated();
    for label in ["red", "Full", "", "fido:full"] {
        assert_failed(
            &show(&realm, &[label]),
            &format!("alice@KRBTEST.COM has no key named {label}: list shows what there is"),
        );
    }
}

#[test]
fn unknown_principal_and_one_without_keys() {
    let realm = realm();
    assert_failed(
        &realm.kdb5_fido(&["show", "nobody"]).unwrap(),
        "Principal does not exist: nobody",
    );
    assert_done(
        &show(&realm, &[]),
        "alice@KRBTEST.COM\n    no security keys\n",
        "",
    );
    assert_eq!(
        shown(&realm, &[]),
        json!({"principal": "alice@KRBTEST.COM", "keys": []})
    );
    assert_failed(
        &show(&realm, &["blue"]),
        "alice@KRBTEST.COM has no key named blue: list shows what there is",
    );
}

#[test]
fn last_use_is_that_of_this_kdc() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    let key = &shown(&realm, &["blue"])["keys"][0];
    let used = key["last_used"].as_str().unwrap();
    let counter = key["last_counter"].as_u64().unwrap();
    assert_eq!(key["user_verified"], false);
    assert!(counter > key["counter"].as_u64().unwrap());
    let told = show(&realm, &["blue"]);
    let line = format!("    last use            used {used}, counter {counter}\n");
    assert!(told.stdout.contains(&line), "{told}");
}

#[test]
fn store_that_cannot_be_read_is_a_warning() {
    let realm = populated();
    let store = realm.dir().join("fido");
    std::fs::create_dir(&store).unwrap();
    std::fs::write(store.join("data.mdb"), "garbage").unwrap();
    let told = show(&realm, &["short"]);
    assert_eq!(
        told.stderr,
        format!(
            "kdb5_fido: warning: state store {}: it has a malformed entry\n",
            store.display()
        )
    );
    let unknown = "    last use            not known\n";
    assert!(told.success() && told.stdout.contains(unknown), "{told}");
}
