//! A key under test is driven as a client drives it: through CTAPHID reports over its socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail"
)]

mod client;
mod credentials;
mod files;
mod pin;
mod pin_client;
mod program;
mod sharing;
mod sockets;
mod terminal;
mod touch;
mod u2f;
mod wire;
