//! The machines of a realm that has several: each is a name, which all of them find on 127.0.0.1.
//!
//! Propagation goes by host names: kprop and kpropd are `host/` and `kiprop/` of the machine that they run on. So they run in
//! namespaces of their own, in which the machine has another name and /etc/hosts knows all of them. It takes root, or user
//! namespaces.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use crate::Error;

const HOSTS: &str = "hosts";
/// As many machines as a realm may have.
const LIMIT: u32 = 9;

const ENTER: &str = r#"mount --bind "$1" /etc/hosts; hostname "$2"; shift 2; exec "$@""#;

/// The name of a machine, as `kdc1.krbtest.com`; the primary is the first.
pub(crate) fn host_name(realm: &str, number: u32) -> String {
    format!("kdc{number}.{}", realm.to_ascii_lowercase())
}

/// Writes the hosts file of a realm into its directory.
pub(crate) fn write_hosts(realm: &str, directory: &Path) -> Result<(), Error> {
    let names: Vec<String> = (1..=LIMIT).map(|number| host_name(realm, number)).collect();
    let path = directory.join(HOSTS);
    let text = format!("127.0.0.1 localhost {}\n", names.join(" "));
    fs::write(&path, text).map_err(Error::file("write", path))
}

/// The words before a command that has it run on the machine `host`. The directory is that of [`write_hosts`].
pub(crate) fn on_host(host: &str, directory: &Path) -> Vec<OsString> {
    let words = [
        "unshare",
        "--mount",
        "--uts",
        "--map-root-user",
        "sh",
        "-euc",
        ENTER,
        "sh",
    ];
    let hosts: PathBuf = directory.join(HOSTS);
    words
        .into_iter()
        .map(OsString::from)
        .chain([hosts.into_os_string(), OsStr::new(host).to_owned()])
        .collect()
}
