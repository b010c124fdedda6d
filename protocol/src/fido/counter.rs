//! Signature counters: what tells a key from its copy (WebAuthn Level 3 section 6.1.1).
//!
//! A KDC keeps the counter of each credential's last use, and a digest of that use: the same request may reach it more than
//! once, by a retransmission or at another of its processes, and is as good the second time.

use sha2::{Digest, Sha256};

use super::factor::FidoAssertion;
use crate::Error;

/// What to do with a counter that did not increase: relation `fido_counter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CounterPolicy {
    /// Refuse it.
    #[default]
    Strict,
    /// Accept it, and say so.
    Log,
    /// Accept it.
    Off,
}

impl CounterPolicy {
    /// Reads a value of `fido_counter`.
    ///
    /// # Errors
    /// [`Error::UnknownCounterPolicy`].
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "strict" => Ok(Self::Strict),
            "log" => Ok(Self::Log),
            "off" => Ok(Self::Off),
            _ => Err(Error::UnknownCounterPolicy),
        }
    }
}

/// Bytes of [`LastUse::digest`].
pub const DIGEST_LEN: usize = 32;

/// The last use of a credential that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// The highest counter so far.
    pub counter: u32,
    /// [`digest`] of the assertion that brought it.
    pub digest: [u8; DIGEST_LEN],
}

/// SHA-256(clientDataHash || authenticatorData || signature).
pub fn digest(client_data_hash: &[u8; 32], assertion: &FidoAssertion) -> [u8; DIGEST_LEN] {
    Sha256::new()
        .chain_update(client_data_hash)
        .chain_update(&assertion.authenticator_data)
        .chain_update(&assertion.signature)
        .finalize()
        .into()
}

/// What a counter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is higher than ever, or the key does not count.
    Forward,
    /// It came with the same assertion before.
    Repeated,
    /// It is not higher than this one, which was seen before: there may be a copy of the key.
    Behind(u32),
}

/// Judges a counter. `recorded` is the one in the credential's record, `last` the credential's last use at this KDC. Gives what
/// the last use is from now on.
///
/// # Errors
/// [`Error::CounterNotIncreased`], under [`CounterPolicy::Strict`] alone.
pub fn judge(
    policy: CounterPolicy,
    recorded: u32,
    last: Option<&LastUse>,
    received: &LastUse,
) -> Result<(Progress, LastUse), Error> {
    let highest = last.map_or(recorded, |last| last.counter.max(recorded));
    let counter = received.counter;
    if counter > highest || (counter == 0 && highest == 0) {
        return Ok((Progress::Forward, *received));
    }
    if let Some(last) = last.filter(|last| *last == received) {
        return Ok((Progress::Repeated, *last));
    }
    let kept = LastUse {
        counter: highest,
        digest: last.map_or([0; DIGEST_LEN], |last| last.digest),
    };
    match policy {
        CounterPolicy::Strict => Err(Error::CounterNotIncreased),
        CounterPolicy::Log => Ok((Progress::Behind(highest), kept)),
        CounterPolicy::Off => Ok((Progress::Forward, kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Result<(Progress, LastUse), Error> = Err(Error::CounterNotIncreased);

    fn used(counter: u32, what: u8) -> LastUse {
        LastUse {
            counter,
            digest: [what; DIGEST_LEN],
        }
    }

    fn strict(recorded: u32, last: Option<LastUse>, received: LastUse) -> Result<(Progress, LastUse), Error> {
        judge(CounterPolicy::Strict, recorded, last.as_ref(), &received)
    }

    #[test]
    fn policies_have_three_names() {
        for (word, policy) in [
            ("strict", CounterPolicy::Strict),
            ("log", CounterPolicy::Log),
            ("off", CounterPolicy::Off),
        ] {
            assert_eq!(CounterPolicy::parse(word), Ok(policy));
        }
        for word in ["", "Strict", "on", "strict log"] {
            assert_eq!(
                CounterPolicy::parse(word),
                Err(Error::UnknownCounterPolicy),
                "{word}"
            );
        }
    }

    #[test]
    fn higher_counters_go_forward() {
        for (recorded, last) in [
            (0, None),
            (6, None),
            (0, Some(used(6, 1))),
            (6, Some(used(2, 1))),
            (2, Some(used(6, 1))),
        ] {
            let received = used(7, 2);
            assert_eq!(
                strict(recorded, last, received),
                Ok((Progress::Forward, received))
            );
        }
    }

    #[test]
    fn keys_that_do_not_count_go_forward() {
        for last in [None, Some(used(0, 1))] {
            let received = used(0, 2);
            assert_eq!(strict(0, last, received), Ok((Progress::Forward, received)));
        }
    }

    #[test]
    fn the_same_assertion_again_is_accepted() {
        for recorded in [0, 7] {
            let again = used(7, 1);
            assert_eq!(
                strict(recorded, Some(again), again),
                Ok((Progress::Repeated, again))
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (recorded, last, received) in [
            (7, None, used(7, 1)),
            (8, None, used(7, 1)),
            (1, None, used(0, 1)),
            (0, Some(used(7, 1)), used(7, 2)),
            (0, Some(used(7, 1)), used(6, 1)),
            (0, Some(used(7, 1)), used(0, 2)),
            // A record that was written anew, with a later counter.
            (9, Some(used(7, 1)), used(8, 1)),
        ] {
            assert_eq!(
                strict(recorded, last, received),
                REFUSED,
                "{recorded} {last:?} {received:?}"
            );
        }
    }

    #[test]
    fn log_accepts_and_says_what_it_is_behind() {
        let judged = |last: Option<LastUse>, recorded| {
            judge(CounterPolicy::Log, recorded, last.as_ref(), &used(5, 2)).unwrap()
        };
        assert_eq!(judged(Some(used(7, 1)), 0), (Progress::Behind(7), used(7, 1)));
        assert_eq!(judged(Some(used(7, 1)), 9), (Progress::Behind(9), used(9, 1)));
        assert_eq!(judged(None, 5), (Progress::Behind(5), used(5, 0)));
        assert_eq!(judged(Some(used(4, 1)), 0), (Progress::Forward, used(5, 2)));
    }

    #[test]
    fn off_accepts_and_never_goes_back() {
        let judged = judge(CounterPolicy::Off, 0, Some(&used(7, 1)), &used(5, 2));
        assert_eq!(judged, Ok((Progress::Forward, used(7, 1))));
    }

    /// Once the backup was used, whose counter starts at 2,000,000,000, the first key is refused.
    #[test]
    fn of_a_pair_with_one_secret_the_backup_retires_the_first() {
        let (_, last) = strict(0, Some(used(41, 1)), used(2_000_000_000, 2)).unwrap();
        assert_eq!(strict(0, Some(last), used(42, 3)), REFUSED);
        assert!(strict(0, Some(last), used(2_000_000_001, 4)).is_ok());
    }
}
