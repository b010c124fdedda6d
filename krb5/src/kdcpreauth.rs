//! KDC preauthentication modules.
//!
//! Invariants:
//! 1. The KDC owns the vtable that initvt fills, with room for all members of the interface's major version 1.
//! 2. Module data is a `Box<M>` made in init and taken back in fini.
//! 3. The KDC is single-threaded: callbacks of one process do not run at the same time, but answering a request runs
//!    others, nested: no borrow of module state is held while an answer is given.
//! 4. Every edata and verify call is answered exactly once: by the [`Responder`], whose drop answers with an error.
//! 5. Request data ("modreq") is the address of the request itself: never NULL, nothing to free, never dereferenced. So
//!    free_modreq always comes, and a request with several elements of our type leaks nothing.
//! 6. An [`Exchange`] borrows everything from the arguments of one callback and does not outlive it.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use krb5_sys::{
    krb5_context, krb5_data, krb5_enc_tkt_part, krb5_error_code, krb5_kdc_req, krb5_kdcpreauth_callbacks,
    krb5_kdcpreauth_edata_respond_fn, krb5_kdcpreauth_moddata, krb5_kdcpreauth_modreq, krb5_kdcpreauth_rock,
    krb5_kdcpreauth_verify_respond_fn, krb5_kdcpreauth_vtable, krb5_pa_data, krb5_plugin_vtable,
    krb5_preauthtype,
};

use crate::{
    Context, Error, Failure, KeyBlock, Principal, Result,
    boundary::{self, guard, release, start},
    data,
    kdb::Entry,
    log::{Level, write},
};

/// The version of the callback table that has replace_reply_key (krb5 1.17).
const CALLBACKS_VERSION: c_int = 6;

/// A KDC preauthentication module for one pa-type.
pub trait Module: Sized + 'static {
    /// The module's name, as in the `module` relation.
    const NAME: &'static CStr;

    /// The pa-type and the 0 that ends the list, where the KDC can keep a pointer to it.
    const PA_TYPES: &'static [i32; 2];

    /// Makes the module's data, for all realms of this KDC.
    ///
    /// # Errors
    /// The module is not used; the KDC logs the text and goes on without it.
    fn init(context: Context<'_>) -> core::result::Result<Self, Failure>;

    /// The pa-data of the hint that is sent when preauthentication is needed; empty to be named without data.
    ///
    /// # Errors
    /// The pa-type is not named in the hint.
    fn hint(&self, exchange: &Exchange<'_>) -> core::result::Result<Vec<u8>, Failure>;

    /// Verifies the client's pa-data.
    ///
    /// # Errors
    /// Preauthentication by this element failed.
    fn verify(&self, exchange: &Exchange<'_>, message: &[u8]) -> core::result::Result<Verdict, Failure>;

    /// The KDC has finished with a request that [`Self::verify`] was called for, whatever came of it.
    fn finish(&self, request: RequestId);
}

/// What becomes of a client's pa-data that did not fail.
pub enum Verdict {
    /// The client is preauthenticated.
    Accepted {
        /// By a hardware token: TKT_FLG_HW_AUTH is set beside TKT_FLG_PRE_AUTH.
        hardware: bool,
    },
    /// Another round: KDC_ERR_MORE_PREAUTH_DATA_REQUIRED with this pa-data.
    More(Vec<u8>),
}

/// What tells one request from every other that the KDC holds at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(usize);

/// A request as preauthentication and policy see it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    context: Context<'a>,
    raw: &'a krb5_kdc_req,
}

impl<'a> Request<'a> {
    /// # Safety
    /// `raw` is NULL or a live request for `'a`.
    pub(crate) unsafe fn from_raw(context: Context<'a>, raw: *const krb5_kdc_req) -> Result<Self> {
        // SAFETY: the caller vouches for the pointer.
        let raw = unsafe { raw.as_ref() }.ok_or(Error::INTERNAL)?;
        Ok(Self { context, raw })
    }

    /// Its identity, while the KDC holds it.
    pub fn id(&self) -> RequestId {
        RequestId(ptr::from_ref(self.raw).addr())
    }

    /// The nonce of the KDC-REQ-BODY.
    pub fn nonce(&self) -> i32 {
        self.raw.nonce
    }

    /// The client as the request names it.
    pub fn client(&self) -> Principal<'a> {
        // SAFETY: the request's own principal.
        unsafe { Principal::from_raw(self.context, self.raw.client) }
    }

    /// The service asked for.
    pub fn server(&self) -> Principal<'a> {
        // SAFETY: the request's own principal.
        unsafe { Principal::from_raw(self.context, self.raw.server) }
    }

    /// Whether a ticket is asked for that begins at another time than now (RFC 4120 section 5.4.1).
    pub fn is_postdated(&self) -> bool {
        self.raw.kdc_options & krb5_sys::KDC_OPT_POSTDATED != 0
    }

    /// How many pa-data elements of a type the request has.
    pub fn count_pa_data(&self, pa_type: i32) -> usize {
        let mut count = 0;
        let mut next = self.raw.padata;
        while !next.is_null() {
            // SAFETY: the list may be read up to and with its NULL.
            let element = unsafe { *next };
            // SAFETY: a live element or NULL.
            let Some(element) = (unsafe { element.as_ref() }) else {
                break;
            };
            count += usize::from(element.pa_type == pa_type);
            // SAFETY: the NULL has not been reached.
            next = unsafe { next.add(1) };
        }
        count
    }
}

