//! PINs (CTAP 2.1 section 6.5), from the client's side.

use minicbor::{Decoder, Encoder};

use crate::{
    client::{
        AssertionRequest, CLIENT_DATA_HASH, CLIENT_PIN, CONFIG, Client, Credential, GET_ASSERTION, GET_INFO,
        MAKE_CREDENTIAL, OK, RESET, Registration, UP_FLAG, UV_FLAG,
    },
    pin_client::{Token, change_pin, set_pin},
    program::Place,
    u2f::{COMMAND_NOT_ALLOWED, toggle_always_uv, version},
};

const RP: &str = "krb5realm:KRBTEST.COM";
const PIN: &str = "1234";

const INVALID_PARAMETER: u8 = 0x02;
const PIN_INVALID: u8 = 0x31;
const PIN_BLOCKED: u8 = 0x32;
const PIN_AUTH_INVALID: u8 = 0x33;
const PIN_AUTH_BLOCKED: u8 = 0x34;
const PUAT_REQUIRED: u8 = 0x36;
const PIN_POLICY_VIOLATION: u8 = 0x37;

/// Subcommand of authenticatorClientPIN.
const GET_RETRIES: u8 = 1;

/// Permissions of a pinUvAuthToken.
const TO_MAKE_CREDENTIALS: u8 = 0x01;
const TO_GET_ASSERTIONS: u8 = 0x02;
const TO_CONFIGURE: u8 = 0x20;

const TOGGLE_ALWAYS_UV: u8 = 2;

/// What the key says to a PIN.
fn try_pin(client: &mut Client, pin: &str) -> u8 {
    match Token::get(client, 2, pin, TO_GET_ASSERTIONS, Some(RP)) {
        Ok(_) => OK,
        Err(status) => status,
    }
}

/// How many attempts are left.
fn retries(client: &mut Client) -> u8 {
    let (status, body) = client.call(CLIENT_PIN, &[0xa2, 1, 2, 2, GET_RETRIES]);
    assert_eq!(status, OK);
    let mut cbor = Decoder::new(&body);
    assert_eq!((cbor.map().unwrap(), cbor.u8().unwrap()), (Some(2), 3));
    cbor.u8().unwrap()
}

/// Versions and options of GetInfo.
fn info(client: &mut Client) -> (Vec<String>, std::collections::BTreeMap<String, bool>) {
    let (status, body) = client.call(GET_INFO, &[]);
    assert_eq!(status, OK);
    let mut cbor = Decoder::new(&body);
    let (mut versions, mut options) = (None, None);
    for _ in 0..cbor.map().unwrap().unwrap() {
        match cbor.u8().unwrap() {
            1 => versions = Some(cbor.decode().unwrap()),
            4 => options = Some(cbor.decode().unwrap()),
            _ => cbor.skip().unwrap(),
        }
    }
    (versions.unwrap(), options.unwrap())
}

/// A place whose key has the PIN, and is not running.
fn place_with_pin() -> Place {
    let place = Place::new();
    let program = place.start("auto");
    assert_eq!(set_pin(&mut place.connect(), 2, PIN), OK);
    program.stop();
    place
}

/// Registers with user verification and asserts with and without it, all in one PIN protocol.
fn use_pin(protocol: u8) {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert!(!info(&mut client).1["clientPin"]);
    assert_eq!(set_pin(&mut client, protocol, PIN), OK);
    assert!(info(&mut client).1["clientPin"]);

    let token = Token::get(&mut client, protocol, PIN, TO_MAKE_CREDENTIALS, Some(RP))
        .ok()
        .unwrap();
    let credential = client.register(&Registration {
        resident: true,
        auth: token.sign(&CLIENT_DATA_HASH),
        ..Registration::new(RP)
    });
    credential.verify_attestation();
    assert_eq!(credential.data.flags() & (UP_FLAG | UV_FLAG), UP_FLAG | UV_FLAG);
    assert_verified(&mut client, protocol, TO_GET_ASSERTIONS, &credential);
    assert_verified(&mut client, protocol, 0, &credential);

    let allow = [credential.id.clone()];
    let assertion = client.assert(&AssertionRequest::new(RP, &allow));
    credential.verify_assertion(&assertion);
    assert_eq!(assertion.data.flags(), UP_FLAG);
}

