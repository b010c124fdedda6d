//! Assertions: authenticatorGetAssertion (CTAP 2.1 section 6.2).
//!
//! Invariants:
//! 1. The setters of a `fido_assert_t` copy what they are given (fido_assert_set_authdata(3)).
//! 2. The pointers that its getters return live as long as it and go with the length of the same name
//!    (fido_assert_new(3)). The getters take indices below `fido_assert_count`.

use std::{
    ffi::{CStr, CString},
    ptr,
    time::Duration,
};

use libfido2_sys as ffi;

use super::{
    code::check,
    device::{Device, Verification},
    handle::{Handle, copy_bytes},
};
use crate::Error;

/// What to sign, and with which credential.
#[derive(Clone, Copy)]
pub struct AssertionRequest<'a> {
    /// The relying party identifier.
    pub rp_id: &'a str,
    /// What is signed besides the authenticator data.
    pub client_data_hash: &'a [u8; 32],
    /// The credential to sign with.
    pub credential_id: &'a [u8],
    /// How the user is verified.
    pub verification: Verification<'a>,
    /// How long to wait for the touch.
    pub timeout: Duration,
}

/// What a key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// The credential it signed with.
    pub credential_id: Vec<u8>,
    /// As in WebAuthn section 6.1: 37 bytes and extensions.
    pub authenticator_data: Vec<u8>,
    /// Over authenticator data and client data hash.
    pub signature: Vec<u8>,
}

impl Device {
    /// Signs after a touch. Returns [`Error::TimedOut`], too, when the key itself has waited long enough, which may be before
    /// `timeout`: the request can then be repeated.
    ///
    /// # Errors
    /// [`Error::NoCredentials`], [`Error::Denied`], [`Error::TimedOut`], [`Error::Cancelled`], those of PIN and user
    /// verification, and others: what the key answers. [`Error::UnsupportedOption`] for user verification by a key that
    /// speaks U2F alone. After [`Error::Disconnected`] and after `timeout` the device must be opened anew.
    pub fn get_assertion(&mut self, request: &AssertionRequest<'_>) -> Result<Assertion, Error> {
        let assertion = Request::new(request.rp_id, request.client_data_hash)?;
        assertion.allow(request.credential_id)?;
        // SAFETY: the object is ours.
        check(unsafe { ffi::fido_assert_set_up(assertion.as_ptr(), ffi::fido_opt_t_FIDO_OPT_TRUE) })?;
        // SAFETY: as above.
        check(unsafe { ffi::fido_assert_set_uv(assertion.as_ptr(), request.verification.option()) })?;
        let pin = request.verification.pin()?;
        let is_u2f = !self.capabilities().fido2;
        self.run(&assertion, pin, request.timeout)
            .map_err(|error| match error {
                // U2F knows no refusal: whatever is neither a signature nor the wait for a touch is one.
                Error::MalformedAnswer if is_u2f => Error::Denied,
                other => other,
            })?;
        assertion.result(&[request.credential_id])
    }

    /// The first of `credentials` that the key holds for `rp_id`, found without a touch. A credential that the key shows to
    /// a verified user only (credProtect level 3, CTAP 2.1 section 12.1) is found with [`Verification::Pin`] alone.
    ///
    /// # Errors
    /// What the key answers, but for [`Error::NoCredentials`].
    pub fn find_credential(
        &mut self,
        rp_id: &str,
        credentials: &[&[u8]],
        verification: Verification<'_>,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, Error> {
        let pin = verification.pin()?;
        for chunk in self.lists(REQUEST_OVERHEAD.saturating_add(rp_id.len()), credentials) {
            // Nothing of worth gets signed here.
            let assertion = Request::new(rp_id, &[0; 32])?;
            for id in &chunk {
                assertion.allow(id)?;
            }
            // SAFETY: the object is ours.
            check(unsafe { ffi::fido_assert_set_up(assertion.as_ptr(), ffi::fido_opt_t_FIDO_OPT_FALSE) })?;
            match (self.run(&assertion, pin, timeout), chunk.as_slice()) {
                (Ok(()), _) => return assertion.result(&chunk).map(|found| Some(found.credential_id)),
                (Err(Error::NoCredentials), _) => {}
                // What libfido2 makes of "check-only" (U2F raw message formats 1.2 section 5.1): this one, and no signature.
                (
                    Err(Error::Device {
                        code: ffi::FIDO_ERR_USER_PRESENCE_REQUIRED,
                        ..
                    }),
                    [only],
                ) => return Ok(Some(only.to_vec())),
                (Err(error), _) => return Err(error),
            }
        }
        Ok(None)
    }

    fn run(&mut self, assertion: &Request, pin: Option<&CStr>, timeout: Duration) -> Result<(), Error> {
        let pin = pin.map_or(ptr::null(), CStr::as_ptr);
        self.request(timeout, |device| {
            // SAFETY: the device by the invariant of device.rs; the object is ours; the PIN lives until the call
            // returns.
            unsafe { ffi::fido_dev_get_assert(device, assertion.as_ptr(), pin) }
        })
    }

    /// The ids that can be this key's, in lists that fit into its messages beside `overhead` bytes of other things.
    pub(super) fn lists<'a>(&self, overhead: usize, credentials: &[&'a [u8]]) -> Vec<Vec<&'a [u8]>> {
        let capabilities = self.capabilities();
        let longest = capabilities.credential_id_max.unwrap_or(usize::MAX);
        let room = capabilities.message_max.saturating_sub(overhead);
        let possible = credentials.iter().copied().filter(|id| id.len() <= longest);
        split(possible, capabilities.credentials_max, room)
    }
}

