//! `kdb5_fido check-config`.

mod client;
mod fix;
mod kdcs;
mod modules;
mod principals;
mod values;

use krb5_testrealm::{Realm, RealmBuilder};
use serde_json::Value;

use crate::support::PASSWORD;

/// A realm in which nothing is to be found.
fn tidy() -> RealmBuilder {
    let disable = "plugins/kdcpreauth:disable";
    Realm::builder()
        .kadmind(false)
        .kdc_relation(disable, "encrypted_timestamp")
        .kdc_relation(disable, "encrypted_challenge")
        .client_relation("disable_encrypted_timestamp", "true")
}

/// The same with alice, who has no key.
fn with_alice(builder: RealmBuilder) -> Realm {
    let realm = builder.start().unwrap();
    realm
        .add_principal("alice", PASSWORD, &["+requires_preauth"])
        .unwrap();
    realm
}

/// What is found, and the exit status.
#[track_caller]
fn check(realm: &Realm, more: &[&str]) -> (Option<i32>, Value) {
    let arguments = [&["check-config", "--json"], more].concat();
    let finished = realm.kdb5_fido(&arguments).unwrap();
    assert_eq!(finished.stderr, "", "{finished}");
    (finished.code(), serde_json::from_str(&finished.stdout).unwrap())
}

/// `SEVERITY ID` of each finding.
fn identifiers(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    findings
        .map(|finding| format!("{} {}", word(finding, "severity"), word(finding, "id")))
        .collect()
}

/// Exactly this is found, and the exit status is that of the worst.
#[track_caller]
fn assert_finds(realm: &Realm, expected: &[&str]) -> Value {
    let (code, report) = check(realm, &[]);
    assert_eq!(identifiers(&report), expected, "{report:#}");
    let worst = match expected {
        [] => 0,
        [first, ..] if first.starts_with("error") => 1,
        _ => 3,
    };
    assert_eq!(code, Some(worst), "{report:#}");
    report
}

/// What is said of the only finding.
fn only_what(report: &Value) -> &str {
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
    report["findings"][0]["what"].as_str().unwrap()
}
