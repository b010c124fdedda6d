//! The client's scalar never leaves the client: it is known by the public key that it gives.

use krb5_fido_protocol::{
    kerberos::{Key, Random},
    spake::{Event, Group, client::process_challenge},
};
use krb5_fido_tests::Freed;
use krb5_plugin::{Error, KeyBlock, SystemRandom};

use crate::exchange::Exchange;

/// Bytes that a scalar of edwards25519 is drawn from.
const DRAWN: usize = 64;

/// Gives these bytes, and zeros behind them.
struct Candidate<'a>(&'a [u8]);

impl Random for Candidate<'_> {
    type Error = Error;

    fn fill(&mut self, output: &mut [u8]) -> Result<(), Error> {
        output.fill(0);
        output
            .iter_mut()
            .zip(self.0)
            .for_each(|(byte, given)| *byte = *given);
        Ok(())
    }
}

/// Whether the scalar to this public key, or what it was drawn from, is anywhere in what was freed.
pub(crate) fn is_left(freed: &Freed, exchange: &Exchange, public: &[u8]) -> bool {
    let messages = exchange.messages();
    let runs = |length| freed.random_runs(length, &messages);
    let gives = |scalar: &[u8]| public_key(exchange, scalar).as_deref() == Some(public);
    let scalars = runs(exchange.group().scalar_len());
    match exchange.group() {
        Group::Edwards25519 => {
            let multiples = scalars.iter().filter(|run| run[0] & 7 == 0);
            multiples.map(|run| quotient(run)).any(|scalar| gives(&scalar))
                || runs(DRAWN).iter().any(|drawn| gives(drawn))
        }
        // Its order has 521 bits.
        Group::P521 => scalars.iter().any(|run| run[0] < 2 && gives(run)),
        Group::P256 | Group::P384 => scalars.iter().any(|run| gives(run)),
    }
}

/// Whether a scalar that was left would be found.
pub(crate) fn is_noticed(exchange: &Exchange) -> bool {
    let group = exchange.group();
    let mut scalar = vec![0; group.scalar_len()];
    SystemRandom.fill(&mut scalar).unwrap();
    let mut drawn = vec![0; DRAWN];
    SystemRandom.fill(&mut drawn).unwrap();
    let left = match group {
        Group::Edwards25519 => {
            // A multiple of 8, and an eighth of it is below the order.
            (scalar[0], scalar[31]) = (scalar[0] & !7, scalar[31] & 0x7f);
            vec![(quotient(&scalar), scalar), (drawn.clone(), drawn)]
        }
        Group::P256 | Group::P384 | Group::P521 => {
            // Below the order.
            scalar[0] = 0;
            vec![(scalar.clone(), scalar)]
        }
    };
    left.into_iter().all(|(scalar, left)| {
        let public = public_key(exchange, &scalar).unwrap();
        let block = [&[0x11; 9], left.as_slice(), &[0x22; 9]].concat();
        let is_found = |bytes: &[u8]| is_left(&Freed::of(&[bytes.to_vec()]), exchange, &public);
        is_found(&block) && !is_found(&block[10..])
    })
}

/// An eighth of a little-endian number.
fn quotient(number: &[u8]) -> Vec<u8> {
    let above = number.iter().skip(1).chain([&0]);
    number
        .iter()
        .zip(above)
        .map(|(byte, above)| byte >> 3 | above << 5)
        .collect()
}

/// The public key of a client that draws this scalar; `None` if it is out of range.
fn public_key(exchange: &Exchange, scalar: &[u8]) -> Option<Vec<u8>> {
    let key = KeyBlock::new(exchange.key.enctype(), exchange.key.expose());
    let mut found = None;
    let observe = &mut |event: Event<'_, KeyBlock>| {
        if let Event::PublicKey(public) = event {
            found = Some(public.to_vec());
        }
    };
    let random = &mut Candidate(scalar);
    drop(process_challenge(
        key,
        &exchange.support,
        &exchange.challenge,
        random,
        observe,
    ));
    found
}
