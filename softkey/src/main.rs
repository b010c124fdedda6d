//! The command `softkey`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A security key in software, for tests and for machines without a slot for a real one.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve one key until SIGINT or SIGTERM.
    Run(softkey::Options),
}

fn main() -> ExitCode {
    let Command::Run(options) = Arguments::parse().command;
    match softkey::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("softkey: {error}");
            ExitCode::FAILURE
        }
    }
}
