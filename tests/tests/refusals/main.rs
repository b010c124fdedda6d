//! Who must use a key gets no ticket by any other mechanism that krb5 has, and what of that counts for lockout. That
//! encrypted timestamp and encrypted challenge are refused is in `tests/enrolled/password_alone.rs`.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod lockout;
mod otp;
mod pkinit;
mod realms;
mod sf_none;

use krb5_fido_tests::{LogLine, as_lines, assert_refused, kadmin};
use krb5_testrealm::{Artifacts, Finished, LogMark, Realm, RealmBuilder, library_directory, packaged};

/// What the policy module refuses with.
const POLICY: &str = "KDC policy rejects request";

/// One of krb5's own modules that are packages of their own, from where `deps.sh` unpacks it, as `module` names it.
fn unpacked(name: &str, package: &'static str) -> String {
    let path = format!("{}/krb5/plugins/preauth/{name}.so", library_directory());
    format!("{name}:{}", packaged(package, &path).unwrap().display())
}

/// Has the KDC load it before ours.
fn with_kdc_module(module: &str) -> RealmBuilder {
    let ours = Artifacts::locate().unwrap().kdc_module();
    Realm::builder()
        .kadmind(false)
        .kdc_relation("plugins/kdcpreauth:module", module)
        .kdc_relation("plugins/kdcpreauth:module", &format!("spake:{}", ours.display()))
}

/// Leaves alice's key to the policy module alone.
fn clear_hardware_flag(realm: &Realm) {
    kadmin(realm, &["modprinc", "-requires_hwauth", "alice"]);
}

/// The policy module refused it, and nothing else.
#[track_caller]
fn assert_refused_by_policy(realm: &Realm, login: &Finished, since: LogMark) {
    assert_refused(realm, login, POLICY);
    let unused = "a security key is required, and was not used";
    assert_eq!(
        as_lines(&realm.kdc_log_since(since)).last(),
        Some(&LogLine::new("FIDO_REQUIRED", unused))
    );
}
