//! CTAPHID (CTAP 2.1 section 11.2) for several connections to one key: channels, messages in pieces, locks, and who has to
//! wait.
//!
//! A channel belongs to the connection that opened it and ends with it. A message in pieces, a lock and a U2F request that
//! waits for a touch keep the key for their channel; every other channel, the broadcast channel included, is told
//! ERR_CHANNEL_BUSY meanwhile (section 11.2.5.1).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use opensk::ctap::hid::{
    ChannelID, CtapHid, CtapHidCommand, CtapHidError, HidPacketIterator, Message, ProcessedPacket,
};

use crate::{
    environment::Environment,
    link::{ConnectionId, Report},
};

const BROADCAST: ChannelID = [0xff; 4];

/// Longest message: one first report and 128 more (section 11.2.4).
const MAX_MESSAGE_LENGTH: usize = 57 + 128 * 59;

/// How long a client may take between two reports of one message. The specification names no time; a USB controller needs
/// milliseconds, a process on a busy machine may be held up for longer.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long of that nobody else is listened to. Most messages are complete sooner, and nobody need be told that the key is
/// busy.
const MESSAGE_PATIENCE: Duration = Duration::from_millis(100);

/// Longest lock in seconds (section 11.2.9.2.2).
const MAX_LOCK: u8 = 10;

/// How many channels a connection has at most: the next one takes the place of the oldest.
const MAX_CHANNELS: usize = 16;

const NONCE_LENGTH: usize = 8;

/// CTAPHID protocol version and a device version of ours (section 11.2.9.1.3).
const VERSIONS: [u8; 4] = [2, 1, 0, 0];

/// Capability flags (section 11.2.9.1.3). CAPABILITY_NMSG is not set: U2F is spoken.
const CAPABILITY_WINK: u8 = 0x01;
const CAPABILITY_CBOR: u8 = 0x04;

/// What a key speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// CTAP 2.1 and, unless alwaysUv is on, U2F.
    All,
    /// U2F alone, as keys from before CTAP 2 do.
    U2fOnly,
}

/// One channel of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) connection: ConnectionId,
    pub(crate) channel: ChannelID,
}

/// What to do about a report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing (more).
    Nothing,
    /// Send this.
    Reply(Message),
    /// Process this message.
    Process(Message),
}

/// The state of the transport.
pub(crate) struct Hid {
    protocols: Protocols,
    channels: BTreeMap<ChannelID, ConnectionId>,
    newest_channel: u32,
    incoming: Option<Incoming>,
    lock: Option<(Source, Instant)>,
    /// The channel whose U2F request waits for a touch.
    pub(crate) waiting: Option<Source>,
}

/// A message that is not complete.
struct Incoming {
    source: Source,
    command: u8,
    payload: Vec<u8>,
    length: usize,
    /// The number of the next report.
    sequence: u8,
    deadline: Instant,
}

impl Hid {
    pub(crate) fn new(protocols: Protocols) -> Self {
        Self {
            protocols,
            channels: BTreeMap::new(),
            newest_channel: 0,
            incoming: None,
            lock: None,
            waiting: None,
        }
    }

    /// Takes in a report that came at `now`.
    pub(crate) fn receive(&mut self, connection: ConnectionId, report: &Report, now: Instant) -> Step {
        let (channel, packet) = CtapHid::<Environment>::process_single_packet(report);
        let source = Source { connection, channel };
        let busy = self.holder(now).is_some_and(|holder| holder != source);
        match packet {
            ProcessedPacket::InitPacket { .. } if busy => error(channel, CtapHidError::ChannelBusy),
            // Spurious continuations are ignored (section 11.2.5.4).
            ProcessedPacket::ContinuationPacket { .. } if busy => Step::Nothing,
            ProcessedPacket::InitPacket { cmd, len, data } => self.receive_first(source, cmd, len, data, now),
            ProcessedPacket::ContinuationPacket { seq, data } => self.receive_next(source, seq, data, now),
        }
    }

    /// Forgets a connection that is gone, with all that it held.
    pub(crate) fn release(&mut self, connection: ConnectionId) {
        self.channels.retain(|_, owner| *owner != connection);
        self.incoming
            .take_if(|incoming| incoming.source.connection == connection);
        self.lock.take_if(|(owner, _)| owner.connection == connection);
        self.waiting.take_if(|owner| owner.connection == connection);
    }

    /// Who is in the middle of a message, and until when to listen to nobody else.
    pub(crate) fn sender(&self, now: Instant) -> Option<(ConnectionId, Instant)> {
        let incoming = self.incoming.as_ref()?;
        let end = incoming
            .deadline
            .checked_sub(MESSAGE_TIMEOUT - MESSAGE_PATIENCE)?;
        (now < end).then_some((incoming.source.connection, end))
    }

    /// The channel that keeps the others waiting.
    fn holder(&mut self, now: Instant) -> Option<Source> {
        self.lock.take_if(|(_, end)| *end <= now);
        let locked = self.lock.map(|(owner, _)| owner);
        let incoming = self.incoming.as_ref().filter(|incoming| now < incoming.deadline);
        locked
            .or(incoming.map(|incoming| incoming.source))
            .or(self.waiting)
    }

