//! One open key.
//!
//! Invariant: `Device::handle` is open from `Device::open` until drop, and only the thread of the `Device` uses it: the type
//! is neither Send nor Sync.

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
    ptr,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use libfido2_sys as ffi;

use super::{
    code::check,
    handle::Handle,
    information::{Capabilities, Information},
    list::{DeviceInfo, Place},
    reports,
};
use crate::{
    Canceller, Error, Pin,
    channel::{Channel, LOCK_INTERVAL, LOCK_TIMEOUT},
};

/// How long a key may take to answer what needs neither touch nor thought.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// By how much libfido2's clock may run ahead of ours.
const CLOCK_SLACK: Duration = Duration::from_millis(20);

/// How a request is to verify the user.
#[derive(Clone, Copy)]
pub enum Verification<'a> {
    /// Not at all.
    None,
    /// By what is built into the key: a fingerprint, for example.
    BuiltIn,
    /// By this PIN.
    Pin(&'a Pin),
}

impl<'a> Verification<'a> {
    pub(super) const fn option(self) -> ffi::fido_opt_t {
        match self {
            Self::BuiltIn => ffi::fido_opt_t_FIDO_OPT_TRUE,
            Self::None | Self::Pin(_) => ffi::fido_opt_t_FIDO_OPT_OMIT,
        }
    }

    pub(super) fn pin(self) -> Result<Option<&'a CStr>, Error> {
        match self {
            Self::Pin(pin) => pin.as_c_str().map(Some),
            Self::None | Self::BuiltIn => Ok(None),
        }
    }
}

/// One open key, closed on drop.
pub struct Device {
    handle: Handle<ffi::fido_dev_t>,
    canceller: Canceller,
    capabilities: Capabilities,
    /// An answer was given up on: it may still come and be taken for that to a later request.
    out_of_step: bool,
    /// Reports to or from the key got lost.
    broken: Rc<Cell<bool>>,
    /// The key has answered that another program has it.
    busy: Rc<Cell<bool>>,
    /// Its name in messages.
    name: String,
}

impl Device {
    /// Opens a key and asks it what it can do. Takes some seconds at most if it does not answer or is in use.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::NotAnswering`], [`Error::OutOfMemory`], or what libfido2 fails with.
    pub fn open(info: &DeviceInfo) -> Result<Self, Error> {
        let canceller = Canceller::new().map_err(|reason| Error::Unavailable {
            device: info.device(),
            reason,
        })?;
        Self::open_with(info, canceller)
    }

    /// The same, with what stops it: already while it is being opened.
    ///
    /// # Errors
    /// As [`Device::open`]; also [`Error::Cancelled`].
    pub fn open_with(info: &DeviceInfo, canceller: Canceller) -> Result<Self, Error> {
        Self::connect(info, &canceller).map_err(|error| match canceller.is_cancelled() {
            true => Error::Cancelled,
            false => error,
        })
    }

    fn connect(info: &DeviceInfo, canceller: &Canceller) -> Result<Self, Error> {
        let unavailable = |reason| Error::Unavailable {
            device: info.device(),
            reason,
        };
        let channel = match info.place() {
            Place::Hidraw(path) => Channel::open_hidraw(path, canceller.clone()),
            Place::Socket(path) => Channel::connect(path, canceller.clone()),
        }
        .map_err(unavailable)?;
        let (broken, busy) = (channel.broken(), channel.busy());
        let handle = open_channel(channel)?.ok_or_else(|| Error::NotAnswering {
            device: info.device(),
        })?;
        let mut device = Self {
            handle,
            canceller: canceller.clone(),
            capabilities: Capabilities::u2f(),
            out_of_step: false,
            broken,
            busy,
            name: info.device(),
        };
        // SAFETY: the invariant.
        if unsafe { ffi::fido_dev_is_fido2(device.handle.as_ptr()) } {
            let information = Information::new()?;
            device.request(ANSWER_TIMEOUT, |device| {
                // SAFETY: the invariant; the information is ours.
                unsafe { ffi::fido_dev_get_cbor_info(device, information.as_ptr()) }
            })?;
            device.capabilities = information.capabilities();
        }
        Ok(device)
    }

    /// What the key can do, as it was when it was opened or its PIN was set.
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What stops this device from another thread.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// How many wrong PINs the key still takes.
    ///
    /// # Errors
    /// [`Error::PinNotSet`], [`Error::Disconnected`], [`Error::Cancelled`], [`Error::Device`] and others: what the key
    /// answers.
    pub fn pin_retries(&mut self) -> Result<u8, Error> {
        let mut retries: c_int = 0;
        self.request(ANSWER_TIMEOUT, |device| {
            // SAFETY: the invariant; `retries` is ours.
            unsafe { ffi::fido_dev_get_retry_count(device, &raw mut retries) }
        })?;
        u8::try_from(retries).map_err(|_| Error::MalformedAnswer)
    }

