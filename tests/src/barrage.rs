//! Mutants fired at a KDC, with honest logins between them.

use std::{
    collections::BTreeMap,
    env,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    time::{Duration, Instant},
};

use krb5_fido_protocol::spake::Group;

use crate::{
    footprint::Footprint,
    kerberos::Reply,
    mutants::{self, Mutant, Target, Transport},
    wire::{Datagrams, send_stream},
};

/// The environment variable that gives the seed.
const SEED_VARIABLE: &str = "KRB5_FIDO_TEST_SEED";

/// How many mutants there are between two honest logins.
const VOLLEY: u64 = 100;

/// The group of each volley in turn: mostly the default one, since the others are slow where every instruction is watched.
const GROUPS: [Group; 8] = [
    Group::Edwards25519,
    Group::Edwards25519,
    Group::P256,
    Group::Edwards25519,
    Group::Edwards25519,
    Group::P384,
    Group::Edwards25519,
    Group::P521,
];

/// What the KDC's lookaside cache holds of requests and answers of the last two minutes (LOOKASIDE_MAX_SIZE of
/// krb5kdc, which counts 64 bytes more for each pair).
const CACHE_MAX: usize = 10 * 1024 * 1024;

/// The first footprint is taken after so many mutants.
const SETTLED: u64 = 1000;

/// What a pair in that cache takes beyond what is counted, in hundredths: four blocks of malloc and a link of the hash table.
const CACHE_OVERHEAD: u64 = 25;

/// What resident memory may swing by, in KiB: krb5kdc takes 1 MiB for a TCP connection, and one request of 1 MB drives hundreds
/// of small ones out of the cache, whose places in the heap stay.
const SWING: u64 = 3 * 1024;

/// What nobody may see in the log of a KDC with our module: a panic that was caught, and a fault that a client has
/// caused and the KDC blames on itself.
const FAULTS: [&str; 2] = [
    "internal error in the krb5-fido module",
    "The KDC should discard this request",
];

/// The seed from the environment; else `default`.
///
/// # Panics
/// The environment's is no number.
pub fn seed(default: u64) -> u64 {
    let given = env::var(SEED_VARIABLE).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

/// Who is told after each volley how many mutants there were, and what the KDC takes.
pub type Progress<'p> = dyn FnMut(u64, Footprint) + 'p;

/// What came of a barrage without a finding.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Mutants that got a KRB-ERROR.
    pub refused: u64,
    /// Mutants that got no answer.
    pub unanswered: u64,
    /// Mutants that got a ticket, and rightly.
    pub granted: u64,
    /// How often the KDC gave which cause for a failed pre-authentication by PA-SPAKE.
    pub causes: BTreeMap<String, u64>,
    /// After the first 1,000 mutants, or at the end of fewer.
    pub first: Footprint,
    /// When the KDC's lookaside cache had been filled twice, if it came to that.
    pub full: Option<Footprint>,
    /// At the end.
    pub last: Footprint,
    /// How long it took.
    pub elapsed: Duration,
}

/// Fires mutants 0 to `count` of `seed`, and logs in before the first one and after each hundred.
///
/// # Errors
/// A finding: a wrong ticket, an answer that is none, a fault of the module in the KDC's log, a descriptor more at the end.
/// The text has the seed, the mutant's number and its bytes.
///
/// # Panics
/// The KDC does not answer, or an honest client gets no ticket.
pub fn fire(target: &Target, seed: u64, count: u64, progress: &mut Progress<'_>) -> Result<Outcome, String> {
    let started = Instant::now();
    let mark = target.realm.kdc_log_mark();
    let mut barrage = Barrage::new(target, seed);
    let starts = (0..count).step_by(usize::try_from(VOLLEY).unwrap());
    for (start, group) in starts.zip(GROUPS.into_iter().cycle()) {
        let end = count.min(start + VOLLEY);
        barrage.fire_volley(start..end, group)?;
        progress(end, Footprint::of(&target.realm));
    }
    drop(target.log_in(Group::Edwards25519));
    let outcome = Outcome {
        causes: causes(&target.realm.kdc_log_since(mark)),
        last: Footprint::of(&target.realm),
        elapsed: started.elapsed(),
        ..barrage.outcome
    };
    check(target, &outcome).map_err(|finding| format!("seed {seed}: {finding}"))?;
    Ok(outcome)
}

fn check(target: &Target, outcome: &Outcome) -> Result<(), String> {
    let log = target.realm.kdc_log();
    if let Some(fault) = log
        .lines()
        .find(|line| FAULTS.iter().any(|fault| line.contains(fault)))
    {
        return Err(format!("the KDC has logged: {fault}"));
    }
    match outcome.first.descriptors == outcome.last.descriptors {
        true => Ok(()),
        false => Err(format!(
            "descriptors: first {}, last {}",
            outcome.first, outcome.last
        )),
    }
}

impl Outcome {
    /// Checks that the KDC's memory has grown by what krb5kdc's own cache takes, and once that was full not at all.
    ///
    /// # Errors
    /// Growth beyond that, in words.
    pub fn check_growth(&self) -> Result<(), String> {
        let (first, last) = (self.first, self.last);
        let cache = u64::try_from(CACHE_MAX / 1024).unwrap() * (100 + CACHE_OVERHEAD) / 100;
        if last.resident > first.resident + cache + SWING {
            return Err(format!("the KDC grows: first {first}, last {last}"));
        }
        match self.full {
            Some(full) if last.resident > full.resident + SWING => Err(format!(
                "the KDC grows: with a full lookaside cache {full}, last {last}"
            )),
            _ => Ok(()),
        }
    }
}

