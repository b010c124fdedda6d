//! Which of several keys is meant: a touch that signs nothing.

use std::{
    ffi::c_int,
    time::{Duration, Instant},
};

use libfido2_sys as ffi;

use super::device::Device;
use crate::Error;

impl Device {
    /// Waits for a touch, for which the key blinks. libfido2 asks for a registration with an empty pinUvAuthParam, which
    /// selects keys of CTAP 2.0 and 2.1 alike (CTAP 2.1 section 6.1.2 step 1): it makes nothing.
    ///
    /// # Errors
    /// [`Error::UnsupportedOption`] from a key that speaks U2F alone. [`Error::Denied`], [`Error::TimedOut`],
    /// [`Error::Cancelled`] and others: what the key answers. After [`Error::Disconnected`] and after `timeout` the device
    /// must be opened anew.
    pub fn await_touch(&mut self, timeout: Duration) -> Result<(), Error> {
        if !self.capabilities().fido2 {
            return Err(Error::UnsupportedOption);
        }
        let started = Instant::now();
        self.request(timeout, |device| {
            // SAFETY: the device by the invariant of device.rs.
            let code = unsafe { ffi::fido_dev_get_touch_begin(device) };
            if code != ffi::FIDO_OK {
                return code;
            }
            let left = timeout.saturating_sub(started.elapsed());
            let left = c_int::try_from(left.as_millis()).unwrap_or(c_int::MAX);
            let mut touched: c_int = 0;
            // SAFETY: as above; `touched` is ours.
            let code = unsafe { ffi::fido_dev_get_touch_status(device, &raw mut touched, left) };
            // What libfido2 takes for "not yet" is FIDO_ERR_RX: time is over, or the key is gone.
            match (code, touched) {
                (ffi::FIDO_OK, 0) => ffi::FIDO_ERR_RX,
                (code, _) => code,
            }
        })
    }
}
