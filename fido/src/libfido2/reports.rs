//! [`Channel`] as the I/O functions of libfido2.
//!
//! Invariants:
//! 1. What `open` returns is a leaked `Box<Channel>`; libfido2 passes it back to `read` and `write`, and at last once to
//!    `close` (fido_dev_set_io_functions(3)).
//! 2. No callback unwinds: each is one call of [`guarded`].

use std::{
    cell::Cell,
    ffi::{c_char, c_int, c_uchar, c_void},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
    time::Duration,
};

use libfido2_sys as ffi;

use crate::channel::Channel;

thread_local! {
    /// Hands the channel to `open`, which libfido2 gives nothing but a path.
    static OPENED: Cell<Option<Channel>> = const { Cell::new(None) };
}

pub(super) static FUNCTIONS: ffi::fido_dev_io_t = ffi::fido_dev_io_t {
    open: Some(open),
    close: Some(close),
    read: Some(read),
    write: Some(write),
};

/// Runs `opening`, within which `fido_dev_open` takes `channel` for its device.
pub(super) fn with_channel(channel: Channel, opening: impl FnOnce() -> c_int) -> c_int {
    OPENED.set(Some(channel));
    let code = opening();
    OPENED.set(None);
    code
}

unsafe extern "C" fn open(_path: *const c_char) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        let channel = OPENED.take().map(Box::new);
        channel.map_or(ptr::null_mut(), |channel| Box::into_raw(channel).cast())
    })
}

unsafe extern "C" fn close(handle: *mut c_void) {
    guarded((), || {
        // SAFETY: invariant 1.
        drop(unsafe { Box::from_raw(handle.cast::<Channel>()) });
    });
}

unsafe extern "C" fn read(
    handle: *mut c_void,
    buffer: *mut c_uchar,
    length: usize,
    milliseconds: c_int,
) -> c_int {
    guarded(-1, || {
        // SAFETY: invariant 1.
        let channel = unsafe { &*handle.cast::<Channel>() };
        // SAFETY: fido_dev_set_io_functions(3): `buffer` has room for `length` bytes; libfido2 has filled them (src/io.c).
        let report = unsafe { slice::from_raw_parts_mut(buffer, length) };
        // A negative number of milliseconds is no limit.
        let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        report_length(channel.read_report(report, timeout), length)
    })
}

unsafe extern "C" fn write(handle: *mut c_void, buffer: *const c_uchar, length: usize) -> c_int {
    guarded(-1, || {
        // SAFETY: invariant 1.
        let channel = unsafe { &*handle.cast::<Channel>() };
        // SAFETY: fido_dev_set_io_functions(3): `buffer` has `length` bytes.
        let report = unsafe { slice::from_raw_parts(buffer, length) };
        report_length(channel.write_report(report), length)
    })
}

fn guarded<T>(failure: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(failure)
}

/// What libfido2 takes for a whole report, and for none.
fn report_length(done: io::Result<()>, length: usize) -> c_int {
    done.ok()
        .and_then(|()| c_int::try_from(length).ok())
        .unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure() {
        assert_eq!(guarded(-1, || panic!("on purpose")), -1);
    }

    #[test]
    fn a_report_counts_whole_or_not_at_all() {
        assert_eq!(report_length(Ok(()), 64), 64);
        assert_eq!(report_length(Err(io::ErrorKind::TimedOut.into()), 64), -1);
        assert_eq!(report_length(Ok(()), usize::MAX), -1);
    }
}
