//! Administration of the principal database on the KDC itself, as kadmin.local does it.
//!
//! Calls kadm5 functions: whoever links this module links libkadm5srv.
//!
//! Invariants:
//! 1. A [`Database`] owns its context and its kadm5 handle; the handle is destroyed before the context is freed.
//! 2. Lists and entries from kadm5 are copied and freed at once.
//! 3. A lock that was taken is released: see [`Lock`].
//! 4. No signal ends the program while it holds a lock: see `SignalsHeld`.

use core::{
    ffi::{c_char, c_long, c_void},
    mem::{self, MaybeUninit},
    ptr,
};
use std::ffi::CString;

use krb5_sys::{
    KADM5_API_VERSION_4, KADM5_ATTRIBUTES, KADM5_CONFIG_REALM, KADM5_PRINCIPAL_NORMAL_MASK,
    KADM5_STRUCT_VERSION, KRB5_KDB_DISALLOW_ALL_TIX, KRB5_KDB_REQUIRES_HW_AUTH, KRB5_KDB_REQUIRES_PRE_AUTH,
    KRB5_PLUGIN_OP_NOTSUPP, kadm5_config_params, kadm5_principal_ent_rec,
};

use crate::{
    Error, Failure, OwnedContext, OwnedPrincipal, Principal, Result, data,
    kdb::{StringAttribute, copy_strings},
};

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

/// The configuration of a KDC: krb5.conf and kdc.conf (kadm5_init_krb5_context).
///
/// # Errors
/// A configuration that cannot be read.
pub fn kdc_context() -> Result<OwnedContext> {
    let mut raw = ptr::null_mut();
    // SAFETY: the out parameter is valid (kadm5/admin.h).
    Error::check(unsafe { krb5_sys::kadm5_init_krb5_context(&raw mut raw) })?;
    // SAFETY: a live context on success, ours.
    Ok(unsafe { OwnedContext::from_raw(raw) })
}

/// The local database of one realm.
pub struct Database<'a> {
    context: &'a OwnedContext,
    handle: *mut c_void,
}

impl<'a> Database<'a> {
    /// Opens the database of `realm`, and its update log where iprop is on. Changes are made in the name of
    /// `administrator`; `arguments` are for the database module, such as dbname=PATH.
    ///
    /// # Errors
    /// The text says what could not be opened.
    pub fn open(
        context: &'a OwnedContext,
        realm: &str,
        administrator: &str,
        arguments: &[String],
    ) -> core::result::Result<Self, Failure> {
        let realm_name = CString::new(realm).map_err(|_| Error::INVALID)?;
        let client = CString::new(administrator).map_err(|_| Error::INVALID)?;
        let arguments = arguments.iter().map(|argument| CString::new(argument.as_str()));
        let arguments: Vec<CString> = arguments
            .collect::<core::result::Result<_, _>>()
            .map_err(|_| Error::INVALID)?;
        let pointers = arguments.iter().map(|argument| argument.as_ptr().cast_mut());
        let mut pointers: Vec<*mut c_char> = pointers.chain([ptr::null_mut()]).collect();
        // SAFETY: the structure is plain data for which zero means unset; `mask` names what is set (kadm5/admin.h).
        let mut parameters: kadm5_config_params = unsafe { mem::zeroed() };
        parameters.mask = KADM5_CONFIG_REALM.into();
        parameters.realm = realm_name.as_ptr().cast_mut();
        let mut handle = ptr::null_mut();
        // SAFETY: all strings and structures live for the call; the local library takes no password (kadm5/admin.h).
        let opened = Error::check(unsafe {
            krb5_sys::kadm5_init_with_password(
                context.get().as_raw(),
                client.as_ptr().cast_mut(),
                ptr::null_mut(),
                krb5_sys::KADM5_ADMIN_SERVICE.as_ptr().cast_mut().cast(),
                &raw mut parameters,
                version(KADM5_STRUCT_VERSION),
                version(KADM5_API_VERSION_4),
                pointers.as_mut_ptr(),
                &raw mut handle,
            )
        });
        opened.map_err(|error| context.get().failure(error))?;
        let database = Self { context, handle };
        // SAFETY: a live handle (kadm5/admin.h).
        Error::check(unsafe { krb5_sys::kadm5_init_iprop(handle, ptr::null_mut()) }).map_err(|error| {
            let text = context.get().message(error);
            Failure::new(
                error,
                format!("Cannot open the update log (iprop_logfile): {text}"),
            )
        })?;
        Ok(database)
    }

