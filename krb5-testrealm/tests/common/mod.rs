//! What several test programs need.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests, not all used by each test program; a failure in one is the test's"
)]

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use krb5_testrealm::{Modules, Realm, RealmBuilder};

pub const PASSWORD: &str = "correct horse";

/// A realm in which both sides use what the installed krb5 brings.
pub fn stock() -> RealmBuilder {
    Realm::builder()
        .client_modules(Modules::Stock)
        .kdc_modules(Modules::Stock)
}

/// Such a realm with a principal alice, without kadmind.
pub fn stock_with_alice(builder: RealmBuilder) -> Realm {
    let realm = builder.kadmind(false).start().unwrap();
    realm
        .add_principal("alice", PASSWORD, &["+requires_preauth"])
        .unwrap();
    realm
}

/// Whether the process runs; one that only waits to be reaped does not.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

/// Whether nobody listens on the port.
pub fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

/// Waits up to ten seconds for `condition`.
pub fn eventually(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The process id in a daemon's file, once it is there.
pub fn read_pid(path: &Path) -> u32 {
    let read = || fs::read_to_string(path).ok()?.trim().parse().ok();
    assert!(
        eventually(|| read().is_some()),
        "no process id in {}",
        path.display()
    );
    read().unwrap()
}
