//! Registering security keys against principals: what the command line tools share.

#![forbid(unsafe_code)]

mod client;
pub mod describe;
mod entry;
mod error;
mod flags;
pub mod format;
mod kadmind;
mod listed;
mod overrides;
mod plugin;
mod private_file;
mod registration;
mod rename;
mod store;
mod terminal;
mod uses;

pub use client::{ClientRealm, choose_rp_id};
pub use error::Error;
pub use flags::Mended;
pub use kadmind::{Attempted, explain_refusal};
pub use listed::Listed;
pub use overrides::{Overrides, OwnSettings, Setting};
pub use plugin::{CLIENT_MODULE, Interface, KDC_MODULE, Loading, Module, POLICY_MODULE, Plugin};
pub use private_file::{check_replaceable, write_private};
pub use registration::{ChosenKey, Intent, KeyRequest, Registered, Terminal, Wishes, choose_key, register};
pub use rename::Renamed;
pub use store::{Added, Keys, Removed, Store};
pub use terminal::{Console, LineByLine, agree, confirm, fail, print, warn_of_unused};
pub use uses::{OWN_STORE, StoreCopy, Stores, Usage, open_own};
