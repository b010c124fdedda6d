//! SPAKE challenges that are none.

use super::*;
use krb5_fido_tests::points;

/// The most that a message may have, in bytes.
const MESSAGE_MAX: usize = 65_536;

/// What kinit says of a challenge that it cannot use. libkrb5 has no other mechanism to go on with.
const REFUSED: &str = "Pre-authentication failed: Preauthentication failed";

/// The password's key is not even asked for.
fn assert_refused_unasked(login: &Login, sent: &[&str]) {
    login.assert_refused(REFUSED, sent);
    assert_eq!(login.kinit.stdout, "", "{}", login.kinit);
}

/// Changes the public key.
fn with_public(public: Vec<u8>) -> impl FnOnce(&mut Vec<u8>) + Send + 'static {
    move |message| {
        let Ok(PaSpake::Challenge { group, factors, .. }) = PaSpake::decode(message) else {
            panic!("not a challenge")
        };
        let changed = PaSpake::Challenge {
            group,
            public,
            factors,
        };
        *message = changed.encode().unwrap();
    }
}

/// A challenge in edwards25519 with these factors, which may be none that can be offered.
fn with_factors(factors: Vec<SecondFactor>) -> Step {
    challenge(Group::Edwards25519, Offer::None, move |message| {
        let Ok(PaSpake::Challenge { group, public, .. }) = PaSpake::decode(message) else {
            panic!("not a challenge")
        };
        let changed = PaSpake::Challenge {
            group,
            public,
            factors,
        };
        *message = changed.encode().unwrap();
    })
}

/// The client refuses all that `make` gives for any group.
fn refuse_in_each_group(make: fn(Group) -> Vec<Vec<u8>>) {
    let scene = Scene::set();
    for group in Group::ALL {
        for public in make(group) {
            let login = scene.login([challenge(group, Offer::None, with_public(public))]);
            login.assert_refused(REFUSED, &["nothing"]);
        }
    }
}

#[test]
fn honest_challenge_in_each_group_is_answered() {
    let scene = Scene::set();
    for group in Group::ALL {
        let login = scene.login([challenge(group, Offer::None, |_| {})]);
        assert_eq!(login.sent(), ["nothing", "response"], "{}", login.kinit.trace);
    }
    let login = scene.login([hint(), honest(Offer::None)]);
    assert_eq!(
        login.sent(),
        ["nothing", "support", "response"],
        "{}",
        login.kinit.trace
    );
}

#[test]
fn public_keys_of_a_wrong_length() {
    refuse_in_each_group(points::of_wrong_length);
}

#[test]
fn public_keys_off_the_curve() {
    refuse_in_each_group(points::off_the_curve);
}

#[test]
fn public_keys_that_are_the_identity() {
    refuse_in_each_group(points::identity);
}

#[test]
fn public_keys_of_small_order() {
    refuse_in_each_group(points::of_small_order);
}

#[test]
fn public_keys_in_another_encoding_than_the_canonical_one() {
    refuse_in_each_group(points::not_canonical);
}

/// A KDC that knows the password could make the client's result a constant.
#[test]
fn public_keys_whose_result_is_the_identity() {
    let scene = Scene::set();
    let key = AsClient::new(&scene.realm, "alice").key();
    let (constant, other) = points::of_constant_result(&key, points::M);
    let step = |public| challenge(Group::Edwards25519, Offer::None, with_public(public));
    for public in constant {
        scene.login([step(public)]).assert_refused(REFUSED, &["nothing"]);
    }
    assert_eq!(scene.login([step(other)]).sent(), ["nothing", "response"]);
}

/// A group that the client does not permit is answered with the support message, and only once.
#[test]
fn groups_that_are_unknown_or_not_permitted() {
    let mut scene = Scene::set();
    scene
        .realm
        .set_client_relation("spake_preauth_groups", &["edwards25519"])
        .unwrap();
    for unknown in [0, 5, -1, i32::MAX] {
        let message = PaSpake::Challenge {
            group: unknown,
            public: vec![9; 32],
            factors: vec![none()],
        };
        let message = message.encode().unwrap();
        let login = scene.login([spake(&message), spake(&message)]);
        assert_refused_unasked(&login, &["nothing", "support"]);
        let login = scene.login([hint(), spake(&message)]);
        assert_refused_unasked(&login, &["nothing", "support"]);
    }
    for group in [Group::P256, Group::P384, Group::P521] {
        let step = || challenge(group, Offer::None, |_| {});
        assert_refused_unasked(&scene.login([step(), step()]), &["nothing", "support"]);
    }
}