/// The arguments of one callback.
pub struct Exchange<'a> {
    context: Context<'a>,
    callbacks: &'a krb5_sys::krb5_kdcpreauth_callbacks_st,
    rock: krb5_kdcpreauth_rock,
    request: Request<'a>,
    pa_type: i32,
}

impl<'a> Exchange<'a> {
    /// # Safety
    /// The pointers are those of one call of edata or verify, with that call's lifetime.
    unsafe fn from_raw(
        context: Context<'a>,
        callbacks: krb5_kdcpreauth_callbacks,
        rock: krb5_kdcpreauth_rock,
        request: *const krb5_kdc_req,
        pa_type: i32,
    ) -> core::result::Result<Self, Failure> {
        // SAFETY: the KDC's callback table.
        let callbacks = unsafe { callbacks.as_ref() }.ok_or(Error::INTERNAL)?;
        if callbacks.vers < CALLBACKS_VERSION {
            return Err(Failure::new(
                Error::VERSION_NOT_SUPPORTED,
                "this KDC is older than krb5 1.17",
            ));
        }
        // SAFETY: the request of this call.
        let request = unsafe { Request::from_raw(context, request) }?;
        Ok(Self {
            context,
            callbacks,
            rock,
            request,
            pa_type,
        })
    }

    /// The context.
    pub fn context(&self) -> Context<'a> {
        self.context
    }

    /// The request.
    pub fn request(&self) -> Request<'a> {
        self.request
    }

    /// The client's database entry.
    pub fn client_entry(&self) -> Option<Entry<'a>> {
        let get = self.callbacks.client_entry?;
        // SAFETY: the KDC's callback with its own rock (kdcpreauth_plugin.h); an alias.
        let entry: *const c_void = unsafe { get(self.context.as_raw(), self.rock) };
        // SAFETY: the KDC's entry of this request, or NULL.
        unsafe { Entry::from_raw(self.context, entry.cast()) }
    }

    /// A copy of the client's long-term key for the request's encryption types.
    pub fn client_key(&self) -> Option<KeyBlock> {
        let get = self.callbacks.client_keyblock?;
        // SAFETY: as above; an alias.
        let key = unsafe { get(self.context.as_raw(), self.rock) };
        // SAFETY: a live key block or NULL.
        unsafe { KeyBlock::copy_raw(key) }
    }

    /// The DER encoding of the KDC-REQ-BODY: under FAST the inner one.
    pub fn request_body(&self) -> &'a [u8] {
        let Some(get) = self.callbacks.request_body else {
            return &[];
        };
        // SAFETY: as above; an alias that lives as long as the request.
        let body = unsafe { get(self.context.as_raw(), self.rock) };
        // SAFETY: as above.
        unsafe { data::data_bytes(body) }
    }

    /// Whether the request came under FAST armor (RFC 6113 section 5.4).
    pub fn is_armored(&self) -> bool {
        let Some(get) = self.callbacks.fast_armor else {
            return false;
        };
        // SAFETY: as above; an alias of the armor key, or NULL.
        let armor = unsafe { get(self.context.as_raw(), self.rock) };
        !armor.is_null()
    }

    /// Our part of the request's cookie.
    pub fn cookie(&self) -> Option<&'a [u8]> {
        let get = self.callbacks.get_cookie?;
        let mut cookie = krb5_data {
            magic: 0,
            length: 0,
            data: ptr::null_mut(),
        };
        // SAFETY: as above; the out parameter is valid; an alias.
        let found = unsafe { get(self.context.as_raw(), self.rock, self.pa_type, &raw mut cookie) };
        // SAFETY: filled in if found; lives as long as the request.
        (found != 0).then(|| unsafe { data::data_bytes(&raw const cookie) })
    }

    /// Sets our part of the cookie of the answer.
    ///
    /// # Errors
    /// Out of memory.
    pub fn set_cookie(&self, cookie: &[u8]) -> Result<()> {
        let set = self.callbacks.set_cookie.ok_or(Error::INTERNAL)?;
        let cookie = data::View::new(cookie)?;
        // SAFETY: as above; the cookie is copied.
        Error::check(unsafe { set(self.context.as_raw(), self.rock, self.pa_type, cookie.as_ptr()) })
    }

    /// Asserts an authentication indicator (RFC 8129) in the ticket.
    ///
    /// # Errors
    /// Out of memory.
    pub fn add_indicator(&self, indicator: &CStr) -> Result<()> {
        let add = self.callbacks.add_auth_indicator.ok_or(Error::INTERNAL)?;
        // SAFETY: as above; the string is copied.
        Error::check(unsafe { add(self.context.as_raw(), self.rock, indicator.as_ptr()) })
    }

    /// Replaces the reply key by one that was derived from it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn strengthen_reply_key(&self, key: &KeyBlock) -> Result<()> {
        let replace = self.callbacks.replace_reply_key.ok_or(Error::INTERNAL)?;
        let key = key.as_raw()?;
        // SAFETY: as above; the key is copied.
        Error::check(unsafe { replace(self.context.as_raw(), self.rock, key.as_ptr(), 1) })
    }
}

