//! Whether answers take longer for one cause than for another, from the client's view.

use std::time::Instant;

use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::{AsClient, PaperKey, asserted, kerberos::KDC_ERR_PREAUTH_FAILED, none};

use crate::{
    callgrind::CountedSite,
    case::Kind,
    error::Error,
    exchange::Factor,
    report::{Section, number, spread, table},
    site::{Launch, Site},
    statistics::{Comparison, Summary, compare, microseconds, to_f64},
};

const GROUP: Group = Group::Edwards25519;

/// Compares with `count` answers of either kind, and counts the instructions of `counted`.
pub(crate) fn run(count: u32, counted: u32) -> Result<Section, Error> {
    let rows = [with_key(count)?, without_key(count)?];
    let [right, wrong] = count_instructions(counted)?;
    let header = [
        "compared",
        "first",
        "second",
        "difference of medians",
        "95 % interval",
        "p",
        "effect",
    ];
    let text = format!(
        "Time from the request that ends in KDC_ERR_PREAUTH_FAILED to the answer, in µs, {count} of either kind in \
         turn. The KDCs write no failures to the database (disable_lockout): that takes ten times as long as the rest and \
         would hide differences. Two-sided Mann-Whitney U test, normal approximation, corrected for ties: p is the \
         probability of such a difference between equal distributions; effect is the probability that an answer of the \
         first kind takes longer than one of the second, 0.5 for equal ones. The 95 % interval of the difference of the \
         medians is a percentile bootstrap of 2,000 resamples.\n\n{}\n\
         Instructions of the KDC for such an exchange in mode `clear`, averages of {counted} under callgrind: {} with the right \
         password, {} with a wrong one.\n",
        table(&header, &rows),
        number(right, 0),
        number(wrong, 0),
    );
    Ok(Section::new("Equal time", text))
}

/// In mode `clear`, from somebody who has no key: does he learn whether the password was right?
fn with_key(count: u32) -> Result<Vec<String>, Error> {
    eprintln!("equal time: mode `clear`");
    let site = Site::start(Kind::Clear, Launch::UNCOUNTED)?;
    let right = site.login("alice", 1).client;
    let wrong = right.with_wrong_key();
    let paper = PaperKey::generate();
    let thief = Factor::Clear(&paper);
    let (first, second) = interleave(count, || refusal(&right, thief), || refusal(&wrong, thief));
    let name = "`clear`: right password without the key, less wrong password";
    Ok(row(name, &first, &second))
}

/// The same two, by instructions per exchange: right password, wrong password.
fn count_instructions(counted: u32) -> Result<[f64; 2], Error> {
    let site = CountedSite::start(Kind::Clear)?;
    let right = site.site.login("alice", 1).client;
    let wrong = right.with_wrong_key();
    let paper = PaperKey::generate();
    let mut found = [0.0; 2];
    for (client, found) in [&right, &wrong].into_iter().zip(&mut found) {
        let refuse = || _ = refusal(client, Factor::Clear(&paper));
        refuse();
        let spent = site.count(|| (0..counted).for_each(|_| refuse()))?;
        *found = to_f64(spent.total) / f64::from(counted);
    }
    Ok(found)
}

/// A wrong password of a principal without a key: does ours answer when the stock module does?
fn without_key(count: u32) -> Result<Vec<String>, Error> {
    eprintln!("equal time: principal without a key, at ours and at stock");
    let ours = Site::start(Kind::Encrypted, Launch::UNCOUNTED)?;
    let stock = Site::start(Kind::Stock, Launch::UNCOUNTED)?;
    let [at_ours, at_stock] = [&ours, &stock].map(|site| site.login("alice", 0).client.with_wrong_key());
    let refused = |client| refusal(client, Factor::Password);
    let (first, second) = interleave(count, || refused(&at_ours), || refused(&at_stock));
    Ok(row(
        "no key, wrong password: at ours, less at stock",
        &first,
        &second,
    ))
}

/// Both kinds in turn, each time the other one first; the first twentieth does not count.
fn interleave(
    count: u32,
    mut first: impl FnMut() -> f64,
    mut second: impl FnMut() -> f64,
) -> (Vec<f64>, Vec<f64>) {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for number in 0..count + count / 20 {
        let (one, other) = if number % 2 == 0 {
            let one = first();
            (one, second())
        } else {
            let other = second();
            (first(), other)
        };
        if number >= count / 20 {
            firsts.push(one);
            seconds.push(other);
        }
    }
    (firsts, seconds)
}

/// The microseconds that the last answer of a login takes which is refused.
fn refusal(client: &AsClient, factor: Factor<'_>) -> f64 {
    let client = client.with_datagrams();
    let challenged = client.begin_with(&[GROUP]);
    let body = client.tgt_body();
    let response = match factor {
        Factor::Password | Factor::Encrypted(_) => challenged.respond(&body, &none()),
        Factor::Clear(thief) => {
            let agreed = challenged.agree();
            let statement = agreed.statement(&body);
            let mut assertion = thief.sign(&statement);
            assertion.credential_id = statement.credential_id;
            agreed.respond(&body, &asserted(&assertion))
        }
    };
    let start = Instant::now();
    let reply = response.send();
    let elapsed = start.elapsed();
    let error = reply.error();
    assert_eq!(error.code, KDC_ERR_PREAUTH_FAILED, "{error:?}");
    microseconds(elapsed)
}

fn row(name: &str, first: &[f64], second: &[f64]) -> Vec<String> {
    let Comparison {
        significance,
        superiority,
        difference,
        interval: (low, high),
    } = compare(first, second);
    vec![
        name.to_owned(),
        spread(Summary::of(first), 0),
        spread(Summary::of(second), 0),
        number(difference, 1),
        format!("{} to {}", number(low, 1), number(high, 1)),
        number(significance, 4),
        number(superiority, 3),
    ]
}
