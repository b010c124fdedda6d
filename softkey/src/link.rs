//! The wire between the key and its clients: all of them at once, in one thread, by poll(2).

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::socket;

/// Length of a CTAPHID report in bytes (CTAP 2.1 section 11.2.4).
pub(crate) const REPORT_LENGTH: usize = 64;

pub(crate) type Report = [u8; REPORT_LENGTH];

/// How many clients are connected at most. More of them wait in the listening socket's queue.
const MAX_CONNECTIONS: usize = 64;

/// One connection, never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What came first.
pub(crate) enum Event {
    /// A client sent a whole report.
    Report(ConnectionId, Report),
    /// A client went away.
    Gone(ConnectionId),
    /// The time is over.
    TimedOut,
    /// The program is asked to end.
    Stopped,
}

/// All clients, and the descriptor that tells when to stop.
pub(crate) struct Link {
    listener: Option<UnixListener>,
    clients: BTreeMap<ConnectionId, Client>,
    /// The number of the newest connection.
    newest: u64,
    /// Whose turn was last.
    last: ConnectionId,
    /// Readable from the moment the program is asked to end; never read.
    stop: UnixStream,
}

/// One client, of which nothing is read while it leaves an answer unread.
struct Client {
    stream: UnixStream,
    /// The report that is being received; a stream may hand it out in pieces.
    report: Report,
    received: usize,
    /// What the stream did not take yet: the answers to one message at most.
    unsent: VecDeque<u8>,
}

/// What poll(2) found.
struct Readiness {
    stopped: bool,
    to_accept: bool,
    /// Clients that sent something or can be sent more.
    clients: Vec<ConnectionId>,
    /// Clients that hung up; what they sent before is still there.
    gone: Vec<ConnectionId>,
}

impl Link {
    pub(crate) fn new(stop: UnixStream) -> Self {
        Self {
            listener: None,
            clients: BTreeMap::new(),
            newest: 0,
            last: ConnectionId(0),
            stop,
        }
    }

    /// Takes its clients from `listener`, which does not block, from now on.
    pub(crate) fn listen(&mut self, listener: UnixListener) {
        self.listener = Some(listener);
    }

    /// Hangs up on everybody and listens no longer.
    pub(crate) fn close(&mut self) {
        self.listener = None;
        self.clients.clear();
    }

    /// Waits for what comes next, until `deadline` or for as long as it takes: from `preferred` alone, if it is given,
    /// and otherwise from all clients in turn, one report at a time. New ones are let in on the way. Who has hung up
    /// comes first, to free what it holds.
    ///
    /// # Errors
    /// The system's: it cannot poll, or not accept.
    pub(crate) fn receive(
        &mut self,
        deadline: Option<Instant>,
        preferred: Option<ConnectionId>,
    ) -> io::Result<Event> {
        loop {
            let Some(ready) = self.wait(deadline, preferred)? else {
                return Ok(Event::TimedOut);
            };
            if ready.stopped {
                return Ok(Event::Stopped);
            }
            if ready.to_accept {
                self.accept()?;
            }
            let after_last = ready.clients.iter().find(|connection| **connection > self.last);
            let next = ready.gone.first().or(after_last).or(ready.clients.first());
            if let Some(event) = next.and_then(|connection| self.serve(*connection)) {
                return Ok(event);
            }
        }
    }

    /// Sends `reports` to a client, which may be gone. What its stream does not take now waits for it.
    pub(crate) fn send(&mut self, connection: ConnectionId, reports: impl Iterator<Item = Report>) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.unsent.extend(reports.flatten());
            // A client that is gone is noticed by the next poll.
            let _ = client.flush();
        }
    }

    /// Sends `report` unless the client leaves earlier ones unread.
    pub(crate) fn send_if_read(&mut self, connection: ConnectionId, report: &Report) {
        let read = |client: &Client| client.unsent.is_empty();
        if self.clients.get(&connection).is_some_and(read) {
            self.send(connection, [*report].into_iter());
        }
    }

    fn wait(
        &self,
        deadline: Option<Instant>,
        preferred: Option<ConnectionId>,
    ) -> io::Result<Option<Readiness>> {
        let listener = self
            .listener
            .iter()
            .filter(|_| self.clients.len() < MAX_CONNECTIONS);
        let (connections, clients): (Vec<_>, Vec<_>) = self
            .clients
            .iter()
            .filter(|(connection, _)| preferred.is_none_or(|preferred| preferred == **connection))
            .map(|(connection, client)| (*connection, client.poll_descriptor()))
            .unzip();
        let mut descriptors = vec![PollFd::new(&self.stop, PollFlags::IN)];
        descriptors.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let first_client = descriptors.len();
        descriptors.extend(clients);
        if !wait(&mut descriptors, deadline)? {
            return Ok(None);
        }
        let mut found = descriptors.iter().map(PollFd::revents);
        let stopped = found.next().is_some_and(|events| !events.is_empty());
        let to_accept = first_client > 1 && found.next().is_some_and(|events| !events.is_empty());
        let found: Vec<(ConnectionId, PollFlags)> = connections.into_iter().zip(found).collect();
        let with = |wanted: PollFlags| {
            let with_wanted = found.iter().filter(|(_, events)| events.intersects(wanted));
            with_wanted.map(|(connection, _)| *connection).collect()
        };
        Ok(Some(Readiness {
            stopped,
            to_accept,
            clients: with(PollFlags::all()),
            gone: with(PollFlags::HUP | PollFlags::ERR),
        }))
    }

    fn accept(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        let Some(stream) = socket::accept(listener)? else {
            return Ok(());
        };
        stream.set_nonblocking(true)?;
        self.newest = self.newest.saturating_add(1);
        self.clients
            .insert(ConnectionId(self.newest), Client::new(stream));
        Ok(())
    }

    fn serve(&mut self, connection: ConnectionId) -> Option<Event> {
        self.last = connection;
        match self.clients.get_mut(&connection)?.exchange() {
            Ok(report) => report.map(|report| Event::Report(connection, report)),
            Err(_) => {
                self.clients.remove(&connection);
                Some(Event::Gone(connection))
            }
        }
    }
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            report: [0; REPORT_LENGTH],
            received: 0,
            unsent: VecDeque::new(),
        }
    }

    fn poll_descriptor(&self) -> PollFd<'_> {
        let awaited = if self.unsent.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::OUT
        };
        PollFd::new(&self.stream, awaited)
    }

    /// Sends what is left to send, or else reads what is there; a report when it is complete.
    fn exchange(&mut self) -> io::Result<Option<Report>> {
        if self.unsent.is_empty() {
            self.read()
        } else {
            self.flush().map(|()| None)
        }
    }

    fn read(&mut self) -> io::Result<Option<Report>> {
        let free = self.report.get_mut(self.received..).unwrap_or_default();
        match self.stream.read(free) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.received += count,
            Err(error) if is_temporary(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        if self.received < REPORT_LENGTH {
            return Ok(None);
        }
        self.received = 0;
        Ok(Some(self.report))
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(self.unsent.make_contiguous()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if is_temporary(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Polls until a descriptor is ready or `deadline` has passed (`false`).
fn wait(descriptors: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout: Option<Timespec> = timeout
            .map(Timespec::try_from)
            .transpose()
            .map_err(io::Error::other)?;
        match poll(descriptors, timeout.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => (),
            Err(errno) => return Err(errno.into()),
        }
    }
}
