//! krb5-fido-helper as the module starts it: with a socket as file descriptor 3.

use std::{
    io::{Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use krb5_fido_keys::Registration;
use krb5_fido_protocol::{
    fido::{
        client_settings::ClientSettings,
        factor::{CredentialRef, FidoAssertion, RelyingParty, UserVerification},
    },
    helper::{Assert, AttachedKey, Choice, Failure, Message, PinWanted, decode, decode_length, encode},
    secret::SecretBytes,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, software_key::SoftwareKey, wait_until};

pub(crate) const REALM: &str = "KRBTEST.COM";
pub(crate) const RP_ID: &str = "krbtest.com";
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_krb5-fido-helper");

/// The standard library passes no descriptors but 0, 1 and 2: a shell moves the socket to 3 and becomes the helper.
const MOVE_SOCKET: &str = "exec \"$0\" 3<&0 0</dev/null";

pub(crate) struct Helper {
    child: Child,
    socket: UnixStream,
    /// It is asked for an assertion: whatever keys are there, nothing is chosen.
    chooses_nothing: bool,
}

impl Helper {
    pub(crate) fn start() -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", MOVE_SOCKET, PROGRAM]).env_clear();
        Self::spawn(shell)
    }

    /// Started by another program, which is given the socket as its standard input, and a directory for its own files.
    pub(crate) fn run_by(program: &str, arguments: &[String], directory: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env("TMPDIR", directory);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = command
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            socket,
            chooses_nothing: false,
        }
    }

    /// Starts a helper and asks it for keys.
    pub(crate) fn probing(devices: &[&str]) -> Self {
        let mut helper = Self::start();
        let devices = devices.iter().map(|device| (*device).to_owned());
        helper.send(&Message::Probe(devices.collect()));
        helper
    }

    /// Starts a helper and sends it `request`.
    pub(crate) fn asked(request: &Assert) -> Self {
        let mut helper = Self::start();
        helper.send(&Message::Assert(Box::new(request.clone())));
        helper
    }

    /// The same, and what it then says of the keys: the choice is the caller's.
    pub(crate) fn choosing(request: &Assert) -> (Self, Vec<AttachedKey>) {
        let mut helper = Self::asked(request);
        helper.chooses_nothing = false;
        match helper.receive() {
            Message::Attached(keys) => (helper, keys),
            other => panic!("nothing to choose: {}", describe(&other)),
        }
    }

    pub(crate) fn choose(&mut self, device: Option<&str>, pin: Option<&str>) {
        self.send(&Message::Choose(Choice {
            device: device.map(str::to_owned),
            pin: pin.map(|pin| SecretBytes::from(pin.as_bytes())),
        }));
    }

    pub(crate) fn send(&mut self, message: &Message) {
        self.chooses_nothing |= matches!(message, Message::Assert(_));
        self.send_bytes(encode(message).unwrap().expose());
    }

    pub(crate) fn send_pin(&mut self, pin: &str) {
        self.send(&Message::Pin(SecretBytes::from(pin.as_bytes())));
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Message {
        let mut prefix = [0; 4];
        self.socket.read_exact(&mut prefix).unwrap();
        let mut body = vec![0; decode_length(prefix).unwrap()];
        self.socket.read_exact(&mut body).unwrap();
        let message = decode(&body).unwrap();
        if self.chooses_nothing && matches!(message, Message::Attached(_)) {
            self.choose(None, None);
            return self.receive();
        }
        message
    }

    pub(crate) fn expect_touch(&mut self) -> String {
        match self.receive() {
            Message::TouchNow(products) if products.len() == 1 => products.concat(),
            other => panic!("no touch: {}", describe(&other)),
        }
    }

    /// Several keys wait for the touch.
    pub(crate) fn expect_touch_of(&mut self, count: usize) {
        match self.receive() {
            Message::TouchNow(products) if products.len() == count => {}
            other => panic!("no touch of {count} keys: {}", describe(&other)),
        }
    }

    pub(crate) fn expect_waiting(&mut self) -> Failure {
        match self.receive() {
            Message::Waiting(cause) => cause,
            other => panic!("does not wait: {}", describe(&other)),
        }
    }

    /// The failure after whatever it waits for.
    pub(crate) fn expect_last(mut self) -> Failure {
        loop {
            match self.receive() {
                Message::Waiting(_) => {}
                Message::Failed(failure) => return failure,
                other => panic!("no failure: {}", describe(&other)),
            }
        }
    }

    pub(crate) fn expect_skipped(&mut self) -> String {
        match self.receive() {
            Message::Skipped(rp_id) => rp_id,
            other => panic!("nothing skipped: {}", describe(&other)),
        }
    }

    pub(crate) fn expect_attached(mut self) -> Vec<AttachedKey> {
        let attached = match self.receive() {
            Message::Attached(keys) => keys,
            other => panic!("no answer to a probe: {}", describe(&other)),
        };
        assert!(self.ended_quietly());
        attached
    }

    pub(crate) fn expect_pin_wanted(&mut self) -> PinWanted {
        match self.receive() {
            Message::PinWanted(wanted) => wanted,
            other => panic!("no PIN wanted: {}", describe(&other)),
        }
    }

    pub(crate) fn expect_assertion(mut self) -> FidoAssertion {
        let Message::Assertion(assertion) = self.receive() else {
            panic!("no assertion");
        };
        assert!(self.ended_quietly());
        assertion
    }

    pub(crate) fn expect_failure(mut self) -> Failure {
        let failure = match self.receive() {
            Message::Failed(failure) => failure,
            other => panic!("no failure: {}", describe(&other)),
        };
        let success = self.ended_quietly();
        assert_eq!(
            success,
            failure != Failure::Internal,
            "exit status after {failure:?}"
        );
        failure
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Closes the socket, as a module does that goes away.
    pub(crate) fn hang_up(self) -> Running {
        Running(self.child)
    }

    /// Waits for the end, which prints nothing; whether it was a success.
    fn ended_quietly(self) -> bool {
        self.hang_up().ended_quietly()
    }
}

/// A helper whose socket is closed.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn ended_quietly(mut self) -> bool {
        let ended = std::cell::Cell::new(None);
        let child = std::cell::RefCell::new(&mut self.0);
        wait_until("the helper ends", || {
            ended.set(child.borrow_mut().try_wait().unwrap());
            ended.get().is_some()
        });
        let Output {
            status,
            stdout,
            stderr,
        } = self.0.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&stdout), "");
        assert_eq!(String::from_utf8_lossy(&stderr), "");
        status.success()
    }
}

