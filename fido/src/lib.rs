//! FIDO security keys attached to this machine by USB, or listening on a Unix socket: discovery, registration and assertion
//! over libfido2.
//!
//! ```no_run
//! # fn main() -> Result<(), krb5_fido_keys::Error> {
//! use krb5_fido_keys::{Device, DeviceSpec, discover};
//!
//! for found in discover(&[DeviceSpec::parse("auto")?])? {
//!     let device = Device::open(&found)?;
//!     println!("{}: PIN set: {}", found.product(), device.capabilities().pin_set);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Device`] stays in the thread that opened it; a [`Canceller`] stops it from any other. [`Watch`] tells when it is worth
//! to [`discover`] anew. A [`FacetFetcher`] fetches the facet list of a host over HTTPS, which says what realms may use the
//! host's credentials. [`RealmRules`] are the names that a client signs for.

#![deny(unsafe_code)]

mod cancel;
mod channel;
mod device_spec;
mod error;
mod facets;
mod libfido2;
mod pin;
mod rules;
mod suffix_list;
mod watch;

pub use cancel::Canceller;
pub use device_spec::DeviceSpec;
pub use error::Error;
pub use facets::{FacetFetcher, FacetsError, FacetsUrl, UrlError, cache_directory};
pub use libfido2::{
    Algorithm, Assertion, AssertionRequest, Attestation, Capabilities, CredentialRequest, Device, DeviceInfo,
    Registration, Verification, discover, inherited_socket,
};
pub use pin::Pin;
pub use rules::{RealmRules, UnusedList, fetch_voucher, rules_without_facets};
pub use suffix_list::{SuffixListError, read_suffix_list};
pub use watch::{Identity, Watch};
