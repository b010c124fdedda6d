//! Prints how long libkrb5 takes to make its first request, for which it loads its client modules, in nanoseconds. It is
//! a program of its own, since a module is loaded once in a process, and since this one links nothing that a module might
//! bring.
//!
//! Arguments: krb5.conf, principal.

#![forbid(unsafe_code)]

use std::{env, error::Error, path::Path, time::Instant};

use krb5_plugin::{InitialCredentials, OwnedContext, OwnedPrincipal, Profile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(configuration), Some(principal)) = (arguments.next(), arguments.next()) else {
        return Err("usage: krb5-fido-bench-load KRB5_CONF PRINCIPAL".into());
    };
    let start = Instant::now();
    let context = OwnedContext::with_profile(&Profile::read(Path::new(&configuration))?)?;
    let client = OwnedPrincipal::parse(context.get(), &principal)?;
    // No key is taken from it.
    InitialCredentials::new(&context, &client, "FILE:/nonexistent")?.first_request()?;
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}