    /// Keeps everybody else from reading or changing the database until the result is dropped; waits for whoever holds
    /// the lock. DB2 writes to its file when the lock is released, and says nothing if that fails: read back what
    /// matters. Database types without locks have transactions of their own.
    ///
    /// # Errors
    /// The database cannot be locked.
    pub fn lock(&self) -> core::result::Result<Lock<'_>, Failure> {
        // SAFETY: a live handle (kadm5/admin.h).
        let code = unsafe { krb5_sys::kadm5_lock(self.handle) };
        let locked = code != c_long::from(KRB5_PLUGIN_OP_NOTSUPP);
        if locked {
            self.check(code)?;
        }
        Ok(Lock {
            database: self,
            locked,
            _signals: SignalsHeld::new(),
        })
    }

    /// The names of all principals.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn principals(&self) -> core::result::Result<Vec<String>, Failure> {
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
    pub fn strings(
        &self,
        principal: &OwnedPrincipal<'_>,
    ) -> core::result::Result<Vec<StringAttribute>, Failure> {
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
    ) -> core::result::Result<(), Failure> {
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
    pub fn summary(&self, principal: &OwnedPrincipal<'_>) -> core::result::Result<Summary, Failure> {
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
    pub fn flags(&self, principal: &OwnedPrincipal<'_>) -> core::result::Result<Flags, Failure> {
        self.with_entry(principal, |entry| Ok(Flags::of(entry.attributes)))
    }

    /// Sets the flags of a principal; its others stay.
    ///
    /// # Errors
    /// No such principal; the database cannot be written.
    pub fn set_flags(
        &self,
        principal: &OwnedPrincipal<'_>,
        flags: Flags,
    ) -> core::result::Result<(), Failure> {
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
        body: impl FnOnce(&mut kadm5_principal_ent_rec) -> core::result::Result<T, Failure>,
    ) -> core::result::Result<T, Failure> {
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

    fn check(&self, code: impl TryInto<i32>) -> core::result::Result<(), Failure> {
        Error::check(code).map_err(|error| self.context.get().failure(error))
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { krb5_sys::kadm5_destroy(self.handle) };
    }
}

/// An exclusive lock on a database.
pub struct Lock<'a> {
    database: &'a Database<'a>,
    locked: bool,
    // Dropped after the lock was released.
    _signals: SignalsHeld,
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if self.locked {
            // SAFETY: a live handle whose lock was taken and is released once.
            unsafe { krb5_sys::kadm5_unlock(self.database.handle) };
        }
    }
}

/// Keeps signals waiting. Whoever is killed while he holds the lock of a DB2 database leaves his changes in the update
/// log for the replicas, and not in the database.
struct SignalsHeld(libc::sigset_t);

impl SignalsHeld {
    fn new() -> Self {
        let mut all = MaybeUninit::uninit();
        // SAFETY: fills in the set (signal.h).
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        let mut before = MaybeUninit::uninit();
        // SAFETY: `all` is filled in, `before` is filled in by the call: it fails for an unknown `how` alone (signal.h).
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: filled in by the call.
        Self(unsafe { before.assume_init() })
    }
}

impl Drop for SignalsHeld {
    fn drop(&mut self) {
        // SAFETY: a mask that pthread_sigmask gave; those that waited arrive now (signal.h).
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

/// A version number of the interface: all are positive.
fn version(number: i32) -> u32 {
    number.unsigned_abs()
}
