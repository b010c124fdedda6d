//! A live krb5kdc with our module, under valgrind, takes mutated requests and goes on serving honest ones.
#![allow(missing_docs, reason = "a test program")]
#![allow(clippy::panic, reason = "a finding is the test's failure")]

use krb5_fido_tests::{
    barrage,
    watched::{self, Watcher},
};

const MUTANTS: u64 = 2000;

const SEED: u64 = 1;

/// What must be reached for the mutants to be worth something: each pass, both factors, the cookie, the assertion.
const REACHED: [&str; 12] = [
    "bad signature",
    "credential is not registered",
    "invalid SPAKE public key",
    "malformed DER",
    "malformed authenticator data",
    "message too long",
    "no SPAKE cookie, or an expired one",
    "second factor message fails its integrity check",
    "second factor was not offered in this exchange",
    "several PA-SPAKE messages in one request",
    "SPAKE cookie of another stage",
    "wrong password",
];

#[test]
fn mutated_requests_under_valgrind() {
    let fired = watched::fire(&Watcher::Memcheck, barrage::seed(SEED), MUTANTS, &mut |_, _| {});
    let outcome = fired.unwrap_or_else(|finding| panic!("{finding}"));
    for cause in REACHED {
        assert!(outcome.causes.contains_key(cause), "{cause}: {outcome:?}");
    }
    assert!(
        outcome.granted > 0 && outcome.refused > MUTANTS / 2,
        "{outcome:?}"
    );
}
