use std::{collections::BTreeSet, fs, path::PathBuf};

use arbitrary::{Arbitrary, Unstructured};
use krb5_fido_protocol::fido::attestation::StatementError;

use super::*;
use crate::{ClientScript, KdcScript};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

fn script<'a, T: Arbitrary<'a>>(seed: &'a Seed) -> T {
    T::arbitrary_take_rest(Unstructured::new(&seed.bytes)).unwrap()
}

fn run(seed: &Seed) {
    match seed.target {
        "pa_spake" => crate::pa_spake(&seed.bytes),
        "factor" => crate::factor(&seed.bytes),
        "challenge_cookie" => crate::challenge_cookie(&seed.bytes),
        "factor_cookie" => crate::factor_cookie(&seed.bytes),
        "authenticator_data" => crate::authenticator_data(&seed.bytes),
        "cose_key" => crate::cose_key(&seed.bytes),
        "attestation_object" => crate::attestation_object(&seed.bytes),
        "attestation_statement" => {
            crate::attestation_statement(&seed.bytes);
        }
        "door" => crate::door(&seed.bytes),
        "invitation" => crate::invitation(&seed.bytes),
        "record" => crate::record(&seed.bytes),
        "facet_list" => crate::facet_list(&seed.bytes),
        "responder_answer" => crate::responder_answer(&seed.bytes),
        "suffix_list" => crate::suffix_list(&seed.bytes),
        "configuration" => crate::configuration(&seed.bytes),
        "helper_frames" => crate::helper_frames(&seed.bytes),
        "kdc_pass" => drop(crate::kdc_pass(&script::<KdcScript>(seed))),
        "client_pass" => drop(crate::client_pass(&script::<ClientScript>(seed))),
        other => panic!("no target {other}"),
    }
}

/// What lies below the directory of seeds.
fn committed() -> BTreeSet<PathBuf> {
    let entries = |path: PathBuf| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries(directory()).flat_map(entries).collect()
}

#[test]
fn every_seed_passes() {
    for seed in all() {
        run(&seed);
    }
}

#[test]
fn committed_seeds_are_those_that_are_made() {
    let seeds = all();
    let made: BTreeSet<_> = seeds.iter().map(|seed| seed.path(&directory())).collect();
    assert_eq!(made.len(), seeds.len());
    assert_eq!(committed(), made);
    for seed in seeds {
        assert_eq!(
            fs::read(seed.path(&directory())).unwrap(),
            seed.bytes,
            "{}",
            seed.name
        );
    }
}

#[test]
fn every_target_has_seeds() {
    let targets: BTreeSet<_> = all().into_iter().map(|seed| seed.target.to_owned()).collect();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let sources = fs::read_dir(directory).unwrap();
    let names = sources.map(|entry| {
        entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    assert_eq!(targets, names.collect());
}

fn outcomes<T>(target: &str, run: impl Fn(&Seed) -> T) -> Vec<(String, T)> {
    let seeds = all().into_iter().filter(|seed| seed.target == target);
    seeds.map(|seed| (seed.name.clone(), run(&seed))).collect()
}

/// A harness in which nobody ever logs in would find nothing.
#[test]
fn tickets_come_out_of_honest_scripts_alone() {
    for (name, granted) in outcomes("kdc_pass", |seed| crate::kdc_pass(&script(seed))) {
        let expected = match name.as_str() {
            "password-alone" | "password-alone-optimistic" | "password-alone-permissive" => (1, 0),
            "key-clear" | "key-clear-permissive" | "key-permissive" => (0, 1),
            "edwards25519" | "p-256" | "p-384" | "p-521" => (0, 1),
            // The same request again.
            "cookies-mixed-up" => (0, 2),
            _ => (0, 0),
        };
        assert_eq!((granted.by_password_alone, granted.by_key), expected, "{name}");
    }
}

/// Nor would one that never comes to a chain.
#[test]
fn trusted_attestations_come_out_of_vectors_with_certificates_alone() {
    for (name, verdict) in outcomes("attestation_statement", |seed| {
        crate::attestation_statement(&seed.bytes)
    }) {
        let expected = match name.as_str() {
            "tpm-es256" | "recorded-registration" | "fido-u2f-without-model" => Some(Ok(())),
            "fido-u2f-es256" => Some(Err(StatementError::UnattestedAaguid)),
            "packed-self-es256" => Some(Err(StatementError::SelfAttested)),
            "packed-ed448" | "packed-es512" | "android-key-es256" | "apple-es256" => None,
            packed if packed.starts_with("packed") => Some(Ok(())),
            _ => Some(Err(StatementError::NotAttested)),
        };
        assert_eq!(verdict, expected, "{name}");
    }
}

/// Scripts in which a key signs.
const HONEST: [&str; 7] = [
    "key",
    "key-configured",
    "key-of-the-realm",
    "either-with-key",
    "optimistic",
    "optimistic-rejected",
    "repeated",
];

#[test]
fn keys_sign_in_honest_scripts_alone() {
    for (name, answered) in outcomes("client_pass", |seed| crate::client_pass(&script(seed))) {
        let expected = HONEST.contains(&name.as_str());
        assert_eq!(answered, expected, "{name}");
    }
}
