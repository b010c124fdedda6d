//! Honest exchanges: their messages and cookies, and frames.

use krb5_fido_protocol::{
    fido::{
        client_settings::{ClientSettings, Facets},
        factor::{
            CredentialRef, FidoAssertion, FidoChallenge, FidoFactor, FidoHello, FidoNotice, NoticeCode,
            RelyingParty, UserVerification,
        },
    },
    helper::{Assert, AttachedKey, Choice, Failure, KeyState, Message, PinReason, PinWanted, encode},
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    secret::SecretBytes,
    spake::{
        Group,
        client::{encode_support, process_challenge},
        kdc::{ChallengeSent, FidoOffer, Offer, Opened, make_challenge},
        message::{PaSpake, SecondFactor},
    },
};

use super::Seed;
use crate::kerberos::{Reproducible, ToyKey};

const BODY: &[u8] = b"request";
const NONCE: [u8; 32] = [9; 32];

pub(super) fn seeds() -> Vec<Seed> {
    let groups = Group::ALL.into_iter().flat_map(exchange);
    let mut seeds: Vec<Seed> = groups.collect();
    seeds.extend(factors());
    seeds.extend(frames());
    seeds
}

/// An exchange in which both factors are offered, up to the KDC's factor message.
fn exchange(group: Group) -> Vec<Seed> {
    let name = group.name();
    let key = ToyKey::from_password("password");
    let random = &mut Reproducible::default();
    let support = encode_support(&[group, Group::P256]).expect("there is a group");
    let fido = |challenge: Option<&FidoFactor>| FidoOffer {
        nonce: NONCE,
        challenge: challenge.map(encoded),
    };
    let mut challenge = |offer| {
        let reply = make_challenge(group, &key, &support, &offer, random, &mut |_| {});
        reply.expect("nothing can fail")
    };
    let stock = challenge(Offer::None);
    let clear = challenge(Offer::Fido(fido(Some(&challenge_message()))));
    let reply = challenge(Offer::FidoOrNone(fido(None)));

    let agreed = process_challenge(key.clone(), &support, &reply.message, random, &mut |_| {});
    let hello = SecondFactor {
        factor_type: SF_FIDO,
        data: Some(encoded(&hello_message())),
    };
    let agreed = agreed.expect("the challenge is sound");
    let (_, response) = agreed.respond(BODY, &hello, &mut |_| {}).expect("it was offered");
    let Ok(PaSpake::Response { public, factor }) = PaSpake::decode(&response) else {
        panic!("a response was made");
    };
    let sent = ChallengeSent::parse_cookie(reply.cookie.expose()).expect("the KDC's own cookie");
    let answered = sent
        .process_response(&key, &public, &mut |_| {})
        .expect("it is sound");
    let Ok(Opened::Hello(opened)) = answered.open_factor(BODY, &factor, &mut |_| {}) else {
        panic!("a hello was sent");
    };
    let asked = opened.send_challenge(BODY, encoded(&challenge_message()), &mut |_| {});
    let asked = asked.expect("nothing can fail");
    [
        ("pa_spake", "support", support),
        ("pa_spake", "challenge", reply.message),
        ("pa_spake", "challenge-clear", clear.message),
        ("pa_spake", "response", response),
        ("pa_spake", "encdata", asked.message),
        ("challenge_cookie", "none", stock.cookie.expose().to_vec()),
        ("challenge_cookie", "fido", clear.cookie.expose().to_vec()),
        ("challenge_cookie", "fido-none", reply.cookie.expose().to_vec()),
        ("factor_cookie", "fido", asked.cookie.expose().to_vec()),
    ]
    .map(|(target, what, bytes)| Seed::new(target, format!("{name}-{what}"), bytes))
    .into()
}

fn factors() -> Vec<Seed> {
    let padded = |factor: &SecondFactor| {
        let factor = factor.encode().expect("short enough");
        [factor, vec![0; 5]].concat()
    };
    let none = SecondFactor {
        factor_type: SF_NONE,
        data: None,
    };
    let fido = SecondFactor {
        factor_type: SF_FIDO,
        data: Some(encoded(&hello_message())),
    };
    let notice = FidoFactor::Notice(FidoNotice {
        code: NoticeCode::EnrolRequired,
        enrol_url: Some("https://example.com/enrol".to_owned()),
    });
    // A later version has put an element behind those that are known.
    let extended = b"\xa3\x0e\x30\x0c\xa0\x03\x0a\x01\x01\xa7\x05\x04\x03new".to_vec();
    vec![
        Seed::new("pa_spake", "factor-none", padded(&none)),
        Seed::new("pa_spake", "factor-fido", padded(&fido)),
        Seed::new(
            "pa_spake",
            "support-extended",
            b"\xa0\x0e\x30\x0c\xa0\x05\x30\x03\x02\x01\x01\xa5\x03\x02\x01\x07",
        ),
        Seed::new("factor", "hello", encoded(&hello_message())),
        Seed::new("factor", "challenge", encoded(&challenge_message())),
        Seed::new(
            "factor",
            "assertion",
            encoded(&FidoFactor::Assertion(assertion())),
        ),
        Seed::new("factor", "notice", encoded(&notice)),
        Seed::new("factor", "notice-extended", extended),
    ]
}

