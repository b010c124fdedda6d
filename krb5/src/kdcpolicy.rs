//! KDC policy modules.
//!
//! Invariants:
//! 1. The KDC owns the vtable that initvt fills, with room for all members of the interface's major version 1.
//! 2. Module data is a `Box<M>` made in init and taken back in fini.
//! 3. Request, ticket and entries are borrowed from the arguments of one callback.

use core::{
    ffi::{CStr, c_char},
    num::NonZeroU32,
};

use krb5_sys::{
    KDC_OPT_CNAME_IN_ADDL_TKT, krb5_context, krb5_db_entry, krb5_deltat, krb5_error_code, krb5_kdc_req,
    krb5_kdcpolicy_moddata, krb5_kdcpolicy_vtable, krb5_plugin_vtable, krb5_ticket,
};

use crate::{
    Context, Error, Failure, Principal,
    boundary::{self, guard, guard_failure, release, start},
    kdb::Entry,
    kdcpreauth::Request,
};

/// How long a ticket may live, in seconds, if less than the KDC would have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its end.
    pub life: Option<NonZeroU32>,
    /// From its start to the end of the last renewal.
    pub renewable_life: Option<NonZeroU32>,
}

/// A ticket that is presented to get another one (RFC 4120 section 3.3).
pub struct Presented<'a> {
    /// Whose it is.
    pub client: Principal<'a>,
    /// The new ticket is to be in the name of somebody else, who is in a second ticket (S4U2Proxy, MS-SFU).
    pub is_delegation: bool,
}

