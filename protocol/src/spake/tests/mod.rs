//! Whole exchanges, and what goes wrong in them, over a toy of Kerberos cryptography. The real one meets the vectors of
//! RFC 9588 in tests/rfc9588.rs.

use core::ffi::CStr;

use sha2::{Digest, Sha256};

use super::{
    client::{Agreed, encode_support, process_challenge},
    factor::seal,
    kdc::{
        Answered, ChallengeSent, FactorSent, FidoHello, FidoOffer, Mode, Offer, Opened, Reply,
        make_challenge, select_group,
    },
    message::{EncryptedData, PaSpake, SecondFactor},
    *,
};
use crate::{
    Error, VerifiedFactor,
    kerberos::Random,
    registry::{CLEAR_FACTOR_MAX, SF_FIDO, SF_NONE},
    secret::SecretBytes,
};

mod passes;
mod refusals;

const BODY: &[u8] = b"body of the first request";
const LATER_BODY: &[u8] = b"body of the second request";
const NONCE: [u8; 32] = [9; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failure;

/// Authenticates with a hash in front of the plain text, and does not conceal it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ToyKey {
    bytes: Vec<u8>,
    padding: usize,
    fails: bool,
}

impl ToyKey {
    fn new(password: &[u8]) -> Self {
        Self {
            bytes: password.to_vec(),
            padding: 0,
            fails: false,
        }
    }

    fn derived(&self, parts: &[&[u8]]) -> Self {
        Self {
            bytes: Sha256::digest(parts.concat()).to_vec(),
            ..self.clone()
        }
    }

    fn checksum(&self, usage: i32, plain: &[u8]) -> Vec<u8> {
        self.derived(&[&self.bytes, &usage.to_be_bytes(), plain]).bytes
    }
}

impl Key for ToyKey {
    type Error = Failure;

    fn enctype(&self) -> i32 {
        -17
    }

    fn prf_plus(&self, input: &[u8], output: &mut [u8]) -> Result<(), Failure> {
        for (counter, chunk) in (0_u8..).zip(output.chunks_mut(32)) {
            let block = self.derived(&[&self.bytes, input, &[counter]]).bytes;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        if self.fails { Err(Failure) } else { Ok(()) }
    }

    fn seed_length(&self) -> Result<usize, Failure> {
        Ok(40)
    }

    fn random_to_key(&self, seed: &[u8]) -> Result<Self, Failure> {
        Ok(self.derived(&[seed]))
    }

    fn fx_cf2(&self, pepper: &CStr, other: &Self, other_pepper: &CStr) -> Result<Self, Failure> {
        Ok(self.derived(&[
            &self.bytes,
            pepper.to_bytes(),
            &other.bytes,
            other_pepper.to_bytes(),
        ]))
    }

    fn encrypt(&self, usage: i32, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let padded = [plain, vec![0; self.padding].as_slice()].concat();
        Ok([self.checksum(usage, &padded), padded].concat())
    }

    fn decrypt(&self, usage: i32, cipher: &[u8]) -> Result<Option<SecretBytes>, Failure> {
        let (checksum, plain) = cipher.split_at_checked(32).ok_or(Failure)?;
        Ok((checksum == self.checksum(usage, plain)).then(|| SecretBytes::from(plain)))
    }
}

/// Counts.
struct Counter(u8);

impl Random for Counter {
    type Error = Failure;

    fn fill(&mut self, output: &mut [u8]) -> Result<(), Failure> {
        self.0 += 1;
        output.fill(self.0);
        Ok(())
    }
}

fn key() -> ToyKey {
    ToyKey::new(b"password")
}

fn ignore(_: Event<'_, ToyKey>) {}

fn fido_offer(challenge: Option<&[u8]>) -> FidoOffer {
    FidoOffer {
        nonce: NONCE,
        challenge: challenge.map(<[u8]>::to_vec),
    }
}

fn factor(factor_type: i32, data: Option<&[u8]>) -> SecondFactor {
    SecondFactor {
        factor_type,
        data: data.map(<[u8]>::to_vec),
    }
}

fn none() -> SecondFactor {
    factor(SF_NONE, None)
}

fn hello() -> SecondFactor {
    factor(SF_FIDO, Some(b"hello"))
}

fn support(group: Group) -> Vec<u8> {
    encode_support(&[group]).unwrap()
}

fn challenge(group: Group, offer: &Offer) -> Reply {
    make_challenge(
        group,
        &key(),
        &support(group),
        offer,
        &mut Counter(0),
        &mut ignore,
    )
    .unwrap()
}

fn agreed(group: Group, challenge: &[u8]) -> Agreed<ToyKey> {
    let random = &mut Counter(100);
    process_challenge(key(), &support(group), challenge, random, &mut ignore).unwrap()
}

fn enc_data(message: &[u8]) -> EncryptedData {
    match PaSpake::decode(message) {
        Ok(PaSpake::EncData(encrypted)) => encrypted,
        _ => unreachable!("not an encdata message"),
    }
}

fn answered<'k>(initial_key: &'k ToyKey, cookie: &[u8], public: &[u8]) -> Answered<'k, ToyKey> {
    let sent = ChallengeSent::parse_cookie(cookie).unwrap();
    sent.process_response(initial_key, public, &mut ignore).unwrap()
}

/// The public key and the factor of a response message.
fn response_parts(message: &[u8]) -> (Vec<u8>, EncryptedData) {
    match PaSpake::decode(message) {
        Ok(PaSpake::Response { public, factor }) => (public, factor),
        _ => unreachable!("not a response"),
    }
}

/// What the KDC makes of a response message.
fn opened<'k>(
    initial_key: &'k ToyKey,
    cookie: &[u8],
    response: &[u8],
    body: &[u8],
) -> PassResult<Opened<'k, ToyKey>, ToyKey> {
    let (public, factor) = response_parts(response);
    answered(initial_key, cookie, &public).open_factor(body, &factor, &mut ignore)
}

fn hello_of(opened: Opened<'_, ToyKey>) -> FidoHello<'_, ToyKey> {
    match opened {
        Opened::Hello(hello) => hello,
        _ => unreachable!("not a hello"),
    }
}

/// An SF-FIDO exchange in mode encrypted, up to the client's answer.
struct Encrypted {
    cookie: SecretBytes,
    asked: client::Asked<ToyKey>,
}

impl Encrypted {
    fn run(group: Group) -> Self {
        let reply = challenge(group, &Offer::Fido(fido_offer(None)));
        let (responded, response) = agreed(group, &reply.message)
            .respond(BODY, &hello(), &mut ignore)
            .unwrap();
        let initial_key = key();
        let opened = opened(&initial_key, reply.cookie.expose(), &response, BODY).unwrap();
        let hello = hello_of(opened);
        assert_eq!((hello.data(), hello.nonce()), (b"hello".as_slice(), &NONCE));
        let reply = hello
            .send_challenge(BODY, b"challenge".to_vec(), &mut ignore)
            .unwrap();
        let (asked, data) = responded
            .open_factor(&enc_data(&reply.message), &mut ignore)
            .unwrap();
        assert_eq!(data, b"challenge");
        Self {
            cookie: reply.cookie,
            asked,
        }
    }

    fn answer(self, body: &[u8]) -> EncryptedData {
        let answer = self.asked.answer(body, b"assertion".to_vec(), &mut ignore);
        enc_data(&answer.unwrap())
    }
}
