//! The wait for a touch: given late, given up, or interrupted.

use std::{
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use softkey::{Key, Presence, Protocols, RelyingParty, Request, Socket, Touch};

use crate::{
    client::{
        AssertionRequest, CANCEL, CBOR, Client, GET_ASSERTION, GET_INFO, INIT, KEEPALIVE, MAKE_CREDENTIAL,
        OK, PING, RESET, Registration, SELECTION,
    },
    program::Place,
};

pub(crate) const KEEPALIVE_CANCEL: u8 = 0x2d;
pub(crate) const UP_NEEDED: u8 = 0x02;

/// Touches while the flag is set, and writes down what it is asked.
struct Finger {
    touches: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A question, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    For(Request),
    Dismissed,
}

impl Presence for Finger {
    fn ask(&mut self, request: &Request) {
        self.asked.lock().unwrap().push(Asked::For(request.clone()));
    }

    fn poll(&mut self) -> Touch {
        if self.touches.load(Ordering::SeqCst) {
            Touch::Given
        } else {
            Touch::Awaited
        }
    }

    fn dismiss(&mut self) {
        self.asked.lock().unwrap().push(Asked::Dismissed);
    }
}

/// A key in a thread, for its touches to be controlled.
pub(crate) struct Server {
    pub(crate) place: Place,
    touches: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: UnixStream,
    thread: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let place = Place::new();
        let touches = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = UnixStream::pair().unwrap();
        let socket = Socket::bind(&place.socket()).unwrap();
        let finger = Finger {
            touches: touches.clone(),
            asked: asked.clone(),
        };
        let directory = place.directory();
        let thread = thread::spawn(move || {
            Key::open(&directory, Protocols::All, Box::new(finger), stopped)
                .unwrap()
                .serve(&socket)
                .unwrap();
        });
        Self {
            place,
            touches,
            asked,
            stop,
            thread,
        }
    }

    /// The finger is on the key from now on, or it is not.
    pub(crate) fn touch(&self, touches: bool) {
        self.touches.store(touches, Ordering::SeqCst);
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    pub(crate) fn stop(self) {
        drop(self.stop);
        self.thread.join().unwrap();
        assert!(!self.place.socket().exists());
    }
}

/// A client whose registration waits for a touch.
pub(crate) fn waiting_client(server: &Server) -> Client {
    let mut client = server.place.connect();
    client.send(
        CBOR,
        &[&[MAKE_CREDENTIAL], &Registration::new("rp").encode()[..]].concat(),
    );
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    client
}

#[test]
fn a_late_touch_counts() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    server.stop();
}

#[test]
fn a_cancelled_wait_is_answered() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));
    client.ping();
    server.stop();
}

#[test]
fn a_cancelled_assertion_is_answered_and_can_be_repeated() {
    let server = Server::start();
    server.touch(true);
    let mut client = server.place.connect();
    let credential = client.register(&Registration::new("rp"));
    server.touch(false);

    let allow = [credential.id.clone()];
    let request = AssertionRequest::new("rp", &allow);
    client.send(CBOR, &[&[GET_ASSERTION], &request.encode()[..]].concat());
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));

    server.touch(true);
    credential.verify_assertion(&client.assert(&request));
    server.stop();
}

#[test]
fn a_cancel_without_a_wait_is_not_answered() {
    let server = Server::start();
    let mut client = server.place.connect();
    client.send(CANCEL, &[]);
    client.ping();
    server.stop();
}

#[test]
fn the_cancel_of_another_channel_does_not_end_the_wait() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    let channel = client.channel;
    client.channel = [0, 0, 0, 99];
    client.send(CANCEL, &[]);
    client.channel = channel;
    // The other channel is told that the key is busy; the wait goes on.
    let mut report = [0; 64];
    loop {
        std::io::Read::read_exact(&mut client.stream, &mut report).unwrap();
        if report[..4] == [0, 0, 0, 99] {
            break;
        }
    }
    assert_eq!(report[4..8], [0xbf, 0, 1, 0x06]);
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    server.stop();
}

#[test]
fn another_command_during_the_wait_is_dropped() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    client.send(PING, b"hello");
    for _ in 0..3 {
        assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    }
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    client.ping();
    server.stop();
}

#[test]
fn a_client_that_vanishes_during_the_wait_frees_the_key() {
    let server = Server::start();
    drop(waiting_client(&server));
    let start = Instant::now();
    server.place.connect().ping();
    assert!(start.elapsed() < Duration::from_secs(5));
    server.stop();
}

#[test]
fn a_stop_ends_the_wait() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    server.stop();
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));
    assert!(client.try_receive().is_err());
}

#[test]
fn an_init_ends_the_wait_and_is_answered_instead() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    client.send(INIT, b"8 octets");
    let answer = loop {
        match client.receive() {
            (KEEPALIVE, _) => (),
            (INIT, answer) => break answer,
            (command, payload) => panic!("{command:#04x}: {payload:02x?}"),
        }
    };
    assert_eq!(answer[..12], [b"8 octets", &client.channel[..]].concat());
    client.ping();
    server.stop();
}

fn id(id: &str) -> RelyingParty {
    RelyingParty::Id(id.to_owned())
}

