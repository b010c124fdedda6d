//! Links the kadm5 library that each program wants, and tells where krb5 is installed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let server = pkg_config::Config::new()
        .cargo_metadata(false)
        .probe("kadm-server")?;
    for path in &server.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    // Both have the same functions, for the local database and for kadmind: no program may have both.
    println!("cargo::rustc-link-arg-bin=kdb5_fido=-lkadm5srv_mit");
    println!("cargo::rustc-link-arg-bin=kfido=-lkadm5clnt_mit");
    // Where libkrb5 looks for a module with a relative path.
    println!(
        "cargo::rustc-env=KRB5_LIBDIR={}",
        pkg_config::get_variable("krb5", "libdir")?
    );
    Ok(())
}
