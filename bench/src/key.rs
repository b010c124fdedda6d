//! The software key in this process, and the time that it takes for its answers.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use softkey::{AlwaysGiven, Key, Protocols, Socket};

use crate::error::Error;

/// Bytes in a CTAPHID report (CTAP 2.1 section 11.2.4).
const REPORT_LEN: usize = 64;
/// CTAPHID_KEEPALIVE in a report (CTAP 2.1 section 11.2.9.2.1): not an answer yet.
const CTAPHID_KEEPALIVE: u8 = 0xbb;

/// A software key that touches itself, behind a socket that times it. Drop ends it.
pub(crate) struct TimedKey {
    socket: PathBuf,
    stopwatch: Arc<Mutex<Stopwatch>>,
    stop: UnixStream,
    server: Option<JoinHandle<Result<(), softkey::Error>>>,
}

impl TimedKey {
    /// Serves a new key in `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self, Error> {
        let (stop, stopped) = UnixStream::pair().map_err(Error::file("make a pipe for", directory))?;
        let behind = Socket::bind(&directory.join("key"))?;
        let storage = directory.join("storage");
        let server = thread::spawn(move || {
            Key::open(&storage, Protocols::All, Box::new(AlwaysGiven), stopped)?.serve(&behind)
        });
        let socket = directory.join("timed");
        let listener = UnixListener::bind(&socket).map_err(Error::file("listen on", &socket))?;
        let stopwatch = Arc::default();
        let (timing, target) = (Arc::clone(&stopwatch), directory.join("key"));
        // It ends with the process: nobody connects to it any more.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A client that hangs up in the middle has ended its connection, and no more.
                let _ = relay(client, &target, &timing);
            }
        });
        Ok(Self {
            socket,
            stopwatch,
            stop,
            server: Some(server),
        })
    }

    /// The value of `fido_device` for it.
    pub(crate) fn device(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// How long somebody has waited for its answers so far.
    pub(crate) fn waited(&self) -> Duration {
        lock(&self.stopwatch).total
    }
}

impl Drop for TimedKey {
    fn drop(&mut self) {
        // Both fail only for a server that has ended already, and then there is nothing to end.
        let _ = self.stop.shutdown(Shutdown::Both);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// Runs from the last report of a request to the first of its answer.
#[derive(Debug, Default)]
struct Stopwatch {
    asked: Option<Instant>,
    total: Duration,
}

impl Stopwatch {
    fn answered(&mut self, now: Instant) {
        self.total += self.asked.take().map_or(Duration::ZERO, |asked| now - asked);
    }
}

fn lock(stopwatch: &Mutex<Stopwatch>) -> std::sync::MutexGuard<'_, Stopwatch> {
    stopwatch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes reports between a client and the key until the client hangs up.
fn relay(mut client: UnixStream, key: &Path, stopwatch: &Arc<Mutex<Stopwatch>>) -> io::Result<()> {
    let mut key = UnixStream::connect(key)?;
    let (mut answers, mut answered) = (key.try_clone()?, client.try_clone()?);
    let timing = Arc::clone(stopwatch);
    let back = thread::spawn(move || -> io::Result<()> {
        let mut report = [0; REPORT_LEN];
        loop {
            answers.read_exact(&mut report)?;
            let [_, _, _, _, command, ..] = report;
            if command != CTAPHID_KEEPALIVE {
                lock(&timing).answered(Instant::now());
            }
            answered.write_all(&report)?;
        }
    });
    let mut report = [0; REPORT_LEN];
    while client.read_exact(&mut report).is_ok() {
        lock(stopwatch).asked = Some(Instant::now());
        key.write_all(&report)?;
    }
    key.shutdown(Shutdown::Both)?;
    // It ends with an error: the connection is closed.
    let _ = back.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_between_request_and_answer_counts() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut stopwatch = Stopwatch::default();
        stopwatch.answered(after(1));
        stopwatch.asked = Some(after(2));
        stopwatch.asked = Some(after(3));
        stopwatch.answered(after(7));
        stopwatch.answered(after(9));
        assert_eq!(stopwatch.total, Duration::from_millis(4));
    }
}
