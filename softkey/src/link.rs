//! The wire between the key and the client it is serving.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// Length of a CTAPHID report in bytes (CTAP 2.1 section 11.2.4).
pub(crate) const REPORT_LENGTH: usize = 64;

/// How long a client may leave its answers unread.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// What came first.
pub(crate) enum Event {
    /// A whole report.
    Report([u8; REPORT_LENGTH]),
    /// The time given.
    TimedOut,
    /// The client went away, or there is none.
    Closed,
    /// The program is asked to end.
    Stopped,
}

/// At most one client, and the descriptor that tells when to stop.
pub(crate) struct Link {
    client: Option<Client>,
    /// Readable from the moment the program is asked to end; never read.
    stop: UnixStream,
}

struct Client {
    stream: UnixStream,
    /// The report that is being received; a stream may hand it out in pieces.
    report: [u8; REPORT_LENGTH],
    received: usize,
}

impl Link {
    pub(crate) fn new(stop: UnixStream) -> Self {
        Self { client: None, stop }
    }

    /// Starts to talk to `stream`.
    ///
    /// # Errors
    /// The system's, if the stream takes no timeout.
    pub(crate) fn connect(&mut self, stream: UnixStream) -> io::Result<()> {
        stream.set_write_timeout(Some(SEND_TIMEOUT))?;
        self.client = Some(Client {
            stream,
            report: [0; REPORT_LENGTH],
            received: 0,
        });
        Ok(())
    }

    /// Hangs up.
    pub(crate) fn disconnect(&mut self) {
        self.client = None;
    }

    /// Waits until `listener` has a connection to accept: `false` if the program is asked to end first.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn wait_for_client(&self, listener: &impl AsFd) -> io::Result<bool> {
        let mut descriptors = [
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        wait(&mut descriptors, None)?;
        let [stop, _] = descriptors;
        Ok(stop.revents().is_empty())
    }

    /// Waits for the next report: for `timeout`, or for as long as it takes.
    pub(crate) fn receive(&mut self, timeout: Option<Duration>) -> Event {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let Some(client) = &mut self.client else {
            return Event::Closed;
        };
        loop {
            let mut descriptors = [
                PollFd::new(&self.stop, PollFlags::IN),
                PollFd::new(&client.stream, PollFlags::IN),
            ];
            match wait(&mut descriptors, deadline) {
                Ok(true) => (),
                Ok(false) => return Event::TimedOut,
                Err(_) => return Event::Closed,
            }
            let [stop, _] = descriptors;
            if !stop.revents().is_empty() {
                return Event::Stopped;
            }
            match client.receive_some() {
                Ok(Some(report)) => return Event::Report(report),
                Ok(None) => (),
                Err(_) => return Event::Closed,
            }
        }
    }

    /// Sends one report.
    ///
    /// # Errors
    /// The client is gone, or has not read its answers for 5 s.
    pub(crate) fn send(&mut self, report: &[u8; REPORT_LENGTH]) -> io::Result<()> {
        match &mut self.client {
            Some(client) => client.stream.write_all(report),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Client {
    /// Reads what is there; a report when it is complete.
    fn receive_some(&mut self) -> io::Result<Option<[u8; REPORT_LENGTH]>> {
        let free = self.report.get_mut(self.received..).unwrap_or_default();
        match self.stream.read(free) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.received += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(error),
        }
        if self.received < REPORT_LENGTH {
            return Ok(None);
        }
        self.received = 0;
        Ok(Some(self.report))
    }
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