    fn receive_first(
        &mut self,
        source: Source,
        command: u8,
        length: usize,
        data: &[u8],
        now: Instant,
    ) -> Step {
        let interrupted = self
            .incoming
            .take()
            .is_some_and(|incoming| now < incoming.deadline);
        let is_init = CtapHidCommand::from(command) == CtapHidCommand::Init;
        let is_open = self.channels.get(&source.channel) == Some(&source.connection)
            || (is_init && source.channel == BROADCAST);
        let fault = if !is_open {
            CtapHidError::InvalidChannel
        } else if interrupted && !is_init {
            CtapHidError::InvalidSeq
        } else if length > MAX_MESSAGE_LENGTH || (is_init && length != NONCE_LENGTH) {
            CtapHidError::InvalidLen
        } else {
            return self.append(
                Incoming {
                    source,
                    command,
                    payload: Vec::with_capacity(length),
                    length,
                    sequence: 0,
                    deadline: now,
                },
                data,
                now,
            );
        };
        error(source.channel, fault)
    }

    fn receive_next(&mut self, source: Source, sequence: u8, data: &[u8], now: Instant) -> Step {
        let Some(mut incoming) = self.incoming.take_if(|incoming| incoming.source == source) else {
            return Step::Nothing;
        };
        if incoming.deadline <= now {
            return error(source.channel, CtapHidError::MsgTimeout);
        }
        if incoming.sequence != sequence {
            return error(source.channel, CtapHidError::InvalidSeq);
        }
        incoming.sequence = sequence.wrapping_add(1);
        self.append(incoming, data, now)
    }

    fn append(&mut self, mut incoming: Incoming, data: &[u8], now: Instant) -> Step {
        let missing = incoming.length.saturating_sub(incoming.payload.len());
        incoming.payload.extend(data.iter().take(missing));
        if incoming.payload.len() < incoming.length {
            incoming.deadline = now + MESSAGE_TIMEOUT;
            self.incoming = Some(incoming);
            return Step::Nothing;
        }
        let message = Message {
            cid: incoming.source.channel,
            cmd: CtapHidCommand::from(incoming.command),
            payload: incoming.payload,
        };
        self.process(incoming.source, message, now)
    }

    fn process(&mut self, source: Source, message: Message, now: Instant) -> Step {
        match message.cmd {
            CtapHidCommand::Cbor if self.protocols == Protocols::U2fOnly => {
                error(source.channel, CtapHidError::InvalidCmd)
            }
            CtapHidCommand::Msg | CtapHidCommand::Cbor | CtapHidCommand::Wink => Step::Process(message),
            CtapHidCommand::Ping => Step::Reply(message),
            CtapHidCommand::Init => self.process_init(source, message),
            CtapHidCommand::Lock => self.process_lock(source, &message.payload, now),
            // "the authenticator MUST NOT reply" (section 11.2.9.1.5); one that counts is read during the wait for a touch.
            CtapHidCommand::Cancel => Step::Nothing,
            CtapHidCommand::Keepalive | CtapHidCommand::Error => {
                error(source.channel, CtapHidError::InvalidCmd)
            }
        }
    }

    /// Opens a channel, or puts an open one back to its start (section 11.2.9.1.3).
    fn process_init(&mut self, source: Source, request: Message) -> Step {
        let channel = if source.channel == BROADCAST {
            self.open_channel(source.connection)
        } else {
            self.waiting = None;
            source.channel
        };
        let capabilities = match self.protocols {
            Protocols::All => CAPABILITY_WINK | CAPABILITY_CBOR,
            Protocols::U2fOnly => CAPABILITY_WINK,
        };
        let mut payload = request.payload;
        payload.extend(channel);
        payload.extend(VERSIONS);
        payload.push(capabilities);
        Step::Reply(Message {
            cid: source.channel,
            cmd: CtapHidCommand::Init,
            payload,
        })
    }

    fn open_channel(&mut self, connection: ConnectionId) -> ChannelID {
        let own = self.channels.iter().filter(|(_, owner)| **owner == connection);
        let own: Vec<ChannelID> = own.map(|(channel, _)| *channel).collect();
        if let Some(oldest) = own.first().filter(|_| own.len() >= MAX_CHANNELS) {
            self.channels.remove(oldest);
        }
        loop {
            self.newest_channel = self.newest_channel.wrapping_add(1);
            let channel = self.newest_channel.to_be_bytes();
            if channel != [0; 4] && channel != BROADCAST && !self.channels.contains_key(&channel) {
                self.channels.insert(channel, connection);
                return channel;
            }
        }
    }

    fn process_lock(&mut self, source: Source, payload: &[u8], now: Instant) -> Step {
        let [seconds] = *payload else {
            return error(source.channel, CtapHidError::InvalidLen);
        };
        if seconds > MAX_LOCK {
            return error(source.channel, CtapHidError::InvalidPar);
        }
        self.lock = (seconds > 0).then(|| (source, now + Duration::from_secs(seconds.into())));
        Step::Reply(Message {
            cid: source.channel,
            cmd: CtapHidCommand::Lock,
            payload: Vec::new(),
        })
    }
}

/// Cuts a message into reports (section 11.2.4).
pub(crate) fn split_message(message: Message) -> HidPacketIterator {
    CtapHid::<Environment>::split_message(message)
}

/// CTAPHID_ERROR (section 11.2.9.1.6).
fn error(channel: ChannelID, error: CtapHidError) -> Step {
    Step::Reply(CtapHid::<Environment>::error_message(channel, error))
}
