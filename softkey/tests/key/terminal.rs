//! Touches asked for on a terminal: a pseudo-terminal with the test at its other end.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::{
    client::{
        AssertionRequest, CANCEL, CBOR, Client, GET_ASSERTION, KEEPALIVE, MAKE_CREDENTIAL, OK, RESET,
        Registration, SELECTION,
    },
    program::Place,
    touch::{KEEPALIVE_CANCEL, UP_NEEDED},
};

const OPERATION_DENIED: u8 = 0x27;
const USER_ACTION_TIMEOUT: u8 = 0x2f;

const ALICE: &str = "alice@EXAMPLE.COM";
const ALICES_REGISTRATION: &str =
    "softkey: example.com wants to register this key for alice@EXAMPLE.COM. Touch? [y/N] ";
const WITHDRAWN: &str = "softkey: nobody waits for the touch any more";

/// A softkey that asks, on a terminal of its own.
struct Asking {
    place: Place,
    /// The person's end of the terminal.
    person: File,
    /// What the person has seen and not looked at.
    seen: String,
    child: Child,
}

/// A new terminal: the person's end and the path of the other.
fn open_terminal() -> (File, PathBuf) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let path = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    (File::from(person), path.into())
}

/// `setsid ARGUMENTS`, with the terminal at `path` as its standard input.
fn in_new_session(path: &PathBuf, arguments: &[&str]) -> Command {
    let no_controlling_terminal = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(no_controlling_terminal)
        .open(path)
        .unwrap();
    let mut command = Command::new("setsid");
    command
        .args(arguments)
        .stdin(terminal)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Asking {
    /// On its controlling terminal.
    fn start() -> Self {
        Self::start_with(&["--ctty", env!("CARGO_BIN_EXE_softkey")])
    }

    fn start_with(program: &[&str]) -> Self {
        let place = Place::new();
        let (person, path) = open_terminal();
        let mut child = in_new_session(&path, program)
            .arg("run")
            .arg("--dir")
            .arg(place.directory())
            .arg("--socket")
            .arg(place.socket())
            .spawn()
            .unwrap();
        let ready = format!("softkey: ready on {}\n", place.socket().display());
        let mut line = vec![0; ready.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), ready);
        Self {
            place,
            person,
            seen: String::new(),
            child,
        }
    }

    /// Reads what comes within `time`: whether something did.
    fn look(&mut self, time: Duration) -> bool {
        let mut descriptors = [PollFd::new(&self.person, PollFlags::IN)];
        let time = Timespec::try_from(time).unwrap();
        if poll(&mut descriptors, Some(&time)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        let count = self.person.read(&mut buffer).unwrap();
        self.seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        true
    }

    /// Waits for `text` and returns what came before it.
    fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(position) = self.seen.find(text) {
                let rest = self.seen.split_off(position + text.len());
                let before = self.seen[..position].to_owned();
                self.seen = rest;
                return before;
            }
            assert!(Instant::now() < end, "no {text:?} in {:?}", self.seen);
            self.look(Duration::from_millis(100));
        }
    }

    fn type_in(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Everything that is seen until nothing more comes for a while.
    fn quiet(&mut self) -> String {
        while self.look(Duration::from_millis(300)) {}
        std::mem::take(&mut self.seen)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn registration() -> Registration<'static> {
    Registration {
        name: ALICE,
        ..Registration::new("example.com")
    }
}

/// Sends a command that waits for a touch.
fn send(client: &mut Client, command: u8, parameters: &[u8]) {
    client.send(CBOR, &[&[command], parameters].concat());
}

/// A client whose registration is being asked for.
fn asked_client(asking: &mut Asking) -> Client {
    let mut client = asking.place.connect();
    send(&mut client, MAKE_CREDENTIAL, &registration().encode());
    asking.expect(ALICES_REGISTRATION);
    client
}

#[test]
fn a_registration_and_a_signature_are_asked_for_by_name() {
    let mut asking = Asking::start();
    let mut client = asked_client(&mut asking);
    asking.type_in("y\n");
    assert_eq!(client.answer().0, OK);

    let mut alice = registration();
    alice.resident = true;
    send(&mut client, MAKE_CREDENTIAL, &alice.encode());
    asking.expect(ALICES_REGISTRATION);
    asking.type_in("YES\n");
    assert_eq!(client.answer().0, OK);

    send(
        &mut client,
        GET_ASSERTION,
        &AssertionRequest::new("example.com", &[]).encode(),
    );
    asking.expect("softkey: example.com wants a signature for alice@EXAMPLE.COM. Touch? [y/N] ");
    asking.type_in("y\n");
    assert_eq!(client.answer().0, OK);
}

#[test]
fn a_signature_of_a_nameless_credential_is_asked_for_without_a_user() {
    let mut asking = Asking::start();
    let mut client = asking.place.connect();
    send(&mut client, MAKE_CREDENTIAL, &registration().encode());
    asking.expect("Touch? [y/N] ");
    asking.type_in("y\n");
    let (status, body) = client.answer();
    assert_eq!(status, OK);
    let allow = [crate::client::Credential::parse(&body).id];
    let request = AssertionRequest::new("example.com", &allow);
    send(&mut client, GET_ASSERTION, &request.encode());
    asking.expect("softkey: example.com wants a signature. Touch? [y/N] ");
    asking.type_in("n\n");
    assert_eq!(client.answer(), (OPERATION_DENIED, vec![]));
}

#[test]
fn a_reset_and_a_selection_are_asked_for() {
    let mut asking = Asking::start();
    let mut client = asking.place.connect();
    send(&mut client, SELECTION, &[]);
    asking.expect("softkey: a program wants to know whether you mean this key. Touch? [y/N] ");
    asking.type_in("y\n");
    assert_eq!(client.answer(), (OK, vec![]));
    send(&mut client, RESET, &[]);
    asking.expect(
        "softkey: a program wants to ERASE this key, with every credential and the PIN. Touch? [y/N] ",
    );
    asking.type_in("n\n");
    assert_eq!(client.answer(), (OPERATION_DENIED, vec![]));
}

#[test]
fn anything_but_yes_declines() {
    let mut asking = Asking::start();
    // The last one is the end of input.
    for answer in [
        "\n",
        "n\n",
        "yesterday\n",
        "\u{4}",
        &format!("{}\n", "y".repeat(1000)),
    ] {
        let mut client = asked_client(&mut asking);
        asking.type_in(answer);
        assert_eq!(client.answer(), (OPERATION_DENIED, vec![]), "{answer:?}");
    }
}

#[test]
fn keepalives_go_on_while_the_person_thinks_and_types() {
    let mut asking = Asking::start();
    let mut client = asked_client(&mut asking);
    for letter in ["n", "o", "\u{7f}", "\u{7f}", "y"] {
        asking.type_in(letter);
        for _ in 0..2 {
            assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
        }
    }
    asking.type_in("\n");
    assert_eq!(client.answer().0, OK);
}

#[test]
fn a_cancelled_question_is_withdrawn() {
    let mut asking = Asking::start();
    let mut client = asked_client(&mut asking);
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));
    asking.expect(WITHDRAWN);
}