#[test]
fn factor_offered_twice() {
    let scene = Scene::set();
    for factors in [vec![none(), none()], vec![fido(), none(), fido()]] {
        assert_refused_unasked(&scene.login([with_factors(factors)]), &["nothing"]);
    }
}

#[test]
fn factors_that_do_not_exist() {
    let scene = Scene::set();
    for unknown in [0, 2, -1, i32::MAX, i32::MIN] {
        let login = scene.login([with_factors(vec![second_factor(unknown, Some(b"data"))])]);
        assert_refused_unasked(&login, &["nothing"]);
        let beside = vec![second_factor(unknown, Some(b"data")), none()];
        assert_eq!(
            scene.login([with_factors(beside)]).sent(),
            ["nothing", "response"]
        );
    }
}

#[test]
fn no_factor() {
    let scene = Scene::set();
    assert_refused_unasked(&scene.login([with_factors(vec![])]), &["nothing"]);
}

#[test]
fn trailing_bytes_and_missing_ones() {
    let scene = Scene::set();
    let changes: [fn(&mut Vec<u8>); 4] = [
        |message| message.push(0),
        |message| message.extend_from_within(..),
        |message| message.truncate(message.len() - 1),
        |message| message.truncate(1),
    ];
    for change in changes {
        let login = scene.login([challenge(Group::Edwards25519, Offer::None, change)]);
        assert_refused_unasked(&login, &["nothing"]);
    }
}

#[test]
fn messages_beyond_the_limit() {
    let scene = Scene::set();
    for length in [MESSAGE_MAX - 50, MESSAGE_MAX + 1, 16 * MESSAGE_MAX - 4096] {
        let factors = vec![second_factor(2, Some(&vec![7; length]))];
        assert_refused_unasked(&scene.login([with_factors(factors)]), &["nothing"]);
    }
}

#[test]
fn messages_that_a_kdc_does_not_send() {
    let scene = Scene::set();
    let support = PaSpake::Support { groups: vec![1] };
    let response = PaSpake::Response {
        public: vec![9; 32],
        factor: EncryptedData {
            etype: 18,
            kvno: None,
            cipher: vec![7; 64],
        },
    };
    for message in [support, response] {
        let message = message.encode().unwrap();
        assert_refused_unasked(&scene.login([spake(&message)]), &["nothing"]);
        assert_refused_unasked(&scene.login([hint(), spake(&message)]), &["nothing", "support"]);
    }
    assert_refused_unasked(&scene.login([spake(b"\xa4\x02\x30\x00")]), &["nothing"]);
}

#[test]
fn factor_message_before_the_challenge() {
    let scene = Scene::set();
    let key = AsClient::new(&scene.realm, "alice").key();
    let message = seal(&key, &fido().encode().unwrap());
    assert_refused_unasked(&scene.login([spake(&message)]), &["nothing"]);
    assert_refused_unasked(&scene.login([hint(), spake(&message)]), &["nothing", "support"]);
}

/// The first of several messages is the one that counts: after it nothing of the mechanism is looked at.
#[test]
fn several_messages_at_once() {
    let scene = Scene::set();
    let twice = |first: Step, second: Step| -> Step {
        Box::new(move |rogue, request| [first(rogue, request), second(rogue, request)].concat())
    };
    let login = scene.login([twice(spake(b"\x00"), honest(Offer::None))]);
    assert_refused_unasked(&login, &["nothing"]);
    let login = scene.login([twice(honest(Offer::None), honest(Offer::None))]);
    assert_eq!(login.sent(), ["nothing", "response"]);
}

#[test]
fn second_challenge_after_the_response() {
    let scene = Scene::set();
    let login = scene.login([honest(Offer::None), honest(Offer::None)]);
    login.assert_refused(REFUSED, &["nothing", "response"]);
    let login = scene.login([honest(Offer::Fido(fido_offer())), honest(Offer::None)]);
    login.assert_refused(factors::UNINTELLIGIBLE, &["nothing", "response"]);
}

/// A challenge in another group, after the response: the client does not begin anew.
#[test]
fn second_support_message_after_the_response_is_not_sent() {
    let mut scene = Scene::set();
    scene
        .realm
        .set_client_relation("spake_preauth_groups", &["edwards25519"])
        .unwrap();
    let other = || challenge(Group::P256, Offer::None, |_| {});
    let login = scene.login([honest(Offer::None), other()]);
    login.assert_refused(REFUSED, &["nothing", "response"]);
}
