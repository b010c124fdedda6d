//! Touch, wire and randomness.

use std::{fmt, time::Instant};

use opensk::{
    api::{
        connection::{HidConnection, RecvStatus, UsbEndpoint},
        rng::{
            Rng,
            rand_core::{self, CryptoRng, RngCore, impls},
        },
        user_presence::{UserPresence, UserPresenceError, UserPresenceWaitResult},
    },
    ctap::status_code::{Ctap2StatusCode, CtapResult},
};

use super::{Environment, Pause, milliseconds};
use crate::{Touch, link::Report};

impl UserPresence for Environment {
    fn check_init(&mut self) {
        if let Some(request) = &self.request {
            self.presence.ask(request);
        }
    }

    /// Never hands a report to opensk, which cannot tell connections apart: all of them are dealt with by the pause.
    fn wait_with_timeout(&mut self, _packet: &mut Report, timeout_ms: usize) -> UserPresenceWaitResult {
        let touch = match &self.request {
            Some(_) => self.presence.poll(),
            // Nobody was asked.
            None => Touch::Refused,
        };
        let result = match touch {
            Touch::Given => Ok(()),
            Touch::Refused => Err(UserPresenceError::Declined),
            Touch::Awaited => match self.pause(Instant::now() + milliseconds(timeout_ms)) {
                // opensk takes a timeout for "not yet": it sends a keep-alive and calls again.
                Pause::Over => Err(UserPresenceError::Timeout),
                Pause::Cancelled => Err(UserPresenceError::Canceled),
            },
        };
        Ok((result, RecvStatus::Timeout))
    }

    fn check_complete(&mut self) {
        self.presence.dismiss();
    }
}

impl HidConnection for Environment {
    /// Sends a keep-alive, for which alone opensk uses this here.
    fn send(&mut self, report: &Report, _endpoint: UsbEndpoint) -> CtapResult<()> {
        if let Some(served) = self.serving {
            self.link.send_if_read(served.connection, report);
        }
        Ok(())
    }

    /// Unused by opensk.
    fn recv(&mut self, _report: &mut Report, _timeout_ms: usize) -> CtapResult<RecvStatus> {
        Err(Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE)
    }
}

/// Randomness of the operating system.
pub(crate) struct SystemRandom;

impl RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    #[expect(
        clippy::expect_used,
        reason = "the trait has no error, and a key without randomness must not go on"
    )]
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("no random bytes from the system");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for SystemRandom {}
impl Rng for SystemRandom {}

/// Takes opensk's debugging output, which tells secrets, and keeps none of it.
pub(crate) struct Silence;

impl fmt::Write for Silence {
    fn write_str(&mut self, _text: &str) -> fmt::Result {
        Ok(())
    }
}
