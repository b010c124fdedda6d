//! Client preauthentication modules.
//!
//! Invariants:
//! 1. libkrb5 owns the vtable that initvt fills, with room for all members of the interface's major version 1.
//! 2. Module data is a `Box<M>` made in init and taken back in fini; request data a `Box<M::Request>` made in
//!    request_init and taken back in request_fini; libkrb5 passes each back to us only in between.
//! 3. libkrb5 uses a context, and so its modules, from one thread at a time. A prompter of the program may call libkrb5
//!    again while a callback of ours waits for it: module data is only ever shared, request data belongs to one login.
//! 4. An [`Exchange`] borrows everything from the arguments of one callback and does not outlive it.

use core::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};
use std::ffi::CString;

use krb5_fido_protocol::secret::SecretBytes;
use krb5_sys::{
    PA_INFO, PA_REAL, krb5_clpreauth_callbacks, krb5_clpreauth_moddata, krb5_clpreauth_modreq,
    krb5_clpreauth_rock, krb5_clpreauth_vtable, krb5_context, krb5_data, krb5_error_code,
    krb5_get_init_creds_opt, krb5_kdc_req, krb5_pa_data, krb5_plugin_vtable, krb5_prompter_fct,
};

use crate::{
    Context, Error, Failure, KeyBlock, Principal, Prompter, Result,
    boundary::{self, guard, guard_failure, release, start},
    data,
};

/// A client preauthentication module for one pa-type.
pub trait Module: Sized + 'static {
    /// The module's name, as in the `module` relation.
    const NAME: &'static CStr;

    /// The pa-type that it answers, others that it only looks at, and the 0 that ends the list, where libkrb5 can keep a
    /// pointer to it.
    const PA_TYPES: &'static [i32];

    /// What a panic in [`Self::process`] becomes.
    const ON_PANIC: Error;

    /// State of one request for tickets.
    type Request: Default + 'static;

    /// Makes the module's data, once per context.
    ///
    /// # Errors
    /// The module is not used in this context.
    fn init(context: Context<'_>) -> core::result::Result<Self, Failure>;

    /// An option of `kinit -X`.
    ///
    /// # Errors
    /// The login ends.
    fn take_option(
        &self,
        context: Context<'_>,
        attribute: &str,
        value: &str,
    ) -> core::result::Result<(), Failure>;

    /// Before [`Self::process`]: which questions are to be asked.
    ///
    /// # Errors
    /// The login ends with this error, whatever else libkrb5 could try.
    fn prepare_questions(
        &self,
        request: &mut Self::Request,
        exchange: &Exchange<'_>,
    ) -> core::result::Result<(), Failure>;

    /// Answers pa-data of the KDC: with pa-data of the same type, or with nothing.
    ///
    /// # Errors
    /// This mechanism ends; libkrb5 may try others.
    fn process(
        &self,
        request: &mut Self::Request,
        exchange: &Exchange<'_>,
    ) -> core::result::Result<Option<Vec<u8>>, Failure>;

    /// A request for tickets has ended, one way or the other.
    fn end(&self, request: Self::Request);
}

/// The arguments of one callback.
pub struct Exchange<'a> {
    context: Context<'a>,
    callbacks: &'a krb5_sys::krb5_clpreauth_callbacks_st,
    rock: krb5_clpreauth_rock,
    request: &'a krb5_kdc_req,
    request_body: &'a [u8],
    pa_type: i32,
    message: &'a [u8],
    prompter: Option<Prompter<'a>>,
}

