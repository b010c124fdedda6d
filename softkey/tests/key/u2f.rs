//! U2F (raw message formats 1.2) through CTAPHID_MSG.

use std::{fs, thread, time::Duration};

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use sha2::{Digest, Sha256};
use softkey::{RelyingParty, Request};

use crate::{
    client::{
        AssertionRequest, CAPABILITY_CBOR, CAPABILITY_NO_MESSAGE, CBOR, Client, ERROR, GET_INFO, MESSAGE, OK,
        PING, RESET, Registration,
    },
    program::{Place, Program},
    touch::{Asked, Server},
};

const REGISTER: u8 = 0x01;
const AUTHENTICATE: u8 = 0x02;
const VERSION: u8 = 0x03;

/// Control bytes of an authentication.
const CHECK_ONLY: u8 = 0x07;
const ENFORCE: u8 = 0x03;
const DO_NOT_ENFORCE: u8 = 0x08;

const SUCCESS: u16 = 0x9000;
const CONDITIONS_NOT_SATISFIED: u16 = 0x6985;
pub(crate) const COMMAND_NOT_ALLOWED: u16 = 0x6986;
const WRONG_DATA: u16 = 0x6a80;
const WRONG_LENGTH: u16 = 0x6700;
const INSTRUCTION_UNKNOWN: u16 = 0x6d00;
const CLASS_UNKNOWN: u16 = 0x6e00;

const INVALID_COMMAND: u8 = 0x01;

const CHALLENGE: [u8; 32] = [0xc7; 32];
const APPLICATION: [u8; 32] = [0xa9; 32];

/// A message in extended length encoding, any length of answer wanted.
fn message(instruction: u8, control: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0, instruction, control, 0, 0], &length[..], data, &[0, 0]].concat()
}

pub(crate) fn version() -> Vec<u8> {
    vec![0, VERSION, 0, 0, 0, 0, 0]
}

fn registration(application: &[u8; 32]) -> Vec<u8> {
    message(REGISTER, 0, &[CHALLENGE, *application].concat())
}

fn authentication(control: u8, application: &[u8; 32], handle: &[u8]) -> Vec<u8> {
    let length = [u8::try_from(handle.len()).unwrap()];
    message(
        AUTHENTICATE,
        control,
        &[&CHALLENGE, &application[..], &length, handle].concat(),
    )
}

/// What a registration returned.
struct Registered {
    point: [u8; 65],
    handle: Vec<u8>,
    certificate: Vec<u8>,
}

impl Registered {
    /// Parses the response and checks its signature with the key in the certificate.
    fn parse(response: &[u8]) -> Self {
        assert_eq!(response[0], 5);
        let point: [u8; 65] = response[1..66].try_into().unwrap();
        let (handle, rest) = response[67..].split_at(usize::from(response[66]));
        assert_eq!(rest[..2], [0x30, 0x82]);
        let length = 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (certificate, signature) = rest.split_at(length);
        let key = certificate
            .windows(67)
            .find(|window| window[..3] == [0x42, 0, 4])
            .unwrap();
        let signed = [&[0], &APPLICATION[..], &CHALLENGE, handle, &point].concat();
        verify(&key[2..], &signed, signature);
        Self {
            point,
            handle: handle.to_vec(),
            certificate: certificate.to_vec(),
        }
    }

    /// Parses the response to an authentication, checks its signature and returns its counter.
    fn verify(&self, response: &[u8], user_presence: u8) -> u32 {
        let (head, signature) = response.split_at(5);
        assert_eq!(head[0], user_presence);
        verify(&self.point, &[&APPLICATION, head, &CHALLENGE].concat(), signature);
        u32::from_be_bytes(head[1..].try_into().unwrap())
    }
}

fn verify(point: &[u8], signed: &[u8], signature: &[u8]) {
    VerifyingKey::from_sec1_bytes(point)
        .unwrap()
        .verify(signed, &Signature::from_der(signature).unwrap())
        .unwrap();
}

/// Registers, which must succeed at once.
fn register(client: &mut Client) -> Registered {
    let (status, response) = client.call_u2f(&registration(&APPLICATION));
    assert_eq!(status, SUCCESS);
    Registered::parse(&response)
}

