//! Messages, cookies and factors that must not pass.

use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};

use super::{
    derive::derive_multiplier,
    group::{PrivateScalar, Role},
    *,
};

const fn protocol(error: Error) -> Option<SpakeError<Failure>> {
    Some(SpakeError::Protocol(error))
}

/// What the KDC answers to a factor that the client would not send.
fn refused(offer: &Offer, forged: &SecondFactor) -> Option<SpakeError<Failure>> {
    let reply = challenge(Group::P256, offer);
    let agreed = agreed(Group::P256, &reply.message);
    let mut first_key = None;
    let honest = agreed.offered()[0].clone();
    let (_, response) = agreed
        .respond(BODY, &honest, &mut |event| {
            if let Event::Key { number: 1, key } = event {
                first_key = Some(key.clone());
            }
        })
        .unwrap();
    let (public, _) = response_parts(&response);
    let encrypted = seal(&first_key.unwrap(), forged).unwrap();
    let initial_key = key();
    let answered = answered(&initial_key, reply.cookie.expose(), &public);
    answered.open_factor(BODY, &encrypted, &mut ignore).err()
}

#[test]
fn another_password() {
    for offer in [Offer::None, Offer::Fido(fido_offer(None))] {
        let reply = challenge(Group::Edwards25519, &offer);
        let other = ToyKey::new(b"passwore");
        let support = support(Group::Edwards25519);
        let random = &mut Counter(7);
        let agreed = process_challenge(other, &support, &reply.message, random, &mut ignore).unwrap();
        let factor = agreed.offered()[0].clone();
        let factor = SecondFactor {
            data: (factor.factor_type == SF_FIDO).then(Vec::new),
            ..factor
        };
        let (_, response) = agreed.respond(BODY, &factor, &mut ignore).unwrap();
        let refused = opened(&key(), reply.cookie.expose(), &response, BODY).err();
        assert_eq!(refused, protocol(Error::WrongPassword));
    }
}

/// S is w·M alone: its maker knows the password, and the result before the KDC does.
#[test]
fn a_public_key_that_makes_the_result_the_identity() {
    let group = Group::Edwards25519;
    let multiplier = derive_multiplier(group, &key()).unwrap();
    let private = PrivateScalar::generate(group, &mut Counter(3)).unwrap().unwrap();
    let honest = group.public_element(Role::Client, &multiplier, &private).unwrap();
    let honest = CompressedEdwardsY::from_slice(&honest)
        .unwrap()
        .decompress()
        .unwrap();
    let scalar = Scalar::from_bytes_mod_order(private.bytes().expose().try_into().unwrap());
    let public = (honest - EdwardsPoint::mul_base(&scalar)).compress();

    let reply = challenge(group, &Offer::None);
    let initial_key = key();
    let answered = answered(&initial_key, reply.cookie.expose(), public.as_bytes());
    let factor = EncryptedData {
        etype: key().enctype(),
        kvno: None,
        cipher: vec![0; 64],
    };
    let refused = answered.open_factor(BODY, &factor, &mut ignore).err();
    assert_eq!(refused, protocol(Error::IdentityElement));
}

#[test]
fn a_response_for_another_request() {
    let reply = challenge(Group::P256, &Offer::None);
    let (_, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &none(), &mut ignore)
        .unwrap();
    let refused = opened(&key(), reply.cookie.expose(), &response, LATER_BODY).err();
    assert_eq!(refused, protocol(Error::WrongPassword));
}

#[test]
fn a_response_to_another_challenge() {
    let reply = challenge(Group::P256, &Offer::None);
    let random = &mut Counter(50);
    let support = support(Group::P256);
    let other = make_challenge(Group::P256, &key(), &support, &Offer::None, random, &mut ignore).unwrap();
    let (_, response) = agreed(Group::P256, &other.message)
        .respond(BODY, &none(), &mut ignore)
        .unwrap();
    let refused = opened(&key(), reply.cookie.expose(), &response, BODY).err();
    assert_eq!(refused, protocol(Error::WrongPassword));
}

