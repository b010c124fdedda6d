//! An allocator that writes down the content of every block at the moment when it is freed, for tests that look for secrets
//! there.
//!
//! The file is `$HOME/PROGRAM.freed`, PROGRAM being the name of the running program. It must exist already; where it does
//! not, nothing is written. Each block is its length as a big-endian `u64`, and its bytes.
//!
//! Invariants:
//! 1. Memory comes from the system's allocator, filled with zeros: what a block holds when it is freed was put there by
//!    its owner, and nothing of what C or an earlier owner left behind.
//! 2. A block that grows or shrinks is always moved: its former place is freed like any other, as the system's allocator
//!    is free to do.
//! 3. A freed block is read by the kernel alone, in writev(2): its bytes may be uninitialised for Rust.
//! 4. Nothing here allocates, and errno is left as it was.

use core::{
    alloc::{GlobalAlloc, Layout},
    ffi::{CStr, c_char, c_int},
    hint::black_box,
    sync::atomic::{AtomicI32, Ordering},
};
use std::alloc::System;

use zeroize::Zeroize;

/// The longest path of the file, in bytes.
const PATH_MAX: usize = 512;

/// The descriptor of the file while there is none.
const CLOSED: c_int = -1;

static FILE: AtomicI32 = AtomicI32::new(CLOSED);

unsafe extern "C" {
    /// The name that the program was started under, without its directory (glibc, errno.h).
    static program_invocation_short_name: *const c_char;
}

/// The allocator, to be made the global one.
pub struct Inspector;

// SAFETY: every block is the system allocator's own, of the layout asked for; realloc is the one of the trait.
unsafe impl GlobalAlloc for Inspector {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's block, still whole.
        unsafe { record(block, layout.size()) };
        // SAFETY: the caller's block, from the same allocator.
        unsafe { System.dealloc(block, layout) };
    }
}

/// Writes a block into the file, if there is one.
///
/// # Safety
/// `block` has `size` bytes.
unsafe fn record(block: *const u8, size: usize) {
    // SAFETY: errno of this thread, always there.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    let file = open_file();
    if file != CLOSED {
        let length = u64::try_from(size).unwrap_or(u64::MAX).to_be_bytes();
        let parts = [
            libc::iovec {
                iov_base: length.as_ptr().cast_mut().cast(),
                iov_len: length.len(),
            },
            libc::iovec {
                iov_base: block.cast_mut().cast(),
                iov_len: size,
            },
        ];
        // SAFETY: two parts that live for the call and are read by the kernel alone; one call, so that threads and
        // processes do not mix (O_APPEND).
        unsafe { libc::writev(file, parts.as_ptr(), 2) };
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// The descriptor of the file, opened at the first block that is freed while it exists.
fn open_file() -> c_int {
    let open = FILE.load(Ordering::Acquire);
    if open != CLOSED {
        return open;
    }
    let mut path = [0; PATH_MAX];
    if write_path(&mut path).is_none() {
        return CLOSED;
    }
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: a path that ends in a zero byte.
    let opened = unsafe { libc::open(path.as_ptr().cast(), flags) };
    match FILE.compare_exchange(CLOSED, opened, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => opened,
        // Another thread was first.
        Err(first) => {
            // SAFETY: nobody else has this descriptor.
            unsafe { libc::close(opened) };
            first
        }
    }
}

fn write_path(path: &mut [u8; PATH_MAX]) -> Option<()> {
    // SAFETY: a string that ends in a zero byte; no test changes the environment of a running program.
    let home = unsafe { libc::getenv(c"HOME".as_ptr()) };
    if home.is_null() {
        return None;
    }
    // SAFETY: set before main and never changed.
    let program = unsafe { program_invocation_short_name };
    // SAFETY: not NULL, and ends in a zero byte.
    let home = unsafe { CStr::from_ptr(home) };
    // SAFETY: as above.
    let program = unsafe { CStr::from_ptr(program) };
    let mut rest = path.as_mut_slice();
    for part in [home.to_bytes(), b"/", program.to_bytes(), b".freed\0"] {
        let (place, after) = rest.split_at_mut_checked(part.len())?;
        place.copy_from_slice(part);
        rest = after;
    }
    Some(())
}

/// Makes a mistake with a secret on purpose: `freed` frees a copy as it is, `grown` has a copy moved by its growth before it
/// is wiped, `wiped` makes none. Anything else does nothing.
pub fn mishandle(secret: &[u8], mistake: &str) {
    let mut copy = Vec::with_capacity(secret.len());
    match mistake {
        "freed" => copy.extend_from_slice(secret),
        "grown" => {
            copy.extend_from_slice(secret);
            black_box(&mut copy).push(0);
            copy.zeroize();
        }
        "wiped" => {
            copy.extend_from_slice(secret);
            copy.zeroize();
        }
        _ => {}
    }
    drop(black_box(copy));
}
