//! Cookies, against a second reader written from docs/formats.md, and taken up as a KDC does it.

use krb5_fido_protocol::{
    registry::{FIDO_NONCE_LEN, SF_FIDO, SF_NONE},
    spake::{
        Event, Group,
        client::{encode_support, process_challenge},
        kdc::{ChallengeSent, FactorSent, Mode, Offer, Opened, make_challenge},
        message::{EncryptedData, SecondFactor},
    },
};

use crate::kerberos::{Reproducible, ToyKey, hash};

const BODY: &[u8] = b"request";

/// What a cookie says.
#[derive(Debug, PartialEq, Eq)]
struct Cookie<'a> {
    version: u16,
    stage: u16,
    group: Group,
    value: &'a [u8],
    transcript: &'a [u8],
    /// Mode and nonce of SF-FIDO.
    fido: Option<(u8, [u8; FIDO_NONCE_LEN])>,
    none: bool,
}

impl<'a> Cookie<'a> {
    /// Reads a cookie of either stage; the SPAKE value may be out of its range.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let (stage, rest) = rest.split_first_chunk()?;
        let (group, rest) = rest.split_first_chunk()?;
        let (value, rest) = split_data(rest)?;
        let (transcript, rest) = split_data(rest)?;
        let mut cookie = Self {
            version: u16::from_be_bytes(*version),
            stage: u16::from_be_bytes(*stage),
            group: Group::from_id(i32::from_be_bytes(*group))?,
            value,
            transcript,
            fido: None,
            none: false,
        };
        cookie.read_records(rest)?;
        cookie.is_sound().then_some(cookie)
    }

    fn read_records(&mut self, mut records: &[u8]) -> Option<()> {
        while let Some((number, rest)) = records.split_first_chunk() {
            let (data, rest) = split_data(rest)?;
            match (i32::from_be_bytes(*number), data) {
                (SF_NONE, []) if !self.none => self.none = true,
                (SF_FIDO, [mode @ 0..=1, nonce @ ..]) if self.fido.is_none() => {
                    self.fido = Some((*mode, nonce.try_into().ok()?));
                }
                _ => return None,
            }
            records = rest;
        }
        records.is_empty().then_some(())
    }

    fn is_sound(&self) -> bool {
        let has_lengths = |value| self.value.len() == value && self.transcript.len() == self.group.hash_len();
        match (self.version, self.stage) {
            (1, 0) => has_lengths(self.group.scalar_len()) && self.fido.is_none() && !self.none,
            (2, 0) => has_lengths(self.group.scalar_len()) && self.fido.is_some(),
            (2, 1) => {
                has_lengths(self.group.element_len()) && matches!(self.fido, Some((0, _))) && !self.none
            }
            _ => false,
        }
    }
}

fn split_data(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)
}

/// Cookies of a challenge, and the response that takes one up.
///
/// # Panics
/// If the cookie is not read as docs/formats.md has it, or offers another factor than it says.
pub fn challenge_cookie(data: &[u8]) {
    let expected = Cookie::read(data).filter(|cookie| cookie.stage == 0);
    let Ok(sent) = ChallengeSent::parse_cookie(data) else {
        // A scalar may be out of range, which this reader does not know.
        assert!(expected.is_none_or(|cookie| is_scalar_refused(&cookie)));
        return;
    };
    let expected = expected.expect("both readers take it");
    assert!(FactorSent::parse_cookie(data).is_err());

    let key = ToyKey::from_password("password");
    let public = client_public(expected.group, &key);
    let mode = expected.fido.map(|(mode, _)| match mode {
        0 => Mode::Encrypted,
        _ => Mode::Clear,
    });
    assert_eq!(sent.fido_mode(), mode);

    let fido = sealed_for(data, &key, &public, SF_FIDO);
    match open(data, &key, &public, &fido) {
        Some(Opened::Hello(hello)) => {
            assert_eq!(expected.fido, Some((0, *hello.nonce())));
            let sent = hello.send_challenge(BODY, vec![0; 8], &mut |_| {});
            assert_next_stage(
                &expected,
                &public,
                sent.expect("nothing can fail").cookie.expose(),
            );
        }
        Some(Opened::Assertion(assertion)) => {
            assert_eq!(expected.fido, Some((1, *assertion.nonce())));
        }
        Some(Opened::None(..)) => panic!("SF-FIDO is not SF-NONE"),
        None => assert!(expected.fido.is_none()),
    }
    let none = sealed_for(data, &key, &public, SF_NONE);
    let offers_none = expected.none || expected.version == 1;
    let opened = open(data, &key, &public, &none);
    assert_eq!(matches!(opened, Some(Opened::None(..))), offers_none);
    assert_eq!(opened.is_some(), offers_none);
}

/// A scalar that the group refuses is refused in any other cookie, too.
fn is_scalar_refused(cookie: &Cookie<'_>) -> bool {
    let data = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).expect("a short value");
        [&length.to_be_bytes(), bytes].concat()
    };
    let stock = [
        &[0, 1, 0, 0][..],
        &cookie.group.id().to_be_bytes(),
        &data(cookie.value),
        &data(&vec![0; cookie.group.hash_len()]),
    ];
    ChallengeSent::parse_cookie(&stock.concat()).is_err()
}

