//! The socket to the client module, and what ends the helper before its time.
//!
//! One thread, the watcher, reads the socket and the pipe that signals write to. Each key has a thread, too (key_thread.rs).
//! All of them report to the main thread. When the module is gone or a signal comes, the watcher cancels the keys; their
//! threads then close them, and the main thread ends the process. If it does not soon, the watcher does.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use krb5_fido_keys::{Canceller, FacetsError};
use krb5_fido_protocol::{
    fido::rp_id::VouchingList,
    helper::{Failure, Message, decode, decode_length, encode},
    secret::SecretBytes,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level::pipe,
};

use crate::key_thread::Report;

/// How long the keys may take to be closed once the end has come.
const GRACE: Duration = Duration::from_secs(2);

/// What ends the helper before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The module closed its socket, or died.
    Closed,
    /// SIGINT, SIGTERM or SIGHUP.
    Interrupted,
    /// The module sent what is no frame.
    Malformed,
}

/// Why there is no assertion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Failed(Failure),
    Ended(End),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Ended(end)
    }
}

/// What the main thread is told.
pub(crate) enum Event {
    /// By the module.
    Message(Message),
    /// By the thread of the key of this number.
    Key(usize, Report),
    /// By the thread that fetches a facet list.
    Fetched(Result<VouchingList, FacetsError>),
    /// The end has come.
    Ended(End),
}

/// The main thread's side.
pub(crate) struct Link {
    socket: UnixStream,
    events: Receiver<Event>,
    sender: Sender<Event>,
    shared: Shared,
}

/// What the threads tell each other.
#[derive(Default)]
struct State {
    end: Option<End>,
    cancellers: Vec<Canceller>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Catches the signals and starts the watcher.
    pub(crate) fn start(socket: UnixStream) -> io::Result<Self> {
        let shared = Shared::default();
        let (sender, events) = channel();
        let watcher = Watcher {
            socket: socket.try_clone()?,
            signals: catch_signals()?,
            shared: Arc::clone(&shared),
        };
        let to_main = sender.clone();
        thread::Builder::new().spawn(move || watcher.run(&to_main))?;
        Ok(Self {
            socket,
            events,
            sender,
            shared,
        })
    }

    /// The next event; `None` if there is none by then. Without `deadline` it waits as long as it takes.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Result<Option<Event>, End> {
        let received = match deadline {
            Some(deadline) => self
                .events
                .recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => self.events.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(Event::Ended(end)) => Err(end),
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(End::Closed),
        }
    }

    /// The first message, however long it takes. There are no keys yet.
    pub(crate) fn receive(&self) -> Result<Message, End> {
        loop {
            if let Some(Event::Message(message)) = self.next(None)? {
                return Ok(message);
            }
        }
    }

    /// Where the threads of keys report to.
    pub(crate) fn reports(&self) -> Sender<Event> {
        self.sender.clone()
    }

    pub(crate) fn send(&self, message: &Message) -> Result<(), Stop> {
        let frame = encode(message).map_err(|_| Failure::Internal)?;
        (&self.socket)
            .write_all(frame.expose())
            .map_err(|_| Stop::Ended(End::Closed))
    }

    pub(crate) fn end(&self) -> Option<End> {
        lock(&self.shared).end
    }

    /// From now on this is cancelled, too, when the end comes.
    pub(crate) fn attach(&self, canceller: Canceller) -> Result<(), End> {
        let mut state = lock(&self.shared);
        state.cancellers.push(canceller);
        state.end.map_or(Ok(()), Err)
    }
}

/// A descriptor that becomes readable with the first signal.
fn catch_signals() -> io::Result<UnixStream> {
    let (signals, handler) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        pipe::register(signal, handler.try_clone()?)?;
    }
    Ok(signals)
}

struct Watcher {
    socket: UnixStream,
    signals: UnixStream,
    shared: Shared,
}

impl Watcher {
    fn run(self, sender: &Sender<Event>) {
        let end = loop {
            match self.read_message() {
                Ok(message) => {
                    if sender.send(Event::Message(message)).is_err() {
                        return;
                    }
                }
                Err(end) => break end,
            }
        };
        {
            let mut state = lock(&self.shared);
            state.end = Some(end);
            state.cancellers.iter().for_each(Canceller::cancel);
        }
        let _nobody_waits = sender.send(Event::Ended(end));
        thread::sleep(GRACE);
        process::exit(1);
    }

    fn read_message(&self) -> Result<Message, End> {
        let mut prefix = [0; 4];
        self.read(&mut prefix)?;
        let length = decode_length(prefix).map_err(|_| End::Malformed)?;
        let mut body = SecretBytes::zeroed(length);
        self.read(body.expose_mut())?;
        decode(body.expose()).map_err(|_| End::Malformed)
    }

    /// Fills `buffer`, unless a signal or the end of the socket comes first.
    fn read(&self, buffer: &mut [u8]) -> Result<(), End> {
        let mut rest = buffer;
        while !rest.is_empty() {
            self.wait()?;
            match (&self.socket).read(rest) {
                Ok(0) => return Err(End::Closed),
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Closed),
            }
        }
        Ok(())
    }

    fn wait(&self) -> Result<(), End> {
        let mut both = [
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.socket, PollFlags::IN),
        ];
        match poll(&mut both, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Err(End::Closed),
        }
        match both.first().is_some_and(|signals| !signals.revents().is_empty()) {
            true => Err(End::Interrupted),
            false => Ok(()),
        }
    }
}
