//! Reports that no honest client sends, and clients that vanish.

use std::{io::Write, thread, time::Duration};

use crate::{
    client::{
        AssertionRequest, CAPABILITY_CBOR, CAPABILITY_NO_MESSAGE, CBOR, Client, ERROR, GET_INFO, INIT,
        INVALID_CHANNEL, LOCK, OK, PING, Registration, reports,
    },
    program::Place,
};

const INVALID_COMMAND: u8 = 0x01;
const INVALID_PARAMETER: u8 = 0x02;
const INVALID_LENGTH: u8 = 0x03;
const INVALID_SEQUENCE: u8 = 0x04;
const MESSAGE_TIMEOUT: u8 = 0x05;

/// Repeatable noise (xorshift).
struct Noise(u64);

impl Noise {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()[3]
        })
    }
}

#[test]
fn both_protocols_are_offered() {
    let place = Place::new();
    let _program = place.start("auto");
    assert_eq!(
        place.connect().capabilities & (CAPABILITY_CBOR | CAPABILITY_NO_MESSAGE),
        CAPABILITY_CBOR
    );
}

#[test]
fn noise_does_not_disturb_the_next_client() {
    let place = Place::new();
    let _program = place.start("auto");
    for seed in 1..20 {
        let mut noise = Noise(seed);
        let mut client = Client::connect_only(&place.socket());
        for _ in 0..50 {
            client.stream.write_all(&noise.bytes::<64>()).unwrap();
        }
        drop(client);
        place.connect().ping();
    }
}

#[test]
fn noise_on_an_open_channel_does_not_disturb_the_next_client() {
    let place = Place::new();
    let _program = place.start("auto");
    for seed in 1..20 {
        let mut noise = Noise(seed);
        let mut client = place.connect();
        for _ in 0..50 {
            let mut report = noise.bytes::<64>();
            report[..4].copy_from_slice(&client.channel);
            client.stream.write_all(&report).unwrap();
        }
        drop(client);
        place.connect().ping();
    }
}

#[test]
fn noise_in_place_of_cbor_is_answered_by_an_error() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let mut noise = Noise(42);
    for command in 0..=u8::MAX {
        for length in [0, 1, 30, 200] {
            // These take no parameters and ignore what comes instead.
            if [GET_INFO, 0x07, 0x0b].contains(&command) {
                continue;
            }
            let (status, _) = client.call(command, &noise.bytes::<200>()[..length]);
            assert_ne!(status, OK, "command {command:#04x}, {length} bytes");
        }
    }
}

#[test]
fn shortened_requests_are_answered_by_an_error() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let register = Registration {
        exclude: &[vec![1; 16]],
        ..Registration::new("rp")
    }
    .encode();
    let assert = AssertionRequest::new("rp", &[vec![1; 16]]).encode();
    for (command, request) in [(1, register), (2, assert)] {
        for length in 0..request.len() {
            let (status, _) = client.call(command, &request[..length]);
            assert_ne!(
                status,
                OK,
                "command {command}, {length} of {} bytes",
                request.len()
            );
        }
    }
}

#[test]
fn an_empty_request_is_answered_by_an_error() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    client.send(CBOR, &[]);
    assert_ne!(client.answer().0, OK);
}

#[test]
fn the_longest_message_comes_back() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let message: Vec<u8> = (0..=u8::MAX).cycle().take(7609).collect();
    client.send(PING, &message);
    assert_eq!(client.receive(), (PING, message));
}

#[test]
fn a_longer_message_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let first = reports(client.channel, PING, &[0; 7610])[0];
    client.stream.write_all(&first).unwrap();
    assert_eq!(client.receive(), (ERROR, vec![INVALID_LENGTH]));
    client.ping();
}

#[test]
fn reports_out_of_order_are_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let cut = reports(client.channel, PING, &[0; 200]);
    client.stream.write_all(&[cut[0], cut[2]].concat()).unwrap();
    assert_eq!(client.receive(), (ERROR, vec![INVALID_SEQUENCE]));
    client.ping();
}

#[test]
fn a_channel_never_opened_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    for channel in [[0; 4], [0, 0, 0, 9], [0xff, 0xff, 0xff, 0xfe]] {
        let mut client = Client::connect_only(&place.socket());
        client.channel = channel;
        client.send(PING, b"hello");
        assert_eq!(client.receive(), (ERROR, vec![INVALID_CHANNEL]));
    }
}