#[test]
fn the_question_of_a_client_that_vanishes_is_withdrawn() {
    let mut asking = Asking::start();
    drop(asked_client(&mut asking));
    asking.expect(WITHDRAWN);
    asking.place.connect().ping();
}

#[test]
fn an_answer_to_an_earlier_question_does_not_answer_a_later_one() {
    let mut asking = Asking::start();
    let mut client = asked_client(&mut asking);
    // Begun too late for the first question, and finished after it.
    asking.type_in("y");
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));
    asking.expect(WITHDRAWN);
    asking.type_in("\ny\ny\n");
    asking.quiet();

    send(&mut client, MAKE_CREDENTIAL, &registration().encode());
    asking.expect(ALICES_REGISTRATION);
    for _ in 0..5 {
        assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    }
    asking.type_in("n\n");
    assert_eq!(client.answer(), (OPERATION_DENIED, vec![]));
}

#[test]
fn a_question_is_withdrawn_after_half_a_minute() {
    let mut asking = Asking::start();
    let mut client = asked_client(&mut asking);
    let start = Instant::now();
    assert_eq!(client.answer(), (USER_ACTION_TIMEOUT, vec![]));
    let waited = start.elapsed();
    assert!((28..34).contains(&waited.as_secs()), "{waited:?}");
    asking.expect(WITHDRAWN);
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let mut asking = Asking::start();
    let mut client = asking.place.connect();
    let request = Registration {
        name: "\u{1b}[2J\r\nsoftkey: all is well\u{202e}",
        ..Registration::new("evil\u{9b}.example")
    };
    send(&mut client, MAKE_CREDENTIAL, &request.encode());
    let before = asking.expect("Touch? [y/N] ");
    assert_eq!(
        before,
        "softkey: \"evil\\u{9b}.example\" wants to register this key for \
         \"\\u{1b}[2J\\r\\nsoftkey: all is well\\u{202e}\". "
    );
}

