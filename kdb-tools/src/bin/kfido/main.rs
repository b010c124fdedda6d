//! kfido: security keys and Kerberos, on any machine.

#![forbid(unsafe_code)]

mod arguments;
mod check;
mod commands;
mod devices;
mod rp_id;

use std::process::ExitCode;

use clap::Parser;
use krb5_fido_tools::fail;

use arguments::Arguments;

/// As messages name it.
const PROGRAM: &str = "kfido";

fn main() -> ExitCode {
    commands::run(&Arguments::parse()).unwrap_or_else(|error| fail(PROGRAM, &error))
}
