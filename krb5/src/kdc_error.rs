//! KRB-ERROR.
//!
//! Invariant: what krb5_rd_error allocates is copied and freed once, in [`KdcError::read`].

use core::ptr;

use crate::{Context, Error, Result, data};

/// What a KDC answers a request with that it does not grant (RFC 4120 section 5.9.1).
pub struct KdcError {
    /// The code.
    pub error: Error,
    /// e-data: METHOD-DATA with the codes that ask for pre-authentication.
    pub data: Vec<u8>,
}

impl KdcError {
    /// Decodes a KRB-ERROR (krb5_rd_error).
    ///
    /// # Errors
    /// The message is none, or is malformed.
    pub fn read(context: Context<'_>, message: &[u8]) -> Result<Self> {
        let message = data::View::new(message)?;
        let mut raw = ptr::null_mut();
        // SAFETY: context and message live for the call; the out parameter is valid (krb5.h).
        Error::check(unsafe { krb5_sys::krb5_rd_error(context.as_raw(), message.as_ptr(), &raw mut raw) })?;
        // SAFETY: a krb5_error on success, ours until freed.
        let decoded = unsafe { &*raw };
        let code = decoded.error;
        // SAFETY: filled in by the call.
        let data = unsafe { data::data_bytes(&raw const decoded.e_data) }.to_vec();
        // SAFETY: it came from krb5_rd_error on this context and is freed once.
        unsafe { krb5_sys::krb5_free_error(context.as_raw(), raw) };
        let code = i32::try_from(code)
            .ok()
            .and_then(|code| krb5_sys::KRB5KDC_ERR_NONE.checked_add(code));
        let error = match code.map_or(Err(Error::INTERNAL), Error::check) {
            Ok(()) => Error::INTERNAL,
            Err(error) => error,
        };
        Ok(Self { error, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnedContext;

    /// KRB-ERROR of R.TEST: C_PRINCIPAL_UNKNOWN, with e-data of three bytes.
    const MESSAGE: &[u8] = b"\x7e\x4f\x30\x4d\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\
        \xa4\x11\x18\x0f20260101000000Z\xa5\x03\x02\x01\x00\xa6\x03\x02\x01\x06\
        \xa9\x08\x1b\x06R.TEST\xaa\x13\x30\x11\xa0\x03\x02\x01\x01\xa1\x0a\x30\x08\x1b\x06krbtgt\xac\x05\x04\x03abc";

    #[test]
    fn code_and_data() {
        let context = OwnedContext::new().unwrap();
        let error = KdcError::read(context.get(), MESSAGE).unwrap();
        assert_eq!(error.error, Error::CLIENT_UNKNOWN);
        assert_eq!(error.data, b"abc");
    }

    #[test]
    fn anything_else_is_an_error() {
        let context = OwnedContext::new().unwrap();
        for message in [&b""[..], b"\x6b\x00", &MESSAGE[..40]] {
            assert!(KdcError::read(context.get(), message).is_err());
        }
    }
}
