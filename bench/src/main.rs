//! Measures what a login costs with the modules of this workspace, beside the stock module in the same run.
//!
//! It writes benchmarks.md and benchmarks.svg into a directory and prints the former. Figures are never asserted: they
//! belong to the machine that they were taken on.

#![forbid(unsafe_code)]

mod accounting;
mod callgrind;
mod case;
mod client;
mod entrant;
mod error;
mod exchange;
mod instructions;
mod kdc;
mod key;
mod kinit;
mod load;
mod loading;
mod machine;
mod operations;
mod plot;
mod report;
mod site;
mod soak;
mod statistics;
mod targets;
mod timing;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use krb5_fido_protocol::spake::Group;

use crate::{
    case::Kind,
    error::Error,
    load::Amount,
    report::{Section, wrap},
    targets::{Figures, judge_all},
};

/// What a login costs, beside the stock module.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Measure this part alone; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// A few logins of everything in edwards25519: whether it works, not what it costs
    #[arg(long)]
    quick: bool,
    /// Directory for benchmarks.md and benchmarks.svg; without it the text is printed, and that is all
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Derive an rpId in this new process and print how long that took.
    #[command(hide = true)]
    RpId,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// KDC CPU time per login
    Kdc,
    /// KDC instructions per login
    Instructions,
    /// Client: time, messages, memory, loading
    Client,
    /// Curve operations and signatures by themselves
    Operations,
    /// Whether refusals take equal time
    Timing,
    /// Memory and descriptors after many logins
    Soak,
}

/// How much of everything is measured.
struct Plan {
    groups: &'static [Group],
    entrants: &'static [(Kind, usize)],
    amount: Amount,
    counted_logins: u32,
    client_rounds: usize,
    loads: u32,
    batches: u32,
    refusals: u32,
    soak: u32,
}

impl Plan {
    const FULL: Self = Self {
        groups: &Group::ALL,
        entrants: &entrant::ALL,
        amount: Amount {
            rounds: 21,
            batch: 40,
            clients: 1,
        },
        counted_logins: 20,
        client_rounds: 100,
        loads: 40,
        batches: 50,
        refusals: 2_000,
        soak: 20_000,
    };

    const QUICK: Self = Self {
        groups: &[Group::Edwards25519],
        entrants: &entrant::SIMPLE,
        amount: Amount {
            rounds: 1,
            batch: 4,
            clients: 1,
        },
        counted_logins: 1,
        client_rounds: 2,
        loads: 1,
        batches: 1,
        refusals: 20,
        soak: 40,
    };
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.command {
        Some(Command::RpId) => loading::time_rp_id(),
        None => run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("krb5-fido-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let (mut sections, mut figures) = (Vec::new(), Figures::default());
    if wanted(Part::Kdc) {
        let (section, costs) = kdc::run(plan.groups, plan.entrants, plan.amount)?;
        sections.push(section);
        figures.times = costs;
    }
    if wanted(Part::Instructions) {
        let (section, costs) = instructions::run(plan.groups, plan.entrants, plan.counted_logins)?;
        sections.push(section);
        figures.instructions = costs;
    }
    if wanted(Part::Operations) {
        sections.push(operations::run(plan.groups, plan.batches)?);
    }
    if wanted(Part::Client) {
        let (logins, client) = client::run(plan.groups, plan.client_rounds)?;
        let (files, loading) = loading::run(plan.loads)?;
        sections.push(Section::new("Client", format!("{logins}\n{files}")));
        (figures.client, figures.loading) = (Some(client), Some(loading));
    }
    if wanted(Part::Timing) {
        sections.push(timing::run(plan.refusals, plan.counted_logins)?);
    }
    if wanted(Part::Soak) {
        let (section, soak) = soak::run(plan.soak)?;
        sections.push(section);
        figures.soak = Some(soak);
    }
    write(options, &figures, &sections)
}

const INTRODUCTION: &str = "# Benchmarks\n\n\
    Written by `make bench`, which measures the stock SPAKE module and ours in one run. Figures belong to the machine that \
    they were taken on; ratios travel better, and instructions best.\n\n\
    A login is all that the KDC answers until there is a ticket: a request without pre-authentication, the SPAKE support \
    message, the response, and with a key in mode `encrypted` the assertion in a request of its own. The KDCs have the \
    default configuration of a new realm with a DB2 database, and permit all groups. KDC figures come from a scripted \
    client that speaks to both KDCs by the same code, over UDP and, like libkrb5, over TCP once an answer does not fit; its \
    key signs in process. A real libkrb5 client starts krb5-fido-helper for each touch, which takes more time than the KDC \
    and empties its caches; the section on the client has that client, with the CPU time of the KDC beside it.\n";

fn write(options: &Options, figures: &Figures, sections: &[Section]) -> Result<(), Error> {
    let mut document = wrap(&format!("{INTRODUCTION}\n{}\n", machine::describe()));
    let plotted = !figures.times.is_empty() || !figures.instructions.is_empty();
    if plotted {
        document += "\n![KDC cost of a login by group](benchmarks.svg)\n";
    }
    for section in [&judge_all(figures)].into_iter().chain(sections) {
        document += "\n";
        document += &section.render();
    }
    print!("{document}");
    let Some(directory) = &options.output else {
        return Ok(());
    };
    let file = directory.join("benchmarks.md");
    fs::write(&file, document).map_err(Error::file("write", &file))?;
    if plotted {
        let plot = directory.join("benchmarks.svg");
        plot::draw(&plot, &figures.times, &figures.instructions)?;
    }
    Ok(())
}
