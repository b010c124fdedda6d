//! A security key in software: CTAP 2.1 (FIDO Alliance, Proposed Standard of 2021-06-15) over a Unix socket.
//!
//! The authenticator itself is the opensk crate. This crate gives it what a piece of hardware would: durable memory
//! (`store`, `directory`), a wire (`socket`, `link`), a clock, randomness and somebody who touches it
//! ([`Presence`]). CTAPHID reports of 64 bytes go both ways over a SOCK_STREAM socket, without report id.
//!
//! U2F (CTAPHID_MSG) is not offered: the INIT response says so (CAPABILITY_NMSG), and GetInfo does not list U2F_V2.

#![forbid(unsafe_code)]

mod directory;
mod environment;
mod error;
mod key;
mod link;
mod messages;
mod presence;
mod run;
mod socket;
mod store;

pub use error::Error;
pub use key::Key;
pub use presence::{AlwaysGiven, AlwaysRefused, Presence, Touch};
pub use run::{Answer, Options, run};
pub use socket::Socket;
pub use store::AAGUID;
