//! PINs of security keys.

use std::ffi::CStr;

use krb5_fido_protocol::helper::PIN_MAX;
use zeroize::Zeroizing;

use crate::Error;

/// A PIN as libfido2 wants it: 1 to 63 bytes of UTF-8, wiped on drop.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Copies `pin`.
    ///
    /// # Errors
    /// [`Error::InvalidPin`].
    pub fn new(pin: &[u8]) -> Result<Self, Error> {
        if pin.is_empty() || pin.len() > PIN_MAX || pin.contains(&0) || std::str::from_utf8(pin).is_err() {
            return Err(Error::InvalidPin);
        }
        let mut terminated = Zeroizing::new(Vec::with_capacity(pin.len().saturating_add(1)));
        terminated.extend_from_slice(pin);
        terminated.push(0);
        Ok(Self(terminated))
    }

    pub(crate) fn as_c_str(&self) -> Result<&CStr, Error> {
        CStr::from_bytes_with_nul(&self.0).map_err(|_| Error::InvalidPin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_a_zero_byte() {
        assert_eq!(Pin::new(b"1234").unwrap().as_c_str().unwrap(), c"1234");
        assert!(Pin::new(&[b'1'; PIN_MAX]).is_ok());
    }

    #[test]
    fn refuses_what_no_key_has() {
        for pin in [
            &b""[..],
            b"12\x0034",
            b"1234\0",
            b"\xff\xff\xff\xff",
            &[b'1'; PIN_MAX + 1],
        ] {
            assert!(matches!(Pin::new(pin), Err(Error::InvalidPin)), "{pin:?}");
        }
    }
}
