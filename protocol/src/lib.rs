//! SPAKE preauthentication (RFC 9588) with a FIDO second factor.
//!
//! Bytes, time and randomness in, bytes and decisions out: no I/O, no libkrb5, no libfido2. Kerberos cryptography comes
//! in through [`kerberos::Key`].

#![forbid(unsafe_code)]

mod asn1;
mod error;
pub mod fido;
pub mod helper;
pub mod kerberos;
pub mod registry;
pub mod relations;
pub mod secret;
pub mod spake;
mod verified;

pub use error::Error;
pub use verified::VerifiedFactor;
