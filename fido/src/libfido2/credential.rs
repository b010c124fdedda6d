//! Registrations: authenticatorMakeCredential (CTAP 2.1 section 6.1).
//!
//! Invariants:
//! 1. The setters of a `fido_cred_t` copy what they are given (fido_cred_set_authdata(3)).
//! 2. The pointers that its getters return live as long as it and go with the length of the same name (fido_cred_new(3)).

use std::{
    ffi::{CStr, CString, c_int},
    ptr,
    time::Duration,
};

use libfido2_sys as ffi;

use super::{
    assertion::unwrap_bytes,
    code::check,
    device::{Device, Verification},
    handle::{Handle, copy_bytes, copy_string},
};
use crate::Error;

/// What to register, and for whom.
#[derive(Clone, Copy)]
pub struct CredentialRequest<'a> {
    /// The relying party identifier.
    pub rp_id: &'a str,
    /// The relying party's name for people.
    pub rp_name: &'a str,
    /// The user handle, 1 to 64 bytes.
    pub user_id: &'a [u8],
    /// The user's name.
    pub user_name: &'a str,
    /// The user's name for people.
    pub user_display_name: &'a str,
    /// What is attested besides the authenticator data.
    pub client_data_hash: &'a [u8; 32],
    /// Credentials of this user: a key that holds one of them refuses.
    pub exclude: &'a [&'a [u8]],
    /// Of what kind it is to be.
    pub algorithm: Algorithm,
    /// Extension credProtect: whether the key is to show it to a verified user only (level 3, CTAP 2.1 section 12.1).
    pub hidden: bool,
    /// Whether the key is to keep the credential itself, to be found without its id.
    pub resident: bool,
    /// How the user is verified.
    pub verification: Verification<'a>,
    /// How long to wait for the touch.
    pub timeout: Duration,
}

/// The algorithms that libfido2 and the KDC both know and keys have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256: every key has it.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const fn cose(self) -> c_int {
        match self {
            Self::Es256 => ffi::COSE_ES256,
            Self::EdDsa => ffi::COSE_EDDSA,
        }
    }
}

/// A new credential.
pub struct Registration {
    handle: Handle<ffi::fido_cred_t>,
    /// 1 to 1023 bytes.
    pub credential_id: Vec<u8>,
    /// As in WebAuthn section 6.1, with attested credential data.
    pub authenticator_data: Vec<u8>,
    /// Attestation statement format identifier (WebAuthn section 8).
    pub format: String,
    /// The key's model; zeros if it does not tell.
    pub aaguid: [u8; 16],
    /// The attestation statement, one CBOR map; empty if the key gave none.
    pub attestation_statement: Vec<u8>,
}

/// How a registration is attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// Not at all: nothing was checked.
    None,
    /// By the new credential itself.
    SelfSigned,
    /// By the key that the first certificate of the statement holds. Who issued the certificate was not looked at.
    Certified,
}

impl Device {
    /// Registers a credential after a touch.
    ///
    /// # Errors
    /// [`Error::CredentialExcluded`], [`Error::Denied`], [`Error::TimedOut`], [`Error::Cancelled`],
    /// [`Error::KeyStoreFull`], [`Error::UnsupportedAlgorithm`], [`Error::UnsupportedOption`], those of PIN and user
    /// verification, and others: what the key answers. After [`Error::Disconnected`] and after `timeout` the device must be
    /// opened anew.
    pub fn make_credential(&mut self, request: &CredentialRequest<'_>) -> Result<Registration, Error> {
        let exclude = self.fit_exclude(request)?;
        let exclude: Vec<&[u8]> = exclude.iter().map(Vec::as_slice).collect();
        let credential = Draft::new(&CredentialRequest {
            exclude: &exclude,
            ..*request
        })?;
        let pin = request.verification.pin()?.map_or(ptr::null(), CStr::as_ptr);
        self.request(request.timeout, |device| {
            // SAFETY: the device by the invariant of device.rs; the object is ours; the PIN lives until the call
            // returns.
            unsafe { ffi::fido_dev_make_cred(device, credential.0.as_ptr(), pin) }
        })?;
        credential.into_registration()
    }

    /// The credentials to exclude, as far as one message of the key takes them. Where it does not take all, the key is asked
    /// without a touch which of them it holds, and that one is excluded.
    fn fit_exclude(&mut self, request: &CredentialRequest<'_>) -> Result<Vec<Vec<u8>>, Error> {
        let copy = |ids: &[&[u8]]| ids.iter().map(|id| id.to_vec()).collect();
        if !self.capabilities().fido2 {
            // libfido2 asks a U2F key about one after the other.
            return Ok(copy(request.exclude));
        }
        let lists = self.lists(request.overhead(), request.exclude);
        let first = lists.first().map_or_else(Vec::new, |list| copy(list));
        if lists.len() <= 1 {
            return Ok(first);
        }
        match self.find_credential(
            request.rp_id,
            request.exclude,
            request.verification,
            request.timeout,
        ) {
            Ok(Some(held)) => Ok(vec![held]),
            // What the key shows to a verified user only may still be among those that it takes.
            Ok(None) | Err(Error::PinRequired) => Ok(first),
            Err(error) => Err(error),
        }
    }
}

/// Bytes of a registration without names and excluded credentials: command, maps, labels, client data hash, algorithm,
/// options, the authentication of a PIN.
const REQUEST_OVERHEAD: usize = 192;

