//! What opensk asks of the hardware it runs on.

mod clock;

use std::{fmt, time::Duration};

use opensk::{
    api::{
        connection::{HidConnection, RecvStatus, UsbEndpoint},
        crypto::software_crypto::SoftwareCrypto,
        customization::{CustomizationImpl, DEFAULT_CUSTOMIZATION},
        key_store::Helper,
        rng::{
            Rng,
            rand_core::{self, CryptoRng, RngCore, impls},
        },
        user_presence::{UserPresence, UserPresenceError, UserPresenceWaitResult},
    },
    ctap::status_code::{Ctap2StatusCode, CtapResult},
    env::Env,
};

use self::clock::ConnectionClock;
use crate::{
    Presence, Touch,
    link::{Event, Link, REPORT_LENGTH},
    store::Store,
};

/// The hardware of one key. The key store is opensk's own ([`Helper`]): master keys in the [`Store`].
pub(crate) struct Environment {
    random: SystemRandom,
    store: Store,
    customization: CustomizationImpl,
    presence: Box<dyn Presence>,
    pub(crate) clock: ConnectionClock,
    pub(crate) link: Link,
}

impl Environment {
    pub(crate) fn new(store: Store, presence: Box<dyn Presence>, link: Link) -> Self {
        Self {
            random: SystemRandom,
            store,
            customization: DEFAULT_CUSTOMIZATION,
            presence,
            clock: ConnectionClock::default(),
            link,
        }
    }
}

impl Env for Environment {
    type Rng = SystemRandom;
    type UserPresence = Self;
    type Persist = Store;
    type KeyStore = Self;
    type Write = Silence;
    type Customization = CustomizationImpl;
    type HidConnection = Self;
    type Clock = ConnectionClock;
    type Crypto = SoftwareCrypto;

    fn rng(&mut self) -> &mut SystemRandom {
        &mut self.random
    }

    fn user_presence(&mut self) -> &mut Self {
        self
    }

    fn persist(&mut self) -> &mut Store {
        &mut self.store
    }

    fn key_store(&mut self) -> &mut Self {
        self
    }

    fn clock(&mut self) -> &mut ConnectionClock {
        &mut self.clock
    }

    fn write(&mut self) -> Silence {
        Silence
    }

    fn customization(&self) -> &CustomizationImpl {
        &self.customization
    }

    fn hid_connection(&mut self) -> &mut Self {
        self
    }

    /// Every start of the program counts as being plugged in: a reset is allowed in the first 10 s.
    fn boots_after_soft_reset(&self) -> bool {
        false
    }
}

impl Helper for Environment {}

impl UserPresence for Environment {
    fn check_init(&mut self) {}

    fn wait_with_timeout(
        &mut self,
        packet: &mut [u8; REPORT_LENGTH],
        timeout_ms: usize,
    ) -> UserPresenceWaitResult {
        match self.presence.poll() {
            Touch::Given => return Ok((Ok(()), RecvStatus::Timeout)),
            Touch::Refused => return Ok((Err(UserPresenceError::Declined), RecvStatus::Timeout)),
            Touch::Awaited => (),
        }
        // opensk takes a timeout for "not yet": it sends a keep-alive and calls again.
        let still_waiting = Err(UserPresenceError::Timeout);
        match self.link.receive(Some(milliseconds(timeout_ms))) {
            Event::Report(report) => {
                *packet = report;
                Ok((still_waiting, RecvStatus::Received(UsbEndpoint::MainHid)))
            }
            Event::TimedOut => Ok((still_waiting, RecvStatus::Timeout)),
            Event::Closed | Event::Stopped => Err(Ctap2StatusCode::CTAP2_ERR_KEEPALIVE_CANCEL),
        }
    }

    fn check_complete(&mut self) {}
}

impl HidConnection for Environment {
    fn send(&mut self, report: &[u8; REPORT_LENGTH], _endpoint: UsbEndpoint) -> CtapResult<()> {
        self.link
            .send(report)
            .map_err(|_| Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE)
    }

    fn recv(&mut self, report: &mut [u8; REPORT_LENGTH], timeout_ms: usize) -> CtapResult<RecvStatus> {
        match self.link.receive(Some(milliseconds(timeout_ms))) {
            Event::Report(received) => {
                *report = received;
                Ok(RecvStatus::Received(UsbEndpoint::MainHid))
            }
            Event::TimedOut => Ok(RecvStatus::Timeout),
            Event::Closed | Event::Stopped => Err(Ctap2StatusCode::CTAP2_ERR_VENDOR_HARDWARE_FAILURE),
        }
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

fn milliseconds(count: usize) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(u64::MAX))
}
