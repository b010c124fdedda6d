//! The line that no panic crosses.
//!
//! Every `extern "C"` body of this crate is one call of [`guard`] or [`guard_failure`]. The host's panic hook is left
//! alone: it prints where the panic happened to the host's standard error.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use krb5_sys::krb5_context;

use crate::{Context, Error, Failure};

/// Runs `body`; a panic in it becomes `on_panic`.
pub(crate) fn guard<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping a payload can panic in its turn.
        mem::forget(payload);
        on_panic
    })
}

/// Runs `body` and gives the code it ends with, its text set on `context`. A panic becomes `on_panic`.
pub(crate) fn guard_failure(
    context: Context<'_>,
    on_panic: Error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> i32 {
    let panicked = || Failure::new(on_panic, "internal error in the krb5-fido module");
    match guard(None, || Some(body())).unwrap_or_else(|| Err(panicked())) {
        Ok(()) => 0,
        Err(failure) => {
            guard((), || context.set_failure(&failure));
            failure.error.code()
        }
    }
}

/// Makes a module, and hands it to the host, which gives it back to [`release`].
///
/// # Safety
/// `context` is live for the call, `data_out` the host's out parameter.
pub(crate) unsafe fn start<M, D>(
    context: krb5_context,
    data_out: *mut *mut D,
    init: impl FnOnce(Context<'_>) -> Result<M, Failure>,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let context = unsafe { Context::from_raw(context) };
    guard_failure(context, Error::INTERNAL, || {
        let module = Box::into_raw(Box::new(init(context)?));
        // SAFETY: the caller vouches for it.
        unsafe { *data_out = module.cast() };
        Ok(())
    })
}

/// The module that [`start`] has made.
///
/// # Safety
/// `data` is NULL, or came from [`start`] with the same `M`, and lives for `'a`.
pub(crate) unsafe fn module<'a, M, D>(data: *mut D) -> Result<&'a M, Failure> {
    let module: *const M = data.cast();
    // SAFETY: the caller vouches for it.
    let module = unsafe { module.as_ref() };
    module.ok_or_else(|| Error::INTERNAL.into())
}

/// Takes back what a `Box<T>` was made into, and drops it.
///
/// # Safety
/// `data` came from `Box::<T>::into_raw` and is not used again.
pub(crate) unsafe fn release<T, D>(data: *mut D) {
    guard((), || {
        // SAFETY: the caller vouches for it.
        drop(unsafe { Box::<T>::from_raw(data.cast()) });
    });
}

/// Defines the initvt function `$symbol`, which has `$fill` fill the vtable.
#[doc(hidden)]
#[macro_export]
macro_rules! initvt {
    ($doc:literal, $symbol:ident, $fill:expr) => {
        #[doc = $doc]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(
            _: $crate::exports::krb5_context,
            major: ::core::ffi::c_int,
            _: ::core::ffi::c_int,
            vtable: $crate::exports::krb5_plugin_vtable,
        ) -> $crate::exports::krb5_error_code {
            // SAFETY: krb5 calls initvt functions with a vtable of the interface that their name says.
            unsafe { $fill(major, vtable) }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnedContext;

    #[test]
    fn a_panic_becomes_the_given_value() {
        assert_eq!(guard(7, || panic!("in a test")), 7);
        assert_eq!(guard(7, || 8), 8);
    }

    #[test]
    fn a_panic_becomes_an_error_with_a_text() {
        let context = OwnedContext::new().unwrap();
        let code = guard_failure(context.get(), Error::INTERNAL, || panic!("in a test"));
        assert_eq!(code, Error::INTERNAL.code());
        assert_eq!(
            context.get().message(Error::INTERNAL),
            "internal error in the krb5-fido module"
        );
    }

    #[test]
    fn a_failure_sets_its_text() {
        let context = OwnedContext::new().unwrap();
        let code = guard_failure(context.get(), Error::INTERNAL, || {
            Err(Failure::new(Error::PREAUTH_FAILED, "100% wrong"))
        });
        assert_eq!(code, Error::PREAUTH_FAILED.code());
        assert_eq!(context.get().message(Error::PREAUTH_FAILED), "100% wrong");
    }
}
