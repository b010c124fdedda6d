//! Realms in which somebody has to vouch for a key.

use std::{fs, path::Path};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use krb5_fido_protocol::fido::attestation::{AttestationObject, Statement};
use krb5_fido_tests::{PASSWORD, attribute};
use krb5_testrealm::{Artifacts, Finished, Presence, Realm, RealmBuilder, SoftKey};
use serde_json::{Value, json};

use crate::support::{ask_as, has, is_granted, last_line, start};

/// Registers a key with nobody's help, and gives the record.
fn register(realm: &Realm, key: &SoftKey, principal: &str) -> Value {
    let mut command = realm.command(Artifacts::locate().unwrap().kfido());
    command.args(["register", principal, "--out", "-", "--device", &key.device()]);
    let registered = realm.run(command, "").unwrap().checked().unwrap();
    serde_json::from_str(&registered.stdout).unwrap()
}

/// The certificate in the statement of a U2F key, as PEM.
fn certificate(record: &Value) -> String {
    let object = Base64UrlUnpadded::decode_vec(record["reg"]["att"].as_str().unwrap()).unwrap();
    let object = AttestationObject::parse(&object).unwrap();
    let Statement::FidoU2f { certificate, .. } = object.statement else {
        panic!("{object:?}");
    };
    let base64 = Base64::encode_string(certificate);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// A realm that trusts the maker of a U2F key alone; that key, and one that vouches for itself.
struct Trusting {
    trusted: SoftKey,
    other: SoftKey,
    realm: Realm,
}

impl Trusting {
    fn start() -> Self {
        let workshop = Realm::builder().kadmind(false).start().unwrap();
        let key = workshop
            .softkey_with("trusted", Presence::Auto, &["--u2f-only"])
            .unwrap();
        let roots = certificate(&register(&workshop, &key, "alice@KRBTEST.COM"));
        let credentials = workshop.dir().join("trusted");
        drop(key);

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("roots.pem");
        fs::write(&file, roots).unwrap();
        let realm = start(trusting(&file));
        copy(&credentials, &realm.dir().join("trusted"));
        // kadmind has read it.
        drop(directory);
        Self {
            trusted: realm
                .softkey_with("trusted", Presence::Auto, &["--u2f-only"])
                .unwrap(),
            other: realm.softkey("other", Presence::Auto).unwrap(),
            realm,
        }
    }

    fn store(&self, record: &Value) -> bool {
        let query = ["setstr", "alice", "fido:blue", &record.to_string()];
        is_granted(&ask_as(&self.realm, "admin/admin", &query))
    }

    fn assert_refused(&self, record: &Value, cause: &str) {
        assert!(!self.store(record));
        let line = last_line(&self.realm);
        assert!(line.contains(cause), "{line}");
        assert!(!has(&self.realm, "fido:blue"));
    }
}

fn trusting(roots: &Path) -> RealmBuilder {
    Realm::builder().kdc_relation("fido_attestation_roots", roots.to_str().unwrap())
}

/// What a software key keeps.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn key_of_a_maker_who_is_trusted() {
    let Trusting { trusted, realm, .. } = &Trusting::start();
    let record = register(realm, trusted, "alice@KRBTEST.COM");
    assert!(is_granted(&ask_as(
        realm,
        "admin/admin",
        &["setstr", "alice", "fido:blue", &record.to_string()]
    )));
    let arguments = ["-X", &format!("fido_device={}", trusted.device())];
    assert!(realm.kinit("alice", PASSWORD, &arguments).unwrap().success());
}

#[test]
fn key_that_vouches_for_itself() {
    let site = Trusting::start();
    let record = register(&site.realm, &site.other, "alice@KRBTEST.COM");
    site.assert_refused(&record, "self attestation");
}

#[test]
fn record_without_its_registration_or_with_another() {
    let site = Trusting::start();
    let record = register(&site.realm, &site.trusted, "alice@KRBTEST.COM");
    let mut bare = record.clone();
    bare.as_object_mut().unwrap().remove("reg");
    site.assert_refused(&bare, "the record has no member reg");

    let mut other_challenge = record.clone();
    other_challenge["reg"]["nonce"] = json!(Base64UrlUnpadded::encode_string(&[0; 32]));
    site.assert_refused(&other_challenge, "attestation signature does not verify");

    let self_attested = register(&site.realm, &site.other, "alice@KRBTEST.COM");
    let mut other_key = self_attested;
    other_key["reg"] = record["reg"].clone();
    other_key["fmt"] = record["fmt"].clone();
    site.assert_refused(&other_key, "the registration in the record is of another");

    let somebody_elses = register(&site.realm, &site.trusted, "bob@KRBTEST.COM");
    site.assert_refused(&somebody_elses, "attestation signature does not verify");
}

#[test]
fn tools_of_the_kdc_ask_the_same() {
    let site = Trusting::start();
    let enroll = |key: &SoftKey| -> Finished {
        let arguments = ["enroll", "alice", "--name", "blue", "--device", &key.device()];
        site.realm.kdb5_fido(&arguments).unwrap()
    };
    let refused = enroll(&site.other);
    assert_eq!(refused.code(), Some(1), "{refused}");
}

#[test]
fn models_that_are_not_listed() {
    let realm = start(Realm::builder().kdc_relation("fido_aaguids", "2fc0579f-8113-47ea-b116-bb5a8db9202a"));
    let key = realm.softkey("key", Presence::Auto).unwrap();
    let record = register(&realm, &key, "alice@KRBTEST.COM");
    let query = ["setstr", "alice", "fido:blue", &record.to_string()];
    assert!(!is_granted(&ask_as(&realm, "admin/admin", &query)));
    assert!(
        last_line(&realm).contains("is not among those that the realm allows"),
        "{}",
        last_line(&realm)
    );
    let arguments = ["enroll", "alice", "--device", &key.device()];
    let refused = realm.kdb5_fido(&arguments).unwrap();
    assert!(refused.stderr.contains("The key is not let in: "), "{refused}");
    assert!(attribute(&realm, "alice", "fido:key1").is_none());
}