impl<'a> Presented<'a> {
    /// # Safety
    /// `request` and `ticket` are NULL or live for `'a`.
    unsafe fn from_raw(
        context: Context<'a>,
        request: *const krb5_kdc_req,
        ticket: *const krb5_ticket,
    ) -> crate::Result<Self> {
        // SAFETY: the caller vouches for the pointer.
        let request = unsafe { request.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: as above.
        let ticket = unsafe { ticket.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: the KDC has decrypted it (kdcpolicy_plugin.h).
        let decrypted = unsafe { ticket.enc_part2.as_ref() }.ok_or(Error::INTERNAL)?;
        if decrypted.client.is_null() {
            return Err(Error::INTERNAL);
        }
        Ok(Self {
            // SAFETY: a principal of the ticket.
            client: unsafe { Principal::from_raw(context, decrypted.client) },
            is_delegation: request.kdc_options & KDC_OPT_CNAME_IN_ADDL_TKT != 0,
        })
    }
}

/// A KDC policy module.
pub trait Module: Sized + 'static {
    /// The module's name, as in the `module` relation.
    const NAME: &'static CStr;

    /// What the KDC logs as the status of a request that was refused.
    const REFUSED: &'static CStr;

    /// Makes the module's data.
    ///
    /// # Errors
    /// The KDC does not start and logs the text.
    fn init(context: Context<'_>) -> Result<Self, Failure>;

    /// Whether an AS request that passed preauthentication may be answered with a ticket, and how long that lives.
    ///
    /// # Errors
    /// It may not.
    fn check_as(
        &self,
        context: Context<'_>,
        request: Request<'_>,
        client: Option<Entry<'_>>,
        server: Option<Entry<'_>>,
    ) -> Result<Limits, Failure>;

    /// Whether a TGS request may be answered with a ticket for `server`.
    ///
    /// # Errors
    /// It may not.
    fn check_tgs(
        &self,
        context: Context<'_>,
        presented: &Presented<'_>,
        server: Entry<'_>,
    ) -> Result<(), Failure>;
}

/// Fills the vtable of a policy module.
///
/// # Safety
/// The arguments are those of a kdcpolicy initvt function.
#[doc(hidden)]
pub unsafe fn fill_vtable<M: Module>(major: i32, vtable: krb5_plugin_vtable) -> krb5_error_code {
    guard(Error::INTERNAL.code(), || {
        let vtable: krb5_kdcpolicy_vtable = vtable.cast();
        // SAFETY: invariant 1.
        let Some(vtable) = (unsafe { vtable.as_mut() }).filter(|_| major == 1) else {
            return Error::VERSION_NOT_SUPPORTED.code();
        };
        vtable.name = M::NAME.as_ptr();
        vtable.init = Some(init::<M>);
        vtable.fini = Some(fini::<M>);
        vtable.check_as = Some(check_as::<M>);
        vtable.check_tgs = Some(check_tgs::<M>);
        0
    })
}

unsafe extern "C" fn init<M: Module>(
    context: krb5_context,
    data_out: *mut krb5_kdcpolicy_moddata,
) -> krb5_error_code {
    // SAFETY: the context and the out parameter of this call.
    unsafe { start(context, data_out, M::init) }
}

unsafe extern "C" fn fini<M: Module>(_: krb5_context, data: krb5_kdcpolicy_moddata) -> krb5_error_code {
    // SAFETY: invariant 2.
    unsafe { release::<M, _>(data) };
    0
}

unsafe extern "C" fn check_as<M: Module>(
    context: krb5_context,
    data: krb5_kdcpolicy_moddata,
    request: *const krb5_kdc_req,
    client: *const krb5_db_entry,
    server: *const krb5_db_entry,
    _: *const *const c_char,
    status: *mut *const c_char,
    life: *mut krb5_deltat,
    renewable_life: *mut krb5_deltat,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    let code = guard_failure(context, Error::POLICY, || {
        // SAFETY: invariant 2.
        let module: &M = unsafe { boundary::module(data) }?;
        // SAFETY: invariant 3.
        let request = unsafe { Request::from_raw(context, request) }?;
        // SAFETY: invariant 3.
        let client = unsafe { Entry::from_raw(context, client) };
        // SAFETY: invariant 3.
        let server = unsafe { Entry::from_raw(context, server) };
        let limits = module.check_as(context, request, client, server)?;
        // SAFETY: the KDC's out parameter, 0 if there is no limit (kdcpolicy_plugin.h).
        unsafe { *life = seconds(limits.life) };
        // SAFETY: as above.
        unsafe { *renewable_life = seconds(limits.renewable_life) };
        Ok(())
    });
    if code != 0 {
        // SAFETY: the KDC's out parameter; the string is static.
        unsafe { *status = M::REFUSED.as_ptr() };
    }
    code
}

unsafe extern "C" fn check_tgs<M: Module>(
    context: krb5_context,
    data: krb5_kdcpolicy_moddata,
    request: *const krb5_kdc_req,
    server: *const krb5_db_entry,
    ticket: *const krb5_ticket,
    _: *const *const c_char,
    status: *mut *const c_char,
    _: *mut krb5_deltat,
    _: *mut krb5_deltat,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    let code = guard_failure(context, Error::POLICY, || {
        // SAFETY: invariant 2.
        let module: &M = unsafe { boundary::module(data) }?;
        // SAFETY: invariant 3.
        let presented = unsafe { Presented::from_raw(context, request, ticket) }?;
        // SAFETY: invariant 3.
        let server = unsafe { Entry::from_raw(context, server) }.ok_or(Error::INTERNAL)?;
        module.check_tgs(context, &presented, server)
    });
    if code != 0 {
        // SAFETY: the KDC's out parameter; the string is static.
        unsafe { *status = M::REFUSED.as_ptr() };
    }
    code
}

/// The longest that krb5 can say, where a limit is longer.
fn seconds(limit: Option<NonZeroU32>) -> krb5_deltat {
    limit.map_or(0, |limit| limit.get().try_into().unwrap_or(krb5_deltat::MAX))
}

/// Defines the initvt function `$symbol` of the policy module `$module`.
#[macro_export]
macro_rules! kdcpolicy_module {
    ($symbol:ident, $module:ty) => {
        $crate::initvt!(
            "Fills the vtable of the KDC policy module (kdcpolicy_plugin.h).",
            $symbol,
            $crate::kdcpolicy::fill_vtable::<$module>
        );
    };
}
