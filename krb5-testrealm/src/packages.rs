//! Files of Debian packages that `deps.sh` only unpacks, since installing them would change the machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::Error;

/// A file or directory of a package: from `target/deb`, or where the package is installed, from there. `path` is that below
/// the root directory, with `usr/` before it also where the package comes without.
///
/// # Errors
/// [`Error::PackageMissing`].
pub fn packaged(package: &'static str, path: &str) -> Result<PathBuf, Error> {
    let program = env::current_exe().map_err(Error::file("find", "the running program"))?;
    beside(&program, package, path)
}

/// Where Debian keeps libraries of this architecture, below the root directory.
pub fn library_directory() -> String {
    format!("usr/lib/{}-linux-gnu", env::consts::ARCH)
}

/// `deb` lies beside the directory of the build profile in which the running program does.
fn beside(program: &Path, package: &'static str, path: &str) -> Result<PathBuf, Error> {
    let without_usr = path.strip_prefix("usr/").unwrap_or(path);
    program
        .ancestors()
        .map(|ancestor| ancestor.join("deb").join(package))
        .chain(["/".into()])
        .flat_map(|root| [root.join(path), root.join(without_usr)])
        .find(|found| found.exists())
        .ok_or_else(|| Error::PackageMissing {
            package,
            path: path.into(),
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn target_with(file: &str) -> tempfile::TempDir {
        let target = tempfile::tempdir().unwrap();
        let path = target.path().join("deb/some-package").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        target
    }

    fn found(target: &Path, path: &str) -> Result<PathBuf, Error> {
        beside(&target.join("debug/deps/realm-0123"), "some-package", path)
    }

    #[test]
    fn unpacked_file_is_found_with_and_without_usr() {
        for file in ["usr/sbin/server", "sbin/server"] {
            let target = target_with(file);
            let expected = target.path().join("deb/some-package").join(file);
            assert_eq!(found(target.path(), "usr/sbin/server").unwrap(), expected);
        }
    }

    #[test]
    fn file_of_an_installed_package_is_found() {
        let target = tempfile::tempdir().unwrap();
        assert_eq!(
            found(target.path(), "usr/bin/env").unwrap(),
            Path::new("/usr/bin/env")
        );
    }

    #[test]
    fn missing_file_is_named_with_its_package() {
        let target = target_with("usr/sbin/server");
        let text = found(target.path(), "usr/sbin/other").unwrap_err().to_string();
        assert!(
            text.contains("usr/sbin/other") && text.contains("some-package") && text.contains("make deps"),
            "{text}"
        );
    }
}
