//! The KDCs of a realm, which are not always alike.

use krb5_fido_tests::Enrolled;
use krb5_testrealm::{Modules, Realm, SecondKdc};
use serde_json::{Value, json};

use super::{assert_finds, tidy, with_alice};
use crate::support::PASSWORD;

fn address(realm: &Realm) -> String {
    format!("127.0.0.1:{}", realm.kdc_port())
}

/// Has clients know of both KDCs.
fn add_kdc(realm: &mut Realm, second: &SecondKdc) {
    let first = address(realm);
    realm
        .set_client_relation("kdc", &[&first, &second.address()])
        .unwrap();
}

fn asks_for_key(kdc: &str) -> Value {
    json!({"kdc": kdc, "answer": "key", "error": null})
}

#[test]
fn kdcs_that_are_alike() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let report = assert_finds(&realm, &[]);
    assert_eq!(report["kdcs"], json!([asks_for_key(&address(&realm))]));

    let second = realm.second_kdc(Modules::Ours).unwrap();
    add_kdc(&mut realm, &second);
    let report = assert_finds(&realm, &[]);
    let expected = json!([asks_for_key(&address(&realm)), asks_for_key(&second.address())]);
    assert_eq!(report["kdcs"], expected);

    let told = realm.kdb5_fido(&["check-config"]).unwrap().checked().unwrap();
    let line = format!("{} asks for the key\n", second.address());
    assert!(told.stdout.contains(&line), "{told}");
}

#[test]
fn kdc_without_the_module() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let second = realm.second_kdc(Modules::Stock).unwrap();
    add_kdc(&mut realm, &second);
    let report = assert_finds(&realm, &["error kdc_without_key"]);
    assert_eq!(report["findings"][0]["where"], second.address());
    assert_eq!(report["kdcs"][1]["answer"], "no_key");

    realm.set_client_relation("kdc", &[&second.address()]).unwrap();
    assert!(!realm.kinit("alice", PASSWORD, &[]).unwrap().success());
}

/// kdc.conf is right, and krb5kdc has not read it.
#[test]
fn kdc_that_was_not_started_anew() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let second = realm.second_kdc(Modules::Stock).unwrap();
    realm.set_client_relation("kdc", &[&second.address()]).unwrap();
    assert_finds(&realm, &["error kdc_without_key"]);
}

#[test]
fn kdcs_of_different_modes() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let second = realm.second_kdc(Modules::Ours).unwrap();
    add_kdc(&mut realm, &second);
    let datagrams = "kdcdefaults:kdc_max_dgram_reply_size";
    realm.set_kdc_relation(datagrams, &["4096"]).unwrap();
    realm.set_kdc_relation("fido_challenge", &["clear"]).unwrap();
    let report = assert_finds(&realm, &["warning kdcs_differ"]);
    let place = format!("{} and {}", address(&realm), second.address());
    assert_eq!(report["findings"][0]["where"], place);
}

/// As before the start of krb5kdc.
#[test]
fn kdc_that_does_not_run() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    realm.stop_kdc();
    let kdc = address(&realm);
    let report = assert_finds(&realm, &[]);
    let expected = json!([{"kdc": kdc, "answer": "none", "error": "Connection refused (os error 111)"}]);
    assert_eq!(report["kdcs"], expected);
}

#[test]
fn kdcs_that_cannot_be_asked() {
    let Enrolled { mut realm, key: _key } = Enrolled::start(tidy());
    let kdcs = ["https://kdc.example.com/KdcProxy", "nowhere.invalid"];
    realm.set_client_relation("kdc", &kdcs).unwrap();
    let report = assert_finds(&realm, &[]);
    let only = "only a host, with or without a port, is asked, over TCP";
    assert_eq!(
        report["kdcs"][0],
        json!({"kdc": kdcs[0], "answer": "none", "error": only})
    );
    assert_eq!(report["kdcs"][1]["answer"], "none", "{report:#}");
}

#[test]
fn nobody_to_ask_about() {
    let realm = with_alice(tidy());
    let report = assert_finds(&realm, &[]);
    assert_eq!(report["kdcs"], json!([]));
}

/// What is asked is no attempt to log in.
#[test]
fn asking_counts_for_no_lockout() {
    let Enrolled { realm, key: _key } = Enrolled::start(tidy());
    let query = |words: &[&str]| {
        let finished = realm.kadmin_local(words).unwrap();
        finished.checked().unwrap().stdout
    };
    query(&["addpol", "-maxfailure", "1", "strict"]);
    query(&["modprinc", "-policy", "strict", "alice"]);
    assert_finds(&realm, &[]);
    assert_finds(&realm, &[]);
    let entry = query(&["getprinc", "alice"]);
    assert!(entry.contains("Failed password attempts: 0\n"), "{entry}");
}
