//! Which keys are attached.
//!
//! Invariants:
//! 1. `fido_dev_info_free` wants the number that `fido_dev_info_new` was called with.
//! 2. `fido_dev_info_manifest` fills the first entries and reports how many, never more than it was given room for.

use std::{
    ffi::{CStr, OsStr},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use libfido2_sys as ffi;

use super::{
    code::check,
    handle::{copy_string, printable},
};
use crate::{DeviceSpec, Error, watch::Identity};

/// More keys than anybody attaches at once.
const LIST_MAX: usize = 64;

/// The longest name of a product or vendor, in characters.
const NAME_MAX: usize = 64;

/// A key that may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    place: Place,
    product: String,
    vendor: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A hidraw device.
    Hidraw(PathBuf),
    /// The socket of a software key.
    Socket(PathBuf),
}

impl DeviceInfo {
    fn new(place: Place, product: &str, fallback: &str) -> Self {
        Self {
            place,
            product: name(product).unwrap_or_else(|| fallback.to_owned()),
            vendor: None,
        }
    }

    fn with_vendor(self, vendor: &str) -> Self {
        Self {
            vendor: name(vendor),
            ..self
        }
    }

    /// The product name for people, at most 64 characters; "security key" or "software key" if it has none.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The vendor's name for people, at most 64 characters, if the key has one.
    pub fn vendor(&self) -> Option<&str> {
        self.vendor.as_deref()
    }

    /// The value of `fido_device` that means this key.
    pub fn device(&self) -> String {
        match &self.place {
            Place::Hidraw(path) => path.display().to_string(),
            Place::Socket(path) => format!("unix:{}", path.display()),
        }
    }

    /// The device file or socket as it is now.
    ///
    /// # Errors
    /// It is not there, or cannot be looked at.
    pub fn identity(&self) -> io::Result<Identity> {
        match &self.place {
            Place::Hidraw(path) | Place::Socket(path) => Identity::of(path),
        }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }
}

/// A name that comes from the device and ends up on terminals, unless it is empty.
fn name(text: &str) -> Option<String> {
    match printable(text, NAME_MAX).trim() {
        "" => None,
        name => Some(name.to_owned()),
    }
}

/// The keys that `specs` name, each once, in that order. A path or socket that is named is listed whether or not anything
/// is there: [`crate::Device::open`] tells.
///
/// # Errors
/// [`Error::OutOfMemory`], or what libfido2 fails with.
pub fn discover(specs: &[DeviceSpec]) -> Result<Vec<DeviceInfo>, Error> {
    let attached = match specs
        .iter()
        .any(|spec| matches!(spec, DeviceSpec::Auto | DeviceSpec::Path(_)))
    {
        true => list_attached()?,
        false => Vec::new(),
    };
    let mut found = Vec::new();
    for spec in specs {
        match spec {
            DeviceSpec::None => {}
            DeviceSpec::Auto => found.extend(attached.iter().cloned()),
            DeviceSpec::Path(path) => found.push(named(path, &attached)),
            DeviceSpec::Unix(path) => {
                found.push(DeviceInfo::new(Place::Socket(path.clone()), "", "software key"));
            }
        }
    }
    let mut once: Vec<DeviceInfo> = Vec::new();
    for device in found {
        if once.iter().all(|other| other.place != device.place) {
            once.push(device);
        }
    }
    Ok(once)
}

/// The device at `path`, with its product name if it is attached.
fn named(path: &Path, attached: &[DeviceInfo]) -> DeviceInfo {
    let place = Place::Hidraw(path.to_owned());
    let known = attached.iter().find(|device| device.place == place);
    known.cloned().unwrap_or_else(|| attached_device(place, ""))
}

fn attached_device(place: Place, product: &str) -> DeviceInfo {
    DeviceInfo::new(place, product, "security key")
}

fn list_attached() -> Result<Vec<DeviceInfo>, Error> {
    let list = List::manifest()?;
    let mut devices = Vec::new();
    for index in 0..list.count {
        devices.extend(list.device(index)?);
    }
    Ok(devices)
}

