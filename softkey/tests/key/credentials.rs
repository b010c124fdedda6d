//! Registering and asserting.

use minicbor::Decoder;

use crate::{
    client::{
        Assertion, AssertionRequest, CBOR, Client, ERROR, GET_ASSERTION, GET_INFO, GET_NEXT_ASSERTION,
        INVALID_CHANNEL, MAKE_CREDENTIAL, OK, RESET, Registration, UP_FLAG,
    },
    program::Place,
};

const RP: &str = "krb5realm:KRBTEST.COM";

const CREDENTIAL_EXCLUDED: u8 = 0x19;
const UNSUPPORTED_ALGORITHM: u8 = 0x26;
const OPERATION_DENIED: u8 = 0x27;
const NO_CREDENTIALS: u8 = 0x2e;
const NOT_ALLOWED: u8 = 0x30;

#[test]
fn get_info_tells_what_the_key_can_do() {
    let place = Place::new();
    let _program = place.start("auto");
    let (status, body) = place.connect().call(GET_INFO, &[]);
    assert_eq!(status, OK);

    let mut cbor = Decoder::new(&body);
    let entries = cbor.map().unwrap().unwrap();
    let mut seen = 0;
    for _ in 0..entries {
        match cbor.u8().unwrap() {
            1 => {
                let versions: Vec<&str> = cbor.decode().unwrap();
                assert_eq!(versions, ["U2F_V2", "FIDO_2_0", "FIDO_2_1"]);
                seen += 1;
            }
            3 => {
                assert_eq!(cbor.bytes().unwrap(), softkey::AAGUID);
                seen += 1;
            }
            4 => {
                let options: std::collections::BTreeMap<&str, bool> = cbor.decode().unwrap();
                assert!(options["rk"] && options["up"] && options["credMgmt"] && !options["clientPin"]);
                seen += 1;
            }
            _ => cbor.skip().unwrap(),
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn the_aaguid_is_a_random_uuid() {
    assert_eq!((softkey::AAGUID[6] >> 4, softkey::AAGUID[8] >> 6), (4, 0b10));
}

#[test]
fn a_registered_credential_asserts() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let credential = client.register(&Registration::new(RP));
    credential.verify_attestation();
    assert_eq!(credential.aaguid, softkey::AAGUID);
    assert!(credential.data.is_for(RP) && credential.data.flags() & UP_FLAG != 0);

    let allow = [credential.id.clone()];
    let assertion = client.assert(&AssertionRequest::new(RP, &allow));
    credential.verify_assertion(&assertion);
    assert!(assertion.data.is_for(RP));
    assert_eq!(assertion.data.flags(), UP_FLAG);
}

#[test]
fn a_credential_and_its_counter_survive_restarts() {
    let place = Place::new();
    let program = place.start("auto");
    let credential = place.connect().register(&Registration::new(RP));
    program.stop();

    let allow = [credential.id.clone()];
    let mut counter = credential.data.counter();
    for _ in 0..3 {
        let _program = place.start("auto");
        for _ in 0..2 {
            let assertion = place.connect().assert(&AssertionRequest::new(RP, &allow));
            credential.verify_assertion(&assertion);
            assert!(assertion.data.counter() > counter);
            counter = assertion.data.counter();
        }
        // Killed by the drop: what was answered is on the disk.
    }
}

#[test]
fn a_resident_credential_is_found_without_its_id() {
    let place = Place::new();
    let program = place.start("auto");
    let credential = place.connect().register(&Registration {
        resident: true,
        ..Registration::new(RP)
    });
    program.stop();

    let _program = place.start("auto");
    let assertion = place.connect().assert(&AssertionRequest::new(RP, &[]));
    credential.verify_assertion(&assertion);
}

#[test]
fn a_credential_of_another_rp_is_unknown() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let allow = [client.register(&Registration::new(RP)).id];
    let request = AssertionRequest::new("krb5realm:OTHER.COM", &allow).encode();
    assert_eq!(client.call(GET_ASSERTION, &request), (NO_CREDENTIALS, vec![]));
}

#[test]
fn a_credential_of_another_key_is_unknown() {
    let (here, there) = (Place::new(), Place::new());
    let _programs = [here.start("auto"), there.start("auto")];
    let allow = [here.connect().register(&Registration::new(RP)).id];
    let request = AssertionRequest::new(RP, &allow).encode();
    assert_eq!(
        there.connect().call(GET_ASSERTION, &request),
        (NO_CREDENTIALS, vec![])
    );
}

#[test]
fn an_altered_credential_id_is_unknown() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let id = client.register(&Registration::new(RP)).id;
    for position in [0, 1, 100, id.len() - 1] {
        let mut altered = id.clone();
        altered[position] ^= 1;
        let request = AssertionRequest::new(RP, &[altered]).encode();
        assert_eq!(
            client.call(GET_ASSERTION, &request),
            (NO_CREDENTIALS, vec![]),
            "byte {position}"
        );
    }
}