/// A factor's cookie goes on where the challenge's ended.
fn assert_next_stage(challenge: &Cookie<'_>, public: &[u8], cookie: &[u8]) {
    let next = Cookie::read(cookie).expect("both readers take it");
    assert_eq!((next.version, next.stage), (2, 1));
    assert_eq!((next.group, next.fido), (challenge.group, challenge.fido));
    assert_eq!(next.transcript, next_transcript(challenge, public));
    assert!(FactorSent::parse_cookie(cookie).is_ok());
    assert!(ChallengeSent::parse_cookie(cookie).is_err());
}

/// The transcript hash behind the client's public key (RFC 9588 section 6).
fn next_transcript(challenge: &Cookie<'_>, public: &[u8]) -> Vec<u8> {
    hash(challenge.group, &[challenge.transcript, public])
}

/// A public element that some client with this key would send.
fn client_public(group: Group, key: &ToyKey) -> Vec<u8> {
    let support = encode_support(&[group]).expect("there is a group");
    let random = &mut Reproducible::default();
    let challenge = make_challenge(group, key, &support, &Offer::None, random, &mut |_| {});
    let message = challenge.expect("nothing can fail").message;
    let mut public = Vec::new();
    process_challenge(key.clone(), &support, &message, random, &mut |event| {
        if let Event::PublicKey(bytes) = event {
            public = bytes.to_vec();
        }
    })
    .expect("the challenge is sound");
    public
}

/// A factor under the `K'[1]` of this exchange: as an oracle would know it.
fn sealed_for(cookie: &[u8], key: &ToyKey, public: &[u8], factor_type: i32) -> EncryptedData {
    let junk = EncryptedData {
        etype: 18,
        kvno: None,
        cipher: vec![0; 40],
    };
    let mut first = None;
    let sent = ChallengeSent::parse_cookie(cookie).expect("it was taken before");
    if let Ok(answered) = sent.process_response(key, public, &mut |_| {}) {
        let opened = answered.open_factor(BODY, &junk, &mut |event| {
            if let Event::Key { number: 1, key } = event {
                first = Some(key.clone());
            }
        });
        assert!(opened.is_err());
    }
    let factor = SecondFactor {
        factor_type,
        data: (factor_type == SF_FIDO).then(|| b"data".to_vec()),
    };
    first.map_or(junk, |key| key.seal(&factor))
}

fn open<'k>(
    cookie: &[u8],
    key: &'k ToyKey,
    public: &[u8],
    factor: &EncryptedData,
) -> Option<Opened<'k, ToyKey>> {
    let sent = ChallengeSent::parse_cookie(cookie).expect("it was taken before");
    let answered = sent.process_response(key, public, &mut |_| {}).ok()?;
    answered.open_factor(BODY, factor, &mut |_| {}).ok()
}

/// Cookies of a factor message, and the answer that takes one up.
///
/// # Panics
/// If the cookie is not read as docs/formats.md has it.
pub fn factor_cookie(data: &[u8]) {
    let expected = Cookie::read(data).filter(|cookie| cookie.stage == 1);
    let sent = FactorSent::parse_cookie(data);
    assert_eq!(sent.is_ok(), expected.is_some());
    let (Ok(_), Some(expected)) = (sent, expected) else {
        return;
    };
    assert!(ChallengeSent::parse_cookie(data).is_err());

    let key = ToyKey::from_password("password");
    let mut third = None;
    let junk = EncryptedData {
        etype: 18,
        kvno: None,
        cipher: vec![0; 40],
    };
    let opened = take_up(data).open_factor(&key, BODY, &junk, &mut |event| {
        if let Event::Key { number: 3, key } = event {
            third = Some(key.clone());
        }
    });
    assert!(opened.is_err());
    let third = third.expect("K'[3] was derived");
    for (factor_type, data_of_factor) in [(SF_NONE, None), (SF_NONE, Some(b"x")), (SF_FIDO, None)] {
        let factor = SecondFactor {
            factor_type,
            data: data_of_factor.map(|data| data.to_vec()),
        };
        let opened = take_up(data).open_factor(&key, BODY, &third.seal(&factor), &mut |_| {});
        assert!(opened.is_err());
    }
    let factor = SecondFactor {
        factor_type: SF_FIDO,
        data: Some(b"data".to_vec()),
    };
    let opened = take_up(data).open_factor(&key, BODY, &third.seal(&factor), &mut |_| {});
    let assertion = opened.expect("the factor is sound");
    assert_eq!(expected.fido, Some((0, *assertion.nonce())));
    assert_eq!(assertion.transcript(), expected.transcript);
    assert_eq!(assertion.data(), b"data");
}

fn take_up(cookie: &[u8]) -> FactorSent {
    FactorSent::parse_cookie(cookie).expect("it was taken before")
}
