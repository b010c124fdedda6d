//! Whether a module can be loaded: libkrb5 is silent about one that cannot.
//!
//! Invariants:
//! 1. A handle from dlopen is given back once, and no address out of it is used.

use core::ffi::{CStr, c_void};
use std::{ffi::CString, os::unix::ffi::OsStrExt as _, path::Path};

/// Loads the shared object at `path` as libkrb5 would, looks for `symbol` in it, and lets go of it.
///
/// # Errors
/// What the loader says, for people.
pub fn check_loadable(path: &Path, symbol: &CStr) -> Result<(), String> {
    let object = Object::open(path)?;
    // SAFETY: the object is open, the name a string (dlsym(3)).
    let address = unsafe { libc::dlsym(object.0, symbol.as_ptr()) };
    match address.is_null() {
        true => Err(loader_message()),
        false => Ok(()),
    }
}

/// An open shared object.
struct Object(*mut c_void);

impl Object {
    fn open(path: &Path) -> Result<Self, String> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| "a path with a NUL".to_owned())?;
        // SAFETY: the path is a string. What the object does when it is loaded it does in every login, too.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        match handle.is_null() {
            true => Err(loader_message()),
            false => Ok(Self(handle)),
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: invariant 1.
        unsafe { libc::dlclose(self.0) };
    }
}

/// What the last call of the loader failed with.
fn loader_message() -> String {
    // SAFETY: dlerror takes nothing.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "the loader does not say why".to_owned();
    }
    // SAFETY: a string until the next call of the loader in this thread; it is copied at once (dlerror(3)).
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, symbol: &CStr) -> Result<(), String> {
        check_loadable(Path::new(path), symbol)
    }

    #[test]
    fn a_shared_object_with_the_symbol_can_be_loaded() {
        assert_eq!(check("libkrb5.so.3", c"krb5_init_context"), Ok(()));
    }

    #[test]
    fn the_loader_says_what_is_missing() {
        let missing = check("/nonexistent/module.so", c"x").unwrap_err();
        assert!(missing.contains("/nonexistent/module.so"), "{missing}");
        let other = check("libkrb5.so.3", c"clpreauth_spake_initvt").unwrap_err();
        assert!(other.contains("clpreauth_spake_initvt"), "{other}");
        assert!(check("/etc/passwd", c"x").is_err());
        assert!(check("a\0b", c"x").is_err());
    }
}
