//! One open key.
//!
//! Invariants:
//! 1. `Device::handle` is open from `Device::open` until drop, and only the thread of the `Device` uses it: the type is
//!    neither Send nor Sync.
//! 2. The exception is `fido_dev_cancel`, which reads `timeout_ms`, `attr.flags`, `cid` and the I/O functions and writes one
//!    report (libfido2 src/dev.c, src/io.c). Another thread may call it with the gate held. Whatever changes those
//!    members (set_timeout, close) holds the gate, too; what runs without it (getInfo, assertions, credentials, PIN)
//!    does not change them.
//! 3. `Gate::device` is None from before the device is closed.

use std::{
    ffi::{CStr, CString, c_int},
    fs::File,
    os::unix::net::UnixStream,
    path::Path,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use libfido2_sys as ffi;

use super::{
    code::check,
    handle::Handle,
    information::{Capabilities, Information},
    list::{DeviceInfo, Place},
    socket,
};
use crate::{Error, Pin};

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
    gate: Arc<Gate>,
    capabilities: Capabilities,
    /// An answer was given up on: it may still come and be taken for that to a later request.
    out_of_step: bool,
}

/// Stops what a [`Device`] is doing, from another thread. It does not keep the device open.
#[derive(Clone)]
pub struct Canceller(Arc<Gate>);

struct Gate {
    device: Mutex<Option<DevicePointer>>,
    cancelled: AtomicBool,
}

struct DevicePointer(*mut ffi::fido_dev_t);

// SAFETY: used for nothing but fido_dev_cancel, as invariant 2 has it.
unsafe impl Send for DevicePointer {}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Option<DevicePointer>> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_cancel(&self) {
        if let Some(device) = &*self.lock() {
            // SAFETY: invariants 2 and 3. The result says whether the report could be written, which the pending
            // request finds out by itself.
            let _code: c_int = unsafe { ffi::fido_dev_cancel(device.0) };
        }
    }
}

impl Canceller {
    /// Ends the request under way, and refuses every later one, with [`Error::Cancelled`]. The key forgets a cancellation
    /// that overtakes its request: call this again until the request has returned. No effect on a closed device; a request
    /// to a key that speaks U2F alone runs until its time limit.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.0.send_cancel();
    }
}

impl Device {
    /// Opens a key and asks it what it can do. Takes 5 seconds at most if it does not answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::NotAnswering`], [`Error::OutOfMemory`], or what libfido2 fails with.
    pub fn open(info: &DeviceInfo) -> Result<Self, Error> {
        // Kept per thread, hence not once per process. A FIDO2 key that does not answer authenticatorGetInfo is an error,
        // not a U2F key.
        // SAFETY: fido_init(3).
        unsafe { ffi::fido_init(ffi::FIDO_DISABLE_U2F_FALLBACK) };
        // SAFETY: fido_dev_open(3).
        let device = unsafe { ffi::fido_dev_new() };
        // SAFETY: just made.
        let handle = unsafe { Handle::new(device, ffi::fido_dev_free) }?;
        set_timeout(&handle, ANSWER_TIMEOUT)?;
        match info.place() {
            Place::Path(path) => open_path(&handle, path),
            Place::Socket(path) => open_socket(&handle, path, info),
        }?;
        let gate = Gate {
            device: Mutex::new(Some(DevicePointer(handle.as_ptr()))),
            cancelled: AtomicBool::new(false),
        };
        let mut device = Self {
            handle,
            gate: Arc::new(gate),
            capabilities: Capabilities::u2f(),
            out_of_step: false,
        };
        // SAFETY: invariant 1.
        if unsafe { ffi::fido_dev_is_fido2(device.handle.as_ptr()) } {
            let mut information = Information::new()?;
            // SAFETY: invariants 1 and 2.
            unsafe { information.fill(device.handle.as_ptr()) }?;
            device.capabilities = information.capabilities();
        }
        Ok(device)
    }