fn encoded(message: &FidoFactor) -> Vec<u8> {
    message.encode().expect("short enough")
}

fn hello_message() -> FidoFactor {
    FidoFactor::Hello(FidoHello {
        versions: vec![FIDO_VERSION, 2],
    })
}

fn challenge_message() -> FidoFactor {
    FidoFactor::Challenge(FidoChallenge {
        nonce: NONCE,
        parties: parties(),
        facets_url: Some("https://example.com/facets.json".to_owned()),
    })
}

fn parties() -> Vec<RelyingParty> {
    let credential = |id: &[u8], uv| CredentialRef { id: id.to_vec(), uv };
    vec![
        RelyingParty {
            rp_id: "example.com".to_owned(),
            credentials: vec![
                credential(&[1; 16], UserVerification::Preferred),
                credential(&[2; 64], UserVerification::Required),
            ],
        },
        RelyingParty {
            rp_id: "krb5realm:EXAMPLE.COM".to_owned(),
            credentials: vec![credential(&[3; 64], UserVerification::Discouraged)],
        },
    ]
}

fn assertion() -> FidoAssertion {
    FidoAssertion {
        credential_id: vec![1; 16],
        authenticator_data: vec![4; 37],
        signature: vec![5; 71],
    }
}

fn frames() -> Vec<Seed> {
    let product = || "Security Key".to_owned();
    let failures = [
        Failure::NoKey,
        Failure::WrongKey { product: product() },
        Failure::PinInvalid {
            product: product(),
            retries: Some(7),
        },
        Failure::InvalidConfiguration {
            relation: "fido_device".to_owned(),
            value: "hidraw0".to_owned(),
        },
        Failure::Device {
            product: product(),
            code: -2,
            text: "FIDO_ERR_RX".to_owned(),
        },
    ];
    let mut messages = vec![
        ("assert".to_owned(), Message::Assert(Box::new(request()))),
        ("pin".to_owned(), Message::Pin(SecretBytes::from(&b"1234"[..]))),
        (
            "pin-wanted".to_owned(),
            Message::PinWanted(PinWanted {
                product: product(),
                retries: None,
                reason: PinReason::Demanded,
            }),
        ),
        ("touch-now".to_owned(), Message::TouchNow(vec![product()])),
        ("waiting".to_owned(), Message::Waiting(Failure::NoKey)),
        ("assertion".to_owned(), Message::Assertion(assertion())),
        ("probe".to_owned(), Message::Probe(vec!["auto".to_owned()])),
        ("attached".to_owned(), Message::Attached(vec![attached_key()])),
        (
            "choose".to_owned(),
            Message::Choose(Choice {
                device: Some("auto".to_owned()),
                pin: Some(SecretBytes::from(&b"1234"[..])),
            }),
        ),
        (
            "facets-unused".to_owned(),
            Message::FacetsUnused("timed out".to_owned()),
        ),
        ("skipped".to_owned(), Message::Skipped("example.org".to_owned())),
    ];
    let failures = failures.into_iter().enumerate();
    messages.extend(failures.map(|(number, failure)| (format!("failed-{number}"), Message::Failed(failure))));
    let frames = messages.into_iter().map(|(name, message)| {
        let frame = encode(&message).expect("short enough");
        Seed::new("helper_frames", name, &frame.expose()[4..])
    });
    frames.collect()
}

fn attached_key() -> AttachedKey {
    AttachedKey {
        path: "/dev/hidraw0".to_owned(),
        product: "Key".to_owned(),
        state: Some(KeyState {
            pin_set: true,
            pin_retries: Some(8),
            builtin_uv: false,
        }),
    }
}

fn request() -> Assert {
    Assert {
        realm: "EXAMPLE.COM".to_owned(),
        settings: ClientSettings {
            rp_id: None,
            public_suffix_list: Some("/usr/share/publicsuffix/public_suffix_list.dat".to_owned()),
            facets_url: Some("https://www.example.com/facets".to_owned()),
            facets: Facets::Kdc,
            devices: vec!["auto".to_owned(), "unix:/run/key".to_owned()],
        },
        kdc_facets_url: None,
        timeout_seconds: 60,
        principal: b"alice@EXAMPLE.COM".to_vec(),
        nonce: NONCE,
        transcript: vec![6; 32],
        request_hash: [7; 32],
        parties: parties(),
    }
}
