//! krb5.conf and kdc.conf as the context's profile has merged them.
//!
//! Invariants:
//! 1. A [`Profile`] owns the handle that krb5_get_profile or profile_init gave it and releases it once.
//! 2. Lists from the profile library are copied and freed at once.

use core::ptr;
use std::{
    ffi::{CString, c_char, c_long},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use krb5_fido_protocol::relations::Relations;
use krb5_sys::{PROF_NO_RELATION, PROF_NO_SECTION, profile_t};

use crate::{Context, Error, Result, data, parse_duration};

/// `clockskew` of `[libdefaults]` where it is not set, in seconds (krb5.conf(5)).
const CLOCK_SKEW: u32 = 300;

/// How many seconds clocks may be apart: `clockskew` of `[libdefaults]`.
///
/// # Errors
/// A value that is no duration.
pub fn clock_skew(profile: &Profile) -> Result<u32> {
    match profile.value(&["libdefaults", "clockskew"])? {
        Some(value) => parse_duration(&value),
        None => Ok(CLOCK_SKEW),
    }
}

/// The configuration of a context.
pub struct Profile(profile_t);

impl Profile {
    /// The profile of `context` (krb5_get_profile).
    ///
    /// # Errors
    /// Out of memory.
    pub fn of(context: Context<'_>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the context is live, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_get_profile(context.as_raw(), &raw mut raw) })?;
        Ok(Self(raw))
    }

    /// The configuration in one file, whatever the environment names (profile_init).
    ///
    /// # Errors
    /// A file that cannot be read, or that is no configuration.
    pub fn read(file: &Path) -> Result<Self> {
        let file = CString::new(file.as_os_str().as_bytes()).map_err(|_| Error::INVALID)?;
        let mut files = [file.as_ptr(), ptr::null()];
        let mut raw = ptr::null_mut();
        // SAFETY: a NULL-terminated array of names, which are copied; the out parameter is valid (profile.h).
        Error::check(unsafe { krb5_sys::profile_init(files.as_mut_ptr(), &raw mut raw) })?;
        Ok(Self(raw))
    }

    pub(crate) fn as_raw(&self) -> profile_t {
        self.0
    }

    /// All values of the relation at `path`, none if there is none. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// A path with a NUL, out of memory.
    pub fn values(&self, path: &[&str]) -> Result<Vec<String>> {
        // SAFETY: the handle is live; `names` is a NULL-terminated array of strings (profile.h).
        self.list(path, |names, list| unsafe {
            krb5_sys::profile_get_values(self.0, names, list)
        })
    }

    /// The first value of the relation at `path`.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn value(&self, path: &[&str]) -> Result<Option<String>> {
        Ok(self.values(path)?.into_iter().next())
    }

    /// The value for `realm`: under `[realms]`, else under `[libdefaults]`.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn realm_values(&self, realm: &str, relation: &str) -> Result<Vec<String>> {
        let values = self.values(&["realms", realm, relation])?;
        if values.is_empty() {
            self.values(&["libdefaults", relation])
        } else {
            Ok(values)
        }
    }

    /// The names of the subsections of the section at `path`.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn subsections(&self, path: &[&str]) -> Result<Vec<String>> {
        // SAFETY: as in values.
        self.list(path, |names, list| unsafe {
            krb5_sys::profile_get_subsection_names(self.0, names, list)
        })
    }

    /// The names of the relations of the section at `path`.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn relations(&self, path: &[&str]) -> Result<Vec<String>> {
        // SAFETY: as in values.
        self.list(path, |names, list| unsafe {
            krb5_sys::profile_get_relation_names(self.0, names, list)
        })
    }

    fn list(
        &self,
        path: &[&str],
        get: impl FnOnce(*mut *const c_char, *mut *mut *mut c_char) -> c_long,
    ) -> Result<Vec<String>> {
        let path: Vec<CString> = path
            .iter()
            .map(|&name| CString::new(name).map_err(|_| Error::INVALID))
            .collect::<Result<_>>()?;
        let mut names: Vec<*const c_char> = path.iter().map(|name| name.as_ptr()).collect();
        names.push(ptr::null());
        let mut list = ptr::null_mut();
        let code = get(names.as_mut_ptr(), &raw mut list);
        if [PROF_NO_RELATION, PROF_NO_SECTION]
            .map(c_long::from)
            .contains(&code)
        {
            return Ok(Vec::new());
        }
        Error::check(code)?;
        // SAFETY: a NULL-terminated array of strings on success (profile.h).
        let values = unsafe { data::copy_list(list) };
        // SAFETY: it came from the profile library and is freed once.
        unsafe { krb5_sys::profile_free_list(list) };
        Ok(values)
    }
}

impl Relations for Profile {
    type Error = Error;

    fn values(&self, path: &[&str]) -> Result<Vec<String>> {
        Self::values(self, path)
    }

    fn relations(&self, path: &[&str]) -> Result<Vec<String>> {
        Self::relations(self, path)
    }

    fn subsections(&self, path: &[&str]) -> Result<Vec<String>> {
        Self::subsections(self, path)
    }

    fn parse_duration(&self, text: &str) -> Option<u32> {
        parse_duration(text).ok()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // SAFETY: ours, released once.
        unsafe { krb5_sys::profile_release(self.0) };
    }
}
