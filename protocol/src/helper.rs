//! Frames between the client module and krb5-fido-helper.
//!
//! A frame is a big-endian `u32`, the number of bytes that follow, at most [`BODY_MAX`]; then one CBOR map of definite
//! length, its keys 0, 1, 2 and so on in this order:
//!
//! | key | value |
//! |---|---|
//! | 0 | version: [`VERSION`] |
//! | 1 | message type |
//! | 2.. | the fields of the message, in the order in which the types below declare them; null for an absent one |
//!
//! A field that is itself a structure is an array of its fields. Nothing is optional in a version but by null, and nothing
//! follows the map.

mod codec;
#[cfg(test)]
mod tests;

pub use codec::{decode, decode_length, encode};

use crate::{
    fido::{
        client_settings::ClientSettings,
        factor::{FidoAssertion, RelyingParty},
    },
    secret::SecretBytes,
};

/// The version of the frames, under key 0.
pub const VERSION: u8 = 3;

/// The largest body of a frame, in bytes: its length prefix not counted.
pub const BODY_MAX: usize = 128 * 1024;

/// The longest PIN that is carried, in bytes of UTF-8 (CTAP 2.1 section 6.5.1).
pub const PIN_MAX: usize = 63;

/// What the module and the helper say to each other.
pub enum Message {
    /// Type 1, module to helper, first and once: sign for one of these parties.
    Assert(Box<Assert>),
    /// Type 2, module to helper: the answer to [`Message::PinWanted`], 1 to [`PIN_MAX`] bytes of UTF-8.
    Pin(SecretBytes),
    /// Type 3, helper to module: ask for the PIN of this key.
    PinWanted(PinWanted),
    /// Type 4, helper to module: the keys of these product names wait for a touch, at least one. The touched one counts.
    TouchNow(Vec<String>),
    /// Type 5, helper to module, last: what the key signed.
    Assertion(FidoAssertion),
    /// Type 6, helper to module, last: why there is no assertion, or no answer.
    Failed(Failure),
    /// Type 7, module to helper, first and once, in place of [`Message::Assert`]: which keys are there where these values
    /// of relation `fido_device` look for them; none of them for its default. No key is opened.
    Probe(Vec<String>),
    /// Type 8, helper to module: the attached keys. Last in answer to [`Message::Probe`], where a path or socket that is
    /// named counts as a key and no state is told. In the course of [`Message::Assert`], once and before anything is asked
    /// of the user, those that can be used, with their state; then the helper waits for [`Message::Choose`].
    Attached(Vec<AttachedKey>),
    /// Type 9, helper to module, before any other: a party of [`Assert::parties`], as the KDC wrote its rpId, that this
    /// client does not sign for.
    Skipped(String),
    /// Type 10, helper to module: no attached key will do, for this cause, and the helper waits for another one. If none comes,
    /// it is how this ends.
    Waiting(Failure),
    /// Type 11, module to helper: the answer to [`Message::Attached`].
    Choose(Choice),
    /// Type 12, helper to module, before any other: a facet list counts for nothing, for this reason, which names it.
    FacetsUnused(String),
}

/// A key that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedKey {
    /// Its device path, or `unix:` and that of its socket: a value for relation `fido_device`.
    pub path: String,
    /// Its product name.
    pub product: String,
    /// What it says of itself, if it was asked.
    pub state: Option<KeyState>,
}

/// How a key can verify its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// A PIN is set.
    pub pin_set: bool,
    /// How many wrong PINs it still takes, if it has one and tells.
    pub pin_retries: Option<u8>,
    /// It verifies its user by fingerprint or the like.
    pub builtin_uv: bool,
}

/// What a program chose for its user.
#[derive(Default)]
pub struct Choice {
    /// The only key to use: a value of relation `fido_device`.
    pub device: Option<String>,
    /// The PIN to use first, if one is wanted; as in [`Message::Pin`].
    pub pin: Option<SecretBytes>,
}

