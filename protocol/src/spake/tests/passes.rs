//! Both sides of the exchange, together.

use core::cell::RefCell;

use super::*;

#[test]
fn password_alone() {
    for group in Group::ALL {
        let reply = challenge(group, &Offer::None);
        let agreed = agreed(group, &reply.message);
        let expected = agreed.derive_reply_key(BODY, &mut ignore).unwrap();
        let (_, response) = agreed.respond(BODY, &none(), &mut ignore).unwrap();
        let initial_key = key();
        let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
        let Opened::None(verified, keys) = opened else {
            unreachable!("not SF-NONE");
        };
        assert!(!verified.is_hardware());
        let reply_key = keys.derive_reply_key(&verified, BODY, &mut ignore).unwrap();
        assert_eq!(reply_key, expected);
    }
}

#[test]
#[cfg(feature = "verify")]
fn security_key_after_the_password() {
    for group in Group::ALL {
        let exchange = Encrypted::run(group);
        let expected = exchange.asked.derive_reply_key(LATER_BODY, &mut ignore).unwrap();
        let transcript = exchange.asked.transcript().to_vec();
        let cookie = FactorSent::parse_cookie(exchange.cookie.expose()).unwrap();
        let answer = exchange.answer(LATER_BODY);
        let initial_key = key();
        let assertion = cookie
            .open_factor(&initial_key, LATER_BODY, &answer, &mut ignore)
            .unwrap();
        assert_eq!(
            (assertion.data(), assertion.nonce()),
            (b"assertion".as_slice(), &NONCE)
        );
        assert_eq!(assertion.transcript(), transcript);
        let verified = VerifiedFactor::fido(true);
        let derive = |body| assertion.derive_reply_key(&verified, body, &mut ignore).unwrap();
        assert_eq!(derive(LATER_BODY), expected);
        assert_ne!(derive(BODY), expected);
    }
}

#[test]
#[cfg(feature = "verify")]
fn security_key_in_the_clear() {
    let reply = challenge(Group::P256, &Offer::Fido(fido_offer(Some(b"challenge"))));
    let agreed = agreed(Group::P256, &reply.message);
    assert_eq!(agreed.offered(), [factor(SF_FIDO, Some(b"challenge"))]);
    let expected = agreed.derive_reply_key(BODY, &mut ignore).unwrap();
    let transcript = agreed.transcript().to_vec();
    let assertion = factor(SF_FIDO, Some(b"assertion"));
    let (_, response) = agreed.respond(BODY, &assertion, &mut ignore).unwrap();
    let initial_key = key();
    let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
    let Opened::Assertion(assertion) = opened else {
        unreachable!("not an assertion");
    };
    assert_eq!(
        (assertion.data(), assertion.nonce()),
        (b"assertion".as_slice(), &NONCE)
    );
    assert_eq!(assertion.transcript(), transcript);
    let verified = VerifiedFactor::fido(false);
    let reply_key = assertion.derive_reply_key(&verified, BODY, &mut ignore).unwrap();
    assert_eq!(reply_key, expected);
}

#[test]
fn either_factor_of_two() {
    let reply = challenge(Group::P256, &Offer::FidoOrNone(fido_offer(None)));
    for (factor, is_hello) in [(hello(), true), (none(), false)] {
        let agreed = agreed(Group::P256, &reply.message);
        let types: Vec<_> = agreed
            .offered()
            .iter()
            .map(|offered| offered.factor_type)
            .collect();
        assert_eq!(types, [SF_FIDO, SF_NONE]);
        let (_, response) = agreed.respond(BODY, &factor, &mut ignore).unwrap();
        let initial_key = key();
        let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
        assert_eq!(matches!(opened, Opened::Hello(_)), is_hello);
        assert_eq!(matches!(opened, Opened::None(..)), !is_hello);
    }
}

#[test]
fn optimistic_challenge() {
    let initial_key = key();
    let random = &mut Counter(0);
    let reply = make_challenge(Group::P256, &initial_key, &[], &Offer::None, random, &mut ignore).unwrap();
    let agreed = process_challenge(key(), &[], &reply.message, random, &mut ignore).unwrap();
    let (_, response) = agreed.respond(BODY, &none(), &mut ignore).unwrap();
    assert!(opened(&initial_key, reply.cookie.expose(), &response, BODY).is_ok());
}