#[test]
fn a_challenge_whose_factors_were_changed_on_the_way() {
    let reply = challenge(Group::P256, &Offer::FidoOrNone(fido_offer(None)));
    let Ok(PaSpake::Challenge { group, public, .. }) = PaSpake::decode(&reply.message) else {
        unreachable!("not a challenge");
    };
    let changed = PaSpake::Challenge {
        group,
        public,
        factors: vec![none()],
    };
    let (_, response) = agreed(Group::P256, &changed.encode().unwrap())
        .respond(BODY, &none(), &mut ignore)
        .unwrap();
    let refused = opened(&key(), reply.cookie.expose(), &response, BODY).err();
    assert_eq!(refused, protocol(Error::WrongPassword));
}

#[test]
fn a_support_message_that_was_changed_on_the_way() {
    let reply = challenge(Group::P256, &Offer::None);
    let other = encode_support(&[Group::P384, Group::P256]).unwrap();
    let random = &mut Counter(7);
    let agreed = process_challenge(key(), &other, &reply.message, random, &mut ignore).unwrap();
    let (_, response) = agreed.respond(BODY, &none(), &mut ignore).unwrap();
    let refused = opened(&key(), reply.cookie.expose(), &response, BODY).err();
    assert_eq!(refused, protocol(Error::WrongPassword));
}

#[test]
fn a_factor_that_was_not_offered() {
    let fido = Offer::Fido(fido_offer(None));
    for (offer, forged) in [
        (&fido, none()),
        (&fido, factor(SF_NONE, Some(b""))),
        (&fido, factor(2, None)),
        (&Offer::None, hello()),
        (&Offer::None, factor(SF_FIDO, None)),
        (&Offer::None, factor(-1, Some(b"data"))),
        (&Offer::FidoOrNone(fido_offer(None)), factor(0, None)),
    ] {
        let refused = refused(offer, &forged);
        assert_eq!(refused, protocol(Error::FactorNotOffered), "{forged:?}");
    }
}

#[test]
fn factors_with_too_much_or_too_little() {
    let both = Offer::FidoOrNone(fido_offer(None));
    for data in [b"".as_slice(), b"data"] {
        let refused = refused(&both, &factor(SF_NONE, Some(data)));
        assert_eq!(refused, protocol(Error::UnexpectedFactorData));
    }
    for offer in [both, Offer::Fido(fido_offer(Some(b"challenge")))] {
        let refused = refused(&offer, &factor(SF_FIDO, None));
        assert_eq!(refused, protocol(Error::MissingFactorData));
    }
}

#[test]
fn a_factor_in_the_clear_mode_that_takes_long_to_read() {
    // The toy encrypts with a checksum of 32 bytes in front, and the factor has 20 bytes besides its data.
    let longest = CLEAR_FACTOR_MAX - 32 - 20;
    let data = vec![7; longest + 1];
    let clear = Offer::Fido(fido_offer(Some(b"challenge")));
    let refused_with = |offer, data| refused(offer, &factor(SF_FIDO, Some(data)));
    assert_eq!(refused_with(&clear, &data), protocol(Error::MessageTooLong));
    assert_eq!(refused_with(&clear, &data[1..]), None);
    assert_eq!(refused_with(&Offer::Fido(fido_offer(None)), &data), None);
}

#[test]
fn a_factor_of_another_encryption_type() {
    let reply = challenge(Group::P256, &Offer::None);
    let (_, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &none(), &mut ignore)
        .unwrap();
    let (public, mut factor) = response_parts(&response);
    factor.etype = 18;
    let initial_key = key();
    let answered = answered(&initial_key, reply.cookie.expose(), &public);
    let refused = answered.open_factor(BODY, &factor, &mut ignore).err();
    assert_eq!(refused, protocol(Error::EnctypeMismatch));
}

#[test]
fn public_keys_that_are_no_group_elements() {
    for group in Group::ALL {
        let reply = challenge(group, &Offer::None);
        for public in [
            vec![],
            vec![0; group.element_len()],
            vec![0xff; group.element_len()],
        ] {
            let sent = ChallengeSent::parse_cookie(reply.cookie.expose()).unwrap();
            let refused = sent.process_response(&key(), &public, &mut ignore).err();
            assert_eq!(refused, protocol(Error::InvalidPublicKey));

            let message = PaSpake::Challenge {
                group: group.id(),
                public,
                factors: vec![none()],
            };
            let random = &mut Counter(7);
            let message = message.encode().unwrap();
            let refused = process_challenge(key(), &[], &message, random, &mut ignore).err();
            assert_eq!(refused, protocol(Error::InvalidPublicKey));
        }
    }
}

