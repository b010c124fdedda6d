//! What a key can do: authenticatorGetInfo (CTAP 2.1 section 6.4).
//!
//! Invariant: the arrays of a `fido_cbor_info_t` live as long as it and have as many elements as their `_len` function
//! says (fido_cbor_info_new(3)).

use std::ffi::c_char;

use libfido2_sys as ffi;

use super::handle::{Handle, copy_bytes, copy_string};
use crate::Error;

/// The largest message that every FIDO2 key takes, in bytes (CTAP 2.1 section 6.4, maxMsgSize).
const MESSAGE_DEFAULT: usize = 1024;

/// The longest key handle, in bytes (U2F raw message formats 1.2 section 5.1: its length is one byte).
const U2F_KEY_HANDLE_MAX: usize = 255;

/// What a key can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It speaks FIDO2. Everything else here is absent from a key that speaks U2F alone.
    pub fido2: bool,
    /// A PIN is set.
    pub pin_set: bool,
    /// It verifies its user itself, and a fingerprint or the like is enrolled.
    pub uv_configured: bool,
    /// Option `alwaysUv`: no assertion without user verification.
    pub always_uv: bool,
    /// Option `makeCredUvNotRqd`: a non-resident credential needs no user verification although a PIN is set.
    pub credential_without_uv: bool,
    /// Extension credProtect: it may hold credentials that it shows to a verified user only (CTAP 2.1 section 12.1).
    pub credential_protection: bool,
    /// How it can be attached: `usb`, `nfc`, `ble`, `internal` and so on; empty if it does not tell.
    pub transports: Vec<String>,
    /// The largest message it takes, in bytes.
    pub(super) message_max: usize,
    /// How many credential ids a request may carry.
    pub(super) credentials_max: usize,
    /// The longest credential id it makes, in bytes, if it tells.
    pub(super) credential_id_max: Option<usize>,
}

impl Capabilities {
    /// Those of a key that speaks U2F alone.
    pub(super) const fn u2f() -> Self {
        Self {
            fido2: false,
            pin_set: false,
            uv_configured: false,
            always_uv: false,
            credential_without_uv: true,
            credential_protection: false,
            transports: Vec::new(),
            message_max: MESSAGE_DEFAULT,
            credentials_max: 1,
            credential_id_max: Some(U2F_KEY_HANDLE_MAX),
        }
    }
}

/// The answer to authenticatorGetInfo.
pub(super) struct Information(Handle<ffi::fido_cbor_info_t>);

impl Information {
    pub(super) fn new() -> Result<Self, Error> {
        // SAFETY: fido_cbor_info_new(3).
        let pointer = unsafe { ffi::fido_cbor_info_new() };
        // SAFETY: just made.
        unsafe { Handle::new(pointer, ffi::fido_cbor_info_free) }.map(Self)
    }

    pub(super) const fn as_ptr(&self) -> *mut ffi::fido_cbor_info_t {
        self.0.as_ptr()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        let options = self.options();
        let is_on = |name: &str| options.iter().any(|(option, on)| option == name && *on);
        // SAFETY: the object is ours, for this call and the next two.
        let message_max = unsafe { ffi::fido_cbor_info_maxmsgsiz(self.0.as_ptr()) };
        // SAFETY: as above.
        let credentials_max = unsafe { ffi::fido_cbor_info_maxcredcntlst(self.0.as_ptr()) };
        // SAFETY: as above.
        let credential_id_max = unsafe { ffi::fido_cbor_info_maxcredidlen(self.0.as_ptr()) };
        Capabilities {
            fido2: true,
            pin_set: is_on("clientPin"),
            uv_configured: is_on("uv"),
            always_uv: is_on("alwaysUv"),
            credential_without_uv: is_on("makeCredUvNotRqd"),
            credential_protection: self.extensions().iter().any(|name| name == "credProtect"),
            transports: self.transports(),
            message_max: told(message_max).unwrap_or(MESSAGE_DEFAULT),
            credentials_max: told(credentials_max).unwrap_or(1),
            credential_id_max: told(credential_id_max),
        }
    }

    fn options(&self) -> Vec<(String, bool)> {
        // SAFETY: the object is ours.
        let count = unsafe { ffi::fido_cbor_info_options_len(self.0.as_ptr()) };
        // SAFETY: as above.
        let names = unsafe { ffi::fido_cbor_info_options_name_ptr(self.0.as_ptr()) };
        // SAFETY: as above.
        let values = unsafe { ffi::fido_cbor_info_options_value_ptr(self.0.as_ptr()) };
        // SAFETY: the invariant; a C bool is one byte of 0 or 1.
        let values = unsafe { copy_bytes(values.cast(), count) };
        // SAFETY: the invariant.
        let names = unsafe { copy_strings(names, count) };
        names
            .into_iter()
            .zip(values.into_iter().map(|value| value != 0))
            .collect()
    }

    fn extensions(&self) -> Vec<String> {
        // SAFETY: the object is ours.
        let count = unsafe { ffi::fido_cbor_info_extensions_len(self.0.as_ptr()) };
        // SAFETY: as above.
        let names = unsafe { ffi::fido_cbor_info_extensions_ptr(self.0.as_ptr()) };
        // SAFETY: the invariant.
        unsafe { copy_strings(names, count) }
    }

    fn transports(&self) -> Vec<String> {
        // SAFETY: the object is ours.
        let count = unsafe { ffi::fido_cbor_info_transports_len(self.0.as_ptr()) };
        // SAFETY: as above.
        let names = unsafe { ffi::fido_cbor_info_transports_ptr(self.0.as_ptr()) };
        // SAFETY: the invariant.
        unsafe { copy_strings(names, count) }
    }
}

/// 0 stands for a number that the key did not tell.
fn told(number: u64) -> Option<usize> {
    usize::try_from(number).ok().filter(|number| *number != 0)
}

/// # Safety
/// `names` is NULL or points to `count` pointers, each NULL or a string that ends in a zero byte.
unsafe fn copy_strings(names: *mut *mut c_char, count: usize) -> Vec<String> {
    if names.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: as promised by the caller.
    let names = unsafe { std::slice::from_raw_parts(names, count) };
    names
        .iter()
        // SAFETY: as promised by the caller.
        .map(|name| unsafe { copy_string(*name) })
        .collect()
}