#[test]
fn a_notice_needs_no_cookie() {
    let reply = challenge(Group::P256, &Offer::Fido(fido_offer(None)));
    let (responded, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &hello(), &mut ignore)
        .unwrap();
    let initial_key = key();
    let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
    let notice = hello_of(opened).send_notice(BODY, b"notice".to_vec(), &mut ignore);
    let (_, data) = responded
        .open_factor(&enc_data(&notice.unwrap()), &mut ignore)
        .unwrap();
    assert_eq!(data, b"notice");
}

#[test]
fn padding_left_by_decryption() {
    let mut padding_key = key();
    padding_key.padding = 7;
    let random = &mut Counter(0);
    let reply = make_challenge(Group::P256, &padding_key, &[], &Offer::None, random, &mut ignore).unwrap();
    let agreed = process_challenge(padding_key.clone(), &[], &reply.message, random, &mut ignore).unwrap();
    let (_, response) = agreed.respond(BODY, &none(), &mut ignore).unwrap();
    assert!(opened(&padding_key, reply.cookie.expose(), &response, BODY).is_ok());
}

#[test]
fn the_kdc_knows_how_it_offered_the_security_key() {
    for (offer, mode) in [
        (Offer::None, None),
        (Offer::Fido(fido_offer(None)), Some(Mode::Encrypted)),
        (Offer::FidoOrNone(fido_offer(Some(b""))), Some(Mode::Clear)),
    ] {
        let reply = challenge(Group::P256, &offer);
        let sent = ChallengeSent::parse_cookie(reply.cookie.expose()).unwrap();
        assert_eq!(sent.fido_mode(), mode);
    }
}

fn written(event: &Event<'_, ToyKey>) -> String {
    match event {
        Event::PublicKey(_) => "public key".to_owned(),
        Event::Result => "result".to_owned(),
        Event::Transcript(_) => "transcript".to_owned(),
        Event::Key { number, .. } => number.to_string(),
    }
}

#[test]
fn what_is_observed_comes_in_the_order_of_the_stock_module() {
    let events = RefCell::new(Vec::new());
    let observe = &mut |event: Event<'_, ToyKey>| events.borrow_mut().push(written(&event));
    let (initial_key, random) = (key(), &mut Counter(0));
    let offer = Offer::Fido(fido_offer(None));

    let reply = make_challenge(Group::P256, &initial_key, &[], &offer, random, observe).unwrap();
    assert_eq!(events.take(), ["public key"]);
    let agreed = process_challenge(key(), &[], &reply.message, random, observe).unwrap();
    assert_eq!(events.take(), ["public key", "result", "transcript"]);
    agreed.derive_reply_key(BODY, observe).unwrap();
    let (responded, response) = agreed.respond(BODY, &hello(), observe).unwrap();
    assert_eq!(events.take(), ["0", "1"]);

    let (public, factor) = response_parts(&response);
    let sent = ChallengeSent::parse_cookie(reply.cookie.expose()).unwrap();
    let answered = sent.process_response(&initial_key, &public, observe).unwrap();
    assert_eq!(events.take(), ["transcript", "result"]);
    let hello = hello_of(answered.open_factor(BODY, &factor, observe).unwrap());
    let reply = hello.send_challenge(BODY, vec![], observe).unwrap();
    assert_eq!(events.take(), ["1", "2"]);

    let (asked, _) = responded.open_factor(&enc_data(&reply.message), observe).unwrap();
    asked.derive_reply_key(LATER_BODY, observe).unwrap();
    let answer = asked.answer(LATER_BODY, vec![], observe).unwrap();
    assert_eq!(events.take(), ["2", "0", "3"]);

    let sent = FactorSent::parse_cookie(reply.cookie.expose()).unwrap();
    let answer = enc_data(&answer);
    sent.open_factor(&initial_key, LATER_BODY, &answer, observe)
        .unwrap();
    assert_eq!(events.take(), ["3"]);
}

#[test]
fn the_kdc_takes_the_first_permitted_group_of_the_client() {
    let permitted = [Group::Edwards25519, Group::P384];
    assert_eq!(select_group(&[2, 99, 3, 1], &permitted), Some(Group::P384));
    assert_eq!(select_group(&[1, 3], &permitted), Some(Group::Edwards25519));
    assert_eq!(select_group(&[2, 4, 0, -1], &permitted), None);
    assert_eq!(select_group(&[], &permitted), None);
    assert_eq!(select_group(&[1], &[]), None);
}
