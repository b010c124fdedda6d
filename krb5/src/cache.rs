//! Credential caches.
//!
//! Invariants:
//! 1. A [`CredentialCache`] was opened on the context that it keeps, and is closed or destroyed once.
//! 2. A cache in memory has a name of its own, and goes with its owner.

use core::ptr;
use std::ffi::CString;

use krb5_sys::krb5_ccache;

use crate::{Context, Error, OwnedPrincipal, Result};

/// An open credential cache.
pub struct CredentialCache<'a> {
    context: Context<'a>,
    raw: krb5_ccache,
    is_ours: bool,
}

impl<'a> CredentialCache<'a> {
    /// The default cache (krb5_cc_default), which need not be there.
    ///
    /// # Errors
    /// A name that no cache can have.
    pub fn default(context: Context<'a>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the context is live, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_cc_default(context.as_raw(), &raw mut raw) })?;
        Ok(Self::new(context, raw, false))
    }

    /// The cache with this name, such as `FILE:/path` (krb5_cc_resolve), which need not be there.
    ///
    /// # Errors
    /// A name that no cache can have.
    pub fn resolve(context: Context<'a>, name: &str) -> Result<Self> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        let mut raw = ptr::null_mut();
        // SAFETY: the context is live, the name a string, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_cc_resolve(context.as_raw(), name.as_ptr(), &raw mut raw) })?;
        Ok(Self::new(context, raw, false))
    }

    /// An empty cache in memory, of this process alone (krb5_cc_new_unique).
    ///
    /// # Errors
    /// Out of memory.
    pub fn in_memory(context: Context<'a>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the context is live, the type a string, the out parameter valid; no hint is needed (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_cc_new_unique(context.as_raw(), c"MEMORY".as_ptr(), ptr::null(), &raw mut raw)
        })?;
        Ok(Self::new(context, raw, true))
    }

    const fn new(context: Context<'a>, raw: krb5_ccache, is_ours: bool) -> Self {
        Self {
            context,
            raw,
            is_ours,
        }
    }

    /// Whose credentials it holds (krb5_cc_get_principal).
    ///
    /// # Errors
    /// There is no such cache, or it cannot be read.
    pub fn principal(&self) -> Result<OwnedPrincipal<'a>> {
        let mut principal = ptr::null_mut();
        // SAFETY: context and cache are live, the out parameter valid (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_cc_get_principal(self.context.as_raw(), self.raw, &raw mut principal)
        })?;
        // SAFETY: made on this context, and ours.
        Ok(unsafe { OwnedPrincipal::from_raw(self.context, principal) })
    }

    pub(crate) const fn as_raw(&self) -> krb5_ccache {
        self.raw
    }
}

impl Drop for CredentialCache<'_> {
    fn drop(&mut self) {
        let context = self.context.as_raw();
        match self.is_ours {
            // SAFETY: invariant 1; it is closed along with that, and its credentials are freed.
            true => unsafe { krb5_sys::krb5_cc_destroy(context, self.raw) },
            // SAFETY: invariant 1.
            false => unsafe { krb5_sys::krb5_cc_close(context, self.raw) },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnedContext;

    #[test]
    fn a_cache_that_is_not_there_has_no_principal() {
        let context = OwnedContext::new().unwrap();
        let cache = CredentialCache::resolve(context.get(), "FILE:/nonexistent/cache").unwrap();
        assert!(cache.principal().is_err());
        assert!(
            CredentialCache::in_memory(context.get())
                .unwrap()
                .principal()
                .is_err()
        );
    }

    #[test]
    fn a_name_that_no_cache_can_have_is_an_error() {
        let context = OwnedContext::new().unwrap();
        for name in ["NOTYPE:x", "FILE:a\0b"] {
            assert!(CredentialCache::resolve(context.get(), name).is_err(), "{name:?}");
        }
    }
}
