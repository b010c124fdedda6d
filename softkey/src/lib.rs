//! A security key in software: CTAP 2.1 (FIDO Alliance, Proposed Standard of 2021-06-15) and U2F (raw message formats 1.2)
//! over a Unix socket.
//!
//! The authenticator itself is the opensk crate. This crate gives it what a piece of hardware would: durable memory
//! (`store`, `directory`), a wire (`socket`, `link`, `hid`), a clock, randomness and somebody who touches it
//! ([`Presence`]). CTAPHID reports of 64 bytes go both ways over a SOCK_STREAM socket, without report id. Several clients
//! may be connected: they share the key as programs share one on USB.
//!
//! U2F is off while the option alwaysUv is on: GetInfo does not list U2F_V2 then, and CTAPHID_MSG is answered by 0x6986.

#![forbid(unsafe_code)]

mod attestation;
mod directory;
mod environment;
mod error;
mod hid;
mod key;
mod link;
mod messages;
mod presence;
mod request;
mod run;
mod socket;
mod store;
mod terminal;

pub use error::Error;
pub use hid::Protocols;
pub use key::Key;
pub use presence::{AlwaysGiven, AlwaysRefused, NeverGiven, Presence, Touch};
pub use request::{RelyingParty, Request};
pub use run::{Answer, Options, run};
pub use socket::Socket;
pub use store::AAGUID;
pub use terminal::Terminal;
