//! A throwaway Kerberos realm on loopback with the installed krb5kdc and kadmind.
//!
//! ```no_run
//! # fn main() -> Result<(), krb5_testrealm::Error> {
//! use krb5_testrealm::{Modules, Realm};
//!
//! let realm = Realm::builder().client_modules(Modules::Stock).kdc_modules(Modules::Stock).start()?;
//! realm.add_principal("alice", "secret", &["+requires_preauth"])?;
//! let login = realm.kinit("alice", "secret", &[])?;
//! assert!(login.success() && login.trace.contains("PA-SPAKE"), "{login}");
//! # Ok(())
//! # }
//! ```
//!
//! Everything a realm needs lies in one directory: database, stash, update log, configuration, logs, replay and
//! credential caches. It listens on 127.0.0.1 only, but for kpropd of [replicas](Replica), reads neither /etc/krb5.conf nor
//! /etc/krb5kdc, asks no DNS, and leaves nothing behind.

#![forbid(unsafe_code)]

mod artifacts;
mod builder;
mod config;
mod daemon;
mod database;
mod error;
mod host;
mod kprop;
mod packages;
mod ports;
mod process;
mod realm;
mod reconfigured;
mod replica;
mod second_kdc;
mod settings;
mod slapd;
mod softkey;

pub use artifacts::Artifacts;
pub use builder::{Modules, RealmBuilder};
pub use database::Database;
pub use error::{Error, StartEnd, StartFailure};
pub use packages::{library_directory, packaged};
pub use process::Finished;
pub use realm::{COMMAND_LIMIT, LogMark, Realm};
pub use replica::{Propagation, Replica};
pub use second_kdc::SecondKdc;
pub use softkey::{Presence, SoftKey};
