//! Return codes of libfido2 (fido/err.h) as errors.
//!
//! Invariant: `fido_strerr` returns string literals.

use std::ffi::{CStr, c_int};

use libfido2_sys as ffi;

use crate::Error;

/// `Ok` for FIDO_OK.
pub(super) fn check(code: c_int) -> Result<(), Error> {
    Err(match code {
        ffi::FIDO_OK => return Ok(()),
        ffi::FIDO_ERR_INVALID_ARGUMENT => Error::InvalidArgument,
        ffi::FIDO_ERR_NO_CREDENTIALS => Error::NoCredentials,
        ffi::FIDO_ERR_CREDENTIAL_EXCLUDED => Error::CredentialExcluded,
        ffi::FIDO_ERR_OPERATION_DENIED => Error::Denied,
        ffi::FIDO_ERR_TIMEOUT | ffi::FIDO_ERR_ACTION_TIMEOUT | ffi::FIDO_ERR_USER_ACTION_TIMEOUT => {
            Error::TimedOut
        }
        ffi::FIDO_ERR_KEEPALIVE_CANCEL => Error::Cancelled,
        ffi::FIDO_ERR_PIN_REQUIRED => Error::PinRequired,
        ffi::FIDO_ERR_PIN_NOT_SET => Error::PinNotSet,
        ffi::FIDO_ERR_PIN_INVALID => Error::PinInvalid,
        ffi::FIDO_ERR_PIN_BLOCKED => Error::PinBlocked,
        ffi::FIDO_ERR_PIN_AUTH_BLOCKED => Error::PinAuthBlocked,
        ffi::FIDO_ERR_PIN_POLICY_VIOLATION => Error::PinPolicyViolation,
        ffi::FIDO_ERR_UV_INVALID => Error::UvInvalid,
        ffi::FIDO_ERR_UV_BLOCKED => Error::UvBlocked,
        ffi::FIDO_ERR_KEY_STORE_FULL => Error::KeyStoreFull,
        ffi::FIDO_ERR_UNSUPPORTED_ALGORITHM => Error::UnsupportedAlgorithm,
        ffi::FIDO_ERR_UNSUPPORTED_OPTION => Error::UnsupportedOption,
        ffi::FIDO_ERR_TX | ffi::FIDO_ERR_RX => Error::Disconnected,
        ffi::FIDO_ERR_RX_NOT_CBOR | ffi::FIDO_ERR_RX_INVALID_CBOR | ffi::FIDO_ERR_INVALID_CBOR => {
            Error::MalformedAnswer
        }
        code => Error::Device {
            code,
            text: name(code),
        },
    })
}

fn name(code: c_int) -> &'static str {
    // SAFETY: fido/err.h: takes any number.
    let pointer = unsafe { ffi::fido_strerr(code) };
    // SAFETY: a string literal, by the invariant.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .unwrap_or("unknown error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_no_error() {
        assert!(check(ffi::FIDO_OK).is_ok());
    }

    #[test]
    fn causes_have_their_variants() {
        assert!(matches!(check(0x2e), Err(Error::NoCredentials)));
        assert!(matches!(check(0x27), Err(Error::Denied)));
        assert!(matches!(check(0x05), Err(Error::TimedOut)));
        assert!(matches!(check(0x2f), Err(Error::TimedOut)));
        assert!(matches!(check(0x3a), Err(Error::TimedOut)));
        assert!(matches!(check(0x2d), Err(Error::Cancelled)));
        assert!(matches!(check(0x31), Err(Error::PinInvalid)));
        assert!(matches!(check(0x32), Err(Error::PinBlocked)));
        assert!(matches!(check(0x34), Err(Error::PinAuthBlocked)));
        assert!(matches!(check(0x35), Err(Error::PinNotSet)));
        assert!(matches!(check(0x36), Err(Error::PinRequired)));
        assert!(matches!(check(0x3c), Err(Error::UvBlocked)));
        assert!(matches!(check(-1), Err(Error::Disconnected)));
        assert!(matches!(check(-2), Err(Error::Disconnected)));
    }

    #[test]
    fn other_codes_keep_their_number_and_name() {
        let Err(Error::Device { code, text }) = check(ffi::FIDO_ERR_NOT_ALLOWED) else {
            panic!("another error");
        };
        assert_eq!((code, text), (0x30, "FIDO_ERR_NOT_ALLOWED"));
    }

    #[test]
    fn unheard_of_codes_are_errors() {
        for code in [1000, -1000, c_int::MAX, c_int::MIN] {
            assert!(matches!(check(code), Err(Error::Device { code: same, .. }) if same == code));
        }
    }
}