    /// What the key can do, as it was when it was opened or its PIN was set.
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// A handle to stop this device with.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.gate))
    }

    /// How many wrong PINs the key still takes.
    ///
    /// # Errors
    /// [`Error::PinNotSet`], [`Error::Disconnected`], [`Error::Cancelled`], [`Error::Device`] and others: what the key
    /// answers.
    pub fn pin_retries(&mut self) -> Result<u8, Error> {
        let mut retries: c_int = 0;
        self.request(ANSWER_TIMEOUT, |device| {
            // SAFETY: invariants 1 and 2; `retries` is ours.
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
            // SAFETY: invariants 1 and 2; the strings live until the call returns.
            unsafe { ffi::fido_dev_set_pin(device, new, old) }
        })?;
        self.capabilities.pin_set = true;
        Ok(())
    }

    /// Runs one request within `timeout`.
    pub(super) fn request(
        &mut self,
        timeout: Duration,
        send: impl FnOnce(*mut ffi::fido_dev_t) -> c_int,
    ) -> Result<(), Error> {
        if self.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.out_of_step {
            return Err(Error::Disconnected);
        }
        {
            let _gate = self.gate.lock();
            set_timeout(&self.handle, timeout)?;
        }
        let started = Instant::now();
        let result = check(send(self.handle.as_ptr()));
        if !matches!(result, Err(Error::Disconnected)) {
            return result;
        }
        // FIDO_ERR_RX is a broken connection as well as a time limit that has passed. In the latter case the key still
        // waits for its touch: libfido2 does not cancel.
        self.out_of_step = true;
        self.gate.send_cancel();
        Err(if self.is_cancelled() {
            Error::Cancelled
        } else if started.elapsed().saturating_add(CLOCK_SLACK) >= timeout {
            Error::TimedOut
        } else {
            Error::Disconnected
        })
    }

    fn is_cancelled(&self) -> bool {
        self.gate.cancelled.load(Ordering::SeqCst)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // A key that is left waiting for its touch is busy for whoever opens it next.
        self.gate.send_cancel();
        let mut gate = self.gate.lock();
        *gate = None;
        // SAFETY: invariants 1 and 3; the gate is held. Closing an open device does not fail.
        let _code: c_int = unsafe { ffi::fido_dev_close(self.handle.as_ptr()) };
    }
}

fn set_timeout(handle: &Handle<ffi::fido_dev_t>, timeout: Duration) -> Result<(), Error> {
    let milliseconds = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: not open yet, or the caller holds the gate (invariant 2).
    check(unsafe { ffi::fido_dev_set_timeout(handle.as_ptr(), milliseconds) })
}

fn open_path(handle: &Handle<ffi::fido_dev_t>, path: &CString) -> Result<(), Error> {
    // SAFETY: both are ours.
    let code = unsafe { ffi::fido_dev_open(handle.as_ptr(), path.as_ptr()) };
    if check(code).is_ok() {
        return Ok(());
    }
    let device = path.to_string_lossy().into_owned();
    // libfido2 does not say why it could not open the device.
    Err(match File::options().read(true).write(true).open(&device) {
        Err(reason) => Error::Unavailable { device, reason },
        Ok(_) => Error::NotAnswering { device },
    })
}

fn open_socket(handle: &Handle<ffi::fido_dev_t>, path: &Path, info: &DeviceInfo) -> Result<(), Error> {
    let stream = UnixStream::connect(path).map_err(|reason| Error::Unavailable {
        device: info.device(),
        reason,
    })?;
    // SAFETY: fido_dev_set_io_functions(3): not open yet; the functions are copied.
    check(unsafe { ffi::fido_dev_set_io_functions(handle.as_ptr(), &raw const socket::FUNCTIONS) })?;
    let code = socket::with_connected(stream, || {
        // SAFETY: both are ours; the path is for messages only.
        unsafe { ffi::fido_dev_open(handle.as_ptr(), c"socket".as_ptr()) }
    });
    check(code).map_err(|_| Error::NotAnswering {
        device: info.device(),
    })
}
