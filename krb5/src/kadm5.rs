//! Administration of the principal database: on the KDC itself, as kadmin.local does it, or through kadmind, as kadmin does.
//!
//! Calls kadm5 functions, which two libraries have under the same names: whoever links this module links libkadm5srv and
//! opens the local database, or libkadm5clnt and talks to kadmind.
//!
//! Invariants:
//! 1. A [`Database`] keeps the context that its kadm5 handle was made on, and destroys the handle before.
//! 2. Lists and entries from kadm5 are copied and freed at once.

mod local;
mod lock;
mod remote;

use core::{
    ffi::{c_long, c_void},
    mem, ptr,
};
use std::ffi::CString;

use krb5_sys::{
    KADM5_ATTRIBUTES, KADM5_PRINCIPAL_NORMAL_MASK, KRB5_KDB_DISALLOW_ALL_TIX, KRB5_KDB_REQUIRES_HW_AUTH,
    KRB5_KDB_REQUIRES_PRE_AUTH, kadm5_principal_ent_rec,
};

use crate::{
    Error, Failure, OwnedContext, OwnedPrincipal, Principal, data,
    kdb::{StringAttribute, copy_strings},
};

pub use local::kdc_context;
pub use lock::Lock;
pub use remote::{ADMIN_SERVICE, Authentication, Server};

/// KADM5_UNK_PRINC: there is no such principal.
pub const UNKNOWN_PRINCIPAL: i32 = krb5_sys::KADM5_UNK_PRINC;

/// KRB5_KDB_STRINGS_TOOLONG: all string attributes of a principal together have at most 65,535 bytes.
pub const STRINGS_TOO_LONG: i32 = krb5_sys::KRB5_KDB_STRINGS_TOOLONG;

/// KRB5_LOG_ERROR: the update log cannot take the change, which was made all the same. An entry of more than about 63,000
/// bytes does not fit in.
pub const UPDATE_LOG_ERROR: i32 = krb5_sys::KRB5_LOG_ERROR;

/// The flags of an entry that enrolment looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// +requires_preauth.
    pub requires_preauth: bool,
    /// +requires_hwauth.
    pub requires_hwauth: bool,
}

impl Flags {
    fn of(attributes: i32) -> Self {
        Self {
            requires_preauth: attributes & KRB5_KDB_REQUIRES_PRE_AUTH != 0,
            requires_hwauth: attributes & KRB5_KDB_REQUIRES_HW_AUTH != 0,
        }
    }
}

/// What an entry says besides its string attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The name of the entry: another than the given one if that is an alias.
    pub name: Vec<u8>,
    /// Its flags.
    pub flags: Flags,
    /// Not -allow_tix: anybody may log in under this name, and get tickets to it.
    pub allows_tickets: bool,
}

/// KADM5_AUTH_GET, KADM5_AUTH_MODIFY: kadmind refuses, and does not say why.
pub const REFUSALS: [i32; 2] = [krb5_sys::KADM5_AUTH_GET, krb5_sys::KADM5_AUTH_MODIFY];

/// KADM5_RPC_ERROR, KADM5_CANT_RESOLVE, KADM5_MISSING_KRB5_CONF_PARAMS: no kadmind answers, or nothing says where it is.
pub const UNREACHABLE: [i32; 3] = [
    krb5_sys::KADM5_RPC_ERROR,
    krb5_sys::KADM5_CANT_RESOLVE,
    krb5_sys::KADM5_MISSING_KRB5_CONF_PARAMS,
];

/// The principal database of one realm.
pub struct Database<'a> {
    context: &'a OwnedContext,
    handle: *mut c_void,
    /// There is a lock to be had, and a write to be torn: not through kadmind, whose calls are each done or not.
    is_local: bool,
}

