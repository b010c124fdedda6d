//! CTAPHID reports over a SOCK_STREAM Unix socket, for software keys: 64 bytes each, without report id.
//!
//! Invariants:
//! 1. What `open` returns is a leaked `Box<UnixStream>`; libfido2 passes it back to `read` and `write`, and at last once to
//!    `close` (fido_dev_set_io_functions(3)).
//! 2. `read` and `write` only borrow it, shared: `fido_dev_cancel` may write while another thread reads.
//! 3. No callback unwinds: each is one call of [`guarded`].

use std::{
    cell::Cell,
    ffi::{c_char, c_int, c_uchar, c_void},
    io::{self, Read},
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
    time::{Duration, Instant},
};

use libfido2_sys as ffi;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{SendFlags, send},
};

/// Bytes in a CTAPHID report.
const REPORT_LEN: usize = 64;

thread_local! {
    /// Hands the connected socket to `open`, which libfido2 gives nothing but a path.
    static CONNECTED: Cell<Option<UnixStream>> = const { Cell::new(None) };
}

pub(super) static FUNCTIONS: ffi::fido_dev_io_t = ffi::fido_dev_io_t {
    open: Some(open),
    close: Some(close),
    read: Some(read),
    write: Some(write),
};

/// Runs `opening`, within which `fido_dev_open` takes `stream` for its device.
pub(super) fn with_connected(stream: UnixStream, opening: impl FnOnce() -> c_int) -> c_int {
    CONNECTED.set(Some(stream));
    let code = opening();
    CONNECTED.set(None);
    code
}

unsafe extern "C" fn open(_path: *const c_char) -> *mut c_void {
    guarded(ptr::null_mut(), || {
        CONNECTED
            .take()
            .map_or(ptr::null_mut(), |stream| Box::into_raw(Box::new(stream)).cast())
    })
}

unsafe extern "C" fn close(handle: *mut c_void) {
    guarded((), || {
        // SAFETY: invariant 1.
        drop(unsafe { Box::from_raw(handle.cast::<UnixStream>()) });
    });
}

unsafe extern "C" fn read(
    handle: *mut c_void,
    buffer: *mut c_uchar,
    length: usize,
    milliseconds: c_int,
) -> c_int {
    guarded(-1, || {
        // SAFETY: invariants 1 and 2.
        let stream = unsafe { &*handle.cast::<UnixStream>() };
        // SAFETY: fido_dev_set_io_functions(3): `buffer` has room for `length` bytes.
        let report = unsafe { slice::from_raw_parts_mut(buffer, length) };
        // A negative number of milliseconds is no limit.
        let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        report_length(read_report(stream, report, timeout), length)
    })
}

unsafe extern "C" fn write(handle: *mut c_void, buffer: *const c_uchar, length: usize) -> c_int {
    guarded(-1, || {
        // SAFETY: invariants 1 and 2.
        let stream = unsafe { &*handle.cast::<UnixStream>() };
        // SAFETY: fido_dev_set_io_functions(3): `buffer` has `length` bytes.
        let report = unsafe { slice::from_raw_parts(buffer, length) };
        report_length(write_report(stream, report), length)
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

/// Fills `report`. One that the time limit cuts short cannot be taken up again.
fn read_report(mut stream: &UnixStream, report: &mut [u8], timeout: Option<Duration>) -> io::Result<()> {
    if report.len() != REPORT_LEN {
        return Err(Errno::INVAL.into());
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut rest = report;
    while !rest.is_empty() {
        wait_readable(stream, deadline)?;
        match stream.read(rest) {
            Ok(0) => return Err(Errno::CONNRESET.into()),
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_readable(stream: &UnixStream, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
            .and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(stream, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes a report; libfido2 puts the report id 0 before it, which HID has and a socket has not.
fn write_report(stream: &UnixStream, numbered: &[u8]) -> io::Result<()> {
    let Some((0, mut rest)) = numbered.split_first().map(|(id, report)| (*id, report)) else {
        return Err(Errno::INVAL.into());
    };
    if rest.len() != REPORT_LEN {
        return Err(Errno::INVAL.into());
    }
    while !rest.is_empty() {
        match send(stream, rest, SendFlags::NOSIGNAL) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Write, thread};

    use super::*;

    const SHORT: Option<Duration> = Some(Duration::from_millis(20));

    #[test]
    fn reads_a_report_that_comes_in_pieces() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let writer = thread::spawn(move || {
            theirs.write_all(&[1; 10]).unwrap();
            thread::sleep(Duration::from_millis(10));
            theirs.write_all(&[2; 54]).unwrap();
        });
        let mut report = [0; REPORT_LEN];
        read_report(&ours, &mut report, None).unwrap();
        writer.join().unwrap();
        assert_eq!(report[..10], [1; 10]);
        assert_eq!(report[10..], [2; 54]);
    }

    #[test]
    fn gives_up_when_time_is_over() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(read_report(&ours, &mut [0; REPORT_LEN], SHORT).is_err());
        theirs.write_all(&[1; 63]).unwrap();
        assert!(read_report(&ours, &mut [0; REPORT_LEN], SHORT).is_err());
    }

    #[test]
    fn gives_up_when_the_key_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(read_report(&ours, &mut [0; REPORT_LEN], None).is_err());
        assert!(write_report(&ours, &[0; REPORT_LEN + 1]).is_err());
    }

    #[test]
    fn strips_the_report_id() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut numbered = [7; REPORT_LEN + 1];
        numbered[0] = 0;
        write_report(&ours, &numbered).unwrap();
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        assert_eq!(received, [7; REPORT_LEN]);
    }

    #[test]
    fn refuses_other_lengths_and_report_ids() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        for length in [0, 1, REPORT_LEN, REPORT_LEN + 2] {
            assert!(write_report(&ours, &vec![0; length]).is_err(), "{length} bytes");
        }
        assert!(write_report(&ours, &[1; REPORT_LEN + 1]).is_err());
        assert!(read_report(&ours, &mut [0; REPORT_LEN - 1], SHORT).is_err());
    }

    #[test]
    fn a_panic_is_a_failure() {
        assert_eq!(guarded(-1, || panic!("on purpose")), -1);
    }
}
