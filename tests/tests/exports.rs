//! What the two loadable modules show to the process that loads them, and what they pull in.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{fs, path::PathBuf, process::Command};

use krb5_testrealm::Artifacts;

/// The client module is loaded into every program that logs in.
const CLIENT_MAX: u64 = 2 * 1024 * 1024;

fn client() -> PathBuf {
    Artifacts::locate().unwrap().client_module()
}

fn kdc() -> PathBuf {
    Artifacts::locate().unwrap().kdc_module()
}

fn output(program: &str, arguments: &[&str], file: &PathBuf) -> String {
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{program} {}", file.display());
    String::from_utf8(output.stdout).unwrap()
}

fn exported(module: &PathBuf) -> Vec<String> {
    let symbols = output("nm", &["-D", "--defined-only"], module);
    symbols
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect()
}

/// The libraries that the loader must find; the loader itself is not one of them.
fn needed(module: &PathBuf) -> Vec<String> {
    let dynamic = output("readelf", &["-d"], module);
    let needed = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)") && !line.contains("[ld-linux"));
    needed
        .map(|line| line.split(['[', ']']).nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn the_client_module_exports_its_initvt_symbol_alone() {
    assert_eq!(exported(&client()), ["clpreauth_spake_initvt"]);
}

#[test]
fn the_kdc_module_exports_its_initvt_symbols_alone() {
    assert_eq!(
        exported(&kdc()),
        [
            "kadm5_auth_fido_initvt",
            "kdcpolicy_fido_initvt",
            "kdcpreauth_spake_initvt"
        ]
    );
}

#[test]
fn the_client_module_needs_libkrb5_and_the_c_library_alone() {
    let mut needed = needed(&client());
    needed.sort();
    assert_eq!(
        needed,
        ["libc.so.6", "libgcc_s.so.1", "libk5crypto.so.3", "libkrb5.so.3"]
    );
}

#[test]
fn the_kdc_module_needs_libkdb5_besides() {
    let mut needed = needed(&kdc());
    needed.sort();
    let expected = [
        "libc.so.6",
        "libgcc_s.so.1",
        "libk5crypto.so.3",
        "libkdb5.so.10",
        "libkrb5.so.3",
    ];
    assert_eq!(needed, expected);
}

#[test]
fn the_client_module_verifies_no_signatures_and_stays_small() {
    let undefined = output("nm", &["-D"], &client());
    assert!(
        !undefined.contains("aws_lc") && !undefined.contains("kadm5"),
        "{undefined}"
    );
    let bytes = fs::read(client()).unwrap();
    assert!(
        u64::try_from(bytes.len()).unwrap() < CLIENT_MAX,
        "{} bytes",
        bytes.len()
    );
    // Stripped of symbols, so the name is looked for in what the library says of itself.
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("AWS-LC") && !text.contains("aws-lc"));
}
