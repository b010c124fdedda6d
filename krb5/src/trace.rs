//! Lines for KRB5_TRACE.
//!
//! krb5int_trace is exported by libkrb5 but is in no public header: it is looked up at run time, and where it is missing
//! nothing is traced.
//!
//! Invariants:
//! 1. Each format of this file stands beside the arguments that it consumes (k5-trace.h: `{int}` an int, `{str}` a
//!    string, `{hexdata}` a krb5_data).

use core::ffi::{CStr, c_char, c_int};
use std::{ffi::CString, mem, sync::LazyLock};

use krb5_sys::{krb5_context, krb5_data};

use crate::{Context, data::View, symbol::find_symbol};

type Trace = unsafe extern "C" fn(krb5_context, *const c_char, ...);

static TRACE: LazyLock<Option<Trace>> = LazyLock::new(|| {
    let symbol = find_symbol(c"krb5int_trace");
    // SAFETY: NULL is None; otherwise it is libkrb5's function of that name, whose type has not changed since krb5 1.9.
    unsafe { mem::transmute::<*mut core::ffi::c_void, Option<Trace>>(symbol) }
});

/// One line of fixed text.
pub fn text(context: Context<'_>, text: &CStr) {
    let Some(trace) = *TRACE else { return };
    // SAFETY: invariant 1.
    unsafe { trace(context.as_raw(), c"{str}".as_ptr(), text.as_ptr()) };
}

/// `text` and a string. A NUL ends the string.
pub fn string(context: Context<'_>, text: &CStr, string: &str) {
    let string = string.split('\0').next().unwrap_or_default();
    let (Some(trace), Ok(string)) = (*TRACE, CString::new(string)) else {
        return;
    };
    // SAFETY: invariant 1.
    unsafe {
        trace(
            context.as_raw(),
            c"{str}{str}".as_ptr(),
            text.as_ptr(),
            string.as_ptr(),
        )
    };
}

/// `before`, a number, `after`.
pub fn number_between(context: Context<'_>, before: &CStr, number: i32, after: &CStr) {
    let Some(trace) = *TRACE else { return };
    // SAFETY: invariant 1.
    unsafe {
        trace(
            context.as_raw(),
            c"{str}{int}{str}".as_ptr(),
            before.as_ptr(),
            c_int::from(number),
            after.as_ptr(),
        );
    }
}

/// `text` and bytes in hexadecimal.
pub fn bytes(context: Context<'_>, text: &CStr, bytes: &[u8]) {
    let (Some(trace), Ok(view)) = (*TRACE, View::new(bytes)) else {
        return;
    };
    let data: *const krb5_data = view.as_ptr();
    // SAFETY: invariant 1.
    unsafe { trace(context.as_raw(), c"{str}{hexdata}".as_ptr(), text.as_ptr(), data) };
}

/// `before`, a number, `after`, bytes in hexadecimal.
pub fn number_bytes(context: Context<'_>, before: &CStr, number: i32, after: &CStr, bytes: &[u8]) {
    let (Some(trace), Ok(view)) = (*TRACE, View::new(bytes)) else {
        return;
    };
    let data: *const krb5_data = view.as_ptr();
    // SAFETY: invariant 1.
    unsafe {
        trace(
            context.as_raw(),
            c"{str}{int}{str}{hexdata}".as_ptr(),
            before.as_ptr(),
            c_int::from(number),
            after.as_ptr(),
            data,
        );
    }
}
