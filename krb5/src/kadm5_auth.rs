//! Modules that authorize what kadmind is asked to do, here changes of string attributes.
//!
//! Invariants:
//! 1. kadmind owns the vtable that initvt fills, with room for all members of the interface's major version 1.
//! 2. Module data is a `Box<M>` made in init and taken back in fini.
//! 3. Principals and strings are borrowed from the arguments of one callback.

use core::ffi::{CStr, c_char};

use krb5_sys::{
    kadm5_auth_moddata, kadm5_auth_vtable, krb5_const_principal, krb5_context, krb5_error_code,
    krb5_plugin_vtable,
};

use crate::{
    Context, Error, Failure, Principal,
    boundary::{self, guard, guard_failure, release, start},
};

/// A string attribute that somebody wants to set or remove.
pub struct StringChange<'a> {
    /// Who wants it: the client of the ticket.
    pub client: Principal<'a>,
    /// Of which principal, as the request names it.
    pub target: Principal<'a>,
    /// The attribute's name.
    pub name: &'a [u8],
    /// Its new value; `None` removes it.
    pub value: Option<&'a [u8]>,
}

/// What a module says to a change that it does not forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Authorized,
    /// Other modules decide: the access control list, for one.
    Undecided,
}

/// A module for kadmind.
pub trait Module: Sized + 'static {
    /// The module's name, as in the `module` relation.
    const NAME: &'static CStr;

    /// Makes the module's data.
    ///
    /// # Errors
    /// kadmind does not start.
    fn init(context: Context<'_>) -> Result<Self, Failure>;

    /// Whether a string attribute may be changed. kadmind does nothing else between this question and the change.
    ///
    /// # Errors
    /// It may not. The client learns nothing but that.
    fn set_string(&self, context: Context<'_>, change: &StringChange<'_>) -> Result<Verdict, Failure>;
}

/// Fills the vtable of a module for kadmind.
///
/// # Safety
/// The arguments are those of a kadm5_auth initvt function.
#[doc(hidden)]
pub unsafe fn fill_vtable<M: Module>(major: i32, vtable: krb5_plugin_vtable) -> krb5_error_code {
    guard(Error::INTERNAL.code(), || {
        let vtable: kadm5_auth_vtable = vtable.cast();
        // SAFETY: invariant 1.
        let Some(vtable) = (unsafe { vtable.as_mut() }).filter(|_| major == 1) else {
            return Error::VERSION_NOT_SUPPORTED.code();
        };
        vtable.name = M::NAME.as_ptr();
        vtable.init = Some(init::<M>);
        vtable.fini = Some(fini::<M>);
        vtable.setstr = Some(set_string::<M>);
        0
    })
}

unsafe extern "C" fn init<M: Module>(
    context: krb5_context,
    _: *const c_char,
    data_out: *mut kadm5_auth_moddata,
) -> krb5_error_code {
    // SAFETY: the context and the out parameter of this call.
    unsafe { start(context, data_out, M::init) }
}

unsafe extern "C" fn fini<M: Module>(_: krb5_context, data: kadm5_auth_moddata) {
    // SAFETY: invariant 2.
    unsafe { release::<M, _>(data) };
}

unsafe extern "C" fn set_string<M: Module>(
    context: krb5_context,
    data: kadm5_auth_moddata,
    client: krb5_const_principal,
    target: krb5_const_principal,
    name: *const c_char,
    value: *const c_char,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    guard_failure(context, Error::NOT_PERMITTED, || {
        // SAFETY: invariant 2.
        let module: &M = unsafe { boundary::module(data) }?;
        if client.is_null() || target.is_null() || name.is_null() {
            return Err(Error::NOT_PERMITTED.into());
        }
        let change = StringChange {
            // SAFETY: invariant 3.
            client: unsafe { Principal::from_raw(context, client) },
            // SAFETY: invariant 3.
            target: unsafe { Principal::from_raw(context, target) },
            // SAFETY: invariant 3.
            name: unsafe { CStr::from_ptr(name) }.to_bytes(),
            value: match value.is_null() {
                true => None,
                // SAFETY: invariant 3.
                false => Some(unsafe { CStr::from_ptr(value) }.to_bytes()),
            },
        };
        match module.set_string(context, &change)? {
            Verdict::Authorized => Ok(()),
            Verdict::Undecided => Err(Error::NO_HANDLE.into()),
        }
    })
}

/// Defines the initvt function `$symbol` of the kadmind module `$module`.
#[macro_export]
macro_rules! kadm5_auth_module {
    ($symbol:ident, $module:ty) => {
        $crate::initvt!(
            "Fills the vtable of the module that authorizes for kadmind (kadm5_auth_plugin.h).",
            $symbol,
            $crate::kadm5_auth::fill_vtable::<$module>
        );
    };
}
