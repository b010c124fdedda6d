//! Instructions of the KDC per login.

use krb5_fido_protocol::spake::Group;

use crate::{
    callgrind::{CountedSite, Instructions},
    case::{Case, Cost, Kind},
    error::Error,
    exchange::Login,
    report::{Section, Unit, cost_table},
    statistics::{Summary, to_f64},
};

/// Logins before the first that is counted: tables are made and pages are touched then.
const WARM_UP: u32 = 3;

/// Counts `logins` logins of each kind in each group.
pub(crate) fn run(
    groups: &[Group],
    wanted: &[(Kind, usize)],
    logins: u32,
) -> Result<(Section, Vec<Cost>), Error> {
    let mut costs = Vec::new();
    for kind in [Kind::Stock, Kind::Encrypted, Kind::Clear] {
        let site = CountedSite::start(kind)?;
        let at_encrypted = |wanted: Kind| (kind, wanted) == (Kind::Encrypted, Kind::Password);
        let here = wanted.iter().copied();
        let here: Vec<_> = here
            .filter(|(wanted, _)| *wanted == kind || at_encrypted(*wanted))
            .collect();
        costs.extend(count_site(&site, groups, &here, logins)?);
    }
    let stock: Vec<(Group, f64)> = costs
        .iter()
        .filter(|cost: &&Cost| cost.case.kind == Kind::Stock)
        .map(|cost| (cost.case.group, cost.amount.median))
        .collect();
    for cost in &mut costs {
        let base = stock.iter().find(|(group, _)| *group == cost.case.group);
        cost.ratio = exactly(cost.amount.median / base.map_or(f64::NAN, |(_, amount)| *amount));
    }
    costs.sort_by_key(|cost| cost.case.group.id());
    Ok((describe(&costs, logins), costs))
}

fn count_site(
    counted: &CountedSite,
    groups: &[Group],
    wanted: &[(Kind, usize)],
    logins: u32,
) -> Result<Vec<Cost>, Error> {
    let mut costs = Vec::new();
    for &(kind, credentials) in wanted {
        let login = counted.site.login(&format!("user{credentials}"), credentials);
        for group in groups {
            if credentials > 1 && *group != Group::Edwards25519 {
                continue;
            }
            eprintln!(
                "instructions: {}, {}, {credentials} credential(s)",
                kind.name(),
                group.name()
            );
            let case = Case {
                kind,
                group: *group,
                credentials,
                workers: 1,
            };
            costs.push(count_login(counted, &login, case, logins)?);
        }
    }
    Ok(costs)
}

fn count_login(counted: &CountedSite, login: &Login<'_>, case: Case, logins: u32) -> Result<Cost, Error> {
    (0..WARM_UP).for_each(|_| login.run(case.group));
    let found = counted.count(|| (0..logins).for_each(|_| login.run(case.group)))?;
    let each = |count: u64| to_f64(count) / f64::from(logins);
    Ok(Cost {
        case,
        amount: exactly(each(found.total)),
        ratio: exactly(f64::NAN),
        module: Some(each(in_module(&found, case.kind))),
    })
}

/// What the module computes with is part of it: OpenSSL of the stock one, everything is linked into ours.
fn in_module(found: &Instructions, kind: Kind) -> u64 {
    match kind {
        Kind::Stock => found.in_object("/spake.so") + found.in_object("/libcrypto.so.3"),
        Kind::Password | Kind::Encrypted | Kind::Clear => found.in_object("/libkrb5_fido_kdc.so"),
    }
}

/// A figure without spread.
fn exactly(value: f64) -> Summary {
    Summary {
        median: value,
        low: value,
        high: value,
    }
}

fn describe(costs: &[Cost], logins: u32) -> Section {
    let text = format!(
        "krb5kdc under callgrind, {logins} logins after {WARM_UP} others; user space only. In the module are those of its own \
         object, with libcrypto for the stock one and with everything that is linked into ours; what it has libk5crypto and \
         libc do is in the total. Valgrind emulates a processor without AVX-512 and SHA extensions, so that libraries may \
         choose other code than on this machine.\n\n{}",
        cost_table(costs, Unit::Instructions),
    );
    Section::new("KDC: instructions per login", text)
}