/// What to sign, for whom, and with which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assert {
    /// The client's realm: the relying party identifiers follow from it.
    pub realm: String,
    /// Whom to sign for, and with which keys.
    pub settings: ClientSettings,
    /// The facet list that the KDC names.
    pub kdc_facets_url: Option<String>,
    /// Relation `fido_timeout`, in seconds.
    pub timeout_seconds: u32,
    /// The request's client as krb5_unparse_name prints it.
    pub principal: Vec<u8>,
    /// The KDC's nonce.
    pub nonce: [u8; 32],
    /// The final SPAKE transcript hash.
    pub transcript: Vec<u8>,
    /// SHA-256 of the KDC-REQ-BODY that will carry the assertion.
    pub request_hash: [u8; 32],
    /// The KDC's list, at least one.
    pub parties: Vec<RelyingParty>,
}

/// A key asks for its PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinWanted {
    /// The key's product name.
    pub product: String,
    /// How many wrong PINs the key still takes, if it tells.
    pub retries: Option<u8>,
    /// Why it is asked for.
    pub reason: PinReason,
}

/// Why a PIN is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinReason {
    /// 0: policy, credential or key demand it.
    Demanded,
    /// 1: the last one was wrong.
    WrongPin,
    /// 2: the key did not recognize its user by fingerprint.
    NotRecognized,
    /// 3: without it the key does not tell whether it holds a credential (credProtect level 3, CTAP 2.1 section 12.1).
    Hidden,
}

impl PinReason {
    const fn number(self) -> u8 {
        match self {
            Self::Demanded => 0,
            Self::WrongPin => 1,
            Self::NotRecognized => 2,
            Self::Hidden => 3,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Demanded),
            1 => Some(Self::WrongPin),
            2 => Some(Self::NotRecognized),
            3 => Some(Self::Hidden),
            _ => None,
        }
    }
}

/// Why there is no assertion, with what a message for people needs. On the wire: the cause, and an array of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// 0: no security key is attached, or `fido_device` is `none`.
    NoKey,
    /// 1: the attached key holds none of the credentials.
    WrongKey {
        /// The key's product name.
        product: String,
    },
    /// 2: the key's user declined.
    Declined {
        /// The key's product name.
        product: String,
    },
    /// 3: no touch in time.
    TimedOut,
    /// 4: SIGINT, SIGTERM or SIGHUP.
    Cancelled,
    /// 5: the KDC or the key itself requires user verification, and the key has neither a PIN nor a fingerprint.
    PinRequiredNotSet {
        /// The key's product name.
        product: String,
    },
    /// 6: wrong PIN.
    PinInvalid {
        /// The key's product name.
        product: String,
        /// How many wrong PINs the key still takes, if it tells.
        retries: Option<u8>,
    },
    /// 7: too many wrong PINs: only a reset helps.
    PinBlocked {
        /// The key's product name.
        product: String,
    },
    /// 8: too many wrong PINs in a row: the key must be plugged in again.
    PinAuthBlocked {
        /// The key's product name.
        product: String,
    },
    /// 9: this client signs for none of the relying parties that the KDC named.
    NoAcceptedRelyingParty,
    /// 10: a device could not be opened.
    DeviceUnavailable {
        /// Its path, or its value of `fido_device`.
        device: String,
        /// For people.
        reason: String,
    },
    /// 11: a relation has an impossible value.
    InvalidConfiguration {
        /// The relation's name.
        relation: String,
        /// Its value.
        value: String,
    },
    /// 12: the KDC requires user verification and the key speaks U2F alone, which has none.
    U2fOnly {
        /// The key's product name.
        product: String,
    },
    /// 13: any other error of a key.
    Device {
        /// The key's product name.
        product: String,
        /// FIDO_ERR_* of libfido2: positive numbers are CTAP status codes. 0 if there is only a text.
        code: i32,
        /// libfido2's name of the code, or the error in words.
        text: String,
    },
    /// 14: a fault of the helper itself, or frames that it did not expect.
    Internal,
    /// 15: this client signs for none of the relying parties that the KDC named, and a facet list that might have vouched
    /// for one counts for nothing.
    FacetsUnused {
        /// For people; names the list.
        reason: String,
    },
}
