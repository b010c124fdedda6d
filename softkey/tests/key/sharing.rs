//! Several clients of one key at the same time.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{
        AssertionRequest, BROADCAST, CANCEL, CBOR, Client, ERROR, GET_INFO, INIT, INVALID_CHANNEL, KEEPALIVE,
        LOCK, OK, PING, Registration, reports,
    },
    program::Place,
    touch::{Server, UP_NEEDED, waiting_client},
};

#[test]
fn two_clients_are_served_at_the_same_time() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    for _ in 0..10 {
        one.ping();
        other.ping();
    }
    let credential = one.register(&Registration::new("rp"));
    let allow = [credential.id.clone()];
    credential.verify_assertion(&other.assert(&AssertionRequest::new("rp", &allow)));
}

#[test]
fn clients_in_threads_all_get_their_own_answers() {
    let place = Place::new();
    let _program = place.start("auto");
    let threads: Vec<_> = (0..8_u8)
        .map(|number| {
            let mut client = place.connect();
            thread::spawn(move || {
                for round in 0..20_u8 {
                    // Of several reports, and different each time.
                    let message = vec![number ^ round; 300 + usize::from(round)];
                    client.send(PING, &message);
                    assert_eq!(client.receive(), (PING, message));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_channel_of_another_client_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    let own = other.channel;
    other.channel = one.channel;
    for command in [PING, INIT, CBOR, LOCK, CANCEL] {
        other.send(command, b"8 octets");
        assert_eq!(other.receive(), (ERROR, vec![INVALID_CHANNEL]));
    }
    other.channel = own;
    other.ping();
    one.ping();
}

#[test]
fn others_are_told_that_the_key_is_busy_while_one_waits_for_a_touch() {
    let server = Server::start();
    let (mut other, mut third) = (server.place.connect(), server.place.connect());
    let mut client = waiting_client(&server);
    for _ in 0..3 {
        other.expect_busy(PING, b"hello");
        other.expect_busy(CBOR, &[GET_INFO]);
        third.expect_busy(CANCEL, &[]);
    }
    let own = third.channel;
    third.channel = BROADCAST;
    third.expect_busy(INIT, b"8 octets");
    third.channel = own;

    server.touch(true);
    assert_eq!(client.answer().0, OK);
    other.ping();
    third.ping();
    server.stop();
}

#[test]
fn a_client_that_comes_during_a_wait_is_told_so_too() {
    let server = Server::start();
    let mut client = waiting_client(&server);
    let mut late = Client::connect_only(&server.place.socket());
    late.expect_busy(INIT, b"8 octets");
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    late.open_channel();
    late.ping();
    server.stop();
}

#[test]
fn keepalives_go_to_the_client_that_waits_alone() {
    let server = Server::start();
    let mut other = server.place.connect();
    let mut client = waiting_client(&server);
    for _ in 0..5 {
        assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    }
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    // Its next report is the answer to this.
    other.ping();
    server.stop();
}

#[test]
fn keepalives_come_in_time_however_much_others_send() {
    let server = Server::start();
    let mut other = server.place.connect();
    let mut client = waiting_client(&server);
    let start = Instant::now();
    for _ in 0..5 {
        for _ in 0..50 {
            other.expect_busy(PING, b"hello");
        }
        assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    server.stop();
}

#[test]
fn a_client_that_vanishes_does_not_end_the_wait_of_another() {
    let server = Server::start();
    let other = server.place.connect();
    let mut client = waiting_client(&server);
    drop(other);
    assert_eq!(client.receive(), (KEEPALIVE, vec![UP_NEEDED]));
    server.touch(true);
    assert_eq!(client.answer().0, OK);
    server.stop();
}

#[test]
fn the_client_of_a_wait_that_vanishes_leaves_the_key_to_the_others() {
    let server = Server::start();
    let mut other = server.place.connect();
    let client = waiting_client(&server);
    other.expect_busy(PING, b"hello");
    drop(client);
    other.ping();
    server.stop();
}

#[test]
fn a_message_that_is_on_its_way_is_waited_for() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    let cut = reports(one.channel, PING, &[7; 100]);
    one.stream.write_all(&cut[0]).unwrap();
    other.send(PING, b"hello");
    thread::sleep(Duration::from_millis(20));
    one.stream.write_all(&cut[1]).unwrap();
    assert_eq!(one.receive(), (PING, vec![7; 100]));
    assert_eq!(other.receive(), (PING, b"hello".to_vec()));
}

#[test]
fn a_message_that_stays_incomplete_keeps_the_key_busy_for_a_second() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    let first = reports(one.channel, PING, &[7; 100])[0];
    one.stream.write_all(&first).unwrap();
    thread::sleep(Duration::from_millis(300));
    other.expect_busy(PING, b"hello");
    thread::sleep(Duration::from_millis(1000));
    other.ping();
}

#[test]
fn a_client_that_vanishes_within_a_message_leaves_the_key_to_the_others() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    one.stream
        .write_all(&reports(one.channel, PING, &[7; 100])[0])
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    other.expect_busy(PING, b"hello");
    drop(one);
    other.ping();
}

#[test]
fn a_lock_keeps_others_out_until_it_is_taken_away() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    one.send(LOCK, &[10]);
    assert_eq!(one.receive(), (LOCK, vec![]));
    other.expect_busy(PING, b"hello");
    one.ping();
    one.send(LOCK, &[0]);
    assert_eq!(one.receive(), (LOCK, vec![]));
    other.ping();
}

#[test]
fn a_lock_ends_in_time_and_with_its_client() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    one.send(LOCK, &[1]);
    assert_eq!(one.receive(), (LOCK, vec![]));
    other.expect_busy(PING, b"hello");
    thread::sleep(Duration::from_millis(1100));
    other.ping();

    one.send(LOCK, &[10]);
    assert_eq!(one.receive(), (LOCK, vec![]));
    other.expect_busy(PING, b"hello");
    drop(one);
    other.ping();
}

#[test]
fn a_client_that_reads_no_answers_holds_nobody_up() {
    let place = Place::new();
    let _program = place.start("auto");
    let (mut one, mut other) = (place.connect(), place.connect());
    one.stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let message = reports(one.channel, PING, &[7; 7609]).concat();
    let full = (0..1000).find(|_| one.stream.write_all(&message).is_err());
    assert!(full.is_some());
    let start = Instant::now();
    drop(one);
    other.ping();
    place.connect().ping();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn more_clients_than_are_served_wait_to_be_let_in() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut clients: Vec<Client> = (0..64).map(|_| place.connect()).collect();
    let socket = place.socket();
    let late = thread::spawn(move || Client::connect(&socket).ping());
    for client in &mut clients {
        client.ping();
    }
    thread::sleep(Duration::from_millis(100));
    assert!(!late.is_finished());
    clients.pop();
    late.join().unwrap();
    for client in &mut clients {
        client.ping();
    }
}
