//! What is seen of a login: the output of kinit, the tickets, the KDC's log, the client's trace.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use krb5_testrealm::{Finished, Realm};

/// More than any step takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The login succeeded, and the ticket has exactly these flags, as klist prints them.
pub fn assert_ticket(realm: &Realm, login: &Finished, flags: &str) {
    assert!(
        login.success() && login.stderr.is_empty(),
        "{login}{}",
        login.trace
    );
    let listing = realm.klist(&["-f"]).unwrap();
    let found = listing
        .stdout
        .split_once("Flags: ")
        .and_then(|(_, rest)| rest.lines().next());
    assert_eq!(found, Some(flags), "{listing}");
}

/// kinit failed with exactly this message, and there is no ticket.
pub fn assert_refused(realm: &Realm, login: &Finished, message: &str) {
    let expected = format!("kinit: {message} while getting initial credentials\n");
    assert_eq!(
        (login.code(), login.stderr.as_str()),
        (Some(1), expected.as_str()),
        "{login}{}",
        login.trace
    );
    assert!(!realm.klist(&["-s"]).unwrap().success(), "there is a ticket");
}

/// Waits until a program that runs in the realm has said this.
pub fn await_output(realm: &Realm, text: &str) {
    let started = Instant::now();
    let outputs = || {
        let entries = fs::read_dir(realm.dir().join("runs")).unwrap();
        entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
    };
    while !outputs().any(|output| output.contains(text)) {
        assert!(started.elapsed() < PATIENCE, "nothing says {text:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What the KDC logs of one AS-REQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The status, such as PREAUTH_FAILED.
    pub status: String,
    /// The text after names and status; empty for a ticket.
    pub detail: String,
}

impl LogLine {
    /// A line with this status and text.
    pub fn new(status: &str, detail: &str) -> Self {
        Self {
            status: status.to_owned(),
            detail: detail.to_owned(),
        }
    }

    /// Pre-authentication is asked for.
    pub fn needed() -> Self {
        Self::new("NEEDED_PREAUTH", "Additional pre-authentication required")
    }

    /// A message was answered with another: krb5kdc logs it under the status of a failure.
    pub fn more() -> Self {
        Self::new("PREAUTH_FAILED", "More preauthentication data is required")
    }

    /// Pre-authentication failed, for this cause.
    pub fn failed(cause: &str) -> Self {
        Self::new("PREAUTH_FAILED", cause)
    }

    /// A ticket was issued.
    pub fn issue() -> Self {
        Self::new("ISSUE", "")
    }
}

/// The AS_REQ lines of a KDC's log.
pub fn as_lines(log: &str) -> Vec<LogLine> {
    log.lines().filter_map(read_as_line).collect()
}

/// `… AS_REQ (… etypes {…}) ADDRESS: STATUS: CLIENT for SERVER, DETAIL`, or for a ticket
/// `… ADDRESS: ISSUE: authtime …, etypes {…}, CLIENT for SERVER`.
fn read_as_line(line: &str) -> Option<LogLine> {
    let (_, request) = line.split_once(": AS_REQ (")?;
    let (_, outcome) = request.split_once(" 127.0.0.1: ")?;
    let (status, rest) = outcome.split_once(": ")?;
    let (_, server) = rest.split_once(" for ")?;
    let detail = server.split_once(", ").map_or("", |(_, detail)| detail);
    Some(LogLine {
        status: status.to_owned(),
        detail: detail.to_owned(),
    })
}

/// The pa-types of each request that the client made with pre-authentication.
pub fn sent_types(trace: &str) -> Vec<Vec<i32>> {
    let produced = |line: &str| {
        let (_, list) = line.split_once("Produced preauth for next request: ")?;
        let number = |word: &str| word.strip_prefix('(')?.strip_suffix(')')?.parse().ok();
        let types: Vec<i32> = list
            .split_whitespace()
            .filter_map(|word| number(word.trim_end_matches(',')))
            .collect();
        (!types.is_empty()).then_some(types)
    };
    trace.lines().filter_map(produced).collect()
}
