//! Writes the seeds of all targets anew, into the directory that is named.

use std::{env, error::Error, fs, path::PathBuf};

use krb5_fido_fuzz::seeds::all;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args_os().nth(1).ok_or("usage: seeds DIRECTORY")?);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    for seed in all() {
        let path = seed.path(&directory);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, seed.bytes)?;
    }
    Ok(())
}
