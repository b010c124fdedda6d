//! krb5 error codes, and failures with a text of our own.

use core::{ffi::CStr, fmt, num::NonZeroI32, ptr};

/// A krb5 error code; never 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

/// What calls into krb5 give.
pub type Result<T> = core::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:expr;)*) => {
        impl Error {
            $($(#[$doc])* pub const $name: Self = Self::known($code);)*
        }
    };
}

codes! {
    /// KDC_ERR_PREAUTH_FAILED: wrong password, or a wrong second factor.
    PREAUTH_FAILED = krb5_sys::KRB5KDC_ERR_PREAUTH_FAILED;
    /// KDC_ERR_ETYPE_NOSUPP: no key of a requested encryption type.
    ETYPE_NOSUPP = krb5_sys::KRB5KDC_ERR_ETYPE_NOSUPP;
    /// The KDC answers nothing: the client goes on to another KDC, and nothing is counted.
    DISCARD = krb5_sys::KRB5KDC_ERR_DISCARD;
    /// KDC_ERR_POLICY: policy refuses the request.
    POLICY = krb5_sys::KRB5KDC_ERR_POLICY;
    /// The one error after which libkrb5 tries no other mechanism and no other KDC.
    PASSWORD_INTERRUPTED = krb5_sys::KRB5_LIBOS_PWDINTR;
    /// No KDC could be reached. From a repetition at the primary KDC libkrb5 goes back to the first KDC's error with it.
    KDC_UNREACHABLE = krb5_sys::KRB5_KDC_UNREACH;
    /// The prompter could not read, which also ends every banner without prompts.
    CANNOT_READ_PASSWORD = krb5_sys::KRB5_LIBOS_CANTREADPWD;
    /// The module does not handle this.
    NOT_SUPPORTED = krb5_sys::KRB5_PLUGIN_OP_NOTSUPP;
    /// The plugin interface has another version.
    VERSION_NOT_SUPPORTED = krb5_sys::KRB5_PLUGIN_VER_NOTSUPP;
    /// Generic error: our own fault.
    INTERNAL = krb5_sys::KRB5KRB_ERR_GENERIC;
    /// Integrity check of a decryption failed.
    BAD_INTEGRITY = krb5_sys::KRB5KRB_AP_ERR_BAD_INTEGRITY;
    /// There is no such entry in the database.
    NO_ENTRY = krb5_sys::KRB5_KDB_NOENTRY;
    /// A module neither allows nor forbids.
    NO_HANDLE = krb5_sys::KRB5_PLUGIN_NO_HANDLE;
    /// A module forbids.
    NOT_PERMITTED = libc::EPERM;
    /// A database entry that cannot be read.
    MALFORMED_ENTRY = krb5_sys::KRB5_KDB_TRUNCATED_RECORD;
    /// A cipher text of impossible length.
    BAD_MESSAGE_SIZE = krb5_sys::KRB5_BAD_MSIZE;
    /// The password is expired.
    PASSWORD_EXPIRED = krb5_sys::KRB5KDC_ERR_KEY_EXP;
    /// KDC_ERR_PREAUTH_REQUIRED: pre-authentication is still to come, and the error says which.
    PREAUTH_REQUIRED = krb5_sys::KRB5KDC_ERR_PREAUTH_REQUIRED;
    /// KDC_ERR_MORE_PREAUTH_DATA_REQUIRED: the error brings the next message of the one that goes on (RFC 6113 section 5.2).
    MORE_PREAUTH_DATA_REQUIRED = krb5_sys::KRB5KDC_ERR_MORE_PREAUTH_DATA_REQUIRED;
    /// The KDC does not know the client.
    CLIENT_UNKNOWN = krb5_sys::KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN;
    /// The client is locked out, or was disabled.
    CLIENT_REVOKED = krb5_sys::KRB5KDC_ERR_CLIENT_REVOKED;
    /// The clocks of client and KDC are too far apart.
    CLOCK_SKEW = krb5_sys::KRB5KRB_AP_ERR_SKEW;
    /// krb5.conf does not say where the KDC is, nor does the DNS.
    REALM_UNKNOWN = krb5_sys::KRB5_REALM_UNKNOWN;
    /// The name of the KDC has no address.
    REALM_CANNOT_RESOLVE = krb5_sys::KRB5_REALM_CANT_RESOLVE;
    /// This libkrb5 cannot trace.
    TRACE_NOT_SUPPORTED = krb5_sys::KRB5_TRACE_NOSUPP;
    /// Out of memory.
    NO_MEMORY = libc::ENOMEM;
    /// An argument that krb5 could not take, such as text with a NUL.
    INVALID = libc::EINVAL;
}

impl Error {
    const fn known(code: i32) -> Self {
        match NonZeroI32::new(code) {
            Some(code) => Self(code),
            None => Self(NonZeroI32::MAX),
        }
    }

    /// `Ok` for 0, the error otherwise. kadm5 codes arrive as C `long`s that all fit.
    pub(crate) fn check(code: impl TryInto<i32>) -> Result<()> {
        match code.try_into().map(NonZeroI32::new) {
            Ok(None) => Ok(()),
            Ok(Some(code)) => Err(Self(code)),
            Err(_) => Err(Self::INTERNAL),
        }
    }

    /// The number itself.
    pub const fn code(self) -> i32 {
        self.0.get()
    }

    /// The text that krb5 has for the number alone, without any context.
    pub fn text(self) -> String {
        // SAFETY: without a context the call gives com_err's own text, NUL-terminated, static for the codes of loaded tables
        // and otherwise valid until the next call on this thread.
        let text = unsafe { krb5_sys::krb5_get_error_message(ptr::null_mut(), self.code()) };
        // SAFETY: as above; it is copied at once.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Error({}: {})", self.code(), self.text())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl core::error::Error for Error {}

/// How a callback of a module ends when it does not succeed: a code, and the text that is set on the context for it.
#[derive(Debug)]
pub struct Failure {
    /// The code that krb5 gets.
    pub error: Error,
    /// What krb5_get_error_message gives for it, if not the text of the code.
    pub message: Option<String>,
}

impl Failure {
    /// A failure with a text of our own.
    pub fn new(error: Error, message: impl Into<String>) -> Self {
        Self {
            error,
            message: Some(message.into()),
        }
    }

    /// What krb5 says of it.
    pub fn text(&self) -> String {
        self.message.clone().unwrap_or_else(|| self.error.text())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, message: None }
    }
}