#[test]
fn a_u2f_registration_is_asked_for_once_by_the_hash_of_its_application() {
    let mut asking = Asking::start();
    let mut client = asking.place.connect();
    let request = [&[0, 1, 0, 0, 0, 0, 64][..], &[1; 32], &[0xa9; 32], &[0, 0]].concat();
    let question = format!(
        "softkey: U2F application {} wants to register this key. Touch? [y/N] ",
        "a9".repeat(32)
    );
    assert_eq!(client.call_u2f(&request).0, 0x6985);
    asking.expect(&question);
    for _ in 0..5 {
        assert_eq!(client.call_u2f(&request).0, 0x6985);
    }
    asking.type_in("y\n");
    while client.call_u2f(&request).0 != 0x9000 {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(asking.quiet(), "y\r\n");

    assert_eq!(client.call_u2f(&request).0, 0x6985);
    asking.expect(&question);
    drop(client);
    asking.expect(WITHDRAWN);
}

#[test]
fn a_terminal_that_is_only_the_standard_input_will_do() {
    let mut asking = Asking::start_with(&[env!("CARGO_BIN_EXE_softkey")]);
    let mut client = asked_client(&mut asking);
    asking.type_in("y\n");
    assert_eq!(client.answer().0, OK);
}

#[test]
fn a_question_in_the_background_waits_for_the_foreground_and_stops_nothing() {
    // A shell with job control, which starts softkey in the background and brings it back after a line of input.
    let script = r#"set -m; "$0" "$@" & read -r line; fg >/dev/null"#;
    let shell = ["--ctty", "sh", "-c", script, env!("CARGO_BIN_EXE_softkey")];
    let mut asking = Asking::start_with(&shell);
    let mut client = asked_client(&mut asking);
    asking.expect("(softkey is in the background: answer after fg)");
    for _ in 0..3 {
        assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    }
    asking.type_in("\n");
    asking.expect(ALICES_REGISTRATION);
    asking.type_in("y\n");
    assert_eq!(client.answer().0, OK);
    // Killing the shell alone would leave its job behind.
    asking.type_in("\x03");
    asking.child.wait().unwrap();
}

#[test]
fn a_terminal_that_hangs_up_declines() {
    let mut asking = Asking::start_with(&[env!("CARGO_BIN_EXE_softkey")]);
    let mut client = asked_client(&mut asking);
    asking.person = File::open("/dev/null").unwrap();
    assert_eq!(client.answer(), (OPERATION_DENIED, vec![]));
}

#[test]
fn without_a_terminal_asking_is_refused_before_anything_is_made() {
    for presence in [&[][..], &["--presence", "ask"]] {
        let place = Place::new();
        let output = Command::new("setsid")
            .arg(env!("CARGO_BIN_EXE_softkey"))
            .arg("run")
            .arg("--dir")
            .arg(place.directory())
            .arg("--socket")
            .arg(place.socket())
            .args(presence)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "softkey: there is no terminal to ask for touches on: start softkey in one, or give --presence auto|deny\n"
        );
        assert!(!place.directory().exists() && !place.socket().exists());
    }
}
