//! Programs of other people that log in with the client module, and what comes of the ticket: those of krb5 itself,
//! pam_krb5, Python, sshd, curl, and programs with habits of their own. Those that read files of /etc run in namespaces of
//! their own, so that the machine itself is not touched; making them takes root.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod gss;
mod habits;
mod kerberos;
mod pam;
mod set_uid;
mod ssh;
mod web;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use krb5_fido_tests::{Enrolled, PASSWORD, add_service, compile, kadmin};
use krb5_testrealm::{Finished, Realm, library_directory, packaged};

const PIN: &str = "1234";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

/// A realm with alice and her key, whose tickets tell of it.
fn enrolled() -> Enrolled {
    Enrolled::start(Realm::builder().kdc_relation("fido_indicator", "fido"))
}

/// The message of a key that is configured and not there.
fn not_there(device: &str) -> String {
    format!("Could not open the security key {device}: No such file or directory")
}

/// The banner of a program that waits for alice's key, which is configured and not there.
fn waiting(device: &str) -> String {
    format!(
        "{}. Waiting for a key registered for alice@KRBTEST.COM to log in to KRBTEST.COM.\n",
        not_there(device)
    )
}

/// A source beside the tests, in C or Python.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name)
}

/// The program that `login.c` makes.
fn login_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile(&source("login.c"), env!("CARGO_TARGET_TMPDIR")))
}

/// Runs a script in mount and process namespaces of its own; what it starts ends with it. `$1` is the realm's directory, and
/// the arguments follow.
fn in_namespaces(realm: &Realm, script: &str, arguments: &[&str], input: &str) -> Finished {
    let mut unshare = realm.command("unshare");
    unshare
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-euc",
            script,
            "sh",
        ])
        .arg(realm.dir())
        .args(arguments);
    realm.run(unshare, input).unwrap()
}

/// Writes a file to be mounted over /etc/passwd, with accounts for alice, bob and sshd.
fn write_accounts(realm: &Realm) {
    let home = realm.dir().join("home");
    let text = format!(
        "root:*:0:0::/root:/bin/sh\n\
         sshd:*:10000:10000::/nonexistent:/bin/false\n\
         alice:*:10001:10001::{home}:/bin/sh\n\
         bob:*:10002:10002::{home}:/bin/sh\n",
        home = home.display()
    );
    fs::write(realm.dir().join("passwd"), text).unwrap();
}

/// Writes a directory to be mounted over /etc/pam.d, in which pam_krb5 is all that this service consists of. It keeps
/// tickets in the realm's directory, and that of a session where it is looked for.
fn write_pam_service(realm: &Realm, name: &str) {
    let module = format!(
        "required {module} retain_after_close ccache_dir=FILE:{directory} ccache=FILE:{directory}/ccache",
        module = packaged(
            "libpam-krb5",
            &format!("{}/security/pam_krb5.so", library_directory())
        )
        .unwrap()
        .display(),
        directory = realm.dir().display()
    );
    let text = format!("auth {module}\naccount {module}\nsession {module}\n");
    let directory = realm.dir().join("pam.d");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join(name), text).unwrap();
}

/// Adds a service with its keys in the realm's keytab, which wants to see that a key was used.
fn add_guarded_service(realm: &Realm, name: &str) {
    add_service(realm, name, "fido");
    kadmin(realm, &["ktadd", name]);
}

/// Logs a principal in, and gives the name of the cache with its ticket.
fn ticket(realm: &Realm, principal: &str) -> String {
    let cache = format!(
        "FILE:{}",
        realm.dir().join(principal).with_extension("cache").display()
    );
    let login = realm.kinit(principal, PASSWORD, &["-c", &cache]).unwrap();
    login.checked().unwrap();
    cache
}
