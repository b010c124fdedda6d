//! Noticing that keys come and go, without asking libfido2, which opens every HID device to see what it is.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use crate::DeviceSpec;

/// Where hidraw devices lie, and what their names begin with.
const DEVICES: &str = "/dev";
const HIDRAW: &[u8] = b"hidraw";

/// A device file or socket at one time: another one after it was unplugged and plugged in again, or after its permissions
/// were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    inode: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Identity {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Looks at the device files that values of `fido_device` mean. Opens none.
pub struct Watch {
    specs: Vec<DeviceSpec>,
    seen: Option<Vec<(PathBuf, Option<Identity>)>>,
}

impl Watch {
    /// Has seen nothing yet.
    pub fn new(specs: &[DeviceSpec]) -> Self {
        Self {
            specs: specs.to_vec(),
            seen: None,
        }
    }

    /// Whether anything has changed since the last call; the first time it has.
    pub fn has_changed(&mut self) -> bool {
        let now = Some(self.look());
        let changed = self.seen != now;
        self.seen = now;
        changed
    }

    fn look(&self) -> Vec<(PathBuf, Option<Identity>)> {
        let mut paths = Vec::new();
        for spec in &self.specs {
            match spec {
                DeviceSpec::None => {}
                DeviceSpec::Auto => paths.extend(hidraw_devices()),
                DeviceSpec::Path(path) | DeviceSpec::Unix(path) => paths.push(path.clone()),
            }
        }
        paths.sort();
        paths
            .into_iter()
            .map(|path| {
                let identity = Identity::of(&path).ok();
                (path, identity)
            })
            .collect()
    }
}

fn hidraw_devices() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(DEVICES).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| name(path).as_bytes().starts_with(HIDRAW))
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt, net::UnixListener};

    use super::*;

    fn watch(path: &Path) -> Watch {
        Watch::new(&[DeviceSpec::Unix(path.to_owned())])
    }

    #[test]
    fn everything_is_new_once() {
        for spec in [
            DeviceSpec::Auto,
            DeviceSpec::None,
            DeviceSpec::Path("/dev/nonexistent".into()),
        ] {
            let mut watch = Watch::new(&[spec]);
            assert!(watch.has_changed());
            assert!(!watch.has_changed());
        }
    }

    #[test]
    fn keys_come_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut watch = watch(&path);
        watch.has_changed();
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        fs::remove_file(&path).unwrap();
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
    }

    #[test]
    fn permissions_may_come_later() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut watch = watch(file.path());
        watch.has_changed();
        let before = Identity::of(file.path()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(watch.has_changed());
        assert_ne!(Identity::of(file.path()).unwrap(), before);
    }
}
