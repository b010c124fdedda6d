//! What the kernel has booked to a process: CPU time, memory, descriptors (proc(5)).

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::error::Error;

/// A process and its children, such as krb5kdc with its workers.
#[derive(Clone, Debug)]
pub(crate) struct Processes(Vec<PathBuf>);

/// Memory in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident now, VmRSS.
    pub(crate) resident: u64,
    /// Resident at most so far, VmHWM.
    pub(crate) peak: u64,
}

impl Processes {
    /// The process `pid` with the children that it has now.
    pub(crate) fn of(pid: u32) -> Result<Self, Error> {
        let mut pids = vec![pid];
        for (child, parent) in parents()? {
            if parent == pid {
                pids.push(child);
            }
        }
        Ok(Self(
            pids.iter()
                .map(|pid| Path::new("/proc").join(pid.to_string()))
                .collect(),
        ))
    }

    /// User and system time of all threads, from the scheduler: nanoseconds, not ticks.
    pub(crate) fn cpu_time(&self) -> Result<Duration, Error> {
        let mut total = Duration::ZERO;
        for process in &self.0 {
            let tasks = process.join("task");
            for task in read_directory(&tasks)? {
                let path = task.join("schedstat");
                let text = read(&path)?;
                let spent = text.split(' ').next().and_then(|number| number.parse().ok());
                total += Duration::from_nanos(spent.ok_or(Error::Format(path))?);
            }
        }
        Ok(total)
    }

    /// Memory, each process by itself and added up.
    pub(crate) fn memory(&self) -> Result<Memory, Error> {
        let mut total = Memory { resident: 0, peak: 0 };
        for process in &self.0 {
            let path = process.join("status");
            let memory = parse_memory(&read(&path)?).ok_or(Error::Format(path))?;
            total.resident += memory.resident;
            total.peak += memory.peak;
        }
        Ok(total)
    }

    /// Number of open descriptors.
    pub(crate) fn descriptors(&self) -> Result<usize, Error> {
        self.0
            .iter()
            .map(|process| Ok(read_directory(&process.join("fd"))?.len()))
            .sum()
    }
}

/// User and system time of the children that this process has waited for, in clock ticks of 10 ms.
pub(crate) fn children_time() -> Result<Duration, Error> {
    let path = Path::new("/proc/self/stat");
    let ticks = parse_stat(&read(path)?).map(|stat| stat.children_ticks);
    Ok(Duration::from_millis(
        ticks.ok_or(Error::Format(path.into()))? * 10,
    ))
}

/// VmRSS and VmHWM of a process's status.
pub(crate) fn parse_memory(status: &str) -> Option<Memory> {
    let kibibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory {
        resident: kibibytes("VmRSS:")?,
        peak: kibibytes("VmHWM:")?,
    })
}

struct Stat {
    parent: u32,
    children_ticks: u64,
}

/// The fields behind the name, which is in parentheses and may hold anything.
fn parse_stat(stat: &str) -> Option<Stat> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        children_ticks: ticks(13)? + ticks(14)?,
    })
}

/// All processes with their parents.
fn parents() -> Result<Vec<(u32, u32)>, Error> {
    let processes = read_directory(Path::new("/proc"))?;
    let parent = |path: &PathBuf| {
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        // One that has ended meanwhile is nobody's child.
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        Some((pid, parse_stat(&stat)?.parent))
    };
    Ok(processes.iter().filter_map(parent).collect())
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file("read", path))
}

fn read_directory(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = || {
        fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()
    };
    entries().map_err(Error::file("read directory", path))
}

#[cfg(test)]
mod tests {
    use std::{process, thread};

    use super::*;

    #[test]
    fn time_of_a_busy_process_grows() {
        let mut busy = process::Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let processes = Processes::of(busy.id()).unwrap();
        let before = processes.cpu_time().unwrap();
        while processes.cpu_time().unwrap() <= before {
            thread::yield_now();
        }
        let descriptors = processes.descriptors().unwrap();
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert!(descriptors >= 3, "{descriptors}");
    }

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\tkrb5kdc\nVmPeak:\t   1 kB\nVmHWM:\t    9000 kB\nVmRSS:\t    8000 kB\n";
        let expected = Memory {
            resident: 8000,
            peak: 9000,
        };
        assert_eq!(parse_memory(status), Some(expected));
        assert_eq!(parse_memory("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn stat_is_read_behind_a_name_with_parentheses() {
        let stat = parse_stat("7 (a) b) S 42 7 7 0 -1 0 1 2 3 4 50 60 70 80 20 0").unwrap();
        assert_eq!((stat.parent, stat.children_ticks), (42, 150));
        assert!(parse_stat("7 (a").is_none());
    }

    #[test]
    fn children_are_counted_in() {
        let mut child = process::Command::new("sleep").arg("30").spawn().unwrap();
        let processes = Processes::of(process::id()).unwrap();
        let found = processes
            .0
            .contains(&Path::new("/proc").join(child.id().to_string()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