impl CredentialRequest<'_> {
    /// Bytes of the request besides the excluded credentials, at most.
    fn overhead(&self) -> usize {
        [self.rp_id, self.rp_name, self.user_name, self.user_display_name]
            .iter()
            .map(|name| name.len())
            .fold(REQUEST_OVERHEAD, usize::saturating_add)
            .saturating_add(self.user_id.len())
    }
}

impl Registration {
    /// Checks the attestation signature, the relying party, user presence, and user verification if it was built in.
    ///
    /// # Errors
    /// [`Error::AttestationInvalid`], also for a format other than `packed`, `fido-u2f`, `tpm` and `none`.
    pub fn verify_attestation(&self) -> Result<Attestation, Error> {
        // SAFETY: the object is ours.
        let certificate_length = unsafe { ffi::fido_cred_x5c_len(self.handle.as_ptr()) };
        if self.format == "none" {
            return Ok(Attestation::None);
        }
        if certificate_length > 0 {
            // SAFETY: the object is ours.
            let code = unsafe { ffi::fido_cred_verify(self.handle.as_ptr()) };
            return verified(code).map(|()| Attestation::Certified);
        }
        // SAFETY: the object is ours.
        let code = unsafe { ffi::fido_cred_verify_self(self.handle.as_ptr()) };
        verified(code).map(|()| Attestation::SelfSigned)
    }
}

fn verified(code: c_int) -> Result<(), Error> {
    check(code).map_err(|_| Error::AttestationInvalid)
}

/// A credential in the making, and then made.
struct Draft(Handle<ffi::fido_cred_t>);

impl Draft {
    fn new(request: &CredentialRequest<'_>) -> Result<Self, Error> {
        // SAFETY: fido_cred_new(3).
        let pointer = unsafe { ffi::fido_cred_new() };
        // SAFETY: just made.
        let draft = Self(unsafe { Handle::new(pointer, ffi::fido_cred_free) }?);
        let credential = draft.0.as_ptr();
        draft.set_entities(request)?;
        // SAFETY: the object is ours, for this call and the next ones; invariant 1.
        check(unsafe { ffi::fido_cred_set_type(credential, request.algorithm.cose()) })?;
        let hash = request.client_data_hash;
        // SAFETY: as above.
        check(unsafe { ffi::fido_cred_set_clientdata_hash(credential, hash.as_ptr(), hash.len()) })?;
        for id in request.exclude {
            // SAFETY: as above.
            check(unsafe { ffi::fido_cred_exclude(credential, id.as_ptr(), id.len()) })?;
        }
        if request.hidden {
            // SAFETY: as above.
            check(unsafe { ffi::fido_cred_set_prot(credential, ffi::FIDO_CRED_PROT_UV_REQUIRED) })?;
        }
        let resident = match request.resident {
            true => ffi::fido_opt_t_FIDO_OPT_TRUE,
            false => ffi::fido_opt_t_FIDO_OPT_OMIT,
        };
        // SAFETY: as above.
        check(unsafe { ffi::fido_cred_set_rk(credential, resident) })?;
        // SAFETY: as above.
        check(unsafe { ffi::fido_cred_set_uv(credential, request.verification.option()) })?;
        Ok(draft)
    }

    fn set_entities(&self, request: &CredentialRequest<'_>) -> Result<(), Error> {
        let text = |text: &str| CString::new(text).map_err(|_| Error::InvalidArgument);
        let (rp_id, rp_name) = (text(request.rp_id)?, text(request.rp_name)?);
        let (user_name, display_name) = (text(request.user_name)?, text(request.user_display_name)?);
        // SAFETY: the object is ours; invariant 1.
        check(unsafe { ffi::fido_cred_set_rp(self.0.as_ptr(), rp_id.as_ptr(), rp_name.as_ptr()) })?;
        // SAFETY: as above; the icon may be NULL.
        let code = unsafe {
            ffi::fido_cred_set_user(
                self.0.as_ptr(),
                request.user_id.as_ptr(),
                request.user_id.len(),
                user_name.as_ptr(),
                display_name.as_ptr(),
                ptr::null(),
            )
        };
        check(code)
    }

    fn into_registration(self) -> Result<Registration, Error> {
        // SAFETY: the object is ours.
        let format = unsafe { ffi::fido_cred_fmt(self.0.as_ptr()) };
        // SAFETY: invariant 2: NULL or a string.
        let format = unsafe { copy_string(format) };
        let aaguid = self.copy(ffi::fido_cred_aaguid_ptr, ffi::fido_cred_aaguid_len);
        let authenticator_data = self.copy(ffi::fido_cred_authdata_ptr, ffi::fido_cred_authdata_len);
        Ok(Registration {
            credential_id: self.copy(ffi::fido_cred_id_ptr, ffi::fido_cred_id_len),
            authenticator_data: unwrap_bytes(&authenticator_data)?,
            format,
            aaguid: aaguid.try_into().map_err(|_| Error::MalformedAnswer)?,
            attestation_statement: self.copy(ffi::fido_cred_attstmt_ptr, ffi::fido_cred_attstmt_len),
            handle: self.0,
        })
    }

    /// Copies what a getter and the length that goes with it return.
    fn copy(
        &self,
        getter: unsafe extern "C" fn(*const ffi::fido_cred_t) -> *const u8,
        length: unsafe extern "C" fn(*const ffi::fido_cred_t) -> usize,
    ) -> Vec<u8> {
        // SAFETY: the object is ours.
        let pointer = unsafe { getter(self.0.as_ptr()) };
        // SAFETY: as above.
        let length = unsafe { length(self.0.as_ptr()) };
        // SAFETY: invariant 2.
        unsafe { copy_bytes(pointer, length) }
    }
}
