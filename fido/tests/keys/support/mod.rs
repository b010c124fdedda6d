//! What the tests share.

pub(crate) mod helper_process;
pub(crate) mod registered;
pub(crate) mod scripted_key;
pub(crate) mod software_key;

use std::time::{Duration, Instant};

use krb5_fido_keys::{Device, DeviceInfo, DeviceSpec, discover};

/// More than any step takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn find(device: &str) -> DeviceInfo {
    let found = discover(&[DeviceSpec::parse(device).unwrap()]).unwrap();
    found.into_iter().next().unwrap()
}

pub(crate) fn open(device: &str) -> Device {
    Device::open(&find(device)).unwrap()
}

/// Waits until `condition` holds, but not for ever.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