impl<'a> Exchange<'a> {
    /// # Safety
    /// The pointers are those of one call of prep_questions or process, with that call's lifetime.
    unsafe fn from_raw(
        context: Context<'a>,
        callbacks: krb5_clpreauth_callbacks,
        rock: krb5_clpreauth_rock,
        request: *const krb5_kdc_req,
        request_body: *const krb5_data,
        element: *const krb5_pa_data,
        prompter: Option<Prompter<'a>>,
    ) -> Result<Self> {
        // SAFETY: libkrb5's callback table.
        let callbacks = unsafe { callbacks.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: the request of this call.
        let request = unsafe { request.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: the pa-data element of this call.
        let element = unsafe { element.as_ref() }.ok_or(Error::INTERNAL)?;
        // SAFETY: the encoded body of the request about to be sent.
        let request_body = unsafe { data::data_bytes(request_body) };
        // SAFETY: a pa-data element has `length` bytes at `contents`.
        let message = unsafe { data::bytes(element.contents, element.length) };
        let pa_type = element.pa_type;
        Ok(Self {
            context,
            callbacks,
            rock,
            request,
            request_body,
            pa_type,
            message,
            prompter,
        })
    }

    /// The context.
    pub fn context(&self) -> Context<'a> {
        self.context
    }

    /// The type of the KDC's pa-data: one of the module's.
    pub fn pa_type(&self) -> i32 {
        self.pa_type
    }

    /// The KDC's pa-data.
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The DER encoding of the KDC-REQ-BODY about to be sent: under FAST the inner one.
    pub fn request_body(&self) -> &'a [u8] {
        self.request_body
    }

    /// The client principal of the request.
    pub fn client(&self) -> Principal<'a> {
        // SAFETY: the request's own principal.
        unsafe { Principal::from_raw(self.context, self.request.client) }
    }

    /// The server principal of the request.
    pub fn server(&self) -> Principal<'a> {
        // SAFETY: the request's own principal.
        unsafe { Principal::from_raw(self.context, self.request.server) }
    }

    /// The program's prompter, if it has one.
    pub fn prompter(&self) -> Option<Prompter<'a>> {
        self.prompter
    }

    /// A copy of the reply key: from the password, which may be asked for here.
    ///
    /// # Errors
    /// The password could not be had.
    pub fn reply_key(&self) -> Result<KeyBlock> {
        let get = self.callbacks.get_as_key.ok_or(Error::INTERNAL)?;
        let mut key = ptr::null_mut();
        // SAFETY: libkrb5's callback with its own rock (clpreauth_plugin.h); the key is an alias.
        Error::check(unsafe { get(self.context.as_raw(), self.rock, &raw mut key) })?;
        // SAFETY: a live key block on success.
        unsafe { KeyBlock::copy_raw(key) }.ok_or(Error::INTERNAL)
    }

    /// Replaces the reply key.
    ///
    /// # Errors
    /// Out of memory.
    pub fn set_reply_key(&self, key: &KeyBlock) -> Result<()> {
        let set = self.callbacks.set_as_key.ok_or(Error::INTERNAL)?;
        let key = key.as_raw()?;
        // SAFETY: as above; the key is copied.
        Error::check(unsafe { set(self.context.as_raw(), self.rock, key.as_ptr()) })
    }

    /// Tells the responder that the password will be needed.
    pub fn need_reply_key(&self) {
        let Some(need) = self.callbacks.need_as_key.filter(|_| self.callbacks.vers >= 2) else {
            return;
        };
        // SAFETY: as above.
        unsafe { need(self.context.as_raw(), self.rock) };
    }

    /// Asks the program's responder a question, if it has one: its answer is there in [`Module::process`].
    ///
    /// # Errors
    /// A challenge with a NUL, out of memory.
    pub fn ask(&self, question: &CStr, challenge: &str) -> Result<()> {
        let ask = self.callbacks.ask_responder_question;
        let Some(ask) = ask.filter(|_| self.callbacks.vers >= 2) else {
            return Ok(());
        };
        let challenge = CString::new(challenge).map_err(|_| Error::INVALID)?;
        // SAFETY: libkrb5's callback with its own rock (clpreauth_plugin.h); both strings are copied.
        Error::check(unsafe {
            ask(
                self.context.as_raw(),
                self.rock,
                question.as_ptr(),
                challenge.as_ptr(),
            )
        })
    }

    /// What the responder answered, if it did.
    pub fn answer(&self, question: &CStr) -> Option<SecretBytes> {
        let get = self.callbacks.get_responder_answer;
        let get = get.filter(|_| self.callbacks.vers >= 2)?;
        // SAFETY: as above.
        let answer = unsafe { get(self.context.as_raw(), self.rock, question.as_ptr()) };
        if answer.is_null() {
            return None;
        }
        // SAFETY: NUL-terminated, and libkrb5's until the next pass; it is copied at once.
        Some(SecretBytes::from(unsafe { CStr::from_ptr(answer) }.to_bytes()))
    }

    /// Makes an error of the KDC final: no other mechanism is tried after it.
    pub fn disable_fallback(&self) {
        let Some(disable) = self
            .callbacks
            .disable_fallback
            .filter(|_| self.callbacks.vers >= 3)
        else {
            return;
        };
        // SAFETY: as above.
        unsafe { disable(self.context.as_raw(), self.rock) };
    }
}