#[test]
fn an_excluded_credential_stops_a_registration() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let exclude = [vec![7; 40], client.register(&Registration::new(RP)).id];
    let request = Registration {
        exclude: &exclude,
        ..Registration::new(RP)
    }
    .encode();
    assert_eq!(
        client.call(MAKE_CREDENTIAL, &request),
        (CREDENTIAL_EXCLUDED, vec![])
    );
}

#[test]
fn unknown_excluded_credentials_do_not() {
    let place = Place::new();
    let _program = place.start("auto");
    let exclude = [vec![7; 40], vec![8; 241]];
    place.connect().register(&Registration {
        exclude: &exclude,
        ..Registration::new(RP)
    });
}

#[test]
fn an_algorithm_other_than_es256_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let request = Registration {
        algorithm: -257,
        ..Registration::new(RP)
    }
    .encode();
    assert_eq!(
        place.connect().call(MAKE_CREDENTIAL, &request),
        (UNSUPPORTED_ALGORITHM, vec![])
    );
}

#[test]
fn a_declined_touch_registers_nothing() {
    let place = Place::new();
    let _program = place.start("deny");
    let request = Registration {
        resident: true,
        ..Registration::new(RP)
    }
    .encode();
    let mut client = place.connect();
    assert_eq!(client.call(MAKE_CREDENTIAL, &request), (OPERATION_DENIED, vec![]));
    let silent = AssertionRequest {
        up: false,
        ..AssertionRequest::new(RP, &[])
    }
    .encode();
    assert_eq!(client.call(GET_ASSERTION, &silent), (NO_CREDENTIALS, vec![]));
}

#[test]
fn a_declined_touch_stops_an_assertion_but_a_silent_one_needs_none() {
    let place = Place::new();
    let program = place.start("auto");
    let credential = place.connect().register(&Registration::new(RP));
    program.stop();

    let _program = place.start("deny");
    let mut client = place.connect();
    let allow = [credential.id.clone()];
    let request = AssertionRequest::new(RP, &allow);
    assert_eq!(
        client.call(GET_ASSERTION, &request.encode()),
        (OPERATION_DENIED, vec![])
    );
    let assertion = client.assert(&AssertionRequest { up: false, ..request });
    credential.verify_assertion(&assertion);
    assert_eq!(assertion.data.flags(), 0);
}

#[test]
fn a_reset_soon_after_the_start_forgets_credentials() {
    let place = Place::new();
    let _program = place.start("auto");
    let allow = [place.connect().register(&Registration::new(RP)).id];
    let mut client = place.connect();
    assert_eq!(client.call(RESET, &[]), (OK, vec![]));
    let request = AssertionRequest::new(RP, &allow).encode();
    assert_eq!(client.call(GET_ASSERTION, &request), (NO_CREDENTIALS, vec![]));
}

#[test]
fn a_reset_after_an_assertion_is_refused() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    let allow = [client.register(&Registration::new(RP)).id];
    client.assert(&AssertionRequest::new(RP, &allow));
    assert_eq!(
        place_after(client, &place).call(RESET, &[]),
        (NOT_ALLOWED, vec![])
    );
}

#[test]
fn the_next_assertion_is_for_the_client_that_asked_for_the_first() {
    let place = Place::new();
    let _program = place.start("auto");
    let mut client = place.connect();
    for user in [b"one", b"two", b"six"] {
        client.register(&Registration {
            resident: true,
            user,
            ..Registration::new(RP)
        });
    }
    client.assert(&AssertionRequest::new(RP, &[]));
    let (status, body) = client.call(GET_NEXT_ASSERTION, &[]);
    assert_eq!(status, OK);
    Assertion::parse(&body);

    // The next client gets nothing on its own channel, and cannot take that of the first.
    let channel = client.channel;
    let mut thief = place_after(client, &place);
    assert_eq!(thief.call(GET_NEXT_ASSERTION, &[]), (NOT_ALLOWED, vec![]));
    thief.channel = channel;
    thief.send(CBOR, &[GET_NEXT_ASSERTION]);
    assert_eq!(thief.receive(), (ERROR, vec![INVALID_CHANNEL]));
}

/// A new client, once `client` has hung up.
fn place_after(client: Client, place: &Place) -> Client {
    drop(client);
    place.connect()
}
