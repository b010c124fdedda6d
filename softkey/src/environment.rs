//! What opensk asks of the hardware it runs on.

mod clock;
mod hardware;
mod requests;

use std::time::{Duration, Instant};

use opensk::{
    api::{
        crypto::software_crypto::SoftwareCrypto,
        customization::{CustomizationImpl, DEFAULT_CUSTOMIZATION},
        key_store::Helper,
    },
    ctap::{
        Channel,
        hid::{CtapHid, CtapHidCommand, Message, ProcessedPacket},
    },
    env::Env,
};

use self::{
    clock::ConnectionClock,
    hardware::{Silence, SystemRandom},
};
use crate::{
    Presence, Request, Touch, attestation,
    hid::{Hid, Source},
    link::{ConnectionId, Event, Link, Report},
    request::{Names, U2fRequest},
    store::Store,
};

/// How long a U2F request stays open when its client does not repeat it. Clients do so several times a second.
const U2F_PATIENCE: Duration = Duration::from_secs(3);

/// How often a presence is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The hardware of one key. The key store is opensk's own ([`Helper`]): master keys in the [`Store`].
pub(crate) struct Environment {
    random: SystemRandom,
    pub(crate) store: Store,
    customization: CustomizationImpl,
    presence: Box<dyn Presence>,
    pub(crate) clock: ConnectionClock,
    pub(crate) link: Link,
    pub(crate) hid: Hid,
    /// Whose CTAP2 command is being processed.
    serving: Option<Source>,
    /// What that command wants a touch for.
    request: Option<Request>,
    /// The CTAPHID_INIT by which the client gave that command up.
    interruption: Option<Report>,
    names: Names,
    u2f_wait: Option<U2fWait>,
}

/// A U2F request that waits for a touch. Its client repeats it until it is answered.
struct U2fWait {
    source: Source,
    message: Vec<u8>,
    touch: Touch,
    end: Instant,
}

/// How a part of the wait for a touch ended.
enum Pause {
    Over,
    Cancelled,
}

impl Environment {
    pub(crate) fn new(store: Store, presence: Box<dyn Presence>, link: Link, hid: Hid) -> Self {
        Self {
            random: SystemRandom,
            store,
            customization: DEFAULT_CUSTOMIZATION,
            presence,
            clock: ConnectionClock::default(),
            link,
            hid,
            serving: None,
            request: None,
            interruption: None,
            names: Names::default(),
            u2f_wait: None,
        }
    }

    /// The CTAP2 commands and timers from now on are those of `source`.
    pub(crate) fn start_serving(&mut self, source: Source) {
        self.clock.start_serving(source.connection);
        self.serving = Some(source);
    }

    /// The command is done. Returns the CTAPHID_INIT by which its client gave it up.
    pub(crate) fn end_serving(&mut self) -> Option<Report> {
        self.serving = None;
        self.request = None;
        self.interruption.take()
    }

    /// Forgets a connection that is gone.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.hid.release(connection);
        self.clock.end_connection(connection);
    }

    /// Waits until `deadline` on behalf of the command being processed: its client may give it up, and everybody else is
    /// told that the key is busy.
    fn pause(&mut self, deadline: Instant) -> Pause {
        while Instant::now() < deadline {
            match self.link.receive(Some(deadline), None) {
                Ok(Event::Report(connection, report)) => {
                    if self.is_given_up(connection, report) {
                        return Pause::Cancelled;
                    }
                }
                Ok(Event::Gone(connection)) => {
                    self.forget(connection);
                    if self.serving.is_some_and(|served| served.connection == connection) {
                        return Pause::Cancelled;
                    }
                }
                Ok(Event::TimedOut) => break,
                // Both come again when the command is done.
                Ok(Event::Stopped) | Err(_) => return Pause::Cancelled,
            }
        }
        Pause::Over
    }

    /// Takes in a report during the wait for a touch: whether it ends the wait.
    fn is_given_up(&mut self, connection: ConnectionId, report: Report) -> bool {
        let (channel, packet) = CtapHid::<Self>::process_single_packet(&report);
        let ProcessedPacket::InitPacket { cmd, .. } = packet else {
            return false;
        };
        if self.serving != Some(Source { connection, channel }) {
            self.link.send(connection, CtapHid::<Self>::busy_error(channel));
            return false;
        }
        match CtapHidCommand::from(cmd) {
            CtapHidCommand::Cancel => true,
            CtapHidCommand::Init => {
                self.interruption = Some(report);
                true
            }
            _ => false,
        }
    }

    /// What is known of the touch for a U2F request, which is asked for if it was not before.
    pub(crate) fn poll_u2f(&mut self, source: Source, request: U2fRequest, message: &Message) -> Touch {
        let is_repeated = |wait: &mut U2fWait| wait.source == source && wait.message == message.payload;
        let earlier = self.u2f_wait.take_if(is_repeated);
        let mut touch = match &earlier {
            Some(wait) => wait.touch,
            None => {
                self.withdraw_u2f();
                self.presence.ask(&self.names.describe(request));
                Touch::Awaited
            }
        };
        if touch == Touch::Awaited {
            touch = self.presence.poll();
        }
        self.hid.waiting = Some(source);
        self.u2f_wait = Some(U2fWait {
            source,
            message: message.payload.clone(),
            touch,
            end: Instant::now() + U2F_PATIENCE,
        });
        if touch != Touch::Awaited {
            self.withdraw_u2f();
        }
        touch
    }

    /// Sees to the U2F request that waits for a touch, if there is one: withdraws it when its client has gone, started
    /// something else or repeats it no longer. Returns when to do so again.
    pub(crate) fn watch_u2f(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let wait = self.u2f_wait.as_mut()?;
        if self.hid.waiting != Some(wait.source) || wait.end <= now {
            self.withdraw_u2f();
            return None;
        }
        if wait.touch == Touch::Awaited {
            wait.touch = self.presence.poll();
        }
        Some(now + POLL_INTERVAL)
    }

    /// Nobody waits for a U2F touch any longer.
    pub(crate) fn withdraw_u2f(&mut self) {
        self.hid.waiting = None;
        if self.u2f_wait.take().is_some() {
            self.presence.dismiss();
        }
    }

    /// Makes the key and certificate that U2F registrations are signed with, unless the key has them.
    pub(crate) fn provide_attestation(&mut self) {
        if !self.store.has_attestation() {
            let attestation = attestation::generate(&mut self.random);
            // Without it opensk refuses the registration; why is told by the store.
            let _ = self.store.write_attestation(&attestation);
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

    /// Handles no command: notes what this one wants a touch for, which opensk does not say when it asks for one.
    fn process_vendor_command(&mut self, command: &[u8], _channel: Channel) -> Option<Vec<u8>> {
        self.request = self.parse_request(command);
        None
    }
}

impl Helper for Environment {}

fn milliseconds(count: usize) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(u64::MAX))
}
