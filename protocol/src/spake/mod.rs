//! SPAKE preauthentication: groups, messages, transcript, keys, cookie and the passes of both sides (RFC 9588).
//!
//! [`client`] and [`kdc`] hold one type per stage of the exchange. Each pass consumes its stage and returns the next, so
//! that the key of another stage cannot be had, and the KDC's `K'[0]` only with a verified factor. What may be traced on
//! the way is told to an observer, as [`Event`]s.

pub mod client;
mod cookie;
mod derive;
mod edwards25519;
mod factor;
mod group;
pub mod kdc;
pub mod message;
mod nist;
mod p256;
pub mod settings;
mod transcript;

pub use group::{Group, parse_groups};

use crate::kerberos::Key;

/// Why a pass failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpakeError<E> {
    /// What the other side, the cookie or the random source sent is refused.
    #[error(transparent)]
    Protocol(#[from] crate::Error),
    /// The Kerberos cryptography or the random source failed.
    #[error("{0}")]
    Kerberos(E),
}

/// What a pass of the exchange results in, for Kerberos keys of type `K`.
pub type PassResult<T, K> = Result<T, SpakeError<<K as Key>::Error>>;

/// Who is told of each [`Event`] of a pass.
pub type Observer<'o, K> = dyn FnMut(Event<'_, K>) + 'o;

/// What happened within a pass, told in the order in which MIT krb5's own module traces it.
pub enum Event<'a, K> {
    /// A private scalar was drawn and this public element made from it.
    PublicKey(&'a [u8]),
    /// K, the SPAKE result, was computed. It is a secret and stays in the stage.
    Result,
    /// The transcript hash is final.
    Transcript(&'a [u8]),
    /// `K'[number]` was derived.
    Key {
        /// The n of `K'[n]`.
        number: u32,
        /// The key itself: a secret of which only a fingerprint belongs in a trace.
        key: &'a K,
    },
}

#[cfg(test)]
mod tests;
