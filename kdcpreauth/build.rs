//! Links libkdb5, which krb5kdc has loaded already, into the module.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let kdb = pkg_config::Config::new().cargo_metadata(false).probe("kdb")?;
    for path in &kdb.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    println!("cargo::rustc-link-arg-cdylib=-lkdb5");
    Ok(())
}
