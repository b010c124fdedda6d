//! Programs in C that log in.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles a source of this repository against libkrb5 and krb5_fido.h.
pub fn compile(source: &Path, directory: &str) -> PathBuf {
    let program = Path::new(directory).join(source.file_stem().unwrap());
    let flags = Command::new("pkg-config")
        .args(["--cflags", "--libs", "krb5"])
        .output()
        .unwrap();
    let flags = String::from_utf8(flags.stdout).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread", "-I"])
        .args([&include, Path::new("-o"), &program, source])
        .args(flags.split_whitespace())
        .status();
    assert!(compiled.unwrap().success(), "{}", source.display());
    program
}
