//! What `kdb5_fido export` writes, into another database.

use krb5_fido_tests::{Enrolled, PASSWORD};
use krb5_testrealm::Realm;
use serde_json::{Value, json};

use crate::support::{kdb5_fido, realm, record, run_with_input, set_string, store};

/// Everything of one database, garbled records too, in another.
#[test]
fn round_trip_into_another_database() {
    let realm = realm();
    let util = |arguments: &[&str]| {
        let mut command = realm.command("kdb5_util");
        command.args(arguments);
        realm.run(command, "").unwrap().checked().unwrap();
    };
    let path = |name: &str| realm.dir().join(name).to_str().unwrap().to_owned();
    let (dump, copy, keys) = (path("dump"), path("copy"), path("keys.json"));
    realm.add_principal("bob", PASSWORD, &[]).unwrap();
    util(&["dump", &dump]);
    util(&["-d", &copy, "load", &dump]);

    store(
        &realm,
        "alice",
        "blue",
        &record("AQ", json!({"x": {"n": [1.50, null]}})),
    );
    store(&realm, "alice", "off", &record("Ag", json!({"disabled": true})));
    for (name, value) in [
        ("fido:broken", "{\"v\":1, \"x\":\"\u{e4}\"}"),
        ("fido:-bad", &*record("Aw", json!({}))),
        ("fido_policy", "required"),
        ("fido_indicator", "a  b"),
    ] {
        set_string(&realm, "alice", name, value);
    }
    set_string(&realm, "bob", "fido_uv", "discouraged");
    let run = |arguments: &[&str]| {
        let mut command = kdb5_fido(&realm);
        command.args(arguments);
        realm.run(command, "").unwrap().checked().unwrap()
    };
    run(&["export", "--out", &keys]);
    run(&["-d", &copy, "import", &keys]);

    let look = |query: &str, principal: &str, database: &[&str]| {
        let mut command = realm.command("kadmin.local");
        command.args(database).args([query, principal]);
        let text = realm.run(command, "").unwrap().checked().unwrap().stdout;
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| query == "getstrs" || line.starts_with("Attributes:"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    for principal in ["alice", "bob"] {
        for query in ["getstrs", "getprinc"] {
            assert_eq!(
                look(query, principal, &["-d", &copy]),
                look(query, principal, &[]),
                "{principal} {query}"
            );
        }
    }
    let principals = |database: &[&str]| -> Value {
        let text = run(&[database, &["export"]].concat()).stdout;
        let mut document: Value = serde_json::from_str(&text).unwrap();
        document["principals"].take()
    };
    assert_eq!(principals(&["-d", &copy]), principals(&[]));
}

#[test]
fn imported_key_logs_in() {
    let Enrolled { realm, key: _key } = Enrolled::start(Realm::builder());
    let exported = realm.kdb5_fido(&["export"]).unwrap().stdout;
    let removed = realm.kdb5_fido(&["remove", "alice", "blue", "--yes"]).unwrap();
    assert!(removed.success(), "{removed}");
    run_with_input(&realm, &["import", "-"], &exported)
        .checked()
        .unwrap();
    realm.kinit("alice", PASSWORD, &[]).unwrap().checked().unwrap();
    assert!(realm.kdc_log().contains(" accepted label=blue "));
}
