//! Registering security keys against principals: what the command line tools share.

#![forbid(unsafe_code)]

mod client;
mod entry;
mod error;
mod flags;
pub mod format;
mod listed;
mod overrides;
mod plugin;
mod registration;
mod store;
mod terminal;
mod uses;

pub use client::{ClientRealm, choose_rp_id};
pub use error::Error;
pub use flags::Mended;
pub use listed::Listed;
pub use overrides::{Overrides, OwnSettings, Setting};
pub use plugin::{CLIENT_MODULE, Interface, KDC_MODULE, Loading, Module, POLICY_MODULE, Plugin};
pub use registration::{KeyRequest, Registered, Terminal, register};
pub use store::{Added, Keys, Removed, Store};
pub use terminal::{Console, confirm, fail, print, warn_of_unused};
pub use uses::{OWN_STORE, StoreCopy, Stores, Usage, open_own};
