//! Batches of logins at several KDCs in turn, and the CPU time that each KDC spent on them.

use std::{thread, time::Duration};

use krb5_fido_protocol::spake::Group;

use crate::{
    entrant::Entrant,
    error::Error,
    statistics::{microseconds, to_f64},
};

/// How long a KDC is left alone before its account is read: it logs and frees after it has answered.
const SETTLE: Duration = Duration::from_millis(2);

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// How often each entrant has its turn.
    pub(crate) rounds: usize,
    /// Logins in one turn.
    pub(crate) batch: u32,
    /// Clients at the same time.
    pub(crate) clients: u32,
}

/// The microseconds of KDC CPU time per login, by entrant and round. In each round the entrants take turns, each time
/// beginning with another one; a round before the first does not count.
pub(crate) fn measure(
    entrants: &[&Entrant<'_>],
    group: Group,
    amount: Amount,
) -> Result<Vec<Vec<f64>>, Error> {
    let mut times = vec![Vec::new(); entrants.len()];
    for round in 0..=amount.rounds {
        let mut turns: Vec<_> = entrants.iter().zip(&mut times).collect();
        let first = round % turns.len().max(1);
        turns.rotate_left(first);
        for (entrant, times) in turns {
            let spent = take_turn(entrant, group, amount)?;
            if round > 0 {
                times.push(spent);
            }
        }
    }
    Ok(times)
}

fn take_turn(entrant: &Entrant<'_>, group: Group, amount: Amount) -> Result<f64, Error> {
    let before = entrant.kdc.cpu_time()?;
    let each = (amount.batch / amount.clients).max(1);
    log_in_together(entrant, group, each, amount.clients);
    thread::sleep(SETTLE);
    let spent = entrant.kdc.cpu_time()? - before;
    Ok(microseconds(spent) / to_f64((each * amount.clients).into()))
}

/// Has several clients log in `each` times at the same time.
pub(crate) fn log_in_together(entrant: &Entrant<'_>, group: Group, each: u32, clients: u32) {
    let log_in = || (0..each).for_each(|_| entrant.login.run(group));
    thread::scope(|scope| {
        for _ in 1..clients {
            scope.spawn(log_in);
        }
        log_in();
    });
}
