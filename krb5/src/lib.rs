//! Safe layer over MIT krb5: what loadable modules and the tools of this project need of it, and nothing that knows SPAKE
//! or FIDO.
//!
//! This is the only crate with unsafe code over krb5. Each file with unsafe code opens with the invariants it keeps.

mod boundary;
mod cache;
pub mod child;
pub mod clpreauth;
mod context;
mod data;
mod duration;
mod error;
mod initial_credentials;
pub mod kadm5;
pub mod kadm5_auth;
pub mod kdb;
mod kdc_error;
pub mod kdcpolicy;
pub mod kdcpreauth;
mod keyblock;
mod loadable;
pub mod log;
pub mod login;
mod myself;
mod principal;
mod profile;
mod prompter;
pub mod spake;
mod symbol;
pub mod trace;

pub use cache::CredentialCache;
pub use context::{Context, OwnedContext};
pub use duration::parse_duration;
pub use error::{Error, Failure, Result};
pub use initial_credentials::InitialCredentials;
pub use kdc_error::KdcError;
pub use keyblock::{KeyBlock, SystemRandom};
pub use loadable::check_loadable;
pub use myself::{default_cache_principal, host_principal, local_user_name};
pub use principal::{OwnedPrincipal, Principal};
pub use profile::{Profile, clock_skew};
pub use prompter::Prompter;

#[doc(hidden)]
pub mod exports {
    pub use krb5_sys::{krb5_context, krb5_error_code, krb5_plugin_vtable};
}