/// Repeats a request until the key has had its touch.
fn repeat(client: &mut Client, request: &[u8]) -> (u16, Vec<u8>) {
    loop {
        let answer = client.call_u2f(request);
        if answer.0 != CONDITIONS_NOT_SATISFIED {
            return answer;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_version_is_u2f_v2() {
    let place = Place::new();
    let _program = place.start("deny");
    assert_eq!(
        place.connect().call_u2f(&version()),
        (SUCCESS, b"U2F_V2".to_vec())
    );
}

#[test]
fn a_registered_key_authenticates_and_counts() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let key = register(&mut client);
    let mut counter = 0;
    for _ in 0..3 {
        let (status, response) = client.call_u2f(&authentication(ENFORCE, &APPLICATION, &key.handle));
        assert_eq!(status, SUCCESS);
        let next = key.verify(&response, 1);
        assert!(next > counter);
        counter = next;
    }
}

#[test]
fn a_key_handle_is_a_credential_of_ctap2_too() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let application = Sha256::digest("rp").into();
    let (status, response) = client.call_u2f(&registration(&application));
    assert_eq!(status, SUCCESS);
    let handle = response[67..67 + usize::from(response[66])].to_vec();
    client.assert(&AssertionRequest::new("rp", &[handle]));
}

#[test]
fn the_attestation_is_made_once_and_outlives_restarts_and_resets() {
    let place = Place::new();
    let program = place.start("auto");
    let first = register(&mut place.connect()).certificate;
    program.stop();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(client.call(RESET, &[]), (OK, vec![]));
    assert_eq!(register(&mut client).certificate, first);
}

#[test]
fn another_key_has_another_attestation() {
    let (here, there) = (Place::new(), Place::new());
    let _programs = [here.start("auto"), there.start("auto")];
    assert_ne!(
        register(&mut here.connect()).certificate,
        register(&mut there.connect()).certificate
    );
}

#[test]
fn a_state_from_before_u2f_is_read_and_gets_its_attestation_with_the_first_registration() {
    let place = Place::new();
    let program = place.start("auto");
    let credential = place.connect().register(&Registration {
        resident: true,
        ..Registration::new("rp")
    });
    program.stop();
    // Without U2F nothing of it is in the state.
    let state = fs::read(place.state()).unwrap();
    let first_entry = &state[36..38];
    assert!(u16::from_be_bytes(first_entry.try_into().unwrap()) > 20);

    let _program = place.start("auto");
    assert_eq!(fs::read(place.state()).unwrap(), state);
    let mut client = place.connect();
    register(&mut client);
    let state = fs::read(place.state()).unwrap();
    assert_eq!((&state[..2], &state[36..38]), (&[0, 1][..], &[0, 1][..]));
    credential.verify_assertion(&client.assert(&AssertionRequest::new("rp", &[])));
}

#[test]
fn a_check_needs_no_touch_and_signs_nothing() {
    let place = Place::new();
    let program = place.start("auto");
    let key = register(&mut place.connect());
    program.stop();
    let _program = place.start("deny");
    let (status, response) = place
        .connect()
        .call_u2f(&authentication(CHECK_ONLY, &APPLICATION, &key.handle));
    assert_eq!((status, response), (CONDITIONS_NOT_SATISFIED, vec![]));
}

#[test]
fn a_signature_without_a_touch_says_so() {
    let place = Place::new();
    let program = place.start("auto");
    let key = register(&mut place.connect());
    program.stop();
    let _program = place.start("deny");
    let request = authentication(DO_NOT_ENFORCE, &APPLICATION, &key.handle);
    let (status, response) = place.connect().call_u2f(&request);
    assert_eq!(status, SUCCESS);
    key.verify(&response, 0);
}

#[test]
fn a_handle_of_another_application_key_or_shape_is_unknown() {
    let (here, there) = (Place::new(), Place::new());
    let _programs = [here.start("auto"), there.start("auto")];
    let mut client = here.connect();
    let handle = register(&mut client).handle;
    let mut altered = handle.clone();
    altered[100] ^= 1;
    for control in [CHECK_ONLY, ENFORCE, DO_NOT_ENFORCE] {
        let unknown = (WRONG_DATA, vec![]);
        let elsewhere = authentication(control, &[1; 32], &handle);
        assert_eq!(client.call_u2f(&elsewhere), unknown);
        for handle in [&altered, &vec![], &handle[..240].to_vec()] {
            assert_eq!(
                client.call_u2f(&authentication(control, &APPLICATION, handle)),
                unknown
            );
        }
        let request = authentication(control, &APPLICATION, &handle);
        assert_eq!(there.connect().call_u2f(&request), unknown);
    }
}

#[test]
fn malformed_messages_have_their_own_answers() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for (request, status) in [
        (message(REGISTER, 0, &[0; 63]), WRONG_LENGTH),
        (message(REGISTER, 0, &[0; 65]), WRONG_LENGTH),
        (message(AUTHENTICATE, ENFORCE, &[0; 64]), WRONG_LENGTH),
        (message(AUTHENTICATE, ENFORCE, &[2; 66]), WRONG_LENGTH),
        (authentication(0x04, &APPLICATION, &[0; 8]), WRONG_DATA),
        (message(0x04, 0, &[]), INSTRUCTION_UNKNOWN),
        (message(0x40, 0, &[0; 8]), INSTRUCTION_UNKNOWN),
        (vec![1, VERSION, 0, 0, 0, 0, 0], CLASS_UNKNOWN),
    ] {
        assert_eq!(client.call_u2f(&request), (status, vec![]), "{request:02x?}");
    }
    for length in 0..registration(&APPLICATION).len() - 2 {
        let (status, _) = client.call_u2f(&registration(&APPLICATION)[..length]);
        assert_ne!(status, SUCCESS, "{length} bytes");
    }
}

