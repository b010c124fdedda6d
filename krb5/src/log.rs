//! The KDC's and kadmind's own log.
//!
//! krb5_klog_syslog belongs to the libkadm5 libraries and is in no public header: it is looked up at run time. Where it is
//! missing, lines go to syslog(3).
//!
//! Invariants:
//! 1. The format is `%s` with one string.

use core::ffi::{c_char, c_int, c_void};
use std::{ffi::CString, mem, sync::LazyLock};

use crate::symbol::find_symbol;

type Log = unsafe extern "C" fn(c_int, *const c_char, ...) -> c_int;

static LOG: LazyLock<Option<Log>> = LazyLock::new(|| {
    let symbol = find_symbol(c"krb5_klog_syslog");
    // SAFETY: NULL is None; otherwise it is libkadm5's function of that name: int krb5_klog_syslog(int, const char *, ...).
    unsafe { mem::transmute::<*mut c_void, Option<Log>>(symbol) }
});

/// How much a line matters, as in syslog(3).
#[derive(Clone, Copy)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something works, but not as it should.
    Warning,
    /// Normal but worth noting.
    Notice,
    /// Information.
    Info,
}

impl Level {
    const fn priority(self) -> c_int {
        match self {
            Self::Error => libc::LOG_ERR,
            Self::Warning => libc::LOG_WARNING,
            Self::Notice => libc::LOG_NOTICE,
            Self::Info => libc::LOG_INFO,
        }
    }
}

/// Writes one line. Control characters in it are shown as `?`, so that nothing from outside forges a line.
pub fn write(level: Level, line: &str) {
    let line: String = line
        .chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect();
    let Ok(line) = CString::new(line) else { return };
    match *LOG {
        // SAFETY: invariant 1.
        Some(log) => unsafe {
            log(level.priority(), c"%s".as_ptr(), line.as_ptr());
        },
        // SAFETY: invariant 1.
        None => unsafe { libc::syslog(level.priority(), c"%s".as_ptr(), line.as_ptr()) },
    }
}