#[test]
fn an_init_of_another_length_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = Client::connect_only(&place.socket());
    client.send(INIT, b"7 bytes");
    assert_eq!(client.receive(), (ERROR, vec![INVALID_LENGTH]));
    client.open_channel();
    client.ping();
}

#[test]
fn a_report_may_come_in_pieces() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for piece in reports(client.channel, PING, b"in pieces")[0].chunks(20) {
        client.stream.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(client.receive(), (PING, b"in pieces".to_vec()));
}

#[test]
fn a_slow_message_is_waited_for() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for report in reports(client.channel, PING, &[7; 100]) {
        client.stream.write_all(&report).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(client.receive(), (PING, vec![7; 100]));
}

#[test]
fn a_client_that_vanishes_within_a_report_is_forgotten() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let report = reports(client.channel, PING, b"hello")[0];
    client.stream.write_all(&report[..10]).unwrap();
    drop(client);
    place.connect().ping();
}

#[test]
fn a_client_that_vanishes_within_a_message_is_forgotten() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let first = reports(client.channel, PING, &[0; 500])[0];
    client.stream.write_all(&first).unwrap();
    drop(client);
    place.connect().ping();
}

#[test]
fn a_client_that_vanishes_before_its_answer_is_forgotten() {
    let place = Place::new();
    let _program = place.start("auto");
    for _ in 0..10 {
        let mut client = place.connect();
        client.send(CBOR, &[&[1], &Registration::new("rp").encode()[..]].concat());
        drop(client);
    }
    place.connect().ping();
}

#[test]
fn a_continuation_without_a_message_is_ignored() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let cut = reports(client.channel, PING, &[0; 200]);
    client.stream.write_all(&cut[1..].concat()).unwrap();
    client.ping();
}

#[test]
fn a_message_that_comes_too_slowly_is_given_up() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let cut = reports(client.channel, PING, &[0; 100]);
    client.stream.write_all(&cut[0]).unwrap();
    thread::sleep(Duration::from_millis(1200));
    client.stream.write_all(&cut[1]).unwrap();
    assert_eq!(client.receive(), (ERROR, vec![MESSAGE_TIMEOUT]));
    client.ping();
}

#[test]
fn an_init_interrupts_a_message() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    client
        .stream
        .write_all(&reports(client.channel, PING, &[0; 100])[0])
        .unwrap();
    client.send(INIT, b"8 octets");
    let (command, answer) = client.receive();
    assert_eq!((command, &answer[8..12]), (INIT, &client.channel[..]));
    client.ping();
}

#[test]
fn another_command_interrupts_a_message_with_an_error() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    client
        .stream
        .write_all(&reports(client.channel, PING, &[0; 100])[0])
        .unwrap();
    client.send(PING, b"hello");
    assert_eq!(client.receive(), (ERROR, vec![INVALID_SEQUENCE]));
    client.ping();
}

#[test]
fn commands_that_no_client_sends_are_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for command in [0x00, 0x02, 0x3b, 0x3f, 0x40, 0x7f] {
        client.send(command, &[]);
        assert_eq!(client.receive(), (ERROR, vec![INVALID_COMMAND]), "{command:#04x}");
    }
}

#[test]
fn a_lock_of_another_form_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for (payload, error) in [
        (&[][..], INVALID_LENGTH),
        (&[1, 1], INVALID_LENGTH),
        (&[11], INVALID_PARAMETER),
    ] {
        client.send(LOCK, payload);
        assert_eq!(client.receive(), (ERROR, vec![error]));
    }
}

#[test]
fn the_oldest_of_too_many_channels_is_closed() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let first = client.channel;
    for _ in 0..15 {
        client.open_channel();
    }
    let last = client.channel;
    client.channel = first;
    client.ping();
    client.open_channel();
    client.channel = first;
    client.send(PING, b"hello");
    assert_eq!(client.receive(), (ERROR, vec![INVALID_CHANNEL]));
    client.channel = last;
    client.ping();
}

#[test]
fn a_lock_ends_with_its_client() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    client.send(LOCK, &[10]);
    assert_eq!(client.receive(), (LOCK, vec![]));
    drop(client);
    place.connect().ping();
}

#[test]
fn every_connection_gets_a_channel_of_its_own() {
    let place = Place::new();
    let _program = place.start("auto");
    let first = place.connect().channel;
    assert_ne!(place.connect().channel, first);
}
