//! Ours and stock on either side: whatever a login meets, the module of this project and that of MIT krb5 do the same, and
//! libkrb5 traces the same.
//!
//! Each test runs at one of the two KDCs, logs in with both clients, and compares them: four pairs, of which stock with
//! stock is the measure. What a principal with a key adds stands beside it, for our client at our KDC.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

#[macro_use]
mod sides;

mod armor;
mod aside;
mod fleet;
mod indicators;
mod kadmind;
mod kdc_trace;
mod ksu;
mod large;
mod matrix;
mod names;
mod negotiation;
mod optimistic;
mod referral;

/// krb5.conf and kdc.conf: the groups that this side permits.
const GROUPS: &str = "spake_preauth_groups";

/// What a request with PA-SPAKE carries.
const COOKIE_AND_SPAKE: [i32; 2] = [133, 151];
/// What one with an encrypted timestamp carries.
const COOKIE_AND_TIMESTAMP: [i32; 2] = [133, 2];

const WRONG: &str = "incorrect horse";
const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

/// What the modules trace of a login in edwards25519.
const SUPPORT: &str = "Sending SPAKE support message";
const CHALLENGE: &str = "SPAKE challenge received with group 1, pubkey <32 octets>";
const KEY: &str = "SPAKE key generated with pubkey <32 octets>";
const RESULT: &str = "SPAKE algorithm result: (hidden)";
const HASH: &str = "SPAKE final transcript hash: <32 octets>";
const RESPONSE: &str = "Sending SPAKE response";
const LOGIN: [&str; 6] = [SUPPORT, CHALLENGE, KEY, RESULT, HASH, RESPONSE];

/// What ours adds for a key.
const FACTOR: &str = "SPAKE second factor: SF-FIDO";
const FIDO_CHALLENGE: &str = "SF-FIDO challenge received: 1 relying parties, 1 credentials";
const ASSERTION: &str = "Sending SF-FIDO assertion";
const LOGIN_WITH_KEY: [&str; 9] = [
    SUPPORT,
    CHALLENGE,
    KEY,
    RESULT,
    HASH,
    FACTOR,
    RESPONSE,
    FIDO_CHALLENGE,
    ASSERTION,
];
