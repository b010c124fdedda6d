//! Many exchanges at one KDC, and what they leave behind.

use krb5_fido_protocol::spake::Group;

use crate::{
    accounting::Memory,
    case::Kind,
    entrant::Entrant,
    error::Error,
    load::log_in_together,
    report::{Section, number, table},
    site::{Launch, Site},
    statistics::to_f64,
};

/// Clients at the same time.
const CLIENTS: u32 = 2;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoakFigures {
    /// MiB of resident memory by which ours has grown more than stock after the first logins.
    pub(crate) beyond_stock: f64,
    /// Descriptors more than after the first logins, in ours.
    pub(crate) descriptors: f64,
}

struct Mark {
    logins: u32,
    memory: Memory,
    descriptors: usize,
}

/// Makes `total` logins at the stock module and at ours, and looks after the first twentieth and in between.
pub(crate) fn run(total: u32) -> Result<(Section, SoakFigures), Error> {
    let marks = [20, 8, 4, 2, 1].map(|part| total / part);
    let stock = soak(Kind::Stock, &marks)?;
    let ours = soak(Kind::Encrypted, &marks)?;
    let row = |(stock, ours): (&Mark, &Mark)| {
        let memory = |mark: &Mark| number(to_f64(mark.memory.resident), 0);
        vec![
            number(f64::from(stock.logins), 0),
            memory(stock),
            stock.descriptors.to_string(),
            memory(ours),
            ours.descriptors.to_string(),
        ]
    };
    let rows: Vec<_> = stock.iter().zip(&ours).map(row).collect();
    let text = format!(
        "Resident memory in KiB and open descriptors of a KDC of one process, after so many logins: password only at the \
         stock module, with a key in mode `encrypted` at ours. krb5kdc itself keeps the answers of two minutes, up to 10 MiB, \
         for requests that are repeated; so each KDC grows until that is full.\n\n{}",
        table(
            &["logins", "stock, KiB", "descriptors", "ours, KiB", "descriptors"],
            &rows
        ),
    );
    let resident = |mark: &Mark| to_f64(mark.memory.resident) / 1024.0;
    let figures = SoakFigures {
        beyond_stock: growth(&ours, resident) - growth(&stock, resident),
        descriptors: growth(&ours, |mark| {
            to_f64(u64::try_from(mark.descriptors).unwrap_or(u64::MAX))
        }),
    };
    Ok((Section::new("Memory and descriptors", text), figures))
}

fn soak(kind: Kind, marks: &[u32]) -> Result<Vec<Mark>, Error> {
    eprintln!("memory: {}", kind.name());
    let site = Site::start(kind, Launch::SINGLE)?;
    let credentials = usize::from(kind != Kind::Stock);
    let entrant = Entrant {
        kind,
        credentials,
        login: site.login("alice", credentials),
        kdc: site.processes()?,
    };
    let mut logins = 0;
    marks
        .iter()
        .map(|mark| {
            let each = (mark - logins) / CLIENTS;
            log_in_together(&entrant, Group::Edwards25519, each, CLIENTS);
            logins = *mark;
            Ok(Mark {
                logins,
                memory: entrant.kdc.memory()?,
                descriptors: entrant.kdc.descriptors()?,
            })
        })
        .collect()
}

fn growth(marks: &[Mark], quantity: impl Fn(&Mark) -> f64) -> f64 {
    let ends = marks.first().zip(marks.last());
    ends.map_or(f64::NAN, |(first, last)| quantity(last) - quantity(first))
}