#[test]
fn cookies_of_another_stage() {
    let first = challenge(Group::P256, &Offer::Fido(fido_offer(None)));
    let refused = FactorSent::parse_cookie(first.cookie.expose()).err();
    assert_eq!(refused, Some(Error::WrongCookieStage));
    let second = Encrypted::run(Group::P256);
    let refused = ChallengeSent::parse_cookie(second.cookie.expose()).err();
    assert_eq!(refused, Some(Error::WrongCookieStage));
}

#[test]
fn an_answer_that_is_not_under_the_key_of_its_stage_and_request() {
    let for_another_request = Encrypted::run(Group::P256).answer(BODY);
    let reply = challenge(Group::P256, &Offer::Fido(fido_offer(None)));
    let (_, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &hello(), &mut ignore)
        .unwrap();
    let (_, of_an_earlier_stage) = response_parts(&response);
    let mut damaged = Encrypted::run(Group::P256).answer(LATER_BODY);
    damaged.cipher[0] ^= 1;
    for answer in [for_another_request, of_an_earlier_stage, damaged] {
        let cookie = Encrypted::run(Group::P256).cookie;
        let sent = FactorSent::parse_cookie(cookie.expose()).unwrap();
        let refused = sent.open_factor(&key(), LATER_BODY, &answer, &mut ignore).err();
        assert_eq!(refused, protocol(Error::FactorIntegrity));
    }
}

/// Encrypts a factor under K'[3] of an exchange.
fn forged_answer(exchange: Encrypted, forged: &SecondFactor) -> (SecretBytes, EncryptedData) {
    let mut third_key = None;
    let observe = &mut |event: Event<'_, ToyKey>| {
        if let Event::Key { number: 3, key } = event {
            third_key = Some(key.clone());
        }
    };
    exchange.asked.answer(LATER_BODY, vec![], observe).unwrap();
    let encrypted = seal(&third_key.unwrap(), forged).unwrap();
    (exchange.cookie, encrypted)
}

#[test]
fn an_answer_that_changes_the_factor() {
    for (forged, expected) in [
        (none(), Error::FactorNotOffered),
        (factor(2, Some(b"data")), Error::FactorNotOffered),
        (factor(SF_FIDO, None), Error::MissingFactorData),
    ] {
        let (cookie, answer) = forged_answer(Encrypted::run(Group::P256), &forged);
        let sent = FactorSent::parse_cookie(cookie.expose()).unwrap();
        let refused = sent.open_factor(&key(), LATER_BODY, &answer, &mut ignore).err();
        assert_eq!(refused, protocol(expected));
    }
}

/// What the client makes of a factor message under K'[2] that is not the KDC's.
fn refused_message(
    forge: impl FnOnce(&ToyKey, EncryptedData) -> EncryptedData,
) -> Option<SpakeError<Failure>> {
    let reply = challenge(Group::P256, &Offer::FidoOrNone(fido_offer(None)));
    let (responded, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &hello(), &mut ignore)
        .unwrap();
    let initial_key = key();
    let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
    let mut second_key = None;
    let observe = &mut |event: Event<'_, ToyKey>| {
        if let Event::Key { key, .. } = event {
            second_key = Some(key.clone());
        }
    };
    let message = hello_of(opened).send_notice(BODY, vec![], observe).unwrap();
    let forged = forge(&second_key.unwrap(), enc_data(&message));
    responded.open_factor(&forged, &mut ignore).err()
}

#[test]
fn factor_messages_that_the_client_refuses() {
    let damaged = refused_message(|_, mut message| {
        message.cipher[40] ^= 1;
        message
    });
    assert_eq!(damaged, protocol(Error::FactorIntegrity));
    let of_another_type = refused_message(|_, mut message| {
        message.etype = 17;
        message
    });
    assert_eq!(of_another_type, protocol(Error::EnctypeMismatch));
    let changed = refused_message(|key, _| seal(key, &none()).unwrap());
    assert_eq!(changed, protocol(Error::FactorNotOffered));
    let empty = refused_message(|key, _| seal(key, &factor(SF_FIDO, None)).unwrap());
    assert_eq!(empty, protocol(Error::MissingFactorData));
    let malformed = refused_message(|key, mut message| {
        message.cipher = key.encrypt(65, b"not DER").unwrap();
        message
    });
    assert_eq!(malformed, protocol(Error::MalformedDer));
    let under_another_usage = refused_message(|key, mut message| {
        message.cipher = key.encrypt(66, &hello().encode().unwrap()).unwrap();
        message
    });
    assert_eq!(under_another_usage, protocol(Error::FactorIntegrity));
}

