//! What kadmind lets whom do with keys: stock kadmin and kfido against a real kadmind with the module.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod attested;
mod crowd;
mod door;
mod kfido;
mod support;
mod thief;
