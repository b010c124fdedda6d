//! AS-REQs that no honest client sends, made from a seed out of those that one has sent.
//!
//! Layers of change: the bytes and the DER values of the whole request; the list of pre-authentication data, with several
//! PA-SPAKE messages; cookies, whole, cut, put together and of another principal, stage or version; the PA-SPAKE message,
//! its public key, groups and factor, under the right key where one is needed; the request body, under the keys of the
//! honest one's and under its own.
//!
//! A mutant gets a ticket only if it still holds everything that an honest client proves itself with; see [`Mutant::ticket`].

mod bodies;
mod bytes;
mod dice;
mod messages;
mod pa_data;
mod samples;
mod tree;

use krb5_fido_protocol::{registry::PA_SPAKE, spake::message::PaSpake};

pub use self::samples::{Samples, Target};
use self::{
    dice::Dice,
    samples::{Sample, Stage},
};
use crate::{
    der::Value,
    kerberos::{AsRequest, PA_FX_COOKIE, PaData},
    wire::DATAGRAM_MAX,
};

/// A request that is sent as it is, and what may come of it.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What it was made from, and how.
    pub origin: String,
    /// How it is sent.
    pub transport: Transport,
    /// The principal for whom a ticket would be right. The request came from one that ends in a ticket, and it still holds,
    /// byte for byte, the KDC-REQ-BODY, the KDC's cookie and the encrypted factor of that request, and no two PA-SPAKE
    /// elements. The keys depend on the body and on the exchange in the cookie, so that nothing of weight can have been
    /// changed. Where a factor or a body was changed under the right keys, "that request" is the changed one, if
    /// the factor still holds its type and all parts of the assertion, and the assertion was made for that body.
    pub ticket: Option<&'static str>,
}

/// How a mutant is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp(Vec<u8>),
    /// All bytes of a TCP connection, the length included.
    Tcp(Vec<u8>),
}

impl Transport {
    /// The bytes that are sent.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Udp(bytes) | Self::Tcp(bytes) => bytes,
        }
    }
}

/// Makes mutant `number` of a seed. Which changes are made depends on these two alone; what is changed is different in each
/// login, as nonces, keys and cookies are.
pub fn make(seed: u64, number: u64, samples: &Samples<'_>) -> Mutant {
    let mut dice = Dice::new(seed, number);
    let sample = pick_sample(&mut dice, samples);
    let (layer, draft) = draft(&mut dice, samples, sample);
    let (outer, request) = change_outside(&mut dice, &draft.request.encode());
    let ticket = sample.ticket().filter(|_| draft.justifies(&request));
    Mutant {
        origin: format!("{:?}, {layer}, {outer}", sample.stage),
        transport: choose_transport(&mut dice, request),
        ticket,
    }
}

/// The later a stage, the more code it reaches.
fn pick_sample<'s>(dice: &mut Dice, samples: &'s Samples<'_>) -> &'s Sample {
    let stage = *dice.pick(&[
        Stage::Support,
        Stage::Response,
        Stage::Response,
        Stage::Answer,
        Stage::Answer,
        Stage::Answer,
        Stage::Password,
        Stage::Password,
    ]);
    let mut found = samples.honest.iter().filter(|sample| sample.stage == stage);
    found.next().unwrap()
}

fn draft(dice: &mut Dice, samples: &Samples<'_>, sample: &Sample) -> (&'static str, Draft) {
    match dice.number(..20) {
        0..=1 => ("nothing", Draft::of(sample)),
        2..=4 => ("pa-data", pa_data::change(dice, sample)),
        5..=6 => ("cookie", pa_data::change_cookie(dice, samples, sample)),
        7 => ("several messages", pa_data::add_messages(dice, samples, sample)),
        8 => ("spliced", pa_data::splice(dice, samples, sample)),
        9..=10 => ("message", messages::change(dice, sample)),
        11..=12 => ("fields of the message", messages::refill(dice, sample)),
        13..=16 => ("factor", messages::reseal(dice, sample)),
        17 => ("body", bodies::change(dice, sample)),
        _ => ("body and keys", bodies::mean(dice, samples, sample)),
    }
}

