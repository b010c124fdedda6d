//! A key that nobody touches.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

use krb5_testrealm::SoftKey;

/// Bytes in a CTAPHID report (CTAP 2.1 section 11.2.4).
const REPORT_LEN: usize = 64;
/// CTAPHID_CBOR in the first report of a message (CTAP 2.1 section 11.2.9.1.2).
const CTAPHID_CBOR: u8 = 0x90;
/// authenticatorGetAssertion (CTAP 2.1 section 6.2).
const GET_ASSERTION: u8 = 0x02;
/// The helper's first one asks without a touch whether the key holds a credential.
const LOGIN: usize = 2;
/// Registering a key asks for no other.
const TRIAL: usize = 1;

/// Stands before a software key, and passes everything on but the assertion that needs a touch: that waits forever.
#[derive(Debug)]
pub struct HoldingKey {
    socket: PathBuf,
}

impl HoldingKey {
    /// Listens on a socket beside the key's own. It is never touched for a login.
    pub fn start(key: &SoftKey) -> Self {
        Self::start_before(key, LOGIN)
    }

    /// The same, but that it is touched to register it, and never to try it.
    pub fn start_for_registration(key: &SoftKey) -> Self {
        Self::start_before(key, TRIAL)
    }

    fn start_before(key: &SoftKey, held: usize) -> Self {
        let behind = key.socket().to_owned();
        let socket = behind.with_extension("held");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                hold(client.unwrap(), &behind, held);
            }
        });
        Self { socket }
    }

    /// The value of `fido_device` that stands for this key.
    pub fn device(&self) -> String {
        format!("unix:{}", self.socket.display())
    }
}

/// Serves one client until it hangs up, but for everything from one of its assertions on.
fn hold(mut client: UnixStream, behind: &Path, held: usize) {
    let mut key = UnixStream::connect(behind).unwrap();
    let (mut answers, mut answered) = (key.try_clone().unwrap(), client.try_clone().unwrap());
    let back = thread::spawn(move || std::io::copy(&mut answers, &mut answered));
    let mut report = [0; REPORT_LEN];
    let mut assertions = 0;
    while client.read_exact(&mut report).is_ok() {
        if (report[4], report[7]) == (CTAPHID_CBOR, GET_ASSERTION) {
            assertions += 1;
        }
        if assertions < held {
            key.write_all(&report).unwrap();
        }
    }
    key.shutdown(Shutdown::Both).unwrap();
    drop(back.join());
}
