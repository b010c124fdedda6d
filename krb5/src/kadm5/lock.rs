//! The exclusive lock on a local database.
//!
//! Invariants:
//! 1. A lock that was taken is released: see [`Lock`].
//! 2. No signal ends the program while it holds a lock: see `SignalsHeld`.

use core::{ffi::c_long, mem::MaybeUninit, ptr};

use krb5_sys::KRB5_PLUGIN_OP_NOTSUPP;

use super::Database;
use crate::Failure;

impl Database<'_> {
    /// Keeps everybody else from reading or changing the database until the result is dropped; waits for whoever holds
    /// the lock. DB2 writes to its file when the lock is released, and says nothing if that fails: read back what
    /// matters. Database types without locks have transactions of their own, and kadmind gives nobody a lock: there it does
    /// nothing.
    ///
    /// # Errors
    /// The database cannot be locked.
    pub fn lock(&self) -> Result<Lock<'_>, Failure> {
        if !self.is_local {
            return Ok(Lock {
                database: self,
                locked: false,
                _signals: None,
            });
        }
        // SAFETY: a live handle (kadm5/admin.h).
        let code = unsafe { krb5_sys::kadm5_lock(self.handle) };
        let locked = code != c_long::from(KRB5_PLUGIN_OP_NOTSUPP);
        if locked {
            self.check(code)?;
        }
        Ok(Lock {
            database: self,
            locked,
            _signals: Some(SignalsHeld::new()),
        })
    }
}

/// An exclusive lock on a database.
pub struct Lock<'a> {
    database: &'a Database<'a>,
    locked: bool,
    // Dropped after the lock was released.
    _signals: Option<SignalsHeld>,
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
