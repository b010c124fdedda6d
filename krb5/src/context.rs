//! krb5_context.
//!
//! Invariants:
//! 1. A [`Context`] holds a live krb5_context for its lifetime: of an [`OwnedContext`], or of the callback it came from.
//! 2. An [`OwnedContext`] made its context itself and frees it once.
//! 3. Contexts are used by one thread at a time: neither type is `Send` or `Sync` (raw pointers are not).

use core::{ffi::CStr, marker::PhantomData, ptr};
use std::ffi::CString;

use krb5_sys::krb5_context;

use crate::{Error, Failure, Profile, Result};

/// A krb5_context that somebody else keeps alive.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    raw: krb5_context,
    owner: PhantomData<&'a ()>,
}

impl Context<'_> {
    /// # Safety
    /// `raw` is a live context for the lifetime that the caller gives the result.
    pub(crate) unsafe fn from_raw(raw: krb5_context) -> Self {
        Self {
            raw,
            owner: PhantomData,
        }
    }

    pub(crate) fn as_raw(self) -> krb5_context {
        self.raw
    }

    /// Sets the text of `failure` for its code, where it has one (krb5_set_error_message).
    pub(crate) fn set_failure(self, failure: &Failure) {
        if let Some(message) = failure.message.as_deref() {
            self.set_message(failure.error, message);
        }
    }

    /// Sets the extended message of an error code. A NUL ends the text.
    pub fn set_message(self, error: Error, message: &str) {
        let text = message.split('\0').next().unwrap_or_default();
        let Ok(text) = CString::new(text) else { return };
        // SAFETY: the context is live; the format takes one string, which lives for the call (krb5.h).
        unsafe {
            krb5_sys::krb5_set_error_message(self.raw, error.code(), c"%s".as_ptr(), text.as_ptr());
        }
    }

    /// The message of an error code: the extended one if that was set, else the code's own.
    pub fn message(self, error: Error) -> String {
        // SAFETY: the context is live; the result is a string that the caller frees (krb5.h).
        let text = unsafe { krb5_sys::krb5_get_error_message(self.raw, error.code()) };
        // SAFETY: never NULL, NUL-terminated, ours until freed.
        let copy = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        // SAFETY: it came from krb5_get_error_message on this context and is freed once.
        unsafe { krb5_sys::krb5_free_error_message(self.raw, text) };
        copy
    }

    /// An error together with its extended message.
    pub fn failure(self, error: Error) -> Failure {
        Failure::new(error, self.message(error))
    }
}

/// A krb5_context of our own, for tools and tests.
pub struct OwnedContext(krb5_context);

impl OwnedContext {
    /// A client context: krb5.conf (krb5_init_context).
    ///
    /// # Errors
    /// A configuration that cannot be read.
    pub fn new() -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the out parameter is valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_init_context(&raw mut raw) })?;
        Ok(Self(raw))
    }

    /// A context with this configuration instead of krb5.conf (krb5_init_context_profile).
    ///
    /// # Errors
    /// A configuration that cannot be used, out of memory.
    pub fn with_profile(profile: &Profile) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the profile is live and copied, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_init_context_profile(profile.as_raw(), 0, &raw mut raw) })?;
        Ok(Self(raw))
    }

    /// The default realm (krb5_get_default_realm).
    ///
    /// # Errors
    /// There is none.
    pub fn default_realm(&self) -> Result<String> {
        let mut realm = ptr::null_mut();
        // SAFETY: the context is live, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_get_default_realm(self.0, &raw mut realm) })?;
        // SAFETY: NUL-terminated on success, ours until freed.
        let copy = unsafe { CStr::from_ptr(realm) }.to_string_lossy().into_owned();
        // SAFETY: it came from krb5_get_default_realm and is freed once.
        unsafe { krb5_sys::krb5_free_default_realm(self.0, realm) };
        Ok(copy)
    }

    /// Makes `realm` the default realm, so that names without one get it (krb5_set_default_realm).
    ///
    /// # Errors
    /// Out of memory.
    pub fn set_default_realm(&self, realm: &str) -> Result<()> {
        let realm = CString::new(realm).map_err(|_| Error::INVALID)?;
        // SAFETY: the context is live; the name is copied (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_set_default_realm(self.0, realm.as_ptr()) })
    }

    /// # Safety
    /// `raw` is a live context that nobody else frees.
    pub(crate) unsafe fn from_raw(raw: krb5_context) -> Self {
        Self(raw)
    }

    /// The context, for as long as this owner lives.
    pub fn get(&self) -> Context<'_> {
        // SAFETY: the context lives as long as self, which the result borrows.
        unsafe { Context::from_raw(self.0) }
    }
}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        // SAFETY: ours, live, and freed here only.
        unsafe { krb5_sys::krb5_free_context(self.0) };
    }
}
