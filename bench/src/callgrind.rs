//! Instructions of a KDC that runs under valgrind's callgrind, by the object that they are in.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{
    case::Kind,
    error::Error,
    site::{Launch, Site},
};

/// A KDC under callgrind.
pub(crate) struct CountedSite {
    pub(crate) site: Site,
    directory: TempDir,
}

/// Instructions between two moments, the kernel's not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instructions {
    pub(crate) total: u64,
    /// By path of the object.
    by_object: BTreeMap<String, u64>,
}

impl Instructions {
    /// Those in objects whose path ends with `name`.
    pub(crate) fn in_object(&self, name: &str) -> u64 {
        let matching = self.by_object.iter().filter(|(path, _)| path.ends_with(name));
        matching.map(|(_, count)| count).sum()
    }
}

impl CountedSite {
    /// Starts a KDC of a single process.
    pub(crate) fn start(kind: Kind) -> Result<Self, Error> {
        let directory = tempfile::Builder::new()
            .prefix("krbb")
            .tempdir()
            .map_err(Error::file("create a directory for", "callgrind"))?;
        let output = format!("--callgrind-out-file={}", directory.path().join("out").display());
        let wrapper = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            &prefix(&directory),
            &output,
        ];
        let launch = Launch {
            wrapper: &wrapper,
            ..Launch::SINGLE
        };
        Ok(Self {
            site: Site::start(kind, launch)?,
            directory,
        })
    }

    /// Counts what the KDC does during `work`.
    pub(crate) fn count(&self, work: impl FnOnce()) -> Result<Instructions, Error> {
        self.control("--zero")?;
        work();
        self.control("--dump")?;
        let path = self.newest_dump()?;
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        parse(&text).ok_or(Error::Format(path))
    }

    fn control(&self, action: &str) -> Result<(), Error> {
        let pid = self.site.realm.kdc_pid().unwrap_or_default();
        let output = Command::new("callgrind_control")
            .args([&prefix(&self.directory), action, &pid.to_string()])
            .output()
            .map_err(Error::file("run", "callgrind_control"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && text.contains("OK.") {
            return Ok(());
        }
        Err(Error::Program {
            program: "callgrind_control",
            cause: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// The one dump: those before were removed.
    fn newest_dump(&self) -> Result<PathBuf, Error> {
        let directory = self.directory.path();
        let entries = fs::read_dir(directory).map_err(Error::file("read directory", directory))?;
        let is_dump = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"out."))
        };
        let mut dumps = entries.flatten().map(|entry| entry.path()).filter(is_dump);
        dumps.next().ok_or_else(|| Error::Format(directory.into()))
    }
}

/// Where valgrind and callgrind_control meet: TMPDIR is not the same for both.
fn prefix(directory: &TempDir) -> String {
    format!("--vgdb-prefix={}", directory.path().join("gdb").display())
}

/// Adds up a profile in callgrind's format, version 1, with one event and one position per line.
fn parse(profile: &str) -> Option<Instructions> {
    let mut names = BTreeMap::new();
    let mut object = String::new();
    let mut counted = Instructions {
        total: 0,
        by_object: BTreeMap::new(),
    };
    let mut lines = profile.lines().skip_while(|line| !line.starts_with("events: Ir"));
    lines.next()?;
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = resolve(&mut names, name)?;
        } else if let Some(name) = line.strip_prefix("cob=") {
            resolve(&mut names, name)?;
        } else if line.starts_with("calls=") {
            // The next line is what the called function costs; it is counted where it is spent.
            lines.next()?;
        } else if line.starts_with(['+', '-', '*', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
            let (_, cost) = line.split_once(' ')?;
            let cost: u64 = cost.parse().ok()?;
            counted.total += cost;
            *counted.by_object.entry(object.clone()).or_default() += cost;
        }
    }
    Some(counted)
}

/// The name behind `(NUMBER) NAME`, which is spelled out the first time only.
fn resolve(names: &mut BTreeMap<String, String>, compressed: &str) -> Option<String> {
    let (number, name) = compressed.split_once(')')?;
    if name.is_empty() {
        return names.get(number).cloned();
    }
    names.insert(number.to_owned(), name.trim_start().to_owned());
    Some(name.trim_start().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "# callgrind format\nversion: 1\npositions: line\nevents: Ir\nsummary: 1111\n\n\
        ob=(1) /usr/sbin/krb5kdc\nfl=(1) ???\nfn=(1) main\n0 10\ncob=(2) /m/spake.so\ncfn=(2) verify\ncalls=3 0\n0 1000\n\
        +2 1\n\nob=(2)\nfn=(2)\n5 900\nfi=(3) inlined.h\n-1 100\n\nob=(1)\nfn=(1)\n* 100\ntotals: 1111\n";

    #[test]
    fn own_costs_are_added_up_by_object() {
        let counted = parse(PROFILE).unwrap();
        assert_eq!(counted.total, 1111);
        assert_eq!(counted.in_object("/spake.so"), 1000);
        assert_eq!(counted.in_object("krb5kdc"), 111);
        assert_eq!(counted.in_object("other.so"), 0);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("events: Ir\nob=(9)\n"), None);
        assert_eq!(parse("events: Ir\ncalls=1 0\n"), None);
        assert_eq!(parse("events: Ir\n0 many\n"), None);
    }
}