fn assert_verified(client: &mut Client, protocol: u8, permissions: u8, credential: &Credential) {
    let rp = (permissions != 0).then_some(RP);
    let token = Token::get(client, protocol, PIN, permissions, rp).ok().unwrap();
    let allow = [credential.id.clone()];
    let assertion = client.assert(&AssertionRequest {
        auth: token.sign(&CLIENT_DATA_HASH),
        ..AssertionRequest::new(RP, &allow)
    });
    credential.verify_assertion(&assertion);
    assert_eq!(assertion.data.flags(), UP_FLAG | UV_FLAG);
}

#[test]
fn a_pin_verifies_the_user_by_protocol_one() {
    use_pin(1);
}

#[test]
fn a_pin_verifies_the_user_by_protocol_two() {
    use_pin(2);
}

#[test]
fn a_pin_survives_restarts() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(try_pin(&mut client, PIN), OK);
    assert_eq!(try_pin(&mut client, "12345"), PIN_INVALID);
}

#[test]
fn a_pin_is_set_once() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let mut client = place.connect();
    for protocol in [1, 2] {
        assert_eq!(set_pin(&mut client, protocol, "5678"), PIN_AUTH_INVALID);
    }
    assert_eq!(try_pin(&mut client, PIN), OK);
}

#[test]
fn a_short_pin_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    // Characters are counted, not bytes.
    for pin in ["", "123", "äöü"] {
        assert_eq!(set_pin(&mut client, 2, pin), PIN_POLICY_VIOLATION, "{pin:?}");
    }
    assert_eq!(set_pin(&mut client, 2, &"x".repeat(64)), PIN_POLICY_VIOLATION);
    assert!(!info(&mut client).1["clientPin"]);
    assert_eq!(set_pin(&mut client, 2, &"x".repeat(63)), OK);
}

#[test]
fn a_changed_pin_replaces_the_old_one() {
    for protocol in [1, 2] {
        let place = place_with_pin();
        let _program = place.start("auto");
        let mut client = place.connect();
        assert_eq!(change_pin(&mut client, protocol, PIN, "a new one"), OK);
        assert_eq!(try_pin(&mut client, PIN), PIN_INVALID);
        assert_eq!(try_pin(&mut client, "a new one"), OK);
    }
}

#[test]
fn a_pin_is_not_changed_without_the_old_one() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(change_pin(&mut client, 2, "wrong", "a new one"), PIN_INVALID);
    assert_eq!(change_pin(&mut client, 2, PIN, "123"), PIN_POLICY_VIOLATION);
    assert_eq!(try_pin(&mut client, PIN), OK);
}

#[test]
fn wrong_pins_are_counted_and_a_right_one_starts_again() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(retries(&mut client), 8);
    for left in [7, 6] {
        assert_eq!(try_pin(&mut client, "wrong"), PIN_INVALID);
        assert_eq!(retries(&mut client), left);
    }
    assert_eq!(try_pin(&mut client, PIN), OK);
    assert_eq!(retries(&mut client), 8);
}

#[test]
fn the_third_wrong_pin_in_a_row_blocks_until_the_next_start() {
    let place = place_with_pin();
    let program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(try_pin(&mut client, "wrong"), PIN_INVALID);
    // It is the key that counts, not the connection.
    assert_eq!(try_pin(&mut place.connect(), "wrong"), PIN_INVALID);
    assert_eq!(try_pin(&mut place.connect(), "wrong"), PIN_AUTH_BLOCKED);
    for client in [&mut client, &mut place.connect()] {
        assert_eq!(try_pin(client, PIN), PIN_AUTH_BLOCKED);
        assert_eq!(change_pin(client, 1, PIN, "a new one"), PIN_AUTH_BLOCKED);
        assert_eq!(retries(client), 5);
    }
    program.stop();

    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(retries(&mut client), 5);
    assert_eq!(try_pin(&mut client, PIN), OK);
    assert_eq!(retries(&mut client), 8);
}