fn change_outside(dice: &mut Dice, request: &[u8]) -> (&'static str, Vec<u8>) {
    match dice.number(..10) {
        0 => ("bytes", bytes::change(dice, request)),
        1 => ("values", tree::change_value(dice, request)),
        _ => ("whole", request.to_vec()),
    }
}

fn choose_transport(dice: &mut Dice, request: Vec<u8>) -> Transport {
    if request.len() <= DATAGRAM_MAX && dice.once_in(2) {
        return Transport::Udp(request);
    }
    let honest = u32::try_from(request.len()).unwrap();
    let length = match dice.number(..20) {
        0 => honest.wrapping_add(1),
        1 => honest / 2,
        2 => *dice.pick(&[0, 1, 3, 1 << 20, i32::MAX.unsigned_abs(), 1 << 31, u32::MAX]),
        _ => honest,
    };
    Transport::Tcp([&length.to_be_bytes()[..], &request].concat())
}

/// A request in the making.
struct Draft {
    request: AsRequest,
    /// What must be in a request that gets a ticket; `None` if no ticket is right.
    proof: Option<Vec<Vec<u8>>>,
}

impl Draft {
    /// An honest request, to be changed.
    fn of(sample: &Sample) -> Self {
        Self::granted(sample, sample.request.clone())
    }

    /// A request that is as good as an honest one of the same stage.
    fn granted(sample: &Sample, request: AsRequest) -> Self {
        let proof = sample.ticket().and_then(|_| proof(&request));
        Self { request, proof }
    }

    /// A request that gets no ticket, whatever else may be changed.
    fn refused(request: AsRequest) -> Self {
        Self { request, proof: None }
    }

    /// Whether a ticket for these bytes is right.
    fn justifies(&self, bytes: &[u8]) -> bool {
        let Some(proof) = &self.proof else {
            return false;
        };
        proof.iter().all(|part| contains(bytes, part)) && count_messages(bytes).is_none_or(|count| count == 1)
    }
}

/// The body, the cookie and the encrypted factor of a request that may end in a ticket; `None` for one that is too long.
fn proof(request: &AsRequest) -> Option<Vec<Vec<u8>>> {
    let element = |pa_type| {
        let mut elements = request.pa_data.iter();
        let found = elements.find(|element| element.pa_type == pa_type)?;
        Some(found.value.clone())
    };
    match PaSpake::decode(&element(PA_SPAKE)?) {
        Ok(PaSpake::Response { factor, .. } | PaSpake::EncData(factor)) => {
            Some(vec![request.body.clone(), element(PA_FX_COOKIE)?, factor.cipher])
        }
        _ => None,
    }
}

/// How many PA-SPAKE elements a request has, if it can be read.
fn count_messages(request: &[u8]) -> Option<usize> {
    let elements = PaData::read_all(Value::read_only(request)?.inner()?.field(3)?)?;
    Some(
        elements
            .iter()
            .filter(|element| element.pa_type == PA_SPAKE)
            .count(),
    )
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len().max(1)).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(messages: usize) -> Draft {
        let mut pa_data = vec![PaData::new(PA_FX_COOKIE, b"cookie")];
        pa_data.extend(vec![PaData::new(PA_SPAKE, b"factor"); messages]);
        Draft {
            request: AsRequest {
                pa_data,
                body: crate::der::string("body"),
            },
            proof: Some([&b"cookie"[..], b"factor", b"body"].map(Vec::from).to_vec()),
        }
    }

    #[test]
    fn ticket_needs_every_part_of_the_proof() {
        let draft = draft(1);
        let request = draft.request.encode();
        assert!(draft.justifies(&request));
        for part in [b"cookie".as_slice(), b"factor", b"body"] {
            let at = request
                .windows(part.len())
                .position(|window| window == part)
                .unwrap();
            let mut changed = request.clone();
            changed[at] ^= 1;
            assert!(!draft.justifies(&changed));
        }
    }

    #[test]
    fn ticket_needs_a_single_message() {
        assert!(!draft(2).justifies(&draft(2).request.encode()));
    }

    #[test]
    fn no_ticket_without_a_proof() {
        let request = draft(1).request;
        let bytes = request.encode();
        assert!(!Draft::refused(request).justifies(&bytes));
    }
}
