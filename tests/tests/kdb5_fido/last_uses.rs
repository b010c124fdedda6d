//! `kdb5_fido usage`: stores of this KDC and of others.

use std::{fs, path::Path};

use krb5_fido_protocol::fido::record::CredentialRecord;
use krb5_fido_state::{Store, Use, credential_key};
use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::Realm;
use serde_json::{Value, json};
use time::{Duration, UtcDateTime};

use crate::support::{assert_done, assert_failed, realm, record, set_string};

fn time(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// Writes a use of a key of [`record`] down, as a KDC does.
fn use_key(directory: &Path, id: &[u8], counter: u32, time: UtcDateTime) {
    let (store, _) = Store::open(directory).unwrap();
    let last = Use {
        counter,
        digest: [0; 32],
        time,
        user_verified: counter > 100,
    };
    let any = CredentialRecord::parse(&record("AQ", json!({}))).unwrap();
    let key = credential_key(id, &any.public_key().encode());
    let stored = store.update(&key, |_| Ok::<_, ()>((last, ())));
    stored.unwrap().unwrap();
}

/// alice has the keys 1 and 2, bob has 3; the second was used at another KDC alone.
fn with_uses() -> Realm {
    let realm = realm();
    realm.add_principal("bob", PASSWORD, &[]).unwrap();
    set_string(&realm, "alice", "fido:blue", &record("AQ", json!({})));
    set_string(&realm, "alice", "fido:red", &record("Ag", json!({})));
    set_string(&realm, "alice", "fido:broken", "garbled");
    set_string(&realm, "bob", "fido:key1", &record("Aw", json!({})));
    use_key(&realm.dir().join("fido"), &[1], 9, time(1_800_000_000));
    let other = realm.dir().join("other");
    use_key(&other, &[1], 7, time(1_800_000_060));
    use_key(&other, &[2], 101, time(1_800_000_000));
    realm
}

const OWN: &str = "\
alice@KRBTEST.COM
    blue         2027-01-15T08:00:00Z  at local  counter 9
    red          never used; registered 2026-01-02T03:04:05Z
bob@KRBTEST.COM
    key1         never used; registered 2026-01-02T03:04:05Z
";

#[test]
fn own_store() {
    let realm = with_uses();
    assert_done(&realm.kdb5_fido(&["usage"]).unwrap(), OWN, "");
    let alice = OWN.split_once("bob@").unwrap().0;
    assert_done(&realm.kdb5_fido(&["usage", "alice"]).unwrap(), alice, "");
}

#[test]
fn copies_of_others_are_merged() {
    let realm = with_uses();
    let other = realm.dir().join("other");
    for path in [other.clone(), other.join("data.mdb")] {
        let from = format!("kdc2={}", path.display());
        let merged = realm.kdb5_fido(&["usage", "alice", "--from", &from]).unwrap();
        let expected = "\
alice@KRBTEST.COM
    blue         2027-01-15T08:01:00Z  at kdc2  counter 9 at local
    red          2027-01-15T08:00:00Z  at kdc2  counter 101
";
        assert_done(&merged, expected, "");
    }
    let path = other.to_str().unwrap();
    let unnamed = realm
        .kdb5_fido(&["usage", "alice", "--json", "--from", path])
        .unwrap();
    let described: Value = serde_json::from_str(&unnamed.stdout).unwrap();
    let expected = json!({
        "principal": "alice@KRBTEST.COM",
        "label": "red",
        "created": "2026-01-02T03:04:05Z",
        "last_used": "2027-01-15T08:00:00Z",
        "last_kdc": path,
        "user_verified": true,
        "counter": 101,
        "counter_kdc": path,
    });
    assert_eq!(described[1], expected);
}

#[test]
fn keys_that_nobody_has_used_for_long() {
    let realm = realm();
    let now = UtcDateTime::now();
    let days = |days| now - Duration::days(days);
    let registered = |days_ago| {
        let format = time::format_description::well_known::Rfc3339;
        json!({"created": days(days_ago).format(&format).unwrap()})
    };
    for (label, id, at, used) in [
        ("fresh", "AQ", 10, None),
        ("used", "Ag", 200, Some(20)),
        ("left", "Aw", 200, Some(100)),
        ("never", "BA", 200, None),
    ] {
        set_string(
            &realm,
            "alice",
            &format!("fido:{label}"),
            &record(id, registered(at)),
        );
        if let Some(used) = used {
            let number = ["AQ", "Ag", "Aw"].iter().position(|known| *known == id).unwrap() + 1;
            let id = [u8::try_from(number).unwrap()];
            use_key(&realm.dir().join("fido"), &id, 1, days(used));
        }
    }
    let labels = |duration: &str| -> Vec<String> {
        let usage = realm
            .kdb5_fido(&["usage", "--json", "--unused-since", duration])
            .unwrap();
        let keys: Value = serde_json::from_str(&usage.stdout).unwrap();
        let keys = keys.as_array().unwrap().iter();
        keys.map(|key| key["label"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(labels("90d"), ["left", "never"]);
    assert_eq!(labels("15d"), ["used", "left", "never"]);
    assert_eq!(labels("300d"), [""; 0]);
}

#[test]
fn login_is_seen_while_the_kdc_runs() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    assert!(
        realm
            .kdb5_fido(&["usage"])
            .unwrap()
            .stdout
            .contains("blue         never used; registered")
    );
    for counter in [2, 3] {
        let login = realm.kinit("alice", PASSWORD, &[]).unwrap();
        assert!(login.success(), "{login}");
        let usage = realm.kdb5_fido(&["usage", "alice"]).unwrap();
        assert!(usage.success(), "{usage}");
        let logged = realm.kdc_log();
        let counted = logged.rsplit_once(" counter=").unwrap().1;
        let counted = counted.split(' ').next().unwrap();
        assert!(
            usage.stdout.ends_with(&format!("at local  counter {counted}\n")),
            "{counter} {usage}"
        );
    }
}

#[test]
fn stores_that_cannot_be_read() {
    let realm = with_uses();
    let nowhere = realm.dir().join("nowhere");
    assert_failed(
        &realm
            .kdb5_fido(&["usage", "--from", nowhere.to_str().unwrap()])
            .unwrap(),
        &format!("state store {}: there is none", nowhere.display()),
    );
    let garbage = realm.dir().join("garbage");
    fs::write(&garbage, "garbage").unwrap();
    assert_failed(
        &realm
            .kdb5_fido(&["usage", "--from", garbage.to_str().unwrap()])
            .unwrap(),
        &format!("state store {}: it has a malformed entry", garbage.display()),
    );
}
