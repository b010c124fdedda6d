//! kinit from outside: messages, bytes, memory.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use krb5_fido_tests::PASSWORD;
use krb5_testrealm::Finished;

use crate::{accounting::parse_memory, error::Error};

/// Messages and bytes of an exchange with the KDC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    pub(crate) request_bytes: u64,
    pub(crate) answers: u64,
    pub(crate) answer_bytes: u64,
}

impl Traffic {
    /// As libkrb5 traced it. A request that is repeated over TCP counts twice.
    pub(crate) fn traced(trace: &str) -> Self {
        let mut traffic = Self::default();
        for line in trace.lines() {
            if let Some(bytes) = bytes_after(line, ": Sending request (") {
                traffic.requests += 1;
                traffic.request_bytes += bytes;
            } else if let Some(bytes) = bytes_after(line, ": Received answer (") {
                traffic.answers += 1;
                traffic.answer_bytes += bytes;
            }
        }
        traffic
    }

    /// Of a login that was successful.
    pub(crate) fn of(login: Finished) -> Result<Self, Error> {
        let login = login.checked()?;
        Ok(Self::traced(&login.trace))
    }
}

fn bytes_after(line: &str, text: &str) -> Option<u64> {
    let (_, rest) = line.split_once(text)?;
    rest.split_once(" bytes)")?.0.parse().ok()
}

/// How often the kernel is asked for the memory of a program that runs.
const LOOK: Duration = Duration::from_micros(100);

/// The most memory that kinit is seen to have, in KiB. It is looked at every 0.1 ms until it ends: once it has ended the
/// kernel no longer tells.
pub(crate) fn peak_memory(mut kinit: Command, principal: &str) -> Result<u64, Error> {
    let mut child = kinit
        .arg(principal)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(Error::file("run", "kinit"))?;
    if let Some(mut password) = child.stdin.take() {
        let line = format!("{PASSWORD}\n");
        password
            .write_all(line.as_bytes())
            .map_err(Error::file("write to", "kinit"))?;
    }
    let status_file = Path::new("/proc").join(child.id().to_string()).join("status");
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        peak = parse_memory(&status).map_or(peak, |memory| memory.peak);
        if let Some(ended) = child.try_wait().map_err(Error::file("wait for", "kinit"))? {
            return if ended.success() {
                Ok(peak)
            } else {
                Err(Error::Program {
                    program: "kinit",
                    cause: ended.to_string(),
                })
            };
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_read_from_a_trace() {
        let trace = "[7] 1.0: Getting initial credentials for alice@R\n[7] 1.1: Sending unauthenticated request\n\
            [7] 1.2: Sending request (168 bytes) to R\n[7] 1.3: Sending initial UDP request to dgram 127.0.0.1:88\n\
            [7] 1.4: Received answer (237 bytes) from dgram 127.0.0.1:88\n\
            [7] 1.5: Sending request (300 bytes) to R (tcp only)\n[7] 1.6: Sending TCP request to stream 127.0.0.1:88\n\
            [7] 1.7: Received answer (4200 bytes) from stream 127.0.0.1:88\n";
        let expected = Traffic {
            requests: 2,
            request_bytes: 468,
            answers: 2,
            answer_bytes: 4437,
        };
        assert_eq!(Traffic::traced(trace), expected);
        assert_eq!(Traffic::traced(""), Traffic::default());
    }
}
