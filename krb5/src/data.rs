//! krb5_data and pa-data: views of memory that others own, and memory handed to krb5.
//!
//! Invariants:
//! 1. What [`bytes`] returns borrows memory that the caller vouches for.
//! 2. What is handed to krb5 comes from malloc, because krb5 frees it with free: see [`Handed`].

use core::{
    ffi::{CStr, c_char},
    marker::PhantomData,
    mem, ptr, slice,
};

use krb5_sys::{KV5M_DATA, KV5M_PA_DATA, krb5_data, krb5_pa_data};

use crate::{Error, Result};

/// The bytes at `pointer`; none where it is NULL.
///
/// # Safety
/// `pointer` is NULL or points to `length` bytes that stay unchanged for `'a`.
pub(crate) unsafe fn bytes<'a, T>(pointer: *const T, length: u32) -> &'a [u8] {
    let Ok(length) = usize::try_from(length) else {
        return &[];
    };
    if pointer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: the caller vouches for pointer and length.
    unsafe { slice::from_raw_parts(pointer.cast(), length) }
}

/// The bytes of a krb5_data; none where the pointer is NULL.
///
/// # Safety
/// `data` is NULL or points to a krb5_data whose bytes stay unchanged for `'a`.
pub(crate) unsafe fn data_bytes<'a>(data: *const krb5_data) -> &'a [u8] {
    // SAFETY: the caller vouches for the pointer.
    let Some(data) = (unsafe { data.as_ref() }) else {
        return &[];
    };
    // SAFETY: as above.
    unsafe { bytes(data.data, data.length) }
}

/// A krb5_data over bytes of ours, for calls that only read them.
pub(crate) struct View<'a> {
    raw: krb5_data,
    owner: PhantomData<&'a [u8]>,
}

impl<'a> View<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::INVALID)?;
        let raw = krb5_data {
            magic: KV5M_DATA,
            length,
            data: bytes.as_ptr().cast_mut().cast(),
        };
        Ok(Self {
            raw,
            owner: PhantomData,
        })
    }

    pub(crate) fn as_ptr(&self) -> *const krb5_data {
        &raw const self.raw
    }
}

/// A krb5_data over a buffer of ours that a call fills.
pub(crate) struct Buffer<'a> {
    raw: krb5_data,
    owner: PhantomData<&'a mut [u8]>,
}

impl<'a> Buffer<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Result<Self> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::INVALID)?;
        let raw = krb5_data {
            magic: KV5M_DATA,
            length,
            data: bytes.as_mut_ptr().cast(),
        };
        Ok(Self {
            raw,
            owner: PhantomData,
        })
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut krb5_data {
        &raw mut self.raw
    }

    pub(crate) fn into_raw(self) -> krb5_data {
        self.raw
    }

    /// The length that the call left, in bytes.
    pub(crate) fn length(&self) -> usize {
        usize::try_from(self.raw.length).unwrap_or(0)
    }
}

/// Memory from malloc that is freed on drop unless it is handed to krb5.
pub(crate) struct Handed<T>(*mut T);

impl<T: Copy> Handed<T> {
    fn copied(values: &[T]) -> Result<Self> {
        let size = size_of_val(values).max(1);
        // SAFETY: malloc takes any size.
        let memory = unsafe { libc::malloc(size) }.cast::<T>();
        if memory.is_null() {
            return Err(Error::NO_MEMORY);
        }
        // SAFETY: fresh memory of at least that size, aligned for any C type, does not overlap.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), memory, values.len()) };
        Ok(Self(memory))
    }

    pub(crate) fn into_raw(self) -> *mut T {
        let raw = self.0;
        mem::forget(self);
        raw
    }
}

impl<T> Drop for Handed<T> {
    fn drop(&mut self) {
        // SAFETY: from malloc, not handed out: into_raw forgets self.
        unsafe { libc::free(self.0.cast()) };
    }
}

/// One pa-data element in memory that krb5 frees with krb5_free_pa_data or k5_free_pa_data_element.
pub(crate) fn pa_data(pa_type: i32, contents: &[u8]) -> Result<Handed<krb5_pa_data>> {
    let length = u32::try_from(contents.len()).map_err(|_| Error::INVALID)?;
    let contents = Handed::copied(contents)?;
    let element = Handed::copied(&[krb5_pa_data {
        magic: KV5M_PA_DATA,
        pa_type,
        length,
        contents: contents.0,
    }])?;
    contents.into_raw();
    Ok(element)
}

/// A NULL-terminated list of one pa-data element in memory that krb5 frees with krb5_free_pa_data.
pub(crate) fn pa_data_list(pa_type: i32, contents: &[u8]) -> Result<*mut *mut krb5_pa_data> {
    let element = pa_data(pa_type, contents)?;
    let list = Handed::copied(&[element.0, ptr::null_mut()])?;
    element.into_raw();
    Ok(list.into_raw())
}

/// Copies an array of strings. Bytes that are not UTF-8 are replaced.
///
/// # Safety
/// `list` is a NULL-terminated array of NUL-terminated strings.
pub(crate) unsafe fn copy_list(list: *mut *mut c_char) -> Vec<String> {
    let mut copies = Vec::new();
    let mut next = list;
    loop {
        // SAFETY: up to and with the NULL the array may be read.
        let text = unsafe { *next };
        if text.is_null() {
            return copies;
        }
        // SAFETY: NUL-terminated.
        copies.push(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        // SAFETY: the NULL has not been reached.
        next = unsafe { next.add(1) };
    }
}

/// Copies an array of `count` strings. Bytes that are not UTF-8 are replaced.
///
/// # Safety
/// `list` is NULL or has `count` NUL-terminated strings.
pub(crate) unsafe fn copy_array(list: *mut *mut c_char, count: i32) -> Vec<String> {
    let Ok(count) = usize::try_from(count) else {
        return Vec::new();
    };
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller vouches for pointer and length.
    let texts = unsafe { slice::from_raw_parts(list, count) };
    // SAFETY: each is NUL-terminated.
    texts
        .iter()
        .map(|&text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        .collect()
}
