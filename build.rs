//! Binds the installed MIT krb5 headers.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=include/wrapper.h");
    // kadm-server names the include directory in which Debian keeps kadm5/admin.h and kdb.h. Its libraries are not
    // linked here: the client module must load on machines that have neither libkdb5 nor libkadm5.
    let headers = pkg_config::Config::new()
        .cargo_metadata(false)
        .probe("kadm-server")?;
    let libraries = pkg_config::Config::new().cargo_metadata(false).probe("krb5")?;
    for path in libraries.link_paths.iter().chain(&headers.link_paths) {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    println!("cargo::rustc-link-lib=dylib=krb5");
    println!("cargo::rustc-link-lib=dylib=k5crypto");

    let includes = headers
        .include_paths
        .iter()
        .map(|path| format!("-I{}", path.display()));
    let bindings = bindgen::Builder::default()
        .header("include/wrapper.h")
        .clang_args(includes)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .allowlist_item("_?(krb5|KRB5|KRB5KDC|KRB5KRB|kadm5|KADM5|profile|PROF|TKT_FLG|KDC_OPT|PA|KV5M)_.*")
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false)
        .generate()?;
    bindings.write_to_file(PathBuf::from(env::var("OUT_DIR")?).join("krb5.rs"))?;
    Ok(())
}
