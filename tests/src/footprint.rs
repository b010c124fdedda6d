//! What a running KDC takes of memory and descriptors.

use std::{fmt, fs};

use krb5_testrealm::Realm;

/// What a process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory, in KiB.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Footprint {
    /// That of the realm's KDC.
    ///
    /// # Panics
    /// The KDC does not run.
    pub fn of(realm: &Realm) -> Self {
        let process = format!("/proc/{}", realm.kdc_pid().unwrap());
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Self {
            resident: resident.unwrap().parse().unwrap(),
            descriptors: fs::read_dir(format!("{process}/fd")).unwrap().count(),
        }
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB, {} descriptors", self.resident, self.descriptors)
    }
}
