//! krb5-fido-manual DIRECTORY: writes the manual pages of kfido and kdb5_fido there, and what completes their command lines in
//! bash, zsh and fish.

#![forbid(unsafe_code)]

mod page;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use krb5_fido_tools::command_line::{Manual, kdb5_fido, kfido};

/// The shells that are served.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let [directory] = words.as_slice() else {
        eprintln!("usage: krb5-fido-manual DIRECTORY");
        return ExitCode::from(2);
    };
    match write_all(Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            eprintln!("krb5-fido-manual: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Each program, and what ends its page.
fn programs() -> [(Command, Manual); 2] {
    [
        (kfido::Arguments::command(), kfido::MANUAL),
        (kdb5_fido::Arguments::command(), kdb5_fido::MANUAL),
    ]
}

fn write_all(directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |error| (path, error)
    };
    fs::create_dir_all(directory).map_err(at(directory))?;
    for (mut command, manual) in programs() {
        let name = command.get_name().to_owned();
        for shell in SHELLS {
            generate_to(shell, &mut command, &name, directory).map_err(at(directory))?;
        }
        let path = directory.join(format!("{name}.{}", manual.section));
        fs::write(&path, page::render(command, &manual)).map_err(at(&path))?;
    }
    Ok(())
}
