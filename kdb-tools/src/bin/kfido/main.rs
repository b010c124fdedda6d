//! kfido: security keys and Kerberos, on any machine.

#![forbid(unsafe_code)]

mod access;
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

use std::{env, process::ExitCode};

use krb5_fido_tools::{command_line::kfido::Arguments, fail};

/// As messages name it.
const PROGRAM: &str = "kfido";

fn main() -> ExitCode {
    let arguments = Arguments::read(env::args_os()).unwrap_or_else(|mistake| mistake.exit());
    commands::run(&arguments).unwrap_or_else(|error| fail(PROGRAM, &error))
}
