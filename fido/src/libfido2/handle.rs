//! Objects of libfido2, and what is copied out of them.
//!
//! Invariants:
//! 1. `Handle::pointer` came from a `*_new` function and is freed by nobody else.
//! 2. `Handle::free` is the free function of that type. It takes the address of a pointer and sets it to NULL.

use std::{
    ffi::{CStr, c_char},
    ptr::NonNull,
    slice,
};

use crate::Error;

/// One object of libfido2, freed on drop.
pub(super) struct Handle<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut *mut T),
}

impl<T> Handle<T> {
    /// Takes over what a `*_new` function returned: NULL means that there is no memory.
    ///
    /// # Safety
    /// `pointer` is NULL or belongs to the caller alone, and `free` frees it.
    pub(super) unsafe fn new(
        pointer: *mut T,
        free: unsafe extern "C" fn(*mut *mut T),
    ) -> Result<Self, Error> {
        let pointer = NonNull::new(pointer).ok_or(Error::OutOfMemory)?;
        Ok(Self { pointer, free })
    }

    pub(super) const fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let mut pointer = self.pointer.as_ptr();
        // SAFETY: invariants 1 and 2.
        unsafe { (self.free)(&raw mut pointer) }
    }
}

/// Copies a buffer; NULL is an empty one.
///
/// # Safety
/// `pointer` is NULL or points to `length` bytes that nothing changes during the call.
pub(super) unsafe fn copy_bytes(pointer: *const u8, length: usize) -> Vec<u8> {
    if pointer.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { slice::from_raw_parts(pointer, length) }.to_vec()
}

/// A text that comes from a key, fit for a terminal: without control characters, and at most `length` characters long.
pub(super) fn printable(text: &str, length: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(length)
        .collect()
}

/// Copies a string, with U+FFFD for what is not UTF-8; NULL is an empty one.
///
/// # Safety
/// `pointer` is NULL or points to a string that ends in a zero byte and that nothing changes during the call.
pub(super) unsafe fn copy_string(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
