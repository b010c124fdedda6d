//! Registering security keys against principals: what the command line tools share.

#![forbid(unsafe_code)]

mod entry;
mod error;
mod registration;
mod store;

pub use error::Error;
pub use registration::{KeyRequest, Registered, Terminal, register};
pub use store::{Added, Keys, Listed, Removed, Store};