    /// Sets a first PIN, or changes `old` to `new`. A new one has at least four characters.
    ///
    /// # Errors
    /// [`Error::PinPolicyViolation`], [`Error::PinInvalid`] and others: what the key answers.
    pub fn set_pin(&mut self, new: &Pin, old: Option<&Pin>) -> Result<(), Error> {
        let new = new.as_c_str()?.as_ptr();
        let old = match old {
            Some(old) => old.as_c_str()?.as_ptr(),
            None => ptr::null(),
        };
        self.request(ANSWER_TIMEOUT, |device| {
            // SAFETY: the invariant; the strings live until the call returns.
            unsafe { ffi::fido_dev_set_pin(device, new, old) }
        })?;
        self.capabilities.pin_set = true;
        Ok(())
    }

    /// Runs one request within `timeout`. While another program has the key, it is made again.
    pub(super) fn request(
        &mut self,
        timeout: Duration,
        mut send: impl FnMut(*mut ffi::fido_dev_t) -> c_int,
    ) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let elapsed = started.elapsed();
            match self.request_once(timeout.saturating_sub(elapsed), &mut send) {
                Err(Error::NotAnswering { .. }) if elapsed < timeout.min(LOCK_TIMEOUT) => {
                    thread::sleep(LOCK_INTERVAL);
                }
                result => return result,
            }
        }
    }

    fn request_once(
        &mut self,
        timeout: Duration,
        send: impl FnOnce(*mut ffi::fido_dev_t) -> c_int,
    ) -> Result<(), Error> {
        if self.canceller.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.out_of_step {
            return Err(Error::Disconnected);
        }
        set_timeout(&self.handle, timeout)?;
        let started = Instant::now();
        let result = check(send(self.handle.as_ptr()));
        if !matches!(result, Err(Error::Disconnected)) {
            return result;
        }
        // libfido2 has one code for no answer and for one that it, or U2F, does not know.
        if !self.broken.get() {
            return Err(match self.busy.get() {
                true => Error::NotAnswering {
                    device: self.name.clone(),
                },
                false => Error::MalformedAnswer,
            });
        }
        // FIDO_ERR_RX is a broken connection, a cancellation, or a time limit that has passed. libfido2 does not tell the
        // key, which would go on waiting for its touch.
        self.out_of_step = true;
        self.send_cancel();
        Err(if self.canceller.is_cancelled() {
            Error::Cancelled
        } else if started.elapsed().saturating_add(CLOCK_SLACK) >= timeout {
            Error::TimedOut
        } else {
            Error::Disconnected
        })
    }

    /// Without effect on a key that is gone, that waits for nothing, or that speaks U2F alone.
    fn send_cancel(&self) {
        // SAFETY: the invariant.
        let _code: c_int = unsafe { ffi::fido_dev_cancel(self.handle.as_ptr()) };
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // A key that still waits for its touch is busy for whoever opens it next.
        self.send_cancel();
        // SAFETY: the invariant. Closing an open device does not fail.
        let _code: c_int = unsafe { ffi::fido_dev_close(self.handle.as_ptr()) };
    }
}

/// An open device; `None` if nobody answers on `channel`.
fn open_channel(channel: Channel) -> Result<Option<Handle<ffi::fido_dev_t>>, Error> {
    // Kept per thread, hence not once per process. A FIDO2 key that does not answer authenticatorGetInfo is an error, not
    // a U2F key.
    // SAFETY: fido_init(3).
    unsafe { ffi::fido_init(ffi::FIDO_DISABLE_U2F_FALLBACK) };
    // SAFETY: fido_dev_open(3).
    let device = unsafe { ffi::fido_dev_new() };
    // SAFETY: just made.
    let handle = unsafe { Handle::new(device, ffi::fido_dev_free) }?;
    set_timeout(&handle, ANSWER_TIMEOUT)?;
    // SAFETY: fido_dev_set_io_functions(3): not open yet; the functions are copied.
    check(unsafe { ffi::fido_dev_set_io_functions(handle.as_ptr(), &raw const reports::FUNCTIONS) })?;
    let code = reports::with_channel(channel, || {
        // SAFETY: both are ours; our functions ignore the path.
        unsafe { ffi::fido_dev_open(handle.as_ptr(), c"channel".as_ptr()) }
    });
    Ok(check(code).is_ok().then_some(handle))
}

fn set_timeout(handle: &Handle<ffi::fido_dev_t>, timeout: Duration) -> Result<(), Error> {
    let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: fido_dev_set_timeout(3).
    check(unsafe { ffi::fido_dev_set_timeout(handle.as_ptr(), milliseconds) })
}
