//! Logins of a principal with a registered key: what it gets for password and key, and that nothing less is enough.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod aliases;
mod given_up;
mod logins;
mod password_alone;
mod refused;

use krb5_fido_tests::{Enrolled, PASSWORD, kadmin};
use krb5_testrealm::{Finished, Realm};

/// What a request with PA-SPAKE carries.
const COOKIE_AND_SPAKE: [i32; 2] = [133, 151];

const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";
const NO_KEY: &str = "No security key attached: plug in the one registered for alice@KRBTEST.COM";
const POLICY: &str = "KDC policy rejects request";

fn enrolled() -> Enrolled {
    Enrolled::start(Realm::builder())
}

/// Logs alice in with her password.
fn alice(realm: &Realm, arguments: &[&str]) -> Finished {
    realm.kinit("alice", PASSWORD, arguments).unwrap()
}

fn modify_alice(realm: &Realm, flags: &[&str]) {
    kadmin(realm, &[&["modprinc"], flags, &["alice"]].concat());
}