#[test]
fn a_declined_touch_is_not_asked_for_again() {
    let place = Place::new();
    let _program = place.start("deny");
    let mut client = place.connect();
    assert_eq!(
        client.call_u2f(&registration(&APPLICATION)),
        (COMMAND_NOT_ALLOWED, vec![])
    );
}

#[test]
fn a_request_is_repeated_until_the_touch() {
    let server = Server::start();
    let mut client = server.place.connect();
    let request = registration(&APPLICATION);
    for _ in 0..5 {
        assert_eq!(client.call_u2f(&request), (CONDITIONS_NOT_SATISFIED, vec![]));
    }
    server.touch(true);
    let (status, response) = repeat(&mut client, &request);
    assert_eq!(status, SUCCESS);
    Registered::parse(&response);
    let wish = Asked::For(Request::Registration {
        relying_party: RelyingParty::Application(APPLICATION),
        user: None,
    });
    assert_eq!(server.asked(), [wish, Asked::Dismissed]);
    server.stop();
}

#[test]
fn a_touch_is_worth_one_request_only() {
    let server = Server::start();
    let mut client = server.place.connect();
    let request = registration(&APPLICATION);
    assert_eq!(client.call_u2f(&request).0, CONDITIONS_NOT_SATISFIED);
    server.touch(true);
    // Time for the touch to be noticed, and it is taken away again.
    thread::sleep(Duration::from_millis(300));
    server.touch(false);
    assert_eq!(client.call_u2f(&request).0, SUCCESS);
    assert_eq!(client.call_u2f(&request).0, CONDITIONS_NOT_SATISFIED);
    server.stop();
}

#[test]
fn a_touch_for_one_request_is_not_taken_by_another() {
    let server = Server::start();
    let mut client = server.place.connect();
    assert_eq!(
        client.call_u2f(&registration(&[1; 32])).0,
        CONDITIONS_NOT_SATISFIED
    );
    server.touch(true);
    thread::sleep(Duration::from_millis(300));
    server.touch(false);
    assert_eq!(
        client.call_u2f(&registration(&[2; 32])).0,
        CONDITIONS_NOT_SATISFIED
    );
    let wish = |application| {
        Asked::For(Request::Registration {
            relying_party: RelyingParty::Application(application),
            user: None,
        })
    };
    assert_eq!(server.asked(), [wish([1; 32]), Asked::Dismissed, wish([2; 32])]);
    server.stop();
}

