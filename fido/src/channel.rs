//! CTAPHID reports to and from a key (CTAP 2.1 section 11.2): 64 bytes each way, over hidraw or a Unix socket.
//!
//! libfido2's own hidraw functions cannot be interrupted: `fido_dev_cancel` from another thread writes into the middle of a
//! request that is being sent. Here a cancellation ends the wait for an answer, between whole reports, in the thread that
//! made the request. A key that was told to cancel is closed when it has, so that whoever opens it next finds it idle.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    },
    path::Path,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FlockOperation, flock},
    io::Errno,
    net::{SendFlags, send},
};

use crate::Canceller;

/// Bytes in a report, the report id not counted.
const REPORT_LEN: usize = 64;

/// How long to wait for another program that uses the key.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How often to look whether it is done.
pub(crate) const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// How long a key may take to obey a cancellation.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(500);

/// Bytes of the channel identifier at the start of a report; the command follows (CTAP 2.1 section 11.2.4).
const CHANNEL_LEN: usize = 4;

/// Set in the first report of a message.
const FIRST_REPORT: u8 = 0x80;

const CTAPHID_CANCEL: u8 = FIRST_REPORT | 0x11;
const CTAPHID_KEEPALIVE: u8 = FIRST_REPORT | 0x3b;
const CTAPHID_ERROR: u8 = FIRST_REPORT | 0x3f;

/// What the first report of a message says after its length.
const PAYLOAD_START: usize = 7;

/// Another program has the key (CTAP 2.1 section 11.2.9.1.6).
const ERR_CHANNEL_BUSY: u8 = 0x06;

fn says_busy(report: &[u8]) -> bool {
    matches!(split(report), Some((_, CTAPHID_ERROR))) && report.get(PAYLOAD_START) == Some(&ERR_CHANNEL_BUSY)
}

/// An open connection to a key. Of what is said on it, it knows whether an answer is due.
pub(crate) struct Channel {
    stream: Stream,
    canceller: Canceller,
    due: Cell<Due>,
    broken: Rc<Cell<bool>>,
    busy: Rc<Cell<bool>>,
}

/// Whether the key owes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// To the request on this channel.
    Answer([u8; CHANNEL_LEN]),
    /// To the same, which it was told to cancel.
    Cancellation([u8; CHANNEL_LEN]),
}

impl Due {
    /// After a report was sent.
    fn sent(self, report: &[u8]) -> Self {
        match (self, split(report)) {
            (Self::Answer(channel), Some((same, CTAPHID_CANCEL))) if channel == same => {
                Self::Cancellation(channel)
            }
            (before, Some((_, CTAPHID_CANCEL)) | None) => before,
            (_, Some((channel, _))) => Self::Answer(channel),
        }
    }

    /// After a report was received.
    fn received(self, report: &[u8]) -> Self {
        match (self, split(report)) {
            (Self::Answer(due) | Self::Cancellation(due), Some((channel, command)))
                if due == channel && command != CTAPHID_KEEPALIVE =>
            {
                Self::Nothing
            }
            (before, _) => before,
        }
    }
}

/// Channel and command of the first report of a message; `None` for a report that goes on with one.
fn split(report: &[u8]) -> Option<([u8; CHANNEL_LEN], u8)> {
    let (channel, rest) = report.split_first_chunk()?;
    let command = *rest.first()?;
    (command & FIRST_REPORT != 0).then_some((*channel, command))
}

enum Stream {
    Hidraw(File),
    Socket(UnixStream),
}

