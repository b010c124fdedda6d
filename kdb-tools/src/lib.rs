//! Registering security keys against principals: what the command line tools share.

#![forbid(unsafe_code)]

mod admit;
mod client;
pub mod command_line;
pub mod describe;
mod disable;
mod document;
mod entry;
mod error;
mod export;
mod flags;
pub mod format;
mod import;
mod invitation;
mod kadmind;
mod listed;
mod overrides;
mod own;
mod plugin;
mod random;
mod registration;
mod rename;
mod store;
mod terminal;
mod uses;

pub use client::{ClientRealm, choose_rp_id};
pub use disable::{Switched, Which};
pub use document::{Document, DocumentEntry, DocumentFault};
pub use error::Error;
pub use export::{check_replaceable, write_private};
pub use flags::Mended;
pub use import::{ImportMode, Imported};
pub use invitation::{Closed, Invite, Invited};
pub use kadmind::KadmindError;
pub use listed::Listed;
pub use overrides::{Overrides, OwnSettings, Setting};
pub use own::{Attempted, OwnKeys};
pub use plugin::{
    CLIENT_MODULE, Interface, KADMIND_MODULE, KDC_MODULE, Loading, Module, POLICY_MODULE, Plugin,
};
pub use registration::{
    ChosenKey, Intent, KeyRequest, Registered, Terminal, Whose, Wishes, register_attached,
};
pub use rename::Renamed;
pub use store::{Added, Keys, Removed, Store};
pub use terminal::{Console, LineByLine, confirm, fail, print, warn_of_unused};
pub use uses::{OWN_STORE, StoreCopy, Stores, Usage, open_own};
