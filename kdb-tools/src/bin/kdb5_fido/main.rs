//! kdb5_fido: security keys of principals, in the KDC's own database.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod output;

use std::process::ExitCode;

use clap::Parser;
use krb5_fido_tools::fail;

use arguments::Arguments;

fn main() -> ExitCode {
    match commands::run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail("kdb5_fido", &error),
    }
}