#[test]
fn a_challenge_for_another_request_than_the_response_was() {
    let reply = challenge(Group::P256, &Offer::Fido(fido_offer(None)));
    let (responded, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &hello(), &mut ignore)
        .unwrap();
    let initial_key = key();
    let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
    let message = hello_of(opened)
        .send_notice(LATER_BODY, vec![], &mut ignore)
        .unwrap();
    let refused = responded.open_factor(&enc_data(&message), &mut ignore).err();
    assert_eq!(refused, protocol(Error::FactorIntegrity));
}

#[test]
fn the_client_chooses_among_what_is_offered() {
    let reply = challenge(Group::P256, &Offer::Fido(fido_offer(None)));
    for factor in [none(), factor(2, None)] {
        let agreed = agreed(Group::P256, &reply.message);
        let refused = agreed.respond(BODY, &factor, &mut ignore).err();
        assert_eq!(refused, protocol(Error::FactorNotOffered));
    }
}

#[test]
fn a_password_is_no_security_key() {
    let exchange = Encrypted::run(Group::P256);
    let sent = FactorSent::parse_cookie(exchange.cookie.expose()).unwrap();
    let answer = exchange.answer(LATER_BODY);
    let initial_key = key();
    let assertion = sent
        .open_factor(&initial_key, LATER_BODY, &answer, &mut ignore)
        .unwrap();
    let refused = assertion.derive_reply_key(&VerifiedFactor::none(), LATER_BODY, &mut ignore);
    assert_eq!(refused.err(), protocol(Error::WrongVerifiedFactor));
}

#[test]
#[cfg(feature = "verify")]
fn a_security_key_of_another_exchange_is_no_password() {
    let reply = challenge(Group::P256, &Offer::None);
    let (_, response) = agreed(Group::P256, &reply.message)
        .respond(BODY, &none(), &mut ignore)
        .unwrap();
    let initial_key = key();
    let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
    let Opened::None(_, keys) = opened else {
        unreachable!("not SF-NONE");
    };
    let refused = keys.derive_reply_key(&VerifiedFactor::fido(true), BODY, &mut ignore);
    assert_eq!(refused.err(), protocol(Error::WrongVerifiedFactor));
}

#[test]
fn what_is_not_a_challenge() {
    let random = &mut Counter(7);
    let mut refused = |message: &[u8]| process_challenge(key(), &[], message, random, &mut ignore).err();
    assert_eq!(refused(&support(Group::P256)), protocol(Error::UnexpectedMessage));
    assert_eq!(refused(b""), protocol(Error::MalformedDer));
    for group in [0, 5, -1] {
        let message = PaSpake::Challenge {
            group,
            public: vec![0; 32],
            factors: vec![none()],
        };
        assert_eq!(refused(&message.encode().unwrap()), protocol(Error::UnknownGroup));
    }
}

#[test]
fn a_support_message_without_groups() {
    assert_eq!(encode_support(&[]), Err(Error::NoGroup));
}

#[test]
fn failures_of_the_cryptography_come_through() {
    let mut failing = key();
    failing.fails = true;
    let random = &mut Counter(0);
    let refused = make_challenge(Group::P256, &failing, &[], &Offer::None, random, &mut ignore).err();
    assert_eq!(refused, Some(SpakeError::Kerberos(Failure)));

    let reply = challenge(Group::P256, &Offer::None);
    let refused = process_challenge(failing.clone(), &[], &reply.message, random, &mut ignore).err();
    assert_eq!(refused, Some(SpakeError::Kerberos(Failure)));
    let sent = ChallengeSent::parse_cookie(reply.cookie.expose()).unwrap();
    let refused = sent.process_response(&failing, &[], &mut ignore).err();
    assert_eq!(refused, Some(SpakeError::Kerberos(Failure)));
}