impl Database<'_> {
    /// The names of all principals.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn principals(&self) -> Result<Vec<String>, Failure> {
        let (mut names, mut count) = (ptr::null_mut(), 0);
        // SAFETY: a live handle, both out parameters valid (kadm5/admin.h).
        self.check(unsafe {
            krb5_sys::kadm5_get_principals(self.handle, ptr::null_mut(), &raw mut names, &raw mut count)
        })?;
        // SAFETY: kadm5 gives a list of `count` names.
        let copies = unsafe { data::copy_array(names, count) };
        // SAFETY: it came from kadm5 and is freed once.
        unsafe { krb5_sys::kadm5_free_name_list(self.handle, names, count) };
        Ok(copies)
    }

    /// All string attributes of a principal.
    ///
    /// # Errors
    /// No such principal; the database cannot be read.
    pub fn strings(&self, principal: &OwnedPrincipal<'_>) -> Result<Vec<StringAttribute>, Failure> {
        let (mut list, mut count) = (ptr::null_mut(), 0);
        // SAFETY: live handle and principal, both out parameters valid (kadm5/admin.h).
        self.check(unsafe {
            krb5_sys::kadm5_get_strings(self.handle, principal.as_raw(), &raw mut list, &raw mut count)
        })?;
        // SAFETY: a list of `count` attributes on success.
        let strings = unsafe { copy_strings(list, count) };
        // SAFETY: it came from kadm5 and is freed once.
        unsafe { krb5_sys::kadm5_free_strings(self.handle, list, count) };
        Ok(strings)
    }

    /// Sets a string attribute, or removes it.
    ///
    /// # Errors
    /// No such principal, too many bytes of attributes, the database cannot be written.
    pub fn set_string(
        &self,
        principal: &OwnedPrincipal<'_>,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Failure> {
        let name = CString::new(name).map_err(|_| Error::INVALID)?;
        let value = value.map(CString::new).transpose().map_err(|_| Error::INVALID)?;
        let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: live handle, principal and strings; a NULL value removes (kadm5/admin.h).
        self.check(unsafe {
            krb5_sys::kadm5_set_string(self.handle, principal.as_raw(), name.as_ptr(), value)
        })
    }

    /// What a principal's entry says besides its string attributes.
    ///
    /// # Errors
    /// No such principal; the database cannot be read.
    pub fn summary(&self, principal: &OwnedPrincipal<'_>) -> Result<Summary, Failure> {
        self.with_entry(principal, |entry| {
            // SAFETY: kadm5 filled it in; it is live until the entry is freed.
            let name = unsafe { Principal::from_raw(self.context.get(), entry.principal) };
            Ok(Summary {
                name: name.unparse()?,
                flags: Flags::of(entry.attributes),
                allows_tickets: entry.attributes & KRB5_KDB_DISALLOW_ALL_TIX == 0,
            })
        })
    }

    /// The flags of a principal.
    ///
    /// # Errors
    /// No such principal; the database cannot be read.
    pub fn flags(&self, principal: &OwnedPrincipal<'_>) -> Result<Flags, Failure> {
        self.with_entry(principal, |entry| Ok(Flags::of(entry.attributes)))
    }

    /// Sets the flags of a principal; its others stay.
    ///
    /// # Errors
    /// No such principal; the database cannot be written.
    pub fn set_flags(&self, principal: &OwnedPrincipal<'_>, flags: Flags) -> Result<(), Failure> {
        let assign =
            |attributes: i32, bit: i32, set: bool| if set { attributes | bit } else { attributes & !bit };
        self.with_entry(principal, |entry| {
            entry.attributes = assign(
                entry.attributes,
                KRB5_KDB_REQUIRES_PRE_AUTH,
                flags.requires_preauth,
            );
            entry.attributes = assign(entry.attributes, KRB5_KDB_REQUIRES_HW_AUTH, flags.requires_hwauth);
            // SAFETY: a live handle and an entry that kadm5 filled in (kadm5/admin.h).
            self.check(unsafe {
                krb5_sys::kadm5_modify_principal(self.handle, entry, KADM5_ATTRIBUTES.into())
            })
        })
    }

    fn with_entry<T>(
        &self,
        principal: &OwnedPrincipal<'_>,
        body: impl FnOnce(&mut kadm5_principal_ent_rec) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // SAFETY: plain data that kadm5 fills in.
        let mut entry: kadm5_principal_ent_rec = unsafe { mem::zeroed() };
        // SAFETY: live handle and principal, a valid out parameter (kadm5/admin.h).
        self.check(unsafe {
            krb5_sys::kadm5_get_principal(
                self.handle,
                principal.as_raw(),
                &raw mut entry,
                KADM5_PRINCIPAL_NORMAL_MASK.into(),
            )
        })?;
        let result = body(&mut entry);
        // SAFETY: filled in by kadm5, its parts freed once.
        unsafe { krb5_sys::kadm5_free_principal_ent(self.handle, &raw mut entry) };
        result
    }

    /// kadmind's codes come in 32 bits without a sign, and those of libkdb5 have one.
    fn check(&self, code: c_long) -> Result<(), Failure> {
        let code = u32::try_from(code).map_or(code, |code| code.cast_signed().into());
        Error::check(code).map_err(|error| self.context.get().failure(error))
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { krb5_sys::kadm5_destroy(self.handle) };
    }
}

/// A version number of the interface: all are positive.
fn version(number: i32) -> u32 {
    number.unsigned_abs()
}
