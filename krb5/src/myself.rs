//! Whom kinit logs in when it is told no name: the principal of the default credential cache, else the local user.
//!
//! Invariants:
//! 1. A cache that krb5_cc_default opened is closed once, and nobody reads it any more.
//! 2. The strings of a passwd lie in the buffer that getpwuid_r was given, and are copied at once.

use core::{ffi::CStr, mem, ptr};

use crate::{Context, Error, OwnedPrincipal};

/// Room for the longest entry of the user database, in bytes.
const ENTRY_MAX: usize = 64 * 1024;

/// The principal of the default credential cache (krb5_cc_default, krb5_cc_get_principal); none where there is no such cache.
pub fn default_cache_principal(context: Context<'_>) -> Option<OwnedPrincipal<'_>> {
    let mut cache = ptr::null_mut();
    // SAFETY: the context is live, the out parameter valid (krb5.h).
    Error::check(unsafe { krb5_sys::krb5_cc_default(context.as_raw(), &raw mut cache) }).ok()?;
    let mut principal = ptr::null_mut();
    // SAFETY: context and cache are live, the out parameter valid (krb5.h).
    let code = unsafe { krb5_sys::krb5_cc_get_principal(context.as_raw(), cache, &raw mut principal) };
    // SAFETY: invariant 1.
    unsafe { krb5_sys::krb5_cc_close(context.as_raw(), cache) };
    Error::check(code).ok()?;
    // SAFETY: made on this context, and ours.
    Some(unsafe { OwnedPrincipal::from_raw(context, principal) })
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
    // SAFETY: invariant 2.
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