struct Barrage<'t> {
    target: &'t Target,
    seed: u64,
    kdc: SocketAddr,
    datagrams: Datagrams,
    cached: usize,
    outcome: Outcome,
}

impl<'t> Barrage<'t> {
    fn new(target: &'t Target, seed: u64) -> Self {
        let kdc = (Ipv4Addr::LOCALHOST, target.realm.kdc_port()).into();
        Self {
            target,
            seed,
            kdc,
            datagrams: Datagrams::new(kdc, target.probe().encode()),
            cached: 0,
            outcome: Outcome::default(),
        }
    }

    fn fire_volley(&mut self, numbers: Range<u64>, group: Group) -> Result<(), String> {
        let samples = self.target.log_in(group);
        for number in numbers.clone() {
            let mutant = mutants::make(self.seed, number, &samples);
            self.fire(number, &mutant)?;
        }
        if numbers.end <= SETTLED {
            self.outcome.first = Footprint::of(&self.target.realm);
        }
        if self.cached > 2 * CACHE_MAX && self.outcome.full.is_none() {
            self.outcome.full = Some(Footprint::of(&self.target.realm));
        }
        Ok(())
    }

    fn fire(&mut self, number: u64, mutant: &Mutant) -> Result<(), String> {
        let answer = match &mutant.transport {
            Transport::Udp(datagram) => self.datagrams.send(datagram),
            Transport::Tcp(stream) => {
                let answer = send_stream(self.kdc, stream);
                answer.get(4..).unwrap_or_default().to_vec()
            }
        };
        if !answer.is_empty() {
            self.cached += mutant.transport.bytes().len() + answer.len();
        }
        let count = match verdict(mutant, &answer) {
            Ok(Verdict::Refused) => &mut self.outcome.refused,
            Ok(Verdict::Unanswered) => &mut self.outcome.unanswered,
            Ok(Verdict::Granted) => &mut self.outcome.granted,
            Err(finding) => {
                let (sent, received) = (hex::encode(mutant.transport.bytes()), hex::encode(answer));
                return Err(format!(
                    "seed {}, mutant {number} ({}): {finding}\nsent: {sent}\nreceived: {received}",
                    self.seed, mutant.origin
                ));
            }
        };
        *count += 1;
        Ok(())
    }
}

enum Verdict {
    Refused,
    Unanswered,
    Granted,
}

fn verdict(mutant: &Mutant, answer: &[u8]) -> Result<Verdict, &'static str> {
    if answer.is_empty() {
        return Ok(Verdict::Unanswered);
    }
    match (Reply::read(answer), mutant.ticket) {
        (None, _) => Err("the KDC's answer is neither KRB-ERROR nor AS-REP"),
        (Some(Reply::Error(_)), _) => Ok(Verdict::Refused),
        (Some(Reply::Issued(_)), None) => Err("the KDC has issued a ticket"),
        (Some(Reply::Issued(reply)), Some(owner)) => match reply.client == [owner] {
            true => Ok(Verdict::Granted),
            false => Err("the KDC has issued a ticket for somebody else"),
        },
    }
}

fn causes(log: &str) -> BTreeMap<String, u64> {
    let mut causes = BTreeMap::new();
    for line in log.lines() {
        if let Some((_, cause)) = line.split_once("preauth (spake) verify failure: ") {
            *causes.entry(cause.to_owned()).or_default() += 1;
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der;

    fn taking(resident: u64) -> Footprint {
        Footprint {
            resident,
            descriptors: 12,
        }
    }

    #[test]
    fn growth_is_measured_against_the_cache() {
        let grown = |first, full, last| {
            let outcome = Outcome {
                first: taking(first),
                full: Some(taking(full)),
                last: taking(last),
                ..Outcome::default()
            };
            outcome.check_growth().is_err()
        };
        assert!(!grown(15_000, 22_000, 22_500));
        assert!(grown(15_000, 22_000, 26_000));
        assert!(grown(5_000, 22_000, 22_500));
    }

    fn mutant(ticket: Option<&'static str>) -> Mutant {
        Mutant {
            origin: String::new(),
            transport: Transport::Udp(Vec::new()),
            ticket,
        }
    }

    /// An AS-REP for alice, as far as it is read.
    fn reply() -> Vec<u8> {
        let names = der::sequence(&[der::string("alice")]);
        let encrypted = der::sequence(&[
            der::tagged(0, &der::integer(18)),
            der::tagged(2, &der::octets(b"")),
        ]);
        let fields = [
            der::tagged(4, &der::sequence(&[der::tagged(1, &names)])),
            der::tagged(6, &encrypted),
        ];
        der::application(11, &der::sequence(&fields))
    }

    #[test]
    fn ticket_is_right_for_its_owner_alone() {
        assert!(matches!(
            verdict(&mutant(Some("alice")), &reply()),
            Ok(Verdict::Granted)
        ));
        assert!(verdict(&mutant(Some("bob")), &reply()).is_err());
        assert!(verdict(&mutant(None), &reply()).is_err());
    }

    #[test]
    fn answer_that_is_no_message_is_a_finding() {
        assert!(verdict(&mutant(Some("alice")), b"\x6d\x00").is_err());
        assert!(matches!(verdict(&mutant(None), b""), Ok(Verdict::Unanswered)));
    }
}
