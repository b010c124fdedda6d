//! Durations as krb5.conf writes them.

use std::ffi::CString;

use crate::{Error, Result};

/// Seconds of a duration such as `60`, `90s`, `2m` or `1h30m` (krb5_string_to_deltat).
///
/// # Errors
/// No duration, or a negative one.
pub fn parse_duration(text: &str) -> Result<u32> {
    let text = CString::new(text).map_err(|_| Error::INVALID)?;
    let mut seconds = 0;
    // SAFETY: a string that the call only reads, and a valid out parameter (krb5.h).
    Error::check(unsafe { krb5_sys::krb5_string_to_deltat(text.as_ptr().cast_mut(), &raw mut seconds) })?;
    u32::try_from(seconds).map_err(|_| Error::INVALID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_krb5_conf_writes() {
        assert_eq!(parse_duration("60").unwrap(), 60);
        assert_eq!(parse_duration("90s").unwrap(), 90);
        assert_eq!(parse_duration("1h30m").unwrap(), 5400);
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "soon", "-5s", "5\0s"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
