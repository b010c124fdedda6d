//! The library and krb5-fido-helper against keys on Unix sockets: scripted ones, and the software key.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod choosing;
mod discovery;
mod helper;
mod helper_ends;
mod helper_probe;
mod kinds;
mod pins;
mod several;
mod software_key;
mod support;
mod u2f;
mod waiting;
mod wrapper;
