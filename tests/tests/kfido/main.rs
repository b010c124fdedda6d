//! kfido, as people and scripts run it: what it prints, how it ends, and what it leaves alone.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod check;
mod devices;
mod enroll;
mod manage;
mod own;
mod refused;
mod register;
mod rp_id;
mod support;
mod unusable;
mod usage;

use std::process::Command;

use krb5_testrealm::{Artifacts, Finished, Realm};
use serde_json::Value;

/// kfido without any argument.
fn kfido(realm: &Realm) -> Command {
    realm.command(Artifacts::locate().unwrap().kfido())
}

/// A realm without kadmind.
fn realm() -> Realm {
    Realm::builder().kadmind(false).start().unwrap()
}

/// Exit code, standard output and standard error.
fn seen(finished: &Finished) -> (Option<i32>, &str, &str) {
    (finished.code(), &finished.stdout, &finished.stderr)
}

/// What was printed, as JSON.
fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap()
}
