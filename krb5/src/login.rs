//! A login with a password, as kinit performs it, whose ticket is looked at, and kept in a cache or not at all.
//!
//! Invariants:
//! 1. libkrb5 calls [`prompt`] and [`trace`] with the address of a [`Callbacks`], which lives until libkrb5 has forgotten it:
//!    the prompter's until krb5_get_init_creds_password returns, the trace's until [`Traced`] is dropped.
//! 2. Options are allocated on the context that uses them and freed once, after their last use.
//! 3. Credentials from libkrb5 are freed once; that wipes the session key (krb5_free_cred_contents).
//! 4. What a prompt is answered with is wiped on our side; the copy is libkrb5's.

use core::{
    cell::Cell,
    ffi::{CStr, c_char, c_int, c_void},
    mem, ptr, slice,
};
use std::ffi::CString;

use krb5_fido_protocol::secret::SecretBytes;
use krb5_sys::{
    KRB5_PROMPT_TYPE_PASSWORD, TKT_FLG_HW_AUTH, krb5_context, krb5_creds, krb5_data, krb5_error_code,
    krb5_get_init_creds_opt, krb5_prompt, krb5_trace_info,
};

use crate::{
    Context, CredentialCache, Error, Failure, OwnedContext, OwnedPrincipal, Principal, Result,
    boundary::guard,
};

/// Who talks to the person that logs in.
pub trait Dialog {
    /// Shows a line.
    fn show(&self, line: &str);

    /// Asks a question, which has no colon behind it. A hidden answer is not echoed.
    ///
    /// # Errors
    /// The login ends with it.
    fn ask(&self, question: &str, hidden: bool) -> Result<SecretBytes>;

    /// What libkrb5 traces, line by line, each with its line feed. It may hold secrets of this login.
    fn trace(&self, line: &str);
}

/// What to log in for.
pub struct Login<'a> {
    /// The principal.
    pub client: &'a OwnedPrincipal<'a>,
    /// The service that the ticket is for; a ticket-granting ticket without it.
    pub service: Option<&'a str>,
    /// Attributes and values for modules: `kinit -X`.
    pub options: &'a [(String, String)],
    /// Where the ticket is put; it is not kept without.
    pub cache: Option<&'a CredentialCache<'a>>,
}

/// What came of it.
pub struct Attempt {
    /// The ticket, or why there is none, with libkrb5's text.
    pub outcome: core::result::Result<Ticket, Failure>,
    /// A password was asked for: a refusal is about it.
    pub password_asked: bool,
}

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The client's name, which the KDC may have changed.
    pub client: String,
    /// The service's name.
    pub server: String,
    /// A security key, or other hardware, was used: TKT_FLG_HW_AUTH (RFC 4120 section 2.1).
    pub hardware: bool,
    /// When it ends, in seconds since 1970.
    pub ends: i64,
    /// Until when it can be renewed, in seconds since 1970.
    pub renewable_until: Option<i64>,
}

/// Asks the KDC for a ticket (krb5_get_init_creds_password). A password that has expired is not changed.
///
/// The context does not write to the file that KRB5_TRACE names any more: [`Dialog::trace`] gets the lines.
pub fn log_in(context: &OwnedContext, login: &Login<'_>, dialog: &dyn Dialog) -> Attempt {
    let callbacks = Callbacks {
        dialog,
        password_asked: Cell::new(false),
    };
    Attempt {
        outcome: get_ticket(context.get(), login, &callbacks),
        password_asked: callbacks.password_asked.get(),
    }
}

fn get_ticket(
    context: Context<'_>,
    login: &Login<'_>,
    callbacks: &Callbacks<'_>,
) -> core::result::Result<Ticket, Failure> {
    let service = login.service.map(CString::new).transpose();
    let service = service.map_err(|_| Error::INVALID)?;
    let options = Options::new(context)?;
    for (attribute, value) in login.options {
        options.set(attribute, value)?;
    }
    if let Some(cache) = login.cache {
        options.keep_in(cache)?;
    }
    let _traced = Traced::start(context, callbacks)?;
    let mut credentials = Credentials::empty(context);
    // SAFETY: context, client and options are live; no password is given, so that the prompter is asked; the callbacks live
    // for the call (invariant 1); the service is NULL or a string; the out parameter is valid (krb5.h).
    let code = unsafe {
        krb5_sys::krb5_get_init_creds_password(
            context.as_raw(),
            &raw mut credentials.raw,
            login.client.as_raw(),
            ptr::null(),
            Some(prompt),
            callbacks.as_data(),
            0,
            service.as_ref().map_or(ptr::null(), |service| service.as_ptr()),
            options.raw,
        )
    };
    Error::check(code).map_err(|error| context.failure(error))?;
    Ok(credentials.describe()?)
}

