//! Why a key did not do what it was asked for.

use std::io;

/// One variant per cause. None carries secret data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a value of `fido_device`.
    #[error("not a device: expected auto, none, an absolute path, or unix: and an absolute path")]
    InvalidDeviceSpec,
    /// A PIN that no key has: empty, longer than 63 bytes of UTF-8, or with a zero byte (CTAP 2.1 section 6.5.1).
    #[error("a PIN has 1 to 63 bytes of UTF-8")]
    InvalidPin,
    /// A name with a zero byte, or an argument that libfido2 refuses.
    #[error("invalid argument")]
    InvalidArgument,
    /// No memory.
    #[error("out of memory")]
    OutOfMemory,
    /// The device cannot be opened, or nobody listens on its socket.
    #[error("cannot open {device}: {reason}")]
    Unavailable {
        /// Its path.
        device: String,
        /// What the operating system says.
        reason: io::Error,
    },
    /// The device can be opened, but does not answer as a security key does, or another program uses it.
    #[error("{device} is busy, or not a security key")]
    NotAnswering {
        /// Its path.
        device: String,
    },
    /// The key holds none of the credentials (CTAP2_ERR_NO_CREDENTIALS).
    #[error("the security key holds none of these credentials")]
    NoCredentials,
    /// The key already holds an excluded credential (CTAP2_ERR_CREDENTIAL_EXCLUDED).
    #[error("the security key is registered already")]
    CredentialExcluded,
    /// The user declined (CTAP2_ERR_OPERATION_DENIED).
    #[error("declined at the security key")]
    Denied,
    /// Nobody touched the key in time: the request's limit, or the key's own (CTAP2_ERR_USER_ACTION_TIMEOUT).
    #[error("the security key was not touched in time")]
    TimedOut,
    /// [`crate::Canceller::cancel`] (CTAP2_ERR_KEEPALIVE_CANCEL).
    #[error("cancelled")]
    Cancelled,
    /// The key wants its PIN, or a fingerprint, for this (CTAP2_ERR_PUAT_REQUIRED).
    #[error("the security key wants its PIN")]
    PinRequired,
    /// The key has no PIN (CTAP2_ERR_PIN_NOT_SET).
    #[error("the security key has no PIN")]
    PinNotSet,
    /// Wrong PIN (CTAP2_ERR_PIN_INVALID).
    #[error("wrong PIN")]
    PinInvalid,
    /// Too many wrong PINs (CTAP2_ERR_PIN_BLOCKED): only a reset helps.
    #[error("the security key's PIN is blocked; only a reset of the key helps, which erases it")]
    PinBlocked,
    /// Three wrong PINs in a row (CTAP2_ERR_PIN_AUTH_BLOCKED).
    #[error("too many wrong PINs; remove the security key and insert it again")]
    PinAuthBlocked,
    /// A PIN that the key does not accept as a new one (CTAP2_ERR_PIN_POLICY_VIOLATION).
    #[error("the security key does not accept this PIN as its new one")]
    PinPolicyViolation,
    /// The fingerprint did not match (CTAP2_ERR_UV_INVALID).
    #[error("the security key did not recognize its user")]
    UvInvalid,
    /// Too many fingerprints that did not match (CTAP2_ERR_UV_BLOCKED): the PIN unblocks.
    #[error("the security key's user verification is blocked until its PIN is given")]
    UvBlocked,
    /// No room for another resident credential (CTAP2_ERR_KEY_STORE_FULL).
    #[error("the security key has no room for another credential")]
    KeyStoreFull,
    /// The key has none of the algorithms (CTAP2_ERR_UNSUPPORTED_ALGORITHM).
    #[error("the security key does not have this algorithm")]
    UnsupportedAlgorithm,
    /// The key cannot do this: PIN, user verification or a resident credential with U2F, for example
    /// (CTAP2_ERR_UNSUPPORTED_OPTION).
    #[error("the security key cannot do this")]
    UnsupportedOption,
    /// The attestation of a registration does not verify.
    #[error("the attestation of the security key does not verify")]
    AttestationInvalid,
    /// Reports to or from the key got lost, or it was unplugged (FIDO_ERR_TX, FIDO_ERR_RX). The device must be opened
    /// anew.
    #[error("the security key stopped answering")]
    Disconnected,
    /// The key answered what is no answer.
    #[error("the security key gave a malformed answer")]
    MalformedAnswer,
    /// Any other error of libfido2 or of the key.
    #[error("the security key failed: {text} ({code})")]
    Device {
        /// FIDO_ERR_* of fido/err.h: positive numbers are CTAP status codes.
        code: i32,
        /// Its name.
        text: &'static str,
    },
}