/// Fills the vtable of a KDC module.
///
/// # Safety
/// The arguments are those of a kdcpreauth initvt function.
#[doc(hidden)]
pub unsafe fn fill_vtable<M: Module>(major: i32, vtable: krb5_plugin_vtable) -> krb5_error_code {
    guard(Error::INTERNAL.code(), || {
        let vtable: krb5_kdcpreauth_vtable = vtable.cast();
        // SAFETY: invariant 1.
        let Some(vtable) = (unsafe { vtable.as_mut() }).filter(|_| major == 1) else {
            return Error::VERSION_NOT_SUPPORTED.code();
        };
        vtable.name = M::NAME.as_ptr();
        vtable.pa_type_list = M::PA_TYPES.as_ptr().cast_mut();
        vtable.init = Some(init::<M>);
        vtable.fini = Some(fini::<M>);
        vtable.flags = Some(flags);
        vtable.edata = Some(edata::<M>);
        vtable.verify = Some(verify::<M>);
        vtable.free_modreq = Some(free_modreq::<M>);
        0
    })
}

unsafe extern "C" fn init<M: Module>(
    context: krb5_context,
    data_out: *mut krb5_kdcpreauth_moddata,
    _: *mut *const c_char,
) -> krb5_error_code {
    // SAFETY: the context and the out parameter of this call.
    unsafe { start(context, data_out, M::init) }
}

unsafe extern "C" fn fini<M: Module>(_: krb5_context, data: krb5_kdcpreauth_moddata) {
    // SAFETY: invariant 2.
    unsafe { release::<M, _>(data) };
}

/// The module counts as hardware preauthentication: it is named to principals with requires_hwauth.
unsafe extern "C" fn flags(_: krb5_context, _: krb5_preauthtype) -> c_int {
    krb5_sys::PA_HARDWARE
}

unsafe extern "C" fn edata<M: Module>(
    context: krb5_context,
    request: *mut krb5_kdc_req,
    callbacks: krb5_kdcpreauth_callbacks,
    rock: krb5_kdcpreauth_rock,
    data: krb5_kdcpreauth_moddata,
    pa_type: krb5_preauthtype,
    respond: krb5_kdcpreauth_edata_respond_fn,
    argument: *mut c_void,
) {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    let mut responder = Responder::new(|code, hint| {
        let Some(respond) = respond else { return };
        // SAFETY: the KDC's answer function with its own argument, called once (invariant 4); it frees the hint.
        unsafe { respond(argument, code, hint) };
    });
    let hint = guard(Err(internal_failure()), || {
        // SAFETY: the arguments of this call.
        let exchange = unsafe { Exchange::from_raw(context, callbacks, rock, request, pa_type) }?;
        // SAFETY: invariant 2.
        let module: &M = unsafe { boundary::module(data) }?;
        let hint = module.hint(&exchange)?;
        if hint.is_empty() {
            return Ok(ptr::null_mut());
        }
        Ok(data::pa_data(pa_type, &hint)?.into_raw())
    });
    match hint {
        Ok(hint) => responder.answer(0, hint),
        Err(failure) => {
            guard((), || log_failed_hint(context, &failure));
            responder.answer(failure.error.code(), ptr::null_mut());
        }
    }
}