fn registration(user: &str) -> Asked {
    Asked::For(Request::Registration {
        relying_party: id("rp"),
        user: Some(user.to_owned()),
    })
}

fn signature(users: &[&str]) -> Asked {
    Asked::For(Request::Signature {
        relying_party: id("rp"),
        users: users.iter().map(|user| (*user).to_owned()).collect(),
    })
}

/// A server that touches, and a client of it.
fn touched_server() -> (Server, Client) {
    let server = Server::start();
    server.touch(true);
    let client = server.place.connect();
    (server, client)
}

/// A registration of `name`, with a user handle of its own.
fn named(name: &str, resident: bool) -> Registration<'_> {
    Registration {
        user: name.as_bytes(),
        name,
        resident,
        ..Registration::new("rp")
    }
}

#[test]
fn a_registration_is_asked_for_with_its_names() {
    let (server, mut client) = touched_server();
    client.register(&named("alice@EXAMPLE.COM", false));
    assert_eq!(
        server.asked(),
        [registration("alice@EXAMPLE.COM"), Asked::Dismissed]
    );
    server.stop();
}

#[test]
fn an_assertion_of_a_nameless_credential_is_asked_for_without_a_user() {
    let (server, mut client) = touched_server();
    let allow = [client.register(&named("alice", false)).id];
    server.asked();
    client.assert(&AssertionRequest::new("rp", &allow));
    assert_eq!(server.asked(), [signature(&[]), Asked::Dismissed]);
    server.stop();
}

#[test]
fn an_assertion_of_resident_credentials_is_asked_for_with_their_users_latest_first() {
    let (server, mut client) = touched_server();
    for name in ["alice", "bob"] {
        client.register(&named(name, true));
    }
    client.register(&Registration {
        resident: true,
        ..Registration::new("another")
    });
    server.asked();
    client.assert(&AssertionRequest::new("rp", &[]));
    assert_eq!(server.asked(), [signature(&["bob", "alice"]), Asked::Dismissed]);
    server.stop();
}

#[test]
fn an_assertion_is_asked_for_with_the_user_of_the_first_credential_that_signs() {
    let (server, mut client) = touched_server();
    let alice = client.register(&named("alice", true)).id;
    let bob = client.register(&named("bob", true)).id;
    let nameless = client.register(&named("carol", false)).id;
    let unknown = vec![1; 32];
    for (allow, users) in [
        (vec![alice.clone(), bob.clone()], &["alice"][..]),
        (vec![unknown.clone(), bob.clone(), alice.clone()], &["bob"]),
        (vec![unknown.clone(), nameless.clone(), alice.clone()], &[]),
    ] {
        server.asked();
        let assertion = client.assert(&AssertionRequest::new("rp", &allow));
        assert_eq!(server.asked(), [signature(users), Asked::Dismissed]);
        let signer = allow.iter().find(|id| **id != unknown).unwrap();
        assert_eq!(&assertion.id, signer);
    }
    server.stop();
}

#[test]
fn a_silent_assertion_is_not_asked_for() {
    let (server, mut client) = touched_server();
    let allow = [client.register(&named("alice", false)).id];
    server.asked();
    client.assert(&AssertionRequest {
        up: false,
        ..AssertionRequest::new("rp", &allow)
    });
    assert_eq!(server.asked(), []);
    server.stop();
}

#[test]
fn a_reset_and_a_selection_are_asked_for() {
    let (server, mut client) = touched_server();
    assert_eq!(client.call(SELECTION, &[]), (OK, vec![]));
    assert_eq!(client.call(RESET, &[]), (OK, vec![]));
    assert_eq!(
        server.asked(),
        [
            Asked::For(Request::Selection),
            Asked::Dismissed,
            Asked::For(Request::Reset),
            Asked::Dismissed,
        ]
    );
    server.stop();
}

#[test]
fn a_registration_that_only_selects_is_asked_for_as_that() {
    const PIN_NOT_SET: u8 = 0x35;
    let (server, mut client) = touched_server();
    let request = Registration {
        auth: Some((vec![], 1)),
        ..Registration::new("rp")
    };
    assert_eq!(
        client.call(MAKE_CREDENTIAL, &request.encode()),
        (PIN_NOT_SET, vec![])
    );
    assert_eq!(server.asked(), [Asked::For(Request::Selection), Asked::Dismissed]);
    server.stop();
}

#[test]
fn commands_without_a_touch_and_garbled_ones_are_not_asked_for() {
    let (server, mut client) = touched_server();
    client.call(GET_INFO, &[]);
    let request = Registration::new("rp").encode();
    client.call(MAKE_CREDENTIAL, &request[..request.len() - 1]);
    client.call(MAKE_CREDENTIAL, &[&request[..], &[0]].concat());
    assert_eq!(server.asked(), []);
    server.stop();
}

#[test]
fn a_question_is_dismissed_when_its_client_cancels_or_vanishes() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    client.send(CANCEL, &[]);
    client.answer();
    assert_eq!(server.asked(), [registration("name"), Asked::Dismissed]);
    drop(waiting_client(&server));
    server.place.connect().ping();
    assert_eq!(server.asked(), [registration("name"), Asked::Dismissed]);
    server.stop();
}