/// Fills the vtable of a client module.
///
/// # Safety
/// The arguments are those of a clpreauth initvt function.
#[doc(hidden)]
pub unsafe fn fill_vtable<M: Module>(major: i32, vtable: krb5_plugin_vtable) -> krb5_error_code {
    guard(Error::INTERNAL.code(), || {
        let vtable: krb5_clpreauth_vtable = vtable.cast();
        // SAFETY: invariant 1.
        let Some(vtable) = (unsafe { vtable.as_mut() }).filter(|_| major == 1) else {
            return Error::VERSION_NOT_SUPPORTED.code();
        };
        vtable.name = M::NAME.as_ptr();
        vtable.pa_type_list = M::PA_TYPES.as_ptr().cast_mut();
        vtable.flags = Some(flags::<M>);
        vtable.init = Some(init::<M>);
        vtable.fini = Some(fini::<M>);
        vtable.request_init = Some(request_init::<M>);
        vtable.request_fini = Some(request_fini::<M>);
        vtable.process = Some(process::<M>);
        vtable.gic_opts = Some(gic_opts::<M>);
        vtable.prep_questions = Some(prep_questions::<M>);
        0
    })
}

unsafe extern "C" fn init<M: Module>(
    context: krb5_context,
    data_out: *mut krb5_clpreauth_moddata,
) -> krb5_error_code {
    // SAFETY: the context and the out parameter of this call.
    unsafe { start(context, data_out, M::init) }
}

/// A module answers the first of its pa-types.
unsafe extern "C" fn flags<M: Module>(_: krb5_context, pa_type: i32) -> c_int {
    guard(PA_INFO, || match M::PA_TYPES.first() == Some(&pa_type) {
        true => PA_REAL,
        false => PA_INFO,
    })
}

unsafe extern "C" fn fini<M: Module>(_: krb5_context, data: krb5_clpreauth_moddata) {
    // SAFETY: invariant 2.
    unsafe { release::<M, _>(data) };
}

unsafe extern "C" fn request_init<M: Module>(
    _: krb5_context,
    _: krb5_clpreauth_moddata,
    request_out: *mut krb5_clpreauth_modreq,
) {
    guard((), || {
        let request = Box::into_raw(Box::new(M::Request::default()));
        // SAFETY: libkrb5's out parameter.
        unsafe { *request_out = request.cast() };
    });
}

unsafe extern "C" fn request_fini<M: Module>(
    _: krb5_context,
    data: krb5_clpreauth_moddata,
    request: krb5_clpreauth_modreq,
) {
    if request.is_null() {
        return;
    }
    guard((), || {
        // SAFETY: invariant 2.
        let request = unsafe { Box::<M::Request>::from_raw(request.cast()) };
        let module: *const M = data.cast();
        // SAFETY: invariants 2 and 3.
        if let Some(module) = unsafe { module.as_ref() } {
            module.end(*request);
        }
    });
}

