//! Entries of the principal database.
//!
//! Calls libkdb5: whoever links this module into a program or a loadable module links that library.
//!
//! Invariants:
//! 1. An [`Entry`] borrows a krb5_db_entry that the KDC keeps for the lifetime, and does not change it.
//! 2. Lists of string attributes are copied and freed at once.
//! 3. An [`OwnedEntry`] was read on the context that it keeps, and is freed once.

use core::{ffi::CStr, marker::PhantomData, ptr, slice};

use krb5_sys::{KRB5_TL_STRING_ATTRS, krb5_db_entry, krb5_string_attr, krb5_tl_data};

use crate::{Context, Error, Principal, Result, data};

/// A principal's entry that the KDC keeps alive.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    context: Context<'a>,
    raw: *mut krb5_db_entry,
    owner: PhantomData<&'a krb5_db_entry>,
}

/// An entry of our own.
pub struct OwnedEntry<'a> {
    context: Context<'a>,
    raw: *mut krb5_db_entry,
}

impl<'a> OwnedEntry<'a> {
    /// Looks for a principal in the database that the context has open; `None` if it is not there.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn find(context: Context<'a>, principal: Principal<'_>) -> Result<Option<Self>> {
        let mut raw = ptr::null_mut();
        // SAFETY: context and principal are live, the out parameter valid (kdb.h).
        let code =
            unsafe { krb5_sys::krb5_db_get_principal(context.as_raw(), principal.as_raw(), 0, &raw mut raw) };
        match Error::check(code) {
            Ok(()) => Ok(Some(Self { context, raw })),
            Err(Error::NO_ENTRY) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entry, for as long as this owner lives.
    pub fn get(&self) -> Entry<'_> {
        Entry {
            context: self.context,
            raw: self.raw,
            owner: PhantomData,
        }
    }
}

impl Drop for OwnedEntry<'_> {
    fn drop(&mut self) {
        // SAFETY: from krb5_db_get_principal, freed once (invariant 3).
        unsafe { krb5_sys::krb5_db_free_principal(self.context.as_raw(), self.raw) };
    }
}

/// A string attribute of an entry: name and value, which need not be UTF-8.
pub type StringAttribute = (Vec<u8>, Vec<u8>);

impl<'a> Entry<'a> {
    /// # Safety
    /// `raw` is NULL or a live entry for `'a`.
    pub(crate) unsafe fn from_raw(context: Context<'a>, raw: *const krb5_db_entry) -> Option<Self> {
        (!raw.is_null()).then_some(Self {
            context,
            raw: raw.cast_mut(),
            owner: PhantomData,
        })
    }

    /// The entry's own name: not an alias that a request may have used.
    pub fn principal(&self) -> Principal<'a> {
        // SAFETY: live for 'a.
        let principal = unsafe { (*self.raw).princ };
        // SAFETY: the entry's own principal.
        unsafe { Principal::from_raw(self.context, principal) }
    }

    /// Whether the entry has the flag requires_hwauth.
    pub fn requires_hardware(&self) -> bool {
        // SAFETY: live for 'a.
        let attributes = unsafe { (*self.raw).attributes };
        attributes & krb5_sys::KRB5_KDB_REQUIRES_HW_AUTH != 0
    }

    /// The string attributes as they lie in the entry, at most 65,535 bytes; empty if there are none.
    pub fn string_data(&self) -> &'a [u8] {
        // SAFETY: live for 'a.
        let mut next: *const krb5_tl_data = unsafe { (*self.raw).tl_data };
        // SAFETY: a list that ends in NULL, live for 'a.
        while let Some(element) = unsafe { next.as_ref() } {
            if i32::from(element.tl_data_type) == KRB5_TL_STRING_ATTRS {
                // SAFETY: an element has `tl_data_length` bytes at `tl_data_contents`.
                return unsafe { data::bytes(element.tl_data_contents, element.tl_data_length.into()) };
            }
            next = element.tl_data_next;
        }
        &[]
    }

    /// Refuses string attributes that krb5_dbe_get_strings would leave out in silence: names and values are NUL-terminated,
    /// in pairs.
    fn check_string_data(&self) -> Result<()> {
        let bytes = self.string_data();
        let ends = bytes.iter().filter(|byte| **byte == 0).count();
        match bytes.last() {
            None => Ok(()),
            Some(0) if ends % 2 == 0 => Ok(()),
            Some(_) => Err(Error::MALFORMED_ENTRY),
        }
    }

    /// All string attributes.
    ///
    /// # Errors
    /// The entry's data is malformed, or out of memory.
    pub fn strings(&self) -> Result<Vec<StringAttribute>> {
        self.check_string_data()?;
        let (mut list, mut count) = (ptr::null_mut(), 0);
        // SAFETY: context and entry are live, both out parameters valid; the entry is only read (kdb.h).
        Error::check(unsafe {
            krb5_sys::krb5_dbe_get_strings(self.context.as_raw(), self.raw, &raw mut list, &raw mut count)
        })?;
        // SAFETY: a list of `count` attributes on success.
        let strings = unsafe { copy_strings(list, count) };
        // SAFETY: it came from krb5_dbe_get_strings and is freed once.
        unsafe { krb5_sys::krb5_dbe_free_strings(self.context.as_raw(), list, count) };
        Ok(strings)
    }
}

/// # Safety
/// `list` is NULL or has `count` attributes of NUL-terminated strings.
pub(crate) unsafe fn copy_strings(list: *const krb5_string_attr, count: i32) -> Vec<StringAttribute> {
    let Ok(count) = usize::try_from(count) else {
        return Vec::new();
    };
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller vouches for pointer and length.
    let attributes = unsafe { slice::from_raw_parts(list, count) };
    // SAFETY: both members are NUL-terminated strings.
    let copy = |text| unsafe { CStr::from_ptr(text) }.to_bytes().to_vec();
    attributes
        .iter()
        .map(|attribute| (copy(attribute.key), copy(attribute.value)))
        .collect()
}
