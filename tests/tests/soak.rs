//! `soak MUTANTS MODULE` fires mutated requests at a live krb5kdc: MUTANTS at one with our module as it is, as many at one with
//! MODULE, which is built for AddressSanitizer, and a tenth of that under valgrind. `make soak` runs it.

use std::{
    env,
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use krb5_fido_tests::{
    barrage::{self, Outcome},
    watched::{self, Watcher},
};

/// How many mutants there are from one line of progress to the next.
const STEP: u64 = 5000;

/// How much slower valgrind is.
const VALGRIND_SHARE: u64 = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mutants, module] = arguments.as_slice() else {
        eprintln!("usage: soak MUTANTS MODULE");
        return ExitCode::from(2);
    };
    let (Ok(mutants), Ok(module)) = (mutants.parse(), PathBuf::from(module).canonicalize()) else {
        eprintln!("soak: {mutants} is no number, or {module} no file");
        return ExitCode::from(2);
    };
    let seed = barrage::seed(seed_of_now());
    let rounds = [
        (Watcher::Kernel, mutants),
        (Watcher::AddressSanitizer { module }, mutants),
        (Watcher::Memcheck, mutants / VALGRIND_SHARE),
    ];
    let sound = rounds
        .iter()
        .filter(|(watcher, mutants)| fire(watcher, seed, *mutants));
    match sound.count() == rounds.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Another one in each run.
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// Fires one round and tells whether nothing was found.
fn fire(watcher: &Watcher, seed: u64, mutants: u64) -> bool {
    println!("{watcher:?}: {mutants} mutants, seed {seed}");
    let fired = watched::fire(watcher, seed, mutants, &mut |count, footprint| {
        if count % STEP == 0 {
            println!("  {count}: {footprint}");
        }
    });
    match &fired {
        Ok(outcome) => print(outcome),
        Err(finding) => eprintln!("FOUND: {finding}"),
    }
    fired.is_ok()
}

fn print(outcome: &Outcome) {
    let Outcome {
        refused,
        unanswered,
        granted,
        ..
    } = outcome;
    println!("  refused {refused}, unanswered {unanswered}, granted {granted}");
    for (cause, count) in &outcome.causes {
        println!("  {count:7} {cause}");
    }
    println!("  after 1,000 requests: {}", outcome.first);
    if let Some(full) = outcome.full {
        println!("  with a full lookaside cache: {full}");
    }
    println!("  at the end: {}", outcome.last);
    println!("  {} s", outcome.elapsed.as_secs());
}