#[test]
fn a_request_that_waits_keeps_others_out_until_its_client_goes() {
    let server = Server::start();
    let (mut client, mut other) = (server.place.connect(), server.place.connect());
    assert_eq!(
        client.call_u2f(&registration(&APPLICATION)).0,
        CONDITIONS_NOT_SATISFIED
    );
    other.expect_busy(MESSAGE, &registration(&APPLICATION));
    other.expect_busy(CBOR, &[GET_INFO]);
    other.expect_busy(PING, b"hello");
    client.ping();
    drop(client);
    other.ping();
    assert_eq!(server.asked().last(), Some(&Asked::Dismissed));
    server.stop();
}

#[test]
fn a_request_that_waits_is_withdrawn_by_another_command_of_its_client() {
    let server = Server::start();
    let (mut client, mut other) = (server.place.connect(), server.place.connect());
    for command in [&[][..], &[GET_INFO]] {
        assert_eq!(
            client.call_u2f(&registration(&APPLICATION)).0,
            CONDITIONS_NOT_SATISFIED
        );
        other.expect_busy(PING, b"hello");
        if command.is_empty() {
            client.call_u2f(&version());
        } else {
            client.call(GET_INFO, &[]);
        }
        other.ping();
        assert_eq!(server.asked().len(), 2);
    }
    server.stop();
}

#[test]
fn a_request_that_is_not_repeated_is_withdrawn() {
    let server = Server::start();
    let (mut client, mut other) = (server.place.connect(), server.place.connect());
    client.call_u2f(&registration(&APPLICATION));
    other.expect_busy(PING, b"hello");
    thread::sleep(Duration::from_millis(3_300));
    other.ping();
    assert_eq!(server.asked().len(), 2);
    server.stop();
}

#[test]
fn an_application_seen_in_ctap2_is_asked_for_by_name() {
    let server = Server::start();
    server.touch(true);
    let mut client = server.place.connect();
    client.register(&Registration::new("rp"));
    server.asked();
    let application = Sha256::digest("rp").into();
    assert_eq!(client.call_u2f(&registration(&application)).0, SUCCESS);
    let wish = Asked::For(Request::Registration {
        relying_party: RelyingParty::Id("rp".to_owned()),
        user: None,
    });
    assert_eq!(server.asked(), [wish, Asked::Dismissed]);
    server.stop();
}

#[test]
fn a_key_of_u2f_alone_offers_and_speaks_nothing_else() {
    let place = Place::new();
    let _program = place.start_u2f_only();
    let mut client = place.connect();
    assert_eq!(client.capabilities & (CAPABILITY_CBOR | CAPABILITY_NO_MESSAGE), 0);
    client.send(CBOR, &[GET_INFO]);
    assert_eq!(client.receive(), (ERROR, vec![INVALID_COMMAND]));
    let key = register(&mut client);
    let (status, response) = client.call_u2f(&authentication(ENFORCE, &APPLICATION, &key.handle));
    assert_eq!(status, SUCCESS);
    key.verify(&response, 1);
}

/// Turns alwaysUv on, which needs no PIN while none is set.
pub(crate) fn toggle_always_uv(client: &mut Client) {
    // authenticatorConfig (CTAP 2.1 section 6.11): {1: toggleAlwaysUv}
    assert_eq!(
        client.call(crate::client::CONFIG, &[0xa1, 0x01, 0x02]),
        (OK, vec![])
    );
}

#[test]
fn u2f_is_off_while_always_uv_is_on() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let key = register(&mut client);
    toggle_always_uv(&mut client);
    for request in [
        version(),
        registration(&APPLICATION),
        authentication(ENFORCE, &APPLICATION, &key.handle),
        authentication(DO_NOT_ENFORCE, &APPLICATION, &key.handle),
    ] {
        assert_eq!(client.call_u2f(&request), (COMMAND_NOT_ALLOWED, vec![]));
    }
    toggle_always_uv(&mut client);
    assert_eq!(client.call_u2f(&version()).0, SUCCESS);
}

#[test]
fn a_key_that_turned_u2f_off_does_not_start_with_u2f_alone() {
    let place = Place::new();
    let program = place.start("auto");
    toggle_always_uv(&mut place.connect());
    program.stop();
    let options = ["--presence", "auto", "--u2f-only"];
    let said = Program::spawn_with(&place.directory(), &place.socket(), &options).fails();
    assert!(said.contains("has alwaysUv on, which turns U2F off"), "{said}");
}
