//! Asks for a ticket-granting ticket with PA-SPAKE in the first request already, which kinit has no option for:
//! `optimistic-kinit PRINCIPAL KEYTAB`. The ticket is not kept; a failure is told as kinit would.

use std::{env, process::ExitCode};

use krb5_fido_protocol::registry::PA_SPAKE;
use krb5_plugin::{Failure, InitialCredentials, OwnedContext, OwnedPrincipal};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [principal, keytab] = arguments.as_slice() else {
        eprintln!("usage: optimistic-kinit PRINCIPAL KEYTAB");
        return ExitCode::from(2);
    };
    match log_in(principal, keytab) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.message.unwrap_or_else(|| failure.error.text());
            eprintln!("optimistic-kinit: {text} while getting initial credentials");
            ExitCode::FAILURE
        }
    }
}

fn log_in(principal: &str, keytab: &str) -> Result<(), Failure> {
    let context = OwnedContext::new()?;
    let client = OwnedPrincipal::parse(context.get(), principal)?;
    InitialCredentials::optimistic(&context, &client, keytab, &[PA_SPAKE])?.get()
}
