//! A safe wrapper over libfido2 1.12 and later. All unsafe code of this crate is in here.
//!
//! Invariants of the whole module:
//! 1. Every object of libfido2 is owned by one [`handle::Handle`], which frees it once, on drop. No pointer into an object
//!    outlives the call that asked for it: what is needed is copied.
//! 2. A `fido_dev_t` is used by the thread that opened it alone.
//! 3. Nothing unwinds into libfido2 (reports.rs).

#![allow(
    unsafe_code,
    reason = "the bindings of libfido2 are used here and nowhere else"
)]

mod assertion;
mod code;
mod credential;
mod device;
mod handle;
mod information;
mod inherited;
mod list;
mod reports;
mod touch;

pub use assertion::{Assertion, AssertionRequest};
pub use credential::{Algorithm, Attestation, CredentialRequest, Registration};
pub use device::{Device, Verification};
pub use information::Capabilities;
pub use inherited::inherited_socket;
pub use list::{DeviceInfo, discover};
