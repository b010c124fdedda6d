//! What an attacker does, out of bytes: each step is four of them, the number of its kind and three operands.

use arbitrary::{Arbitrary, Result, Unstructured};
use krb5_fido_protocol::{fido::policy::Policy, spake::Group};

use super::principal::{Attributes, Principal};

/// An exchange takes four steps and a change two: enough for three at a time.
const STEPS_MAX: usize = 16;

/// A KDC, and what comes to it.
#[derive(Debug)]
pub struct KdcScript {
    pub(crate) principal: Principal,
    pub(crate) sends_clear: bool,
    pub(crate) steps: Vec<Step>,
}

/// One step. Numbers pick from what was gathered so far, and go round.
#[derive(Debug)]
pub(crate) enum Step {
    /// 0: a support message for this group; the challenge is kept.
    Support { group: Group },
    /// 1: an optimistic challenge.
    Hint { group: Group },
    /// 2: makes a response to a challenge.
    Respond {
        challenge: usize,
        knows_password: bool,
        factor: Factor,
        body: usize,
    },
    /// 3: sends a message as made or with one bit changed, with a cookie as it was given, or without.
    Submit {
        message: usize,
        cookie: Option<usize>,
        body: usize,
        changed_byte: Option<usize>,
    },
    /// 4: opens an answer of the KDC.
    Open { session: usize, reply: usize },
    /// 5: makes an answer to a factor's challenge.
    Answer {
        asked: usize,
        alteration: Alteration,
        body: usize,
    },
    /// 6: the database or the configuration changes.
    Change { principal: Principal },
    /// 7: sends any bytes.
    Raw {
        cookie: Option<usize>,
        body: usize,
        message: Vec<u8>,
    },
}

/// What a response says under `K'[1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor {
    Hello,
    None,
    LaterHello,
    Assertion,
    NoneWithData,
    FidoWithoutData,
    Unknown,
    Challenge,
}

impl Factor {
    const ALL: [Self; 8] = [
        Self::Hello,
        Self::None,
        Self::LaterHello,
        Self::Assertion,
        Self::NoneWithData,
        Self::FidoWithoutData,
        Self::Unknown,
        Self::Challenge,
    ];
}

/// How an assertion differs from a good one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alteration {
    pub(crate) untouched: bool,
    pub(crate) unverified: bool,
    /// Signed for this request instead of the one that it is sent in.
    pub(crate) other_body: Option<usize>,
    pub(crate) other_nonce: bool,
    pub(crate) other_transcript: bool,
    pub(crate) other_party: bool,
    pub(crate) other_credential: bool,
    pub(crate) broken_signature: bool,
}

impl Alteration {
    fn read(bits: u8, body: u8) -> Self {
        let has = |bit: u8| bits & bit != 0;
        Self {
            untouched: has(1),
            unverified: has(2),
            other_body: has(4).then_some(usize::from(body >> 2)),
            other_nonce: has(8),
            other_transcript: has(16),
            other_party: has(32),
            other_credential: has(64),
            broken_signature: has(128),
        }
    }
}

impl<'a> Arbitrary<'a> for KdcScript {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let [attributes, policy, flags] = bytes.arbitrary()?;
        let mut steps = Vec::new();
        while !bytes.is_empty() && steps.len() < STEPS_MAX {
            steps.push(Step::read(bytes)?);
        }
        Ok(Self {
            principal: read_principal(attributes, policy, flags),
            sends_clear: flags & 0x10 != 0,
            steps,
        })
    }
}

impl Step {
    fn read(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let [kind, first, second, third]: [u8; 4] = bytes.arbitrary()?;
        // 0xff is no cookie: a script that runs out of bytes has the first.
        let cookie = |number: u8| (number != 0xff).then_some(usize::from(number));
        Ok(match kind % 8 {
            0 => Self::Support { group: group(first) },
            1 => Self::Hint { group: group(first) },
            2 => Self::Respond {
                challenge: first.into(),
                knows_password: second & 0x80 == 0,
                factor: Factor::ALL[usize::from(second % 8)],
                body: third.into(),
            },
            3 => Self::Submit {
                message: first.into(),
                cookie: cookie(second),
                body: usize::from(third & 3),
                changed_byte: usize::from(third >> 2).checked_sub(1),
            },
            4 => Self::Open {
                session: first.into(),
                reply: second.into(),
            },
            5 => Self::Answer {
                asked: first.into(),
                alteration: Alteration::read(second, third),
                body: usize::from(third & 3),
            },
            6 => Self::Change {
                principal: read_principal(first, second, third),
            },
            _ => Self::Raw {
                cookie: cookie(first),
                body: second.into(),
                message: bytes.bytes(usize::from(third).min(bytes.len()))?.to_vec(),
            },
        })
    }
}

fn read_principal(attributes: u8, policy: u8, flags: u8) -> Principal {
    let policies = [Policy::Permissive, Policy::Enrolled, Policy::Required];
    Principal {
        attributes: Attributes::ALL[usize::from(attributes) % Attributes::ALL.len()],
        policy: policies[usize::from(policy) % policies.len()],
        requires_hwauth: flags & 1 != 0,
        for_kadmin: flags & 2 != 0,
        self_enrol: flags & 4 != 0,
        uv_required: flags & 8 != 0,
    }
}

/// Mostly the fastest.
pub(crate) fn group(number: u8) -> Group {
    match number % 32 {
        29 => Group::P256,
        30 => Group::P384,
        31 => Group::P521,
        _ => Group::Edwards25519,
    }
}
