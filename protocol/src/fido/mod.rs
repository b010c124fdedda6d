//! The SF-FIDO second factor: messages, what is signed, credential records, verification.

#[cfg(feature = "verify")]
pub mod admission;
#[cfg(feature = "verify")]
pub mod attestation;
pub mod authenticator_data;
mod cbor;
pub mod client_data;
pub mod client_settings;
pub mod cose;
pub mod counter;
#[cfg(feature = "verify")]
pub mod decoy;
#[cfg(feature = "rp-id")]
pub mod facets;
pub mod factor;
pub mod invite;
pub mod json;
pub mod kdc_settings;
pub mod label;
pub mod policy;
pub mod question;
pub mod record;
#[cfg(feature = "rp-id")]
pub mod rp_id;
mod timestamp;
#[cfg(feature = "verify")]
pub mod verify;