/// Bytes of a request without rpId and allow list: command, map, labels, client data hash and options.
const REQUEST_OVERHEAD: usize = 64;

/// Bytes of an entry in the allow list besides the id: map, labels, and the type `public-key`.
const ENTRY_OVERHEAD: usize = 24;

/// Lists of at most `count` ids and `room` bytes, but at least one id each.
fn split<'a>(ids: impl Iterator<Item = &'a [u8]>, count: usize, room: usize) -> Vec<Vec<&'a [u8]>> {
    let mut lists: Vec<Vec<&[u8]>> = Vec::new();
    let mut used: usize = 0;
    for id in ids {
        let size = id.len().saturating_add(ENTRY_OVERHEAD);
        match lists.last_mut() {
            Some(list) if list.len() < count && used.saturating_add(size) <= room => {
                list.push(id);
                used = used.saturating_add(size);
            }
            _ => {
                lists.push(vec![id]);
                used = size;
            }
        }
    }
    lists
}

struct Request(Handle<ffi::fido_assert_t>);

impl Request {
    fn new(rp_id: &str, client_data_hash: &[u8; 32]) -> Result<Self, Error> {
        let rp_id = CString::new(rp_id).map_err(|_| Error::InvalidArgument)?;
        // SAFETY: fido_assert_new(3).
        let pointer = unsafe { ffi::fido_assert_new() };
        // SAFETY: just made.
        let request = Self(unsafe { Handle::new(pointer, ffi::fido_assert_free) }?);
        // SAFETY: the object is ours; invariant 1.
        check(unsafe { ffi::fido_assert_set_rp(request.as_ptr(), rp_id.as_ptr()) })?;
        // SAFETY: as above.
        let code = unsafe {
            ffi::fido_assert_set_clientdata_hash(
                request.as_ptr(),
                client_data_hash.as_ptr(),
                client_data_hash.len(),
            )
        };
        check(code)?;
        Ok(request)
    }

    const fn as_ptr(&self) -> *mut ffi::fido_assert_t {
        self.0.as_ptr()
    }

    fn allow(&self, id: &[u8]) -> Result<(), Error> {
        // SAFETY: the object is ours; invariant 1.
        check(unsafe { ffi::fido_assert_allow_cred(self.as_ptr(), id.as_ptr(), id.len()) })
    }

    /// The answer, which must be for one of `allowed`. A key may leave out the id of the only one.
    fn result(&self, allowed: &[&[u8]]) -> Result<Assertion, Error> {
        // SAFETY: the object is ours.
        if unsafe { ffi::fido_assert_count(self.as_ptr()) } == 0 {
            return Err(Error::MalformedAnswer);
        }
        let mut credential_id = self.copy(ffi::fido_assert_id_ptr, ffi::fido_assert_id_len);
        if let (true, [only]) = (credential_id.is_empty(), allowed) {
            credential_id = only.to_vec();
        }
        if !allowed.contains(&credential_id.as_slice()) {
            return Err(Error::MalformedAnswer);
        }
        let encoded = self.copy(ffi::fido_assert_authdata_ptr, ffi::fido_assert_authdata_len);
        Ok(Assertion {
            credential_id,
            authenticator_data: unwrap_bytes(&encoded)?,
            signature: self.copy(ffi::fido_assert_sig_ptr, ffi::fido_assert_sig_len),
        })
    }

    /// Copies what a getter and the length that goes with it return for the first assertion.
    fn copy(
        &self,
        getter: unsafe extern "C" fn(*const ffi::fido_assert_t, usize) -> *const u8,
        length: unsafe extern "C" fn(*const ffi::fido_assert_t, usize) -> usize,
    ) -> Vec<u8> {
        // SAFETY: invariant 2: there is a first one.
        let pointer = unsafe { getter(self.as_ptr(), 0) };
        // SAFETY: as above.
        let length = unsafe { length(self.as_ptr(), 0) };
        // SAFETY: invariant 2.
        unsafe { copy_bytes(pointer, length) }
    }
}

/// libfido2 keeps authenticator data in the CBOR byte string that it came in.
pub(super) fn unwrap_bytes(encoded: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decoder = minicbor::Decoder::new(encoded);
    let bytes = decoder.bytes().map_err(|_| Error::MalformedAnswer)?;
    if decoder.position() != encoded.len() {
        return Err(Error::MalformedAnswer);
    }
    Ok(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwraps_byte_strings_only() {
        assert_eq!(unwrap_bytes(b"\x42ab").unwrap(), b"ab");
        for encoded in [&b""[..], b"\x42a", b"\x42abc", b"\x62ab", b"\x5f\x41a\xff"] {
            assert!(
                matches!(unwrap_bytes(encoded), Err(Error::MalformedAnswer)),
                "{encoded:?}"
            );
        }
    }

    #[test]
    fn splits_by_count() {
        let ids: Vec<&[u8]> = vec![b"a", b"b", b"c"];
        assert_eq!(
            split(ids.iter().copied(), 2, 1000),
            [vec![&b"a"[..], b"b"], vec![b"c"]]
        );
        assert_eq!(split(ids.iter().copied(), 1, 1000).len(), 3);
    }

    #[test]
    fn splits_by_size() {
        let id = [0; 76];
        let ids = || std::iter::repeat_n(&id[..], 5);
        assert_eq!(
            split(ids(), 100, 250).iter().map(Vec::len).collect::<Vec<_>>(),
            [2, 2, 1]
        );
        assert_eq!(split(ids(), 100, 0).len(), 5);
        assert_eq!(split(ids(), 0, 1000).len(), 5);
    }

    #[test]
    fn splits_nothing_into_nothing() {
        assert!(split(std::iter::empty(), 8, 1000).is_empty());
    }
}
