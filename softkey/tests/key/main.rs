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
mod program;
mod sockets;
mod touch;
mod wire;
