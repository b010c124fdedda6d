//! kdb5_fido: security keys of principals, in the KDC's own database.

#![forbid(unsafe_code)]

mod check;
mod commands;
mod disable;
mod export;
mod import;
mod invite;
mod output;
mod rename;
mod settings;
mod show;
mod status;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use krb5_fido_tools::{command_line::kdb5_fido::Arguments, fail};

/// As messages name it.
const PROGRAM: &str = "kdb5_fido";

fn main() -> ExitCode {
    commands::run(&Arguments::parse()).unwrap_or_else(|error| fail(PROGRAM, &error))
}
