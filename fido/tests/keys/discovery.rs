//! Discovery of USB keys, by libfido2 over libudev and hidraw: devices of a machine that umockdev(1) makes up.

use std::{
    fs,
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    thread,
};

use krb5_fido_protocol::{
    fido::factor::UserVerification,
    helper::{Assert, Failure, Message},
};
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tempfile::TempDir;

use crate::support::{
    helper_process::{Helper, request},
    open as open_key,
    registered::{USER_PRESENT, register, verify_login},
    software_key::SoftwareKey,
};

const KEY: &str = "key.umockdev";
const MOUSE: &str = "mouse.umockdev";

/// hidraw(4): a report descriptor is its length and 4096 bytes.
const DESCRIPTOR_MAX: usize = 4096;

/// In the made-up machine: has a terminal stand for the device, if one is named, and becomes the helper.
const INSIDE: &str =
    "test -z \"$1\" || ln -sf \"$1\" \"$UMOCKDEV_DIR/dev/hidraw7\"; exec \"$0\" 3<&0 0</dev/null";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// The value of the first line of a device description that begins like this.
fn line(description: &Path, start: &str) -> String {
    let text = fs::read_to_string(description).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(start));
    value.unwrap().to_owned()
}

/// A machine with these devices and no other.
struct Machine {
    directory: TempDir,
    arguments: Vec<String>,
}

impl Machine {
    fn with(descriptions: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut arguments = Vec::new();
        for name in descriptions {
            let description = data(name);
            let device = line(&description, "E: DEVNAME=");
            let ioctls = directory.path().join(name);
            fs::write(
                &ioctls,
                answers(&device, &line(&description, "H: report_descriptor=")),
            )
            .unwrap();
            arguments.push(format!("--device={}", description.display()));
            arguments.push(format!("--ioctl={device}={}", ioctls.display()));
        }
        Self { directory, arguments }
    }

    /// The helper in that machine. `terminal` stands for its /dev/hidraw7.
    fn helper(&self, terminal: &str) -> Helper {
        let mut arguments = self.arguments.clone();
        arguments.extend(["--", "sh", "-c", INSIDE].map(str::to_owned));
        arguments.push(crate::support::helper_process::PROGRAM.to_owned());
        arguments.push(terminal.to_owned());
        Helper::run_by("umockdev-run", &arguments, self.directory.path())
    }
}

/// What the device answers to HIDIOCGRDESCSIZE and HIDIOCGRDESC, in umockdev's format.
fn answers(device: &str, descriptor: &str) -> String {
    let length = u32::try_from(descriptor.len() / 2).unwrap().swap_bytes();
    let rest = "00".repeat(DESCRIPTOR_MAX - descriptor.len() / 2);
    format!("@DEV {device}\nHIDIOCGRDESCSIZE 0 {length:08X}\nHIDIOCGRDESC 0 {length:08X}{descriptor}{rest}\n")
}

fn probe(descriptions: &[&str]) -> bool {
    let machine = Machine::with(descriptions);
    let mut helper = machine.helper("");
    helper.send(&Message::Probe(Vec::new()));
    !helper.expect_attached().is_empty()
}

fn login(id: &[u8]) -> Assert {
    request("auto", &[id], UserVerification::Discouraged)
}

/// A terminal whose other end is a software key: hidraw reports have their number before them, which a socket's have not.
struct Terminal {
    path: String,
    /// Stays open, so that the key's end does not close between two programs.
    _own: OwnedFd,
}

impl Terminal {
    fn before(key: &SoftwareKey) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let own = open(path.as_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut modes = tcgetattr(&own).unwrap();
        modes.make_raw();
        tcsetattr(own.as_fd(), OptionalActions::Now, &modes).unwrap();
        let socket = UnixStream::connect(key.socket()).unwrap();
        pass_on(fs::File::from(ours), socket);
        Self { path, _own: own }
    }
}

fn pass_on(mut terminal: fs::File, mut socket: UnixStream) {
    let (mut to_terminal, mut from_key) = (terminal.try_clone().unwrap(), socket.try_clone().unwrap());
    thread::spawn(move || {
        let mut numbered = [0; 65];
        while terminal.read_exact(&mut numbered).is_ok() {
            assert_eq!(numbered[0], 0);
            socket.write_all(&numbered[1..]).unwrap();
        }
    });
    thread::spawn(move || {
        let mut report = [0; 64];
        while from_key.read_exact(&mut report).is_ok() {
            to_terminal.write_all(&report).unwrap();
        }
    });
}

#[test]
fn finds_a_key() {
    assert!(probe(&[KEY]));
    assert!(probe(&[MOUSE, KEY]));
}

#[test]
fn finds_nothing_where_there_is_nothing() {
    assert!(!probe(&[]));
}

#[test]
fn a_report_descriptor_that_is_not_fidos_is_no_key() {
    assert!(!probe(&[MOUSE]));
}

#[test]
fn no_key_is_waited_for() {
    let machine = Machine::with(&[MOUSE]);
    let mut request = login(b"credential");
    request.timeout_seconds = 1;
    let mut helper = machine.helper("");
    helper.send(&Message::Assert(Box::new(request)));
    assert_eq!(helper.expect_waiting(), Failure::NoKey);
    assert_eq!(helper.expect_failure(), Failure::NoKey);
}

#[test]
fn a_key_that_does_not_answer_is_named_by_its_path() {
    let machine = Machine::with(&[KEY]);
    let mut helper = machine.helper("");
    helper.send(&Message::Assert(Box::new(login(b"credential"))));
    let failure = helper.expect_waiting();
    assert!(
        matches!(&failure, Failure::DeviceUnavailable { device, .. } if device == "/dev/hidraw7"),
        "{failure:?}"
    );
    assert!(helper.hang_up().ended_quietly());
}

#[test]
fn a_key_is_named_by_its_product_and_signs() {
    let key = SoftwareKey::touched();
    let registration = register(&mut open_key(&key.device()));
    let terminal = Terminal::before(&key);
    let machine = Machine::with(&[MOUSE, KEY]);
    let mut helper = machine.helper(&terminal.path);
    let request = login(&registration.credential_id);
    helper.send(&Message::Assert(Box::new(request)));
    assert_eq!(helper.expect_touch(), "Example Key 7");
    verify_login(&registration, &helper.expect_assertion(), USER_PRESENT);
}
