//! The benchmarks run: what they say is not looked at.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::{fs, process::Command};

#[test]
fn a_quick_run_writes_document_and_plot() {
    let directory = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_krb5-fido-bench"))
        .args(["--quick", "--output"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let document = fs::read_to_string(directory.path().join("benchmarks.md")).unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), document);
    for title in [
        "Targets",
        "KDC: CPU time per login",
        "KDC: instructions per login",
        "Bare operations",
        "Client",
        "Equal time",
        "Memory and descriptors",
    ] {
        assert!(document.contains(&format!("\n## {title}\n")), "{document}");
    }
    let plot = fs::read_to_string(directory.path().join("benchmarks.svg")).unwrap();
    assert!(plot.starts_with("<svg "), "{plot}");
}
