//! `kdb5_fido status`: what it says is what the KDC does.

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, kadmin};
use krb5_testrealm::{Realm, RealmBuilder};
use serde_json::{Value, json};

use crate::support::{Snapshot, assert_done, assert_failed, assert_unchanged, realm, record, set_string};

fn status(realm: &Realm, principal: &str) -> Value {
    let finished = realm.kdb5_fido(&["status", principal, "--json"]).unwrap();
    assert!(finished.success() && finished.stderr.is_empty(), "{finished}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// Each word of `name` in the objects, in their order.
fn words<'a>(objects: &'a Value, name: &str) -> Vec<&'a str> {
    let objects = objects.as_array().unwrap().iter();
    objects
        .map(|object| object[name].as_str().unwrap_or(""))
        .collect()
}

#[test]
fn keys_in_every_state() {
    let realm = Realm::builder()
        .kadmind(false)
        .kdc_relation("fido_algorithms", "ES256")
        .start()
        .unwrap();
    realm.add_principal("alice", PASSWORD, &[]).unwrap();
    for (label, id, more) in [
        ("blue", "AQ", json!({})),
        ("strict", "Ag", json!({"uv": "required"})),
        ("off", "Aw", json!({"disabled": true})),
        ("old", "BA", json!({"not_after": "2026-01-02T03:04:06Z"})),
        ("u2f", "BQ", json!({"fmt": "fido-u2f", "uv": "required"})),
        ("twin", "Aw", json!({})),
        ("loose", "Ag", json!({"uv": "discouraged"})),
    ] {
        set_string(&realm, "alice", &format!("fido:{label}"), &record(id, more));
    }
    set_string(&realm, "alice", "fido:broken", "{\"v\":1}");
    let before = Snapshot::of(&realm, "alice");
    let expected = "\
alice@KRBTEST.COM
    policy              enrolled: fido_policy of the realm
    flags               none
    must use a key      yes, by the policy alone
    is offered          SF-FIDO: a key
    for kadmin/*        SF-FIDO: a key
    indicators          none after a touch, none after PIN or fingerprint
    registers keys      itself, with a key that it has
    key blue            usable, PIN or fingerprint preferred by the realm; not used here yet
    key strict          usable, PIN or fingerprint required by its record; not used here yet
    key off             credential is disabled; not used here yet
    key old             credential is expired; not used here yet
    key u2f             credential must verify its user and cannot; not used here yet
    key twin            another record of the same key may not be used; not used here yet
    key loose           usable, PIN or fingerprint required by another record of the same key; not used here yet
    fido:broken         garbled: credential record has no member pk
";
    assert_done(&realm.kdb5_fido(&["status", "alice"]).unwrap(), expected, "");
    let described = status(&realm, "alice");
    assert_eq!(
        words(&described["keys"], "state"),
        [
            "usable",
            "usable",
            "disabled",
            "expired",
            "cannot_verify_user",
            "unusable",
            "usable",
            "garbled"
        ]
    );
    assert_eq!(
        words(&described["keys"], "uv_origin"),
        ["realm", "record", "", "", "", "", "other_record", ""]
    );
    assert_unchanged(&realm, &before);
}

#[test]
fn algorithm_that_is_not_allowed_and_verification_of_ones_own() {
    let mut realm = realm();
    set_string(&realm, "alice", "fido:blue", &record("AQ", json!({})));
    set_string(&realm, "alice", "fido_uv", "discouraged");
    let described = status(&realm, "alice");
    assert_eq!(
        (&described["keys"][0]["uv"], &described["keys"][0]["uv_origin"]),
        (&json!("discouraged"), &json!("principal"))
    );
    realm.set_kdc_relation("fido_algorithms", &["EdDSA"]).unwrap();
    let described = status(&realm, "alice");
    assert_eq!(described["keys"][0]["state"], "algorithm_not_allowed");
    assert_eq!(described["login"]["notice"], "noneUsable");
}

fn under(policy: &str) -> RealmBuilder {
    Realm::builder().kdc_relation("fido_policy", policy)
}

/// What is told of a login and of one for kadmin/*: policy, origin, factors and notice.
fn cases(realm: &Realm, principal: &str) -> [Value; 2] {
    let described = status(realm, principal);
    ["login", "kadmin"].map(|case| {
        let case = &described[case];
        json!([case["policy"], case["origin"], case["factors"], case["notice"]])
    })
}

fn logs_in(realm: &Realm, principal: &str, more: &[&str]) -> bool {
    realm.kinit(principal, PASSWORD, more).unwrap().success()
}

const PASSWORD_ALONE: [&str; 2] = ["-X", "fido_device=none"];
const FOR_KADMIN: [&str; 4] = ["-X", "fido_device=none", "-S", "kadmin/admin"];

#[test]
fn permissive_is_read_as_enrolled_for_administration() {
    let Enrolled { realm, key: _key } = Enrolled::start(under("permissive"));
    let expected = [
        json!(["permissive", "realm", ["SF-FIDO", "SF-NONE"], null]),
        json!(["enrolled", "kadmin", ["SF-FIDO"], null]),
    ];
    assert_eq!(cases(&realm, "alice"), expected);
    assert!(logs_in(&realm, "alice", &PASSWORD_ALONE));
    assert!(!logs_in(&realm, "alice", &FOR_KADMIN));
    kadmin(&realm, &["modprinc", "+requires_hwauth", "alice"]);
    assert_eq!(cases(&realm, "alice")[0][2], json!(["SF-FIDO"]));
    assert!(!logs_in(&realm, "alice", &PASSWORD_ALONE));
}

#[test]
fn required_with_exemptions_and_policies_of_their_own() {
    let Enrolled { realm, key: _key } = Enrolled::start(under("required"));
    for name in ["bob", "carol", "dave", "host/web"] {
        add_user(&realm, name);
    }
    set_string(&realm, "carol", "fido_policy", "enrolled");
    set_string(&realm, "dave", "fido_policy", "sometimes");
    let case = |policy: &str, origin: &str, factors: &[&str], notice: Option<&str>| {
        json!([policy, origin, factors, notice])
    };
    for (name, expected, can) in [
        ("alice", case("required", "realm", &["SF-FIDO"], None), true),
        (
            "bob",
            case("required", "realm", &["SF-FIDO"], Some("enrolRequired")),
            false,
        ),
        ("carol", case("enrolled", "principal", &["SF-NONE"], None), true),
        (
            "host/web",
            case("enrolled", "exemption", &["SF-NONE"], None),
            true,
        ),
        ("dave", json!([null, null, [], null]), false),
    ] {
        assert_eq!(cases(&realm, name)[0], expected, "{name}");
        assert_eq!(logs_in(&realm, name, &[]), can, "{name}");
    }
    assert_eq!(
        status(&realm, "dave")["login"]["error"],
        "unknown fido_policy value"
    );
}

#[test]
fn last_use_and_indicators_of_a_login() {
    let builder = under("enrolled")
        .kdc_relation("fido_indicator", "fido")
        .kdc_relation("fido_uv_indicator", "pin")
        .kdc_relation("spake_preauth_indicator", "spake");
    let Enrolled { realm, key: _key } = Enrolled::start(builder);
    assert!(logs_in(&realm, "alice", &[]));
    let described = status(&realm, "alice");
    assert_eq!(
        described["indicators"],
        json!({"touch": ["spake", "fido"], "user_verified": ["spake", "fido", "pin"]})
    );
    let key = &described["keys"][0];
    assert!(
        key["last_used"].is_string() && key["counter"].as_u64() > Some(0),
        "{key}"
    );
    assert_eq!(key["user_verified"], false);
    let told = realm.kdb5_fido(&["status", "alice"]).unwrap().stdout;
    for line in [
        "    flags               requires_preauth requires_hwauth\n",
        "    must use a key      yes, by the policy and by requires_hwauth\n",
        "    indicators          spake fido after a touch, spake fido pin after PIN or fingerprint\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn whole_realm() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    add_user(&realm, "bob");
    add_user(&realm, "carol");
    set_string(&realm, "bob", "fido:red", "garbled");
    let told = realm.kdb5_fido(&["status"]).unwrap();
    let expected = format!(
        "alice@KRBTEST.COM                1 keys, 1 usable  SF-FIDO: a key  never used\n\
         bob@KRBTEST.COM                  1 keys, 0 usable  SF-FIDO, then a notice: no registered key may be used  \
         never used\n\
         KRBTEST.COM\n    fido_policy         enrolled\n    fido_uv             preferred\n    \
         enrolled            2\n    cannot log in       1\n    state store         {}/fido\n",
        realm.dir().display()
    );
    assert_done(&told, &expected, "");
    let told = realm.kdb5_fido(&["status", "--json"]).unwrap();
    let described: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(described["realm"]["enrolled"], 2);
    assert_eq!(described["realm"]["shut_out"], 1);
    assert_eq!(
        words(&described["principals"], "principal"),
        ["alice@KRBTEST.COM", "bob@KRBTEST.COM"]
    );
}

#[test]
fn store_that_cannot_be_read_hides_nothing_else() {
    let realm = realm();
    set_string(&realm, "alice", "fido:blue", &record("AQ", json!({})));
    std::fs::create_dir(realm.dir().join("fido")).unwrap();
    std::fs::write(realm.dir().join("fido/data.mdb"), "garbage").unwrap();
    let told = realm.kdb5_fido(&["status", "alice"]).unwrap();
    assert_eq!(
        told.stderr,
        format!(
            "kdb5_fido: warning: state store {}/fido: it has a malformed entry\n",
            realm.dir().display()
        )
    );
    assert!(told.success() && told.stdout.contains("    key blue "), "{told}");
}

#[test]
fn unknown_principal() {
    let realm = realm();
    assert_failed(
        &realm.kdb5_fido(&["status", "nobody"]).unwrap(),
        "Principal does not exist: nobody",
    );
}