unsafe extern "C" fn gic_opts<M: Module>(
    context: krb5_context,
    data: krb5_clpreauth_moddata,
    _: *mut krb5_get_init_creds_opt,
    attribute: *const c_char,
    value: *const c_char,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    guard_failure(context, Error::INTERNAL, || {
        // SAFETY: invariants 2 and 3.
        let module: &M = unsafe { boundary::module(data) }?;
        // SAFETY: a string of this call.
        let attribute = unsafe { CStr::from_ptr(attribute) }.to_string_lossy();
        // SAFETY: a string of this call.
        let value = unsafe { CStr::from_ptr(value) }.to_string_lossy();
        module.take_option(context, &attribute, &value)
    })
}

unsafe extern "C" fn prep_questions<M: Module>(
    context: krb5_context,
    data: krb5_clpreauth_moddata,
    request_data: krb5_clpreauth_modreq,
    _: *mut krb5_get_init_creds_opt,
    callbacks: krb5_clpreauth_callbacks,
    rock: krb5_clpreauth_rock,
    request: *mut krb5_kdc_req,
    request_body: *mut krb5_data,
    _: *mut krb5_data,
    element: *mut krb5_pa_data,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    // After a panic the login goes on without questions.
    let failure = guard(None, || {
        // SAFETY: the arguments of this call; there is no prompter yet.
        let exchange =
            unsafe { Exchange::from_raw(context, callbacks, rock, request, request_body, element, None) };
        let module: *const M = data.cast();
        let state: *mut M::Request = request_data.cast();
        // SAFETY: invariants 2 and 3.
        let (module, state) = (unsafe { module.as_ref() }, unsafe { state.as_mut() });
        match (module, state, exchange) {
            (Some(module), Some(state), Ok(exchange)) => module.prepare_questions(state, &exchange).err(),
            _ => None,
        }
    });
    match failure {
        Some(failure) => guard_failure(context, failure.error, || Err(failure)),
        None => 0,
    }
}

unsafe extern "C" fn process<M: Module>(
    context: krb5_context,
    data: krb5_clpreauth_moddata,
    request_data: krb5_clpreauth_modreq,
    _: *mut krb5_get_init_creds_opt,
    callbacks: krb5_clpreauth_callbacks,
    rock: krb5_clpreauth_rock,
    request: *mut krb5_kdc_req,
    request_body: *mut krb5_data,
    _: *mut krb5_data,
    element: *mut krb5_pa_data,
    prompter: krb5_prompter_fct,
    prompter_data: *mut c_void,
    elements_out: *mut *mut *mut krb5_pa_data,
) -> krb5_error_code {
    // SAFETY: the context of this call.
    let context = unsafe { Context::from_raw(context) };
    guard_failure(context, M::ON_PANIC, || {
        // SAFETY: function and data of this call.
        let prompter = unsafe { Prompter::from_raw(context, prompter, prompter_data) };
        // SAFETY: the arguments of this call.
        let exchange = unsafe {
            Exchange::from_raw(context, callbacks, rock, request, request_body, element, prompter)
        }?;
        // SAFETY: invariants 2 and 3.
        let module: &M = unsafe { boundary::module(data) }?;
        let state: *mut M::Request = request_data.cast();
        // SAFETY: invariants 2 and 3; NULL where request_init had no memory.
        let state = unsafe { state.as_mut() }.ok_or(Error::NO_MEMORY)?;
        if let Some(answer) = module.process(state, &exchange)? {
            let list = data::pa_data_list(exchange.pa_type, &answer)?;
            // SAFETY: libkrb5's out parameter; it frees the list.
            unsafe { *elements_out = list };
        }
        Ok(())
    })
}

/// Defines the initvt function `$symbol` of the client module `$module`.
#[macro_export]
macro_rules! clpreauth_module {
    ($symbol:ident, $module:ty) => {
        $crate::initvt!(
            "Fills the vtable of the client preauthentication module (clpreauth_plugin.h).",
            $symbol,
            $crate::clpreauth::fill_vtable::<$module>
        );
    };
}