/// The KDC leaves a mechanism whose hint fails out of its answer, and says nothing.
fn log_failed_hint(context: Context<'_>, failure: &Failure) {
    if failure.error != Error::ETYPE_NOSUPP {
        context.set_failure(failure);
        write(
            Level::Error,
            &format!("preauth hint failure: {}", context.message(failure.error)),
        );
    }
}

unsafe extern "C" fn verify<M: Module>(
    context: krb5_context,
    _: *mut krb5_data,
    request: *mut krb5_kdc_req,
    ticket: *mut krb5_enc_tkt_part,
    element: *mut krb5_pa_data,
    callbacks: krb5_kdcpreauth_callbacks,
    rock: krb5_kdcpreauth_rock,
    data: krb5_kdcpreauth_moddata,
    respond: krb5_kdcpreauth_verify_respond_fn,
    argument: *mut c_void,
) {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    let mut responder = Responder::new(|code, elements| {
        let Some(respond) = respond else { return };
        // SAFETY: as in edata; the request's address stands for request data (invariant 5).
        unsafe { respond(argument, code, request.cast(), elements, ptr::null_mut()) };
    });
    let verdict = guard(Err(internal_failure()), || {
        // SAFETY: the pa-data element of this call.
        let element = unsafe { element.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: an element has `length` bytes at `contents`.
        let message = unsafe { data::bytes(element.contents, element.length) };
        let pa_type = element.pa_type;
        // SAFETY: the arguments of this call.
        let exchange = unsafe { Exchange::from_raw(context, callbacks, rock, request, pa_type) }?;
        // SAFETY: invariant 2.
        let module: &M = unsafe { boundary::module(data) }?;
        match module.verify(&exchange, message)? {
            Verdict::More(answer) => Ok(Some(data::pa_data_list(pa_type, &answer)?)),
            Verdict::Accepted { hardware } => {
                let hardware = if hardware { krb5_sys::TKT_FLG_HW_AUTH } else { 0 };
                // SAFETY: the ticket of this call.
                let ticket = unsafe { ticket.as_mut() }.ok_or(Error::INTERNAL)?;
                ticket.flags |= krb5_sys::TKT_FLG_PRE_AUTH | hardware;
                Ok(None)
            }
        }
    });
    match verdict {
        Ok(None) => responder.answer(0, ptr::null_mut()),
        Ok(Some(elements)) => {
            responder.answer(krb5_sys::KRB5KDC_ERR_MORE_PREAUTH_DATA_REQUIRED, elements);
        }
        Err(failure) => {
            guard((), || context.set_failure(&failure));
            responder.answer(failure.error.code(), ptr::null_mut());
        }
    }
}

unsafe extern "C" fn free_modreq<M: Module>(
    _: krb5_context,
    data: krb5_kdcpreauth_moddata,
    request: krb5_kdcpreauth_modreq,
) {
    guard((), || {
        let module: *const M = data.cast();
        // SAFETY: invariant 2.
        if let Some(module) = unsafe { module.as_ref() } {
            module.finish(RequestId(request.addr()));
        }
    });
}

fn internal_failure() -> Failure {
    Failure::new(Error::INTERNAL, "internal error in the krb5-fido module")
}

/// Answers the KDC once (invariant 4).
struct Responder<T, F: FnMut(krb5_error_code, *mut T)> {
    respond: F,
    answered: bool,
    payload: core::marker::PhantomData<*mut T>,
}

impl<T, F: FnMut(krb5_error_code, *mut T)> Responder<T, F> {
    fn new(respond: F) -> Self {
        Self {
            respond,
            answered: false,
            payload: core::marker::PhantomData,
        }
    }

    fn answer(&mut self, code: krb5_error_code, payload: *mut T) {
        if !core::mem::replace(&mut self.answered, true) {
            (self.respond)(code, payload);
        }
    }
}

impl<T, F: FnMut(krb5_error_code, *mut T)> Drop for Responder<T, F> {
    fn drop(&mut self) {
        self.answer(Error::INTERNAL.code(), ptr::null_mut());
    }
}

/// Defines the initvt function `$symbol` of the KDC module `$module`.
#[macro_export]
macro_rules! kdcpreauth_module {
    ($symbol:ident, $module:ty) => {
        $crate::initvt!(
            "Fills the vtable of the KDC preauthentication module (kdcpreauth_plugin.h).",
            $symbol,
            $crate::kdcpreauth::fill_vtable::<$module>
        );
    };
}
