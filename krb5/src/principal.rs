//! Principals.
//!
//! Invariants:
//! 1. A [`Principal`] borrows a live krb5_principal.
//! 2. An [`OwnedPrincipal`] was made on the context that it keeps, and is freed once.

use core::{ffi::CStr, marker::PhantomData, ptr};
use std::ffi::CString;

use krb5_sys::{krb5_principal, krb5_principal_data};

use crate::{Context, Error, Result, data};

/// A principal that somebody else keeps alive.
#[derive(Clone, Copy)]
pub struct Principal<'a> {
    context: Context<'a>,
    raw: *const krb5_principal_data,
    owner: PhantomData<&'a krb5_principal_data>,
}

impl<'a> Principal<'a> {
    /// # Safety
    /// `raw` is a live principal for `'a`.
    pub(crate) unsafe fn from_raw(context: Context<'a>, raw: *const krb5_principal_data) -> Self {
        Self {
            context,
            raw,
            owner: PhantomData,
        }
    }

    /// The name with its realm, quoted where needed (krb5_unparse_name).
    ///
    /// # Errors
    /// Out of memory.
    pub fn unparse(&self) -> Result<Vec<u8>> {
        let mut name = ptr::null_mut();
        // SAFETY: context and principal are live; the out parameter is valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_unparse_name(self.context.as_raw(), self.raw, &raw mut name) })?;
        // SAFETY: NUL-terminated on success, ours until freed.
        let copy = unsafe { CStr::from_ptr(name) }.to_bytes().to_vec();
        // SAFETY: it came from krb5_unparse_name and is freed once.
        unsafe { krb5_sys::krb5_free_unparsed_name(self.context.as_raw(), name) };
        Ok(copy)
    }

    pub(crate) fn as_raw(&self) -> *const krb5_principal_data {
        self.raw
    }

    /// Whether both are the same principal (krb5_principal_compare).
    pub fn is_same(&self, other: &Principal<'_>) -> bool {
        // SAFETY: context and both principals are live (krb5.h).
        let same = unsafe { krb5_sys::krb5_principal_compare(self.context.as_raw(), self.raw, other.raw) };
        same != 0
    }

    /// The realm.
    pub fn realm(&self) -> &'a [u8] {
        // SAFETY: the principal is live for 'a.
        let realm = unsafe { &raw const (*self.raw).realm };
        // SAFETY: as above.
        unsafe { data::data_bytes(realm) }
    }
}

/// A principal of our own.
pub struct OwnedPrincipal<'a> {
    context: Context<'a>,
    raw: krb5_principal,
}

impl<'a> OwnedPrincipal<'a> {
    /// Parses a name; without a realm it gets the default realm (krb5_parse_name).
    ///
    /// # Errors
    /// A name that is none, or no default realm.
    pub fn parse(context: Context<'a>, name: &str) -> Result<Self> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        let mut raw = ptr::null_mut();
        // SAFETY: context and name live for the call; the out parameter is valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_parse_name(context.as_raw(), name.as_ptr(), &raw mut raw) })?;
        Ok(Self { context, raw })
    }

    /// # Safety
    /// `raw` was made on `context` and belongs to nobody else.
    pub(crate) unsafe fn from_raw(context: Context<'a>, raw: krb5_principal) -> Self {
        Self { context, raw }
    }

    /// The principal, for as long as this owner lives.
    pub fn get(&self) -> Principal<'_> {
        // SAFETY: live as long as self, which the result borrows.
        unsafe { Principal::from_raw(self.context, self.raw) }
    }

    pub(crate) fn as_raw(&self) -> krb5_principal {
        self.raw
    }
}

impl Drop for OwnedPrincipal<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, freed once.
        unsafe { krb5_sys::krb5_free_principal(self.context.as_raw(), self.raw) };
    }
}