/// What the callbacks work with.
struct Callbacks<'a> {
    dialog: &'a dyn Dialog,
    password_asked: Cell<bool>,
}

impl Callbacks<'_> {
    fn as_data(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// `data` came from [`Self::as_data`] of callbacks that live for `'a`.
    unsafe fn from_data<'a>(data: *mut c_void) -> &'a Self {
        // SAFETY: as promised by the caller; nobody has it mutably.
        unsafe { &*data.cast_const().cast() }
    }
}

/// The options of the login.
struct Options<'a> {
    context: Context<'a>,
    raw: *mut krb5_get_init_creds_opt,
}

impl<'a> Options<'a> {
    fn new(context: Context<'a>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the context is live, the out parameter valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_get_init_creds_opt_alloc(context.as_raw(), &raw mut raw) })?;
        // SAFETY: just allocated. A new password would be asked for, and set, where the old one has expired.
        unsafe { krb5_sys::krb5_get_init_creds_opt_set_change_password_prompt(raw, 0) };
        Ok(Self { context, raw })
    }

    /// The cache lives until the options are freed.
    fn keep_in(&self, cache: &CredentialCache<'_>) -> Result<()> {
        // SAFETY: context, options and cache are live, and stay so as long as the options are used (krb5.h).
        Error::check(unsafe {
            krb5_sys::krb5_get_init_creds_opt_set_out_ccache(self.context.as_raw(), self.raw, cache.as_raw())
        })
    }

    fn set(&self, attribute: &str, value: &str) -> core::result::Result<(), Failure> {
        let text = |text: &str| CString::new(text).map_err(|_| Error::INVALID);
        let (attribute, value) = (text(attribute)?, text(value)?);
        // SAFETY: context and options are live; the strings are copied (krb5.h).
        let code = unsafe {
            krb5_sys::krb5_get_init_creds_opt_set_pa(
                self.context.as_raw(),
                self.raw,
                attribute.as_ptr(),
                value.as_ptr(),
            )
        };
        Error::check(code).map_err(|error| self.context.failure(error))
    }
}

impl Drop for Options<'_> {
    fn drop(&mut self) {
        // SAFETY: invariant 2.
        unsafe { krb5_sys::krb5_get_init_creds_opt_free(self.context.as_raw(), self.raw) };
    }
}

/// A context whose trace goes to the callbacks.
struct Traced<'a>(Context<'a>);

impl<'a> Traced<'a> {
    fn start(context: Context<'a>, callbacks: &'a Callbacks<'_>) -> Result<Self> {
        // SAFETY: the context is live; the callbacks outlive the result, which takes the callback away (krb5.h).
        let code =
            unsafe { krb5_sys::krb5_set_trace_callback(context.as_raw(), Some(trace), callbacks.as_data()) };
        match Error::check(code) {
            // A libkrb5 that was built without tracing.
            Ok(()) | Err(Error::TRACE_NOT_SUPPORTED) => Ok(Self(context)),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is live; no callback, and so no data (krb5.h).
        unsafe { krb5_sys::krb5_set_trace_callback(self.0.as_raw(), None, ptr::null_mut()) };
    }
}

/// The credentials that a login gave.
struct Credentials<'a> {
    context: Context<'a>,
    raw: krb5_creds,
}

impl<'a> Credentials<'a> {
    fn empty(context: Context<'a>) -> Self {
        Self {
            context,
            // SAFETY: numbers and pointers, for all of which zero is a value.
            raw: unsafe { mem::zeroed() },
        }
    }

    /// They are filled in.
    fn describe(&self) -> Result<Ticket> {
        let seconds = |time: i32| i64::from(time.cast_unsigned());
        let times = &self.raw.times;
        Ok(Ticket {
            client: self.unparse(self.raw.client)?,
            server: self.unparse(self.raw.server)?,
            hardware: self.raw.ticket_flags & TKT_FLG_HW_AUTH != 0,
            ends: seconds(times.endtime),
            renewable_until: (times.renew_till != 0).then(|| seconds(times.renew_till)),
        })
    }

