//! kdb5_fido: security keys of principals, in the KDC's own database.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod output;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use krb5_fido_tools::Terminal;

use arguments::Arguments;
use terminal::Console;

fn main() -> ExitCode {
    match commands::run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Console.show(&format!("kdb5_fido: {error}"));
            ExitCode::FAILURE
        }
    }
}