/// Asks for an assertion of one of `ids` at [`RP_ID`].
pub(crate) fn request(device: &str, ids: &[&[u8]], uv: UserVerification) -> Assert {
    Assert {
        realm: REALM.to_owned(),
        settings: ClientSettings {
            rp_id: Some(RP_ID.to_owned()),
            devices: vec![device.to_owned()],
            ..ClientSettings::default()
        },
        kdc_facets_url: None,
        timeout_seconds: 20,
        principal: b"alice@KRBTEST.COM".to_vec(),
        nonce: [1; 32],
        transcript: vec![2; 32],
        request_hash: [3; 32],
        parties: vec![RelyingParty {
            rp_id: RP_ID.to_owned(),
            credentials: ids
                .iter()
                .map(|id| CredentialRef { id: id.to_vec(), uv })
                .collect(),
        }],
    }
}

/// The same of one of these keys, each with its credential.
pub(crate) fn request_of(keys: &[&(SoftwareKey, Registration)], uv: UserVerification) -> Assert {
    let ids: Vec<&[u8]> = keys
        .iter()
        .map(|(_, registration)| registration.credential_id.as_slice())
        .collect();
    let mut request = request("none", &ids, uv);
    request.settings.devices = keys.iter().map(|(key, _)| key.device()).collect();
    request
}

fn describe(message: &Message) -> String {
    match message {
        Message::Assert(_) => "assert".to_owned(),
        Message::Pin(_) => "PIN".to_owned(),
        Message::PinWanted(wanted) => format!("{wanted:?}"),
        Message::TouchNow(products) => format!("touch {products:?}"),
        Message::Assertion(assertion) => format!("{assertion:?}"),
        Message::Failed(failure) => format!("{failure:?}"),
        Message::Probe(devices) => format!("probe {devices:?}"),
        Message::Attached(keys) => format!("attached: {keys:?}"),
        Message::Choose(_) => "choice".to_owned(),
        Message::FacetsUnused(reason) => format!("facet list not used: {reason}"),
        Message::Skipped(rp_id) => format!("skipped {rp_id:?}"),
        Message::Waiting(cause) => format!("waiting: {cause:?}"),
    }
}