impl Channel {
    /// Opens a hidraw device and locks it, as every program over libfido2 does.
    pub(crate) fn open_hidraw(path: &Path, canceller: Canceller) -> io::Result<Self> {
        let started = Instant::now();
        loop {
            if canceller.is_cancelled() {
                return Err(Errno::CANCELED.into());
            }
            let file = File::options().read(true).write(true).open(path)?;
            if !file.metadata()?.file_type().is_char_device() {
                return Err(Errno::NODEV.into());
            }
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self::new(Stream::Hidraw(file), canceller)),
                Err(Errno::WOULDBLOCK) if started.elapsed() < LOCK_TIMEOUT => {}
                Err(Errno::WOULDBLOCK) => return Err(Errno::BUSY.into()),
                Err(error) => return Err(error.into()),
            }
            // What the other program was answered may be queued here, too: the next round opens the device anew.
            drop(file);
            thread::sleep(LOCK_INTERVAL);
        }
    }

    /// Connects to a software key.
    pub(crate) fn connect(path: &Path, canceller: Canceller) -> io::Result<Self> {
        Ok(Self::new(Stream::Socket(UnixStream::connect(path)?), canceller))
    }

    fn new(stream: Stream, canceller: Canceller) -> Self {
        Self {
            stream,
            canceller,
            due: Cell::new(Due::Nothing),
            broken: Rc::default(),
            busy: Rc::default(),
        }
    }

    /// Set once a report could not be read or written, a time limit and a cancellation included.
    pub(crate) fn broken(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.broken)
    }

    /// Set when the answer to the last request was that another program has the key.
    pub(crate) fn busy(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.busy)
    }

    /// Reads one whole report. Without `timeout` it waits until the key answers or the canceller is used. A report that is
    /// cut short cannot be taken up again.
    pub(crate) fn read_report(&self, report: &mut [u8], timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let read = self.read_whole(report, deadline, Some(&self.canceller));
        self.broken.set(self.broken.get() || read.is_err());
        read
    }

    fn read_whole(
        &self,
        report: &mut [u8],
        deadline: Option<Instant>,
        canceller: Option<&Canceller>,
    ) -> io::Result<()> {
        if report.len() != REPORT_LEN {
            return Err(Errno::INVAL.into());
        }
        let mut rest = &mut *report;
        while !rest.is_empty() {
            self.wait_readable(deadline, canceller)?;
            match self.stream.read(rest) {
                Ok(0) => return Err(Errno::CONNRESET.into()),
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let due = self.due.get();
        self.due.set(due.received(report));
        if due != self.due.get() {
            self.busy.set(says_busy(report));
        }
        Ok(())
    }

    fn wait_readable(&self, deadline: Option<Instant>, canceller: Option<&Canceller>) -> io::Result<()> {
        loop {
            let left = deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now()))
                .and_then(|left| Timespec::try_from(left).ok());
            let stream = PollFd::new(&self.stream, PollFlags::IN);
            let mut awaited: Vec<PollFd<'_>> = canceller
                .map(|canceller| PollFd::new(canceller, PollFlags::IN))
                .into_iter()
                .chain([stream])
                .collect();
            match poll(&mut awaited, left.as_ref()) {
                Ok(0) => return Err(Errno::TIMEDOUT.into()),
                Ok(_) if canceller.is_some_and(Canceller::is_cancelled) => return Err(Errno::CANCELED.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes one report, which has the report id 0 before it. hidraw wants that byte; a socket does not.
    pub(crate) fn write_report(&self, numbered: &[u8]) -> io::Result<()> {
        let [0, report @ ..] = numbered else {
            return Err(Errno::INVAL.into());
        };
        if report.len() != REPORT_LEN {
            return Err(Errno::INVAL.into());
        }
        let written = match &self.stream {
            Stream::Hidraw(file) => write_at_once(file, numbered),
            Stream::Socket(stream) => send_all(stream, report),
        };
        self.broken.set(self.broken.get() || written.is_err());
        self.due.set(self.due.get().sent(report));
        written
    }

    /// Waits until the key has obeyed the cancellation of its last request, if there was one. Nobody reads the answer.
    fn settle(&self) {
        let deadline = Instant::now().checked_add(CANCEL_TIMEOUT);
        let mut report = [0; REPORT_LEN];
        while matches!(self.due.get(), Due::Cancellation(_)) {
            if self.read_whole(&mut report, deadline, None).is_err() {
                return;
            }
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Stream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Hidraw(file) => (&*file).read(buffer),
            Self::Socket(stream) => (&*stream).read(buffer),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Hidraw(file) => file.as_fd(),
            Self::Socket(stream) => stream.as_fd(),
        }
    }
}

fn write_at_once(mut file: &File, numbered: &[u8]) -> io::Result<()> {
    loop {
        match file.write(numbered) {
            Ok(count) if count == numbered.len() => return Ok(()),
            Ok(_) => return Err(Errno::IO.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn send_all(stream: &UnixStream, report: &[u8]) -> io::Result<()> {
    let mut rest = report;
    while !rest.is_empty() {
        match send(stream, rest, SendFlags::NOSIGNAL) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Option<Duration> = Some(Duration::from_millis(20));

    fn pair() -> (Channel, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let channel = Channel::new(Stream::Socket(ours), Canceller::new().unwrap());
        (channel, theirs)
    }

    fn kind(result: io::Result<()>) -> Option<io::ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn reads_a_report_that_comes_in_pieces() {
        let (ours, mut theirs) = pair();
        let writer = thread::spawn(move || {
            theirs.write_all(&[1; 10]).unwrap();
            thread::sleep(Duration::from_millis(10));
            theirs.write_all(&[2; 54]).unwrap();
        });
        let mut report = [0; REPORT_LEN];
        ours.read_report(&mut report, None).unwrap();
        writer.join().unwrap();
        assert_eq!(report[..10], [1; 10]);
        assert_eq!(report[10..], [2; 54]);
    }

    #[test]
    fn gives_up_when_time_is_over() {
        let (ours, mut theirs) = pair();
        let mut report = [0; REPORT_LEN];
        assert_eq!(
            kind(ours.read_report(&mut report, SHORT)),
            Some(io::ErrorKind::TimedOut)
        );
        theirs.write_all(&[1; 63]).unwrap();
        assert_eq!(
            kind(ours.read_report(&mut report, SHORT)),
            Some(io::ErrorKind::TimedOut)
        );
    }

    #[test]
    fn gives_up_when_cancelled() {
        let (ours, mut theirs) = pair();
        let canceller = ours.canceller.clone();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            canceller.cancel();
        });
        let mut report = [0; REPORT_LEN];
        assert!(ours.read_report(&mut report, None).is_err());
        other.join().unwrap();
        theirs.write_all(&[1; REPORT_LEN]).unwrap();
        assert!(
            ours.read_report(&mut report, None).is_err(),
            "an answer comes too late"
        );
    }

    /// The first report of a message with this command, on channel 7.
    fn first_report(command: u8) -> [u8; REPORT_LEN] {
        let mut report = [0; REPORT_LEN];
        report[..5].copy_from_slice(&[7, 7, 7, 7, command]);
        report
    }

    fn write(channel: &Channel, report: &[u8; REPORT_LEN]) {
        channel.write_report(&[&[0], &report[..]].concat()).unwrap();
    }

    #[test]
    fn a_cancelled_key_is_closed_when_it_has_obeyed() {
        let (ours, mut theirs) = pair();
        write(&ours, &first_report(0x90));
        write(&ours, &first_report(CTAPHID_CANCEL));
        ours.canceller.cancel();
        let key = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            theirs.write_all(&first_report(CTAPHID_KEEPALIVE)).unwrap();
            theirs.write_all(&first_report(0x90)).unwrap();
            theirs
        });
        drop(ours);
        // A peer that closes without having read everything resets the connection.
        let mut received = Vec::new();
        key.join().unwrap().read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), 2 * REPORT_LEN);
    }

    #[test]
    fn a_key_that_does_not_obey_is_closed_all_the_same() {
        let (ours, mut theirs) = pair();
        write(&ours, &first_report(0x90));
        write(&ours, &first_report(CTAPHID_CANCEL));
        let started = Instant::now();
        drop(ours);
        assert!(started.elapsed() >= CANCEL_TIMEOUT);
        assert_eq!(theirs.read(&mut [0; REPORT_LEN]).unwrap(), REPORT_LEN);
    }

    #[test]
    fn an_answer_is_due_until_it_comes() {
        let (ours, mut theirs) = pair();
        let due = || ours.due.get();
        let mut report = [0; REPORT_LEN];
        write(&ours, &first_report(CTAPHID_CANCEL));
        assert_eq!(due(), Due::Nothing, "nothing to cancel");
        write(&ours, &first_report(0x90));
        write(&ours, &first_report(0x01));
        assert_eq!(due(), Due::Answer([7; 4]));
        theirs.write_all(&first_report(CTAPHID_KEEPALIVE)).unwrap();
        ours.read_report(&mut report, None).unwrap();
        assert_eq!(due(), Due::Answer([7; 4]));
        let mut other = first_report(0x90);
        other[0] = 8;
        theirs.write_all(&other).unwrap();
        ours.read_report(&mut report, None).unwrap();
        assert_eq!(due(), Due::Answer([7; 4]), "another channel's");
        write(&ours, &first_report(CTAPHID_CANCEL));
        assert_eq!(due(), Due::Cancellation([7; 4]));
        theirs.write_all(&first_report(0x90)).unwrap();
        ours.read_report(&mut report, None).unwrap();
        assert_eq!(due(), Due::Nothing);
        assert!(!ours.broken().get());
    }

    #[test]
    fn a_read_that_fails_is_remembered() {
        let (ours, _theirs) = pair();
        let broken = ours.broken();
        assert!(ours.read_report(&mut [0; REPORT_LEN], SHORT).is_err());
        assert!(broken.get());
    }

    #[test]
    fn gives_up_when_the_key_is_gone() {
        let (ours, theirs) = pair();
        drop(theirs);
        let mut report = [0; REPORT_LEN];
        assert_eq!(
            kind(ours.read_report(&mut report, None)),
            Some(io::ErrorKind::ConnectionReset)
        );
        assert_eq!(
            kind(ours.write_report(&[0; REPORT_LEN + 1])),
            Some(io::ErrorKind::BrokenPipe)
        );
    }

    #[test]
    fn strips_the_report_id_for_a_socket() {
        let (ours, mut theirs) = pair();
        let mut numbered = [7; REPORT_LEN + 1];
        numbered[0] = 0;
        ours.write_report(&numbered).unwrap();
        drop(ours);
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        assert_eq!(received, [7; REPORT_LEN]);
    }

    #[test]
    fn refuses_other_lengths_and_report_ids() {
        let (ours, _theirs) = pair();
        for length in [0, 1, REPORT_LEN, REPORT_LEN + 2] {
            assert!(ours.write_report(&vec![0; length]).is_err(), "{length} bytes");
        }
        assert!(ours.write_report(&[1; REPORT_LEN + 1]).is_err());
        assert!(ours.read_report(&mut [0; REPORT_LEN - 1], SHORT).is_err());
    }

    #[test]
    fn a_file_is_no_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let result = Channel::open_hidraw(file.path(), Canceller::new().unwrap());
        assert_eq!(
            result.err().and_then(|error| error.raw_os_error()),
            Some(Errno::NODEV.raw_os_error())
        );
        assert_eq!(file.as_file().metadata().unwrap().len(), 0);
    }

    #[test]
    fn waits_for_another_program_but_not_for_ever() {
        let path = Path::new("/dev/full");
        let first = Channel::open_hidraw(path, Canceller::new().unwrap()).unwrap();
        let started = Instant::now();
        let second = Channel::open_hidraw(path, Canceller::new().unwrap());
        assert_eq!(kind(second.map(drop)), Some(io::ErrorKind::ResourceBusy));
        assert!(started.elapsed() >= LOCK_TIMEOUT);
        drop(first);
        assert!(Channel::open_hidraw(path, Canceller::new().unwrap()).is_ok());
    }
}
