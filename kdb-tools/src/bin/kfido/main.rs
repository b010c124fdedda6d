//! kfido: security keys and Kerberos, on any machine.

#![forbid(unsafe_code)]

mod access;
mod arguments;
mod check;
mod commands;
mod devices;
mod enroll;
mod keys;
mod rp_id;
mod screen;
mod session;
mod show;
mod somebody;

use std::process::ExitCode;

use clap::Parser;
use krb5_fido_tools::fail;

use arguments::Arguments;

/// As messages name it.
const PROGRAM: &str = "kfido";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(mistake) = arguments.check() {
        mistake.exit();
    }
    commands::run(&arguments).unwrap_or_else(|error| fail(PROGRAM, &error))
}
