//! The wait for a touch: given late, given up, or interrupted.

use std::{
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use softkey::{Key, Presence, Socket, Touch};

use crate::{
    client::{
        AssertionRequest, CANCEL, CBOR, Client, GET_ASSERTION, KEEPALIVE, MAKE_CREDENTIAL, OK, PING,
        Registration,
    },
    program::Place,
};

const KEEPALIVE_CANCEL: u8 = 0x2d;
const UP_NEEDED: u8 = 0x02;

/// Touches while the flag is set.
struct Finger(Arc<AtomicBool>);

impl Presence for Finger {
    fn poll(&mut self) -> Touch {
        if self.0.load(Ordering::SeqCst) {
            Touch::Given
        } else {
            Touch::Awaited
        }
    }
}

/// A key in a thread, for its touches to be controlled.
struct Server {
    place: Place,
    finger: Arc<AtomicBool>,
    stop: UnixStream,
    thread: JoinHandle<()>,
}

impl Server {
    fn start() -> Self {
        let place = Place::new();
        let finger = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = UnixStream::pair().unwrap();
        let socket = Socket::bind(&place.socket()).unwrap();
        let (directory, presence) = (place.directory(), Finger(finger.clone()));
        let thread = thread::spawn(move || {
            Key::open(&directory, Box::new(presence), stopped)
                .unwrap()
                .serve(&socket)
                .unwrap();
        });
        Self {
            place,
            finger,
            stop,
            thread,
        }
    }

    fn stop(self) {
        drop(self.stop);
        self.thread.join().unwrap();
        assert!(!self.place.socket().exists());
    }
}

/// A client whose registration waits for a touch.
fn waiting_client(server: &Server) -> Client {
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
    server.finger.store(true, Ordering::SeqCst);
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
    server.finger.store(true, Ordering::SeqCst);
    let mut client = server.place.connect();
    let credential = client.register(&Registration::new("rp"));
    server.finger.store(false, Ordering::SeqCst);

    let allow = [credential.id.clone()];
    let request = AssertionRequest::new("rp", &allow);
    client.send(CBOR, &[&[GET_ASSERTION], &request.encode()[..]].concat());
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    client.send(CANCEL, &[]);
    assert_eq!(client.answer(), (KEEPALIVE_CANCEL, vec![]));

    server.finger.store(true, Ordering::SeqCst);
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
    server.finger.store(true, Ordering::SeqCst);
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
    server.finger.store(true, Ordering::SeqCst);
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
