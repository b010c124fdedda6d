//! Where the measurements were made.

use std::{fs, process::Command, thread};

use openssl::version::version;

/// Processor, kernel, and the versions of what takes part; a line of its own for each.
pub(crate) fn describe() -> String {
    let processor = first_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = first_of("/etc/os-release", "PRETTY_NAME").unwrap_or_default();
    [
        format!("- processor: {processor}, {cores} cores"),
        format!("- system: {}, Linux {}", system.trim_matches('"'), kernel.trim()),
        format!("- krb5: {}", output("krb5-config", &["--version"])),
        format!("- stock module's cryptography: {}", version()),
        format!("- {}", output("valgrind", &["--version"])),
    ]
    .join("\n")
}

/// The value of the first line that begins with `name`, behind a colon or an equals sign.
fn first_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':', '=']).trim().to_owned())
}

/// The first line that a program prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.ok().and_then(|text| text.lines().next().map(str::to_owned));
    line.unwrap_or_else(|| format!("{program} is not installed"))
}