#[test]
fn the_eighth_wrong_pin_blocks_until_a_reset() {
    let place = place_with_pin();
    for attempts in [3, 3] {
        let _program = place.start("auto");
        for _ in 0..attempts {
            try_pin(&mut place.connect(), "wrong");
        }
        // Killed by the drop: an attempt that was answered is on the disk.
    }
    let program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(retries(&mut client), 2);
    assert_eq!(try_pin(&mut client, "wrong"), PIN_INVALID);
    assert_eq!(try_pin(&mut client, "wrong"), PIN_BLOCKED);
    program.stop();

    let program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(retries(&mut client), 0);
    assert_eq!(try_pin(&mut client, PIN), PIN_BLOCKED);
    assert_eq!(change_pin(&mut client, 2, PIN, "a new one"), PIN_BLOCKED);
    program.stop();

    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(client.call(RESET, &[]), (OK, vec![]));
    assert_eq!(retries(&mut client), 8);
    assert_eq!(set_pin(&mut client, 2, "a new one"), OK);
}

/// A client of a key with a PIN, and a credential that was made without it.
fn client_and_credential(place: &Place) -> (Client, Credential) {
    let mut client = place.connect();
    let credential = client.register(&Registration::new(RP));
    (client, credential)
}

#[test]
fn a_resident_credential_needs_the_pin_and_another_does_not() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let (mut client, credential) = client_and_credential(&place);
    assert_eq!(credential.data.flags() & UV_FLAG, 0);
    let resident = Registration {
        resident: true,
        ..Registration::new(RP)
    };
    assert_eq!(
        client.call(MAKE_CREDENTIAL, &resident.encode()),
        (PUAT_REQUIRED, vec![])
    );
}

#[test]
fn a_token_is_worth_nothing_when_it_is_altered_or_for_something_else() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let (mut client, credential) = client_and_credential(&place);
    let allow = [credential.id];
    let good = |token: &Token| token.sign(&CLIENT_DATA_HASH);
    let altered = |token: &Token| {
        good(token).map(|(mut tag, protocol)| {
            tag[0] ^= 1;
            (tag, protocol)
        })
    };
    let elsewhere = |token: &Token| token.sign(&[0; 32]);
    let by_another_protocol = |token: &Token| good(token).map(|(tag, _)| (tag[..16].to_vec(), 1));
    type Sign<'a> = &'a dyn Fn(&Token) -> Option<(Vec<u8>, u8)>;
    let cases: [(u8, &str, Sign<'_>); 5] = [
        (TO_GET_ASSERTIONS, RP, &altered),
        (TO_GET_ASSERTIONS, RP, &elsewhere),
        (TO_GET_ASSERTIONS, RP, &by_another_protocol),
        (TO_GET_ASSERTIONS, "krb5realm:OTHER.COM", &good),
        (TO_MAKE_CREDENTIALS, RP, &good),
    ];
    for (number, (permissions, rp, sign)) in cases.into_iter().enumerate() {
        let token = Token::get(&mut client, 2, PIN, permissions, Some(rp))
            .ok()
            .unwrap();
        let request = AssertionRequest {
            auth: sign(&token),
            ..AssertionRequest::new(RP, &allow)
        };
        assert_eq!(
            client.call(GET_ASSERTION, &request.encode()),
            (PIN_AUTH_INVALID, vec![]),
            "case {number}"
        );
    }
}

#[test]
fn a_token_is_worth_one_touch() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let (mut client, credential) = client_and_credential(&place);
    let allow = [credential.id];
    let token = Token::get(&mut client, 2, PIN, TO_GET_ASSERTIONS, Some(RP))
        .ok()
        .unwrap();
    let request = AssertionRequest {
        auth: token.sign(&CLIENT_DATA_HASH),
        ..AssertionRequest::new(RP, &allow)
    };
    client.assert(&request);
    assert_eq!(
        client.call(GET_ASSERTION, &request.encode()),
        (PIN_AUTH_INVALID, vec![])
    );
}

