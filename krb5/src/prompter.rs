//! The caller's prompter.
//!
//! Invariants:
//! 1. A [`Prompter`] lives no longer than the callback that brought function and data.
//! 2. The reply buffer is ours and is wiped.

use core::{
    ffi::{c_char, c_int, c_void},
    ptr,
};
use std::ffi::CString;

use krb5_fido_protocol::secret::SecretBytes;
use krb5_sys::{krb5_prompt, krb5_prompter_fct};

use crate::{Context, Error, Result, data::Buffer};

/// The longest answer that is read, in bytes.
const REPLY_MAX: usize = 256;

unsafe extern "C" {
    static stdout: *mut libc::FILE;
}

/// How the program that logs in talks to its user.
#[derive(Clone, Copy)]
pub struct Prompter<'a> {
    context: Context<'a>,
    function: unsafe extern "C" fn(
        krb5_sys::krb5_context,
        *mut c_void,
        *const c_char,
        *const c_char,
        c_int,
        *mut krb5_prompt,
    ) -> krb5_sys::krb5_error_code,
    data: *mut c_void,
}

impl<'a> Prompter<'a> {
    /// `None` where the program has no prompter.
    ///
    /// # Safety
    /// `function` may be called with `data` for `'a`.
    pub(crate) unsafe fn from_raw(
        context: Context<'a>,
        function: krb5_prompter_fct,
        data: *mut c_void,
    ) -> Option<Self> {
        Some(Self {
            context,
            function: function?,
            data,
        })
    }

    /// Shows a line. Prompters report an error when there is nothing to ask, so none is looked at.
    pub fn show(&self, text: &str) {
        let Ok(banner) = CString::new(text) else { return };
        // SAFETY: function and data belong together; no prompts are passed (krb5.h, krb5_prompter_fct).
        unsafe {
            (self.function)(
                self.context.as_raw(),
                self.data,
                ptr::null(),
                banner.as_ptr(),
                0,
                ptr::null_mut(),
            )
        };
        // SAFETY: the C library's own stream, set for the life of the process.
        let stream = unsafe { stdout };
        // SAFETY: as above. krb5_prompter_posix leaves a banner in the buffer.
        unsafe { libc::fflush(stream) };
    }

    /// Asks for a hidden answer of at most 255 bytes.
    ///
    /// # Errors
    /// What the prompter returns: interrupted, cannot read.
    pub fn ask_hidden(&self, prompt: &str) -> Result<SecretBytes> {
        let prompt = CString::new(prompt).map_err(|_| Error::INVALID)?;
        let mut answer = SecretBytes::zeroed(REPLY_MAX);
        let mut reply = Buffer::new(answer.expose_mut())?;
        let mut prompts = [krb5_prompt {
            prompt: prompt.as_ptr().cast_mut(),
            hidden: 1,
            reply: reply.as_mut_ptr(),
        }];
        // SAFETY: one prompt whose reply has the room that its length says; all live for the call (krb5.h).
        Error::check(unsafe {
            (self.function)(
                self.context.as_raw(),
                self.data,
                ptr::null(),
                ptr::null(),
                1,
                prompts.as_mut_ptr(),
            )
        })?;
        let length = reply.length();
        answer
            .expose()
            .get(..length)
            .map(SecretBytes::from)
            .ok_or(Error::INTERNAL)
    }
}
