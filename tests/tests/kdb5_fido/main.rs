//! kdb5_fido on a database of its own, as administrators run it: what it prints, how it ends, and what it leaves.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod add;
mod check_config;
mod concurrency;
mod database;
mod disable;
mod enroll;
mod export;
mod failures;
mod import;
mod iprop;
mod last_uses;
mod list;
mod policy;
mod remove;
mod rename;
mod round_trip;
mod show;
mod status;
mod support;
mod terminal;
mod usage;
