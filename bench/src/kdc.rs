//! KDC CPU time per login: groups and kinds, numbers of credentials, numbers of workers.

use krb5_fido_protocol::spake::Group;

use crate::{
    case::{Cost, Kind},
    entrant::{Entrant, SIMPLE},
    error::Error,
    load::{Amount, measure},
    report::{Section, Unit, cost_table, number, table},
    site::{Launch, Site, Sites},
    statistics::{Summary, ratios, to_f64},
};

/// Worker processes, and clients at the same time, where there are several.
const MANY: usize = 4;
const MANY_CLIENTS: u32 = 4;

/// Measures the CPU time of logins at KDCs that are all up at the same time.
pub(crate) fn run(
    groups: &[Group],
    wanted: &[(Kind, usize)],
    amount: Amount,
) -> Result<(Section, Vec<Cost>), Error> {
    let mut costs = Vec::new();
    let memory = {
        let sites = Sites::start(Launch::SINGLE)?;
        let entrants = Entrant::enter(&sites, wanted)?;
        for group in groups {
            costs.extend(measure_group(&entrants, *group, 1, amount)?);
        }
        resident_memory(&sites)?
    };
    let uncounted = {
        let sites = Sites::start(Launch::UNCOUNTED)?;
        let entrants = Entrant::enter(&sites, &SIMPLE)?;
        measure_group(&entrants, Group::Edwards25519, 1, amount)?
    };
    let launch = Launch {
        workers: MANY,
        ..Launch::SINGLE
    };
    let sites = Sites::start(launch)?;
    let entrants = Entrant::enter(&sites, &SIMPLE)?;
    let amount_of_many = Amount {
        clients: MANY_CLIENTS,
        ..amount
    };
    costs.extend(measure_group(
        &entrants,
        Group::Edwards25519,
        MANY,
        amount_of_many,
    )?);
    Ok((describe(&costs, &uncounted, &memory, amount), costs))
}

fn measure_group(
    entrants: &[Entrant<'_>],
    group: Group,
    workers: usize,
    amount: Amount,
) -> Result<Vec<Cost>, Error> {
    eprintln!("KDC CPU time: {}, {workers} worker(s)", group.name());
    let part: Vec<&Entrant<'_>> = entrants
        .iter()
        .filter(|entrant| entrant.takes_part(group))
        .collect();
    let times = measure(&part, group, amount)?;
    let stock = times.first().map(Vec::as_slice).unwrap_or_default();
    let cost = |(entrant, times): (&&Entrant<'_>, &Vec<f64>)| Cost {
        case: entrant.case(group, workers),
        amount: Summary::of(times),
        ratio: ratios(times, stock),
        module: None,
    };
    Ok(part.iter().zip(&times).map(cost).collect())
}

/// VmRSS and VmHWM by KDC, in KiB.
fn resident_memory(sites: &Sites) -> Result<Vec<Vec<String>>, Error> {
    let kdcs = [
        ("stock", &sites.stock),
        ("ours, `encrypted`", &sites.encrypted),
        ("ours, `clear`", &sites.clear),
    ];
    let row = |(name, site): (&str, &Site)| {
        let memory = site.processes()?.memory()?;
        let kibibytes = |count| number(to_f64(count), 0);
        Ok(vec![
            name.to_owned(),
            kibibytes(memory.resident),
            kibibytes(memory.peak),
        ])
    };
    kdcs.into_iter().map(row).collect()
}

fn describe(costs: &[Cost], uncounted: &[Cost], memory: &[Vec<String>], amount: Amount) -> Section {
    let text = format!(
        "User and system time of krb5kdc, all threads and workers, from /proc/PID/task/*/schedstat. The KDCs run at the \
         same time; in each of {} rounds each of them in turn serves {} logins, and ratios are those of a round. Given are the \
         median and, in brackets, the 10th and the 90th percentile. Four workers are kept busy by four clients. The \
         kernel's part is in it: datagrams, the log, the file of the database.\n\n{}\n\
         The same without the write to the database that each login ends with (disable_last_success, disable_lockout):\n\n{}\n\
         Resident memory of the KDCs of one process after these logins, in KiB:\n\n{}",
        amount.rounds,
        amount.batch,
        cost_table(costs, Unit::Microseconds),
        cost_table(uncounted, Unit::Microseconds),
        table(&["KDC", "now", "at most"], memory),
    );
    Section::new("KDC: CPU time per login", text)
}
