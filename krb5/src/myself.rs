//! Whom kinit logs in when it is told no name: the principal of the default credential cache, else the local user; with a key
//! table, the host.
//!
//! Invariant: the strings of a passwd lie in the buffer that getpwuid_r was given, and are copied at once.

use core::{ffi::CStr, mem, ptr};

use crate::{Context, CredentialCache, Error, OwnedPrincipal, Result};

/// Room for the longest entry of the user database, in bytes.
const ENTRY_MAX: usize = 64 * 1024;

/// The principal of the default credential cache; none where there is no such cache.
pub fn default_cache_principal(context: Context<'_>) -> Option<OwnedPrincipal<'_>> {
    CredentialCache::default(context).ok()?.principal().ok()
}

/// The principal of this host in its realm, host/NAME, as kadmin and kinit take it with a key table
/// (krb5_sname_to_principal).
///
/// # Errors
/// A host that does not know its name, or its realm.
pub fn host_principal(context: Context<'_>) -> Result<OwnedPrincipal<'_>> {
    let mut principal = ptr::null_mut();
    // SAFETY: the context is live, NULL stands for this host, the service is a string, the out parameter valid (krb5.h).
    Error::check(unsafe {
        krb5_sys::krb5_sname_to_principal(
            context.as_raw(),
            ptr::null(),
            c"host".as_ptr(),
            krb5_sys::KRB5_NT_SRV_HST,
            &raw mut principal,
        )
    })?;
    // SAFETY: made on this context, and ours.
    Ok(unsafe { OwnedPrincipal::from_raw(context, principal) })
}

/// The name of the user whose process this is (getpwuid_r); none if the machine does not know one.
pub fn local_user_name() -> Option<String> {
    let mut buffer = vec![0; ENTRY_MAX];
    // SAFETY: numbers and pointers, for all of which zero is a value.
    let mut entry: libc::passwd = unsafe { mem::zeroed() };
    let mut found = ptr::null_mut();
    // SAFETY: getuid takes nothing and cannot fail.
    let user = unsafe { libc::getuid() };
    // SAFETY: entry and out parameter are valid, and the buffer is as long as is said (getpwuid_r(3)).
    let code = unsafe {
        libc::getpwuid_r(
            user,
            &raw mut entry,
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
        )
    };
    if code != 0 || found.is_null() || entry.pw_name.is_null() {
        return None;
    }
    // SAFETY: the invariant.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    Some(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_local_user_is_the_one_that_id_names() {
        let id = Command::new("id").args(["-u", "-n", "-r"]).output().unwrap();
        let name = String::from_utf8(id.stdout).unwrap();
        assert_eq!(local_user_name().as_deref(), Some(name.trim()));
    }
}
