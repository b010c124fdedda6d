//! What a key can do: authenticatorGetInfo (CTAP 2.1 section 6.4).
//!
//! Invariant: the arrays of a `fido_cbor_info_t` live as long as it and have as many elements as their `_len` function
//! says (fido_cbor_info_new(3)).

use std::ffi::c_char;

use libfido2_sys as ffi;

use krb5_fido_protocol::fido::{authenticator_data::Aaguid, cose::Algorithm};

use super::handle::{Handle, copy_bytes, copy_string, printable};
use crate::Error;

/// The largest message that every FIDO2 key takes, in bytes (CTAP 2.1 section 6.4, maxMsgSize).
const MESSAGE_DEFAULT: usize = 1024;

/// The longest key handle, in bytes (U2F raw message formats 1.2 section 5.1: its length is one byte).
const U2F_KEY_HANDLE_MAX: usize = 255;

/// The version that a key which speaks U2F alone would name (CTAP 2.1 section 6.4).
const U2F_VERSION: &str = "U2F_V2";

/// The longest version or transport that is kept, in characters.
const WORD_MAX: usize = 32;

/// What a key can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It speaks FIDO2. Everything else here is absent from a key that speaks U2F alone.
    pub fido2: bool,
    /// What it speaks: `U2F_V2`, `FIDO_2_0`, `FIDO_2_1` and so on.
    pub versions: Vec<String>,
    /// The model; none if it does not tell.
    pub aaguid: Option<Aaguid>,
    /// COSE numbers of the algorithms that it signs with, the preferred one first; empty if it does not tell.
    pub algorithms: Vec<i32>,
    /// It can have a PIN.
    pub pin_supported: bool,
    /// A PIN is set.
    pub pin_set: bool,
    /// It can verify its user itself.
    pub uv_supported: bool,
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
    pub(super) fn u2f() -> Self {
        Self {
            fido2: false,
            versions: vec![U2F_VERSION.to_owned()],
            aaguid: None,
            // The only one there is (U2F raw message formats 1.2 section 4.3).
            algorithms: i32::try_from(Algorithm::Es256.identifier()).into_iter().collect(),
            pin_supported: false,
            pin_set: false,
            uv_supported: false,
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
        let is_there = |name: &str| options.iter().any(|(option, _)| option == name);
        let is_on = |name: &str| options.iter().any(|(option, on)| option == name && *on);
        // SAFETY: the object is ours, for this call and the next two.
        let message_max = unsafe { ffi::fido_cbor_info_maxmsgsiz(self.0.as_ptr()) };
        // SAFETY: as above.
        let credentials_max = unsafe { ffi::fido_cbor_info_maxcredcntlst(self.0.as_ptr()) };
        // SAFETY: as above.
        let credential_id_max = unsafe { ffi::fido_cbor_info_maxcredidlen(self.0.as_ptr()) };
        Capabilities {
            fido2: true,
            versions: self.versions(),
            aaguid: self.aaguid(),
            algorithms: self.algorithms(),
            pin_supported: is_there("clientPin"),
            pin_set: is_on("clientPin"),
            uv_supported: is_there("uv"),
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

    fn versions(&self) -> Vec<String> {
        // SAFETY: the object is ours.
        let count = unsafe { ffi::fido_cbor_info_versions_len(self.0.as_ptr()) };
        // SAFETY: as above.
        let names = unsafe { ffi::fido_cbor_info_versions_ptr(self.0.as_ptr()) };
        // SAFETY: the invariant.
        unsafe { copy_strings(names, count) }
    }

    /// All zero stands for a model that the key does not tell.
    fn aaguid(&self) -> Option<Aaguid> {
        // SAFETY: the object is ours.
        let length = unsafe { ffi::fido_cbor_info_aaguid_len(self.0.as_ptr()) };
        // SAFETY: as above.
        let bytes = unsafe { ffi::fido_cbor_info_aaguid_ptr(self.0.as_ptr()) };
        // SAFETY: the invariant.
        let bytes = unsafe { copy_bytes(bytes, length) };
        let aaguid = Aaguid(bytes.try_into().ok()?);
        (aaguid.0 != [0; 16]).then_some(aaguid)
    }

    fn algorithms(&self) -> Vec<i32> {
        // SAFETY: the object is ours.
        let count = unsafe { ffi::fido_cbor_info_algorithm_count(self.0.as_ptr()) };
        let numbers = (0..count).map(|index| {
            // SAFETY: as above; any index may be asked for, and one too large gives 0 (fido_cbor_info_new(3)).
            unsafe { ffi::fido_cbor_info_algorithm_cose(self.0.as_ptr(), index) }
        });
        numbers.filter(|number| *number != 0).collect()
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
        .map(|name| printable(&unsafe { copy_string(*name) }, WORD_MAX))
        .collect()
}