struct List {
    entries: *mut ffi::fido_dev_info_t,
    count: usize,
}

impl List {
    fn manifest() -> Result<Self, Error> {
        // SAFETY: fido_dev_info_manifest(3): takes any number.
        let entries = unsafe { ffi::fido_dev_info_new(LIST_MAX) };
        if entries.is_null() {
            return Err(Error::OutOfMemory);
        }
        let mut list = Self { entries, count: 0 };
        // SAFETY: `entries` has room for LIST_MAX, and `count` is ours.
        let code = unsafe { ffi::fido_dev_info_manifest(list.entries, LIST_MAX, &raw mut list.count) };
        check(code)?;
        Ok(list)
    }

    /// `None` for an NFC reader, which libfido2 lists, too, and which does not take CTAPHID reports.
    fn device(&self, index: usize) -> Result<Option<DeviceInfo>, Error> {
        // SAFETY: invariant 2: `index` is below `count`.
        let entry = unsafe { ffi::fido_dev_info_ptr(self.entries, index) };
        // SAFETY: `entry` is one of the list.
        let path = unsafe { ffi::fido_dev_info_path(entry) };
        if path.is_null() {
            return Err(Error::OutOfMemory);
        }
        // SAFETY: a string of the entry.
        let path = unsafe { CStr::from_ptr(path) };
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        if !path.starts_with("/dev") {
            return Ok(None);
        }
        let place = Place::Hidraw(path.to_owned());
        // SAFETY: `entry` is one of the list.
        let product = unsafe { ffi::fido_dev_info_product_string(entry) };
        // SAFETY: NULL or a string of the entry.
        let product = unsafe { copy_string(product) };
        // SAFETY: `entry` is one of the list.
        let vendor = unsafe { ffi::fido_dev_info_manufacturer_string(entry) };
        // SAFETY: NULL or a string of the entry.
        let vendor = unsafe { copy_string(vendor) };
        Ok(Some(attached_device(place, &product).with_vendor(&vendor)))
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: invariant 1.
        unsafe { ffi::fido_dev_info_free(&raw mut self.entries, LIST_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(values: &[&str]) -> Vec<DeviceSpec> {
        values
            .iter()
            .map(|value| DeviceSpec::parse(value).unwrap())
            .collect()
    }

    #[test]
    fn none_and_nothing_list_nothing() {
        assert_eq!(discover(&[]).unwrap(), []);
        assert_eq!(discover(&specs(&["none"])).unwrap(), []);
    }

    #[test]
    fn lists_each_device_once_and_in_order() {
        let found = discover(&specs(&[
            "unix:/b",
            "/dev/null",
            "none",
            "unix:/a",
            "unix:/b",
            "/dev/null",
        ]))
        .unwrap();
        let devices: Vec<String> = found.iter().map(DeviceInfo::device).collect();
        assert_eq!(devices, ["unix:/b", "/dev/null", "unix:/a"]);
        assert_eq!(found[0].product(), "software key");
        assert_eq!(found[1].product(), "security key");
    }

    #[test]
    fn product_names_are_fit_for_a_terminal() {
        let device = |product: &str| attached_device(Place::Hidraw("/dev/x".into()), product);
        assert_eq!(device(" Key\x1b[2J\r\n 5 ").product(), "Key[2J 5");
        assert_eq!(device("\u{9b}\u{7f} ").product(), "security key");
        assert_eq!(device(&"k".repeat(1000)).product().len(), NAME_MAX);
    }

    #[test]
    fn vendors_have_a_name_or_none() {
        let vendor = |name: &str| attached_device(Place::Hidraw("/dev/x".into()), "Key").with_vendor(name);
        assert_eq!(vendor(" Yubi\x07co ").vendor(), Some("Yubico"));
        for name in ["", " ", "\r\n"] {
            assert_eq!(vendor(name).vendor(), None);
        }
    }
}
