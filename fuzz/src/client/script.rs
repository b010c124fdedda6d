//! What a KDC does, out of bytes: each step is four of them, the number of its kind and three operands.

use core::iter;

use arbitrary::{Arbitrary, Result, Unstructured};
use krb5_fido_protocol::spake::Group;

use crate::kdc::group;

/// A login takes three steps: enough for the same again, and more.
const STEPS_MAX: usize = 12;

/// A client, and what comes to it.
#[derive(Debug)]
pub struct ClientScript {
    pub(crate) groups: Vec<Group>,
    pub(crate) is_key_attached: bool,
    /// `fido_rp_id`.
    pub(crate) is_rp_id_configured: bool,
    pub(crate) steps: Vec<Step>,
}

/// One step. Numbers pick from what was gathered so far, and go round.
#[derive(Debug)]
pub(crate) enum Step {
    /// 0: names PA-SPAKE, without a message.
    Hint,
    /// 1: sends a challenge.
    Challenge {
        group: Group,
        offer: Offered,
        knows_password: bool,
        changed_byte: Option<usize>,
    },
    /// 2: sends a factor message in an exchange whose response could be opened.
    Factor {
        exchange: usize,
        message: Message,
        changed_byte: Option<usize>,
    },
    /// 3: sends a message again.
    Repeat { message: usize },
    /// 4: sends any bytes.
    Raw { message: Vec<u8> },
}

/// The factors of a challenge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered {
    pub(crate) fido: bool,
    pub(crate) none: bool,
    pub(crate) unknown: bool,
    pub(crate) with_data: bool,
    pub(crate) none_first: bool,
}

impl Offered {
    const fn read(bits: u8) -> Self {
        Self {
            fido: bits & 1 != 0,
            none: bits & 2 != 0,
            unknown: bits & 4 != 0,
            with_data: bits & 8 != 0,
            none_first: bits & 16 != 0,
        }
    }
}

/// What a KDC says under `K'[2]`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Challenge,
    ChallengeOfStrangers,
    ChallengeAmongStrangers,
    ChallengeOfRealm,
    Notice,
    Hello,
    Assertion,
    Junk,
}

impl Message {
    const ALL: [Self; 8] = [
        Self::Challenge,
        Self::ChallengeOfStrangers,
        Self::ChallengeAmongStrangers,
        Self::ChallengeOfRealm,
        Self::Notice,
        Self::Hello,
        Self::Assertion,
        Self::Junk,
    ];
}

impl<'a> Arbitrary<'a> for ClientScript {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let [preferred, flags]: [u8; 2] = bytes.arbitrary()?;
        let preferred = group(preferred);
        let others = Group::ALL.into_iter().filter(|other| *other != preferred);
        let count = if flags & 4 != 0 { 3 } else { 0 };
        let groups = iter::once(preferred).chain(others.take(count)).collect();
        let mut steps = Vec::new();
        while !bytes.is_empty() && steps.len() < STEPS_MAX {
            steps.push(Step::read(bytes)?);
        }
        Ok(Self {
            groups,
            is_key_attached: flags & 1 != 0,
            is_rp_id_configured: flags & 2 != 0,
            steps,
        })
    }
}

impl Step {
    fn read(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let [kind, first, second, third]: [u8; 4] = bytes.arbitrary()?;
        let changed_byte = usize::from(third).checked_sub(1);
        Ok(match kind % 5 {
            0 => Self::Hint,
            1 => Self::Challenge {
                group: group(first),
                offer: Offered::read(second),
                knows_password: second & 0x80 == 0,
                changed_byte,
            },
            2 => Self::Factor {
                exchange: first.into(),
                message: Message::ALL[usize::from(second % 8)],
                changed_byte,
            },
            3 => Self::Repeat {
                message: first.into(),
            },
            _ => Self::Raw {
                message: bytes.bytes(usize::from(third).min(bytes.len()))?.to_vec(),
            },
        })
    }
}