#[test]
fn a_token_ends_with_its_client_and_with_no_other() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let (mut client, credential) = client_and_credential(&place);
    let mut other = place.connect();
    let allow = [credential.id];
    for keeper_goes in [false, true] {
        let mut keeper = place.connect();
        let token = Token::get(&mut keeper, 2, PIN, TO_GET_ASSERTIONS, Some(RP))
            .ok()
            .unwrap();
        let request = AssertionRequest {
            auth: token.sign(&CLIENT_DATA_HASH),
            ..AssertionRequest::new(RP, &allow)
        };
        if keeper_goes {
            drop(keeper);
            client.ping();
            let answer = client.call(GET_ASSERTION, &request.encode());
            assert_eq!(answer, (PIN_AUTH_INVALID, vec![]));
        } else {
            drop(place.connect());
            other.ping();
            keeper.assert(&request);
        }
    }
}

#[test]
fn permissions_without_an_rp_are_refused() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let result = Token::get(&mut place.connect(), 2, PIN, TO_GET_ASSERTIONS, None);
    assert_eq!(result.err(), Some(INVALID_PARAMETER));
}

/// Sends toggleAlwaysUv with a token.
fn toggle(client: &mut Client, protocol: u8, permissions: u8) -> u8 {
    let rp = (permissions != TO_CONFIGURE).then_some(RP);
    let token = Token::get(client, protocol, PIN, permissions, rp).ok().unwrap();
    // Section 6.11: 32 bytes of 0xff, the command, the subcommand.
    let message = [&[0xff; 32][..], &[CONFIG, TOGGLE_ALWAYS_UV]].concat();
    let (tag, protocol) = token.sign(&message).unwrap();
    let mut cbor = Encoder::new(Vec::new());
    cbor.map(3).unwrap();
    cbor.u8(1).unwrap().u8(TOGGLE_ALWAYS_UV).unwrap();
    cbor.u8(3).unwrap().u8(protocol).unwrap();
    cbor.u8(4).unwrap().bytes(&tag).unwrap();
    client.call(CONFIG, &cbor.into_writer()).0
}

#[test]
fn always_uv_demands_the_pin_and_turns_u2f_off() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let (mut client, credential) = client_and_credential(&place);
    let allow = [credential.id.clone()];
    assert_eq!(toggle(&mut client, 2, TO_CONFIGURE), OK);

    let (versions, options) = info(&mut client);
    assert_eq!(versions, ["FIDO_2_0", "FIDO_2_1"]);
    assert!(options["alwaysUv"] && !options["makeCredUvNotRqd"]);
    assert_eq!(client.call_u2f(&version()), (COMMAND_NOT_ALLOWED, vec![]));
    for (command, request) in [
        (GET_ASSERTION, AssertionRequest::new(RP, &allow).encode()),
        (MAKE_CREDENTIAL, Registration::new(RP).encode()),
    ] {
        assert_eq!(client.call(command, &request), (PUAT_REQUIRED, vec![]));
    }
    assert_verified(&mut client, 1, TO_GET_ASSERTIONS, &credential);

    assert_eq!(toggle(&mut client, 1, TO_CONFIGURE), OK);
    assert_eq!(info(&mut client).0, ["U2F_V2", "FIDO_2_0", "FIDO_2_1"]);
    client.assert(&AssertionRequest::new(RP, &allow));
}

#[test]
fn always_uv_outlives_restarts() {
    let place = Place::new();
    let program = place.start("auto");
    toggle_always_uv(&mut place.connect());
    program.stop();
    let _program = place.start("auto");
    assert!(info(&mut place.connect()).1["alwaysUv"]);
}

#[test]
fn always_uv_is_not_toggled_without_the_pin_or_with_a_token_for_something_else() {
    let place = place_with_pin();
    let _program = place.start("auto");
    let mut client = place.connect();
    assert_eq!(
        client.call(CONFIG, &[0xa1, 0x01, TOGGLE_ALWAYS_UV]),
        (PUAT_REQUIRED, vec![])
    );
    assert_eq!(toggle(&mut client, 2, TO_GET_ASSERTIONS), PIN_AUTH_INVALID);
    assert!(!info(&mut client).1["alwaysUv"]);
}