    fn unparse(&self, principal: krb5_sys::krb5_principal) -> Result<String> {
        if principal.is_null() {
            return Err(Error::INTERNAL);
        }
        // SAFETY: a principal of these credentials, which live for the call.
        let principal = unsafe { Principal::from_raw(self.context, principal) };
        Ok(String::from_utf8_lossy(&principal.unparse()?).into_owned())
    }
}

impl Drop for Credentials<'_> {
    fn drop(&mut self) {
        // SAFETY: invariant 3; empty ones may be freed, too.
        unsafe { krb5_sys::krb5_free_cred_contents(self.context.as_raw(), &raw mut self.raw) };
    }
}

/// The krb5_prompter_fct of a login.
unsafe extern "C" fn prompt(
    context: krb5_context,
    data: *mut c_void,
    _name: *const c_char,
    banner: *const c_char,
    count: c_int,
    prompts: *mut krb5_prompt,
) -> krb5_error_code {
    guard(Error::INTERNAL.code(), || {
        // SAFETY: invariant 1.
        let callbacks = unsafe { Callbacks::from_data(data) };
        // SAFETY: libkrb5 calls a prompter with a banner or NULL, and with as many prompts as it says (krb5.h).
        let answered = unsafe { answer(context, callbacks, banner, count, prompts) };
        answered.map_or_else(Error::code, |()| 0)
    })
}

/// # Safety
/// The arguments are those of a krb5_prompter_fct.
unsafe fn answer(
    context: krb5_context,
    callbacks: &Callbacks<'_>,
    banner: *const c_char,
    count: c_int,
    prompts: *mut krb5_prompt,
) -> Result<()> {
    if !banner.is_null() {
        // SAFETY: a string, as promised by the caller.
        let banner = unsafe { CStr::from_ptr(banner) };
        callbacks.dialog.show(&banner.to_string_lossy());
    }
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 || prompts.is_null() {
        return Ok(());
    }
    // SAFETY: the context is live (krb5.h).
    let types = unsafe { krb5_sys::krb5_get_prompt_types(context) };
    if !types.is_null() {
        // SAFETY: one type for each prompt (krb5.h).
        let types = unsafe { slice::from_raw_parts(types, count) };
        let is_password = types.contains(&KRB5_PROMPT_TYPE_PASSWORD);
        callbacks
            .password_asked
            .set(callbacks.password_asked.get() || is_password);
    }
    // SAFETY: as promised by the caller.
    for prompt in unsafe { slice::from_raw_parts(prompts, count) } {
        // SAFETY: a string, as promised by the caller.
        let question = unsafe { CStr::from_ptr(prompt.prompt) };
        let reply = callbacks
            .dialog
            .ask(&question.to_string_lossy(), prompt.hidden != 0)?;
        // SAFETY: a buffer, as promised by the caller.
        unsafe { fill(prompt.reply, reply.expose()) }?;
    }
    Ok(())
}

