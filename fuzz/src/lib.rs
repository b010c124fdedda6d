//! What the fuzz targets assert, one function for each of them, and their seeds.
//!
//! A decoder is asked for what it gives back: what it took must be written again as it came, or a second reader, written
//! from the format's description, must agree. A whole pass is asked for what it must not give away, whoever is on the other
//! side.

#![forbid(unsafe_code)]

mod attestation;
mod client;
mod configuration;
mod cookies;
mod credentials;
mod door;
mod kdc;
mod kerberos;
mod messages;
mod names;
mod security_key;
pub mod seeds;

pub use attestation::attestation_statement;
pub use client::{ClientScript, client_pass};
pub use configuration::configuration;
pub use cookies::{challenge_cookie, factor_cookie};
pub use credentials::{attestation_object, authenticator_data, cose_key, record};
pub use door::{door, invitation};
pub use kdc::{Granted, KdcScript, kdc_pass};
pub use messages::{factor, helper_frames, pa_spake, responder_answer};
pub use names::{facet_list, suffix_list};
