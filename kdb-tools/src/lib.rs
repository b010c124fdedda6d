//! Registering security keys against principals: what the command line tools share.

#![forbid(unsafe_code)]

mod client;
mod entry;
mod error;
mod registration;
mod store;
mod terminal;

pub use client::{ClientRealm, choose_rp_id};
pub use error::Error;
pub use registration::{KeyRequest, Registered, Terminal, register};
pub use store::{Added, Keys, Listed, Removed, Store};
pub use terminal::{Console, confirm, fail, print, warn_of_unused};