/// Copies an answer, and a NUL behind it, as krb5_prompter_posix does.
///
/// # Safety
/// `reply` is a buffer as long as it says.
unsafe fn fill(reply: *mut krb5_data, answer: &[u8]) -> Result<()> {
    // SAFETY: as promised by the caller; nobody else uses it.
    let reply = unsafe { &mut *reply };
    let length = u32::try_from(answer.len()).map_err(|_| Error::INVALID)?;
    if length >= reply.length {
        return Err(Error::INVALID);
    }
    // SAFETY: there is room for it; the two do not overlap.
    unsafe { ptr::copy_nonoverlapping(answer.as_ptr(), reply.data.cast(), answer.len()) };
    // SAFETY: there is room for one byte more.
    let end = unsafe { reply.data.add(answer.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    reply.length = length;
    Ok(())
}

/// The krb5_trace_callback of a login.
unsafe extern "C" fn trace(_context: krb5_context, info: *const krb5_trace_info, data: *mut c_void) {
    guard((), || {
        // SAFETY: NULL when the callback is taken away, else live for the call (krb5.h).
        let Some(info) = (unsafe { info.as_ref() }) else {
            return;
        };
        // SAFETY: invariant 1.
        let callbacks = unsafe { Callbacks::from_data(data) };
        // SAFETY: a string that lives for the call (krb5.h).
        let line = unsafe { CStr::from_ptr(info.message) };
        callbacks.dialog.trace(&line.to_string_lossy());
    });
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs};

    use super::*;
    use crate::Profile;

    /// Answers every question with the same words, and writes down what happens.
    struct Scripted {
        answer: Result<Vec<u8>>,
        seen: RefCell<Vec<String>>,
    }

    impl Scripted {
        fn new(answer: Result<Vec<u8>>) -> Self {
            Self {
                answer,
                seen: RefCell::default(),
            }
        }

        fn callbacks(&self) -> Callbacks<'_> {
            Callbacks {
                dialog: self,
                password_asked: Cell::new(false),
            }
        }
    }

    impl Dialog for Scripted {
        fn show(&self, line: &str) {
            self.seen.borrow_mut().push(format!("shown: {line}"));
        }

        fn ask(&self, question: &str, hidden: bool) -> Result<SecretBytes> {
            self.seen
                .borrow_mut()
                .push(format!("asked: {question}, hidden: {hidden}"));
            self.answer.clone().map(SecretBytes::new)
        }

        fn trace(&self, line: &str) {
            self.seen.borrow_mut().push(format!("traced: {line}"));
        }
    }

    /// Calls the prompter as libkrb5 does, with room for five bytes.
    fn call(dialog: &Scripted, question: Option<&CStr>) -> (i32, Vec<u8>) {
        let context = OwnedContext::new().unwrap();
        let mut room = [0xff_u8; 5];
        let mut reply = krb5_data {
            magic: 0,
            length: 5,
            data: room.as_mut_ptr().cast(),
        };
        let mut prompts = [krb5_prompt {
            prompt: question.unwrap_or_default().as_ptr().cast_mut(),
            hidden: 1,
            reply: &raw mut reply,
        }];
        let callbacks = dialog.callbacks();
        // SAFETY: what libkrb5 would pass.
        let code = unsafe {
            prompt(
                context.get().as_raw(),
                callbacks.as_data(),
                ptr::null(),
                c"Banner".as_ptr(),
                question.is_some().into(),
                prompts.as_mut_ptr(),
            )
        };
        let length = usize::try_from(reply.length).unwrap();
        (code, room[..length].to_vec())
    }

    #[test]
    fn an_answer_goes_into_the_buffer() {
        let dialog = Scripted::new(Ok(b"1234".to_vec()));
        assert_eq!(call(&dialog, Some(c"PIN")), (0, b"1234".to_vec()));
        assert_eq!(dialog.seen.take(), ["shown: Banner", "asked: PIN, hidden: true"]);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_an_error() {
        let dialog = Scripted::new(Ok(b"12345".to_vec()));
        assert_eq!(call(&dialog, Some(c"PIN")).0, Error::INVALID.code());
    }

    #[test]
    fn no_answer_ends_the_login_with_its_error() {
        let dialog = Scripted::new(Err(Error::CANNOT_READ_PASSWORD));
        assert_eq!(call(&dialog, Some(c"PIN")).0, Error::CANNOT_READ_PASSWORD.code());
    }

    #[test]
    fn a_banner_alone_is_shown() {
        let dialog = Scripted::new(Err(Error::INTERNAL));
        assert_eq!(call(&dialog, None).0, 0);
        assert_eq!(dialog.seen.take(), ["shown: Banner"]);
    }

    #[test]
    fn a_realm_without_a_kdc_is_an_error_with_libkrb5s_text_and_traced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("krb5.conf");
        fs::write(
            &file,
            "[libdefaults]\n default_realm = R.TEST\n dns_lookup_kdc = false\n",
        )
        .unwrap();
        let context = OwnedContext::with_profile(&Profile::read(&file).unwrap()).unwrap();
        let client = OwnedPrincipal::parse(context.get(), "alice").unwrap();
        let login = Login {
            client: &client,
            service: None,
            options: &[("fido_timeout".to_owned(), "1s".to_owned())],
            cache: None,
        };
        let dialog = Scripted::new(Err(Error::INTERNAL));
        let attempt = log_in(&context, &login, &dialog);
        let failure = attempt.outcome.unwrap_err();
        assert_eq!(
            failure.message.as_deref(),
            Some("Cannot find KDC for realm \"R.TEST\"")
        );
        assert!(!attempt.password_asked);
        let seen = dialog.seen.take();
        assert!(
            seen.iter()
                .any(|line| line.starts_with("traced: ") && line.ends_with('\n')),
            "{seen:?}"
        );
    }
}
