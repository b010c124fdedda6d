//! The program itself: starting it, talking to it, stopping it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    client::{CANCEL, CBOR, Client, KEEPALIVE, SELECTION},
    touch::{KEEPALIVE_CANCEL, UP_NEEDED},
};

/// A throwaway place for a key and its socket.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.root.path().join("key")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory().join("state")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.path().join("socket")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.socket())
    }

    /// Starts softkey here and waits until it is ready.
    pub(crate) fn start(&self, presence: &str) -> Program {
        self.started(Program::spawn(&self.directory(), &self.socket(), presence))
    }

    /// Starts a softkey that speaks U2F alone.
    pub(crate) fn start_u2f_only(&self) -> Program {
        self.started(Program::spawn_with(
            &self.directory(),
            &self.socket(),
            &["--presence", "auto", "--u2f-only"],
        ))
    }

    fn started(&self, mut program: Program) -> Program {
        assert_eq!(
            program.first_line(),
            format!("softkey: ready on {}\n", self.socket().display())
        );
        program
    }

    /// Starts softkey here, which must fail, and returns what it said.
    pub(crate) fn start_fails(&self) -> String {
        Program::spawn(&self.directory(), &self.socket(), "auto").fails()
    }
}

/// A running softkey; killed on drop.
pub(crate) struct Program {
    child: Child,
}

impl Program {
    pub(crate) fn spawn(directory: &Path, socket: &Path, presence: &str) -> Self {
        Self::spawn_with(directory, socket, &["--presence", presence])
    }

    pub(crate) fn spawn_with(directory: &Path, socket: &Path, options: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_softkey"))
            .arg("run")
            .arg("--dir")
            .arg(directory)
            .arg("--socket")
            .arg(socket)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        line
    }

    /// Waits for the end, which must be a failure without a word on standard output.
    pub(crate) fn fails(mut self) -> String {
        assert_eq!(self.first_line(), "");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(1));
        self.standard_error()
    }

    fn standard_error(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// Sends `signal` and waits for the end; returns standard error, too.
    pub(crate) fn stop_by(mut self, signal: Signal) -> (ExitStatus, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        (status, self.standard_error())
    }

    /// Ends it in the orderly way.
    pub(crate) fn stop(self) -> String {
        let (status, text) = self.stop_by(Signal::TERM);
        assert!(status.success());
        text
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn softkey(arguments: &[&str]) -> (ExitStatus, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_softkey"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

#[test]
fn sigterm_ends_it_and_removes_the_socket() {
    let place = Place::new();
    let (status, _) = place.start("auto").stop_by(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    assert!(!place.socket().exists());
}

#[test]
fn sigint_ends_it_while_a_client_is_connected() {
    let place = Place::new();
    let program = place.start("auto");
    let _client = place.connect();
    let (status, _) = program.stop_by(Signal::INT);
    assert_eq!(status.code(), Some(0));
    assert!(!place.socket().exists());
}

#[test]
fn a_key_that_touches_itself_says_so() {
    let said = Place::new().start("auto").stop();
    assert!(said.contains("WARNING: --presence auto"), "{said}");
}

#[test]
fn a_key_that_declines_touches_says_so() {
    let said = Place::new().start("deny").stop();
    assert!(said.contains("every touch is declined"), "{said}");
}

#[test]
fn a_key_that_nobody_touches_says_so_and_waits() {
    let place = Place::new();
    let program = place.start("never");
    let mut client = place.connect();
    client.send(CBOR, &[SELECTION]);
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));
    let said = program.stop();
    assert!(said.contains("nobody touches this key"), "{said}");
}

#[test]
fn a_new_key_is_announced_once() {
    let place = Place::new();
    let line = format!("softkey: made a new, empty key in {}\n", place.state().display());
    assert!(place.start("auto").stop().contains(&line));
    assert!(!place.start("auto").stop().contains(&line));
}

#[test]
fn a_ready_line_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    let output = Command::new(env!("CARGO_BIN_EXE_softkey"))
        .args(["run", "--presence", "deny", "--dir"])
        .arg(place.directory())
        .arg("--socket")
        .arg(place.socket())
        .stdout(File::create("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("cannot write to standard output")
    );
    assert!(!place.socket().exists());
}

#[test]
fn another_presence_is_refused_with_the_possible_ones() {
    let arguments = [
        "run",
        "--dir",
        "/nonexistent",
        "--socket",
        "/nonexistent",
        "--presence",
        "maybe",
    ];
    let (status, _, error) = softkey(&arguments);
    assert_eq!(status.code(), Some(2));
    assert!(
        error.contains("[possible values: ask, auto, deny, never]"),
        "{error}"
    );
}

#[test]
fn the_version_is_told() {
    let (status, output, _) = softkey(&["--version"]);
    assert!(status.success());
    assert_eq!(output, format!("softkey {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_names_the_command_and_its_options() {
    let (status, output, _) = softkey(&["--help"]);
    assert!(status.success() && output.contains("run"), "{output}");
    let (status, output, _) = softkey(&["run", "--help"]);
    assert!(status.success());
    for option in [
        "--dir <DIR>",
        "--socket <PATH>",
        "--presence <PRESENCE>",
        "[default: ask]",
        "--u2f-only",
    ] {
        assert!(output.contains(option), "{output}");
    }
}
