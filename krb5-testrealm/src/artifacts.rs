//! Where the modules and programs lie that this workspace builds.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::Error;

const CLIENT_MODULE: &str = "libkrb5_fido_client.so";
const KDC_MODULE: &str = "libkrb5_fido_kdc.so";
const HELPER: &str = "krb5-fido-helper";
const KDB5_FIDO: &str = "kdb5_fido";
const KFIDO: &str = "kfido";
const SOFTKEY: &str = "softkey";

/// The built modules and programs, all in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    directory: PathBuf,
}

impl Artifacts {
    /// Finds the directory that `make build` fills: the one in the environment variable KRB5_FIDO_ARTIFACTS, else the
    /// running program's own if it holds all of them, else `release` beside the directory of the build profile in
    /// which the running program lies, which for tests is `target/release` beside `target/debug/deps`, else the one that
    /// `make install` fills with links, `lib/krb5-fido` beside the program's own.
    ///
    /// # Errors
    /// [`Error::ArtifactMissing`] with the first file that is not there.
    pub fn locate() -> Result<Self, Error> {
        if let Some(directory) = env::var_os("KRB5_FIDO_ARTIFACTS") {
            return Self::in_directory(directory.into());
        }
        let program = env::current_exe().map_err(Error::file("find", "the running program"))?;
        Self::beside(&program)
    }

    fn beside(program: &Path) -> Result<Self, Error> {
        let own = program.parent().unwrap_or(program);
        Self::in_directory(own.into()).or_else(|missing_here| {
            let release = own
                .ancestors()
                .map(|ancestor| ancestor.join("release"))
                .find(|path| path.is_dir());
            let linked = own.parent().map(|above| above.join("lib/krb5-fido"));
            let directory = release.or(linked.filter(|path| path.is_dir()));
            directory.map_or(Err(missing_here), Self::in_directory)
        })
    }

    fn in_directory(directory: PathBuf) -> Result<Self, Error> {
        let files = [CLIENT_MODULE, KDC_MODULE, HELPER, KDB5_FIDO, KFIDO, SOFTKEY];
        match files.into_iter().find(|file| !directory.join(file).is_file()) {
            Some(file) => Err(Error::ArtifactMissing { file, directory }),
            None => Ok(Artifacts { directory }),
        }
    }

    /// The directory that holds them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The clpreauth module.
    pub fn client_module(&self) -> PathBuf {
        self.directory.join(CLIENT_MODULE)
    }

    /// The kdcpreauth and kdcpolicy modules.
    pub fn kdc_module(&self) -> PathBuf {
        self.directory.join(KDC_MODULE)
    }

    /// The program that talks to security keys for the client module.
    pub fn helper(&self) -> PathBuf {
        self.directory.join(HELPER)
    }

    /// The enrolment tool for the KDC's own database.
    pub fn kdb5_fido(&self) -> PathBuf {
        self.directory.join(KDB5_FIDO)
    }

    /// What tells people of their keys and logins.
    pub fn kfido(&self) -> PathBuf {
        self.directory.join(KFIDO)
    }

    /// The software security key.
    pub fn softkey(&self) -> PathBuf {
        self.directory.join(SOFTKEY)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fill(directory: &Path, files: &[&str]) {
        fs::create_dir_all(directory).unwrap();
        for file in files {
            fs::write(directory.join(file), "").unwrap();
        }
    }

    const ALL: [&str; 6] = [CLIENT_MODULE, KDC_MODULE, HELPER, KDB5_FIDO, KFIDO, SOFTKEY];

    #[test]
    fn test_program_finds_the_release_directory() {
        let target = tempfile::tempdir().unwrap();
        let release = target.path().join("release");
        fill(&release, &ALL);
        let found = Artifacts::beside(&target.path().join("debug/deps/realm-0123")).unwrap();
        assert_eq!(found.directory(), release);
    }

    #[test]
    fn own_directory_comes_first() {
        let target = tempfile::tempdir().unwrap();
        let debug = target.path().join("debug");
        fill(&debug, &ALL);
        fill(&target.path().join("release"), &ALL);
        assert_eq!(
            Artifacts::beside(&debug.join("krb5-testrealm"))
                .unwrap()
                .directory(),
            debug
        );
    }

    #[test]
    fn installed_program_finds_the_links() {
        let prefix = tempfile::tempdir().unwrap();
        let links = prefix.path().join("lib/krb5-fido");
        fill(&links, &ALL);
        let found = Artifacts::beside(&prefix.path().join("bin/krb5-testrealm")).unwrap();
        assert_eq!(found.directory(), links);
    }

    #[test]
    fn missing_file_is_named_with_its_directory() {
        let target = tempfile::tempdir().unwrap();
        let release = target.path().join("release");
        fill(&release, &[CLIENT_MODULE, KDC_MODULE, KDB5_FIDO, KFIDO, SOFTKEY]);
        let error = Artifacts::beside(&target.path().join("debug/deps/realm-0123")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(HELPER) && text.contains(release.to_str().unwrap()),
            "{text}"
        );
        assert!(text.contains("make build"), "{text}");
    }

    #[test]
    fn program_outside_a_build_directory_reports_its_own() {
        let lonely = tempfile::tempdir().unwrap();
        let error = Artifacts::beside(&lonely.path().join("program")).unwrap_err();
        assert!(matches!(error, Error::ArtifactMissing { directory, .. } if directory == lonely.path()));
    }
}
