//! A KDC that does what it is told, for real clients: it reads each request over TCP and answers what its script says.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use krb5_testrealm::Realm;
use time::UtcDateTime;

use crate::{
    der,
    kerberos::{AsRequest, KDC_ERR_WRONG_REALM, PaData},
};

/// How long either side may take to send a message.
const LIMIT: Duration = Duration::from_secs(20);

/// Listens until it is dropped.
pub struct ScriptedKdc {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedKdc {
    /// Starts on a port of its own. `answer` is given each request.
    pub fn start(mut answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (seen, ends) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let mut client = client.unwrap();
                while let Some(request) = receive(&mut client) {
                    seen.lock().unwrap().push(request.clone());
                    // The client may be gone: what it makes of the answer is its own affair.
                    let _ = send(&mut client, &answer(&request));
                }
            }
        });
        Self {
            address,
            requests,
            stopped,
            thread: Some(thread),
        }
    }

    /// Makes the clients of a realm come here.
    pub fn take_place(&self, realm: &mut Realm) {
        let name = realm.name().to_owned();
        self.stand_for(&name, realm);
    }

    /// Makes the clients of `realm` come here for another realm of this name.
    pub fn stand_for(&self, name: &str, realm: &mut Realm) {
        realm
            .set_client_relation(&format!("realms/{name}:kdc"), &[&self.address.to_string()])
            .unwrap();
        realm
            .set_client_relation("libdefaults:udp_preference_limit", &["1"])
            .unwrap();
    }

    /// The requests that came since the last call.
    pub fn take_requests(&self) -> Vec<AsRequest> {
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        requests
            .iter()
            .map(|bytes| AsRequest::read(bytes).unwrap())
            .collect()
    }
}

impl Drop for ScriptedKdc {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes it up. A script that has panicked has ended its thread already, and was heard.
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// One message behind its length (RFC 4120 section 7.2.2); `None` if the other side has hung up.
fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn send(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    stream.set_write_timeout(Some(LIMIT))?;
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat())
}

/// KRB-ERROR (RFC 4120 section 5.9.1) of `realm` with METHOD-DATA.
pub fn encode_error(realm: &str, code: i64, pa_data: &[PaData]) -> Vec<u8> {
    let elements: Vec<Vec<u8>> = pa_data.iter().map(PaData::encode).collect();
    let data = der::tagged(12, &der::octets(&der::sequence(&elements)));
    encode(realm, code, &[], &data)
}

/// KRB-ERROR of `realm` that sends the client to another realm (RFC 6806 section 7). Of the client's name that realm alone
/// counts.
pub fn encode_referral(realm: &str, client_realm: &str) -> Vec<u8> {
    let client = [
        der::tagged(7, &der::string(client_realm)),
        der::tagged(8, &encode_name(&["client"])),
    ];
    encode(realm, KDC_ERR_WRONG_REALM, &client.concat(), &[])
}

/// KRB-ERROR with the fields of the client and those behind the name of the server.
fn encode(realm: &str, code: i64, client: &[u8], rest: &[u8]) -> Vec<u8> {
    let fields = [
        der::tagged(0, &der::integer(5)),
        der::tagged(1, &der::integer(30)),
        der::tagged(4, &der::value(der::GENERALIZED_TIME, now().as_bytes())),
        der::tagged(5, &der::integer(0)),
        der::tagged(6, &der::integer(code)),
        client.to_vec(),
        der::tagged(9, &der::string(realm)),
        der::tagged(10, &encode_name(&["krbtgt", realm])),
        rest.to_vec(),
    ];
    der::application(30, &der::sequence(&fields))
}

fn encode_name(components: &[&str]) -> Vec<u8> {
    let components: Vec<Vec<u8>> = components.iter().map(|text| der::string(text)).collect();
    der::sequence(&[
        der::tagged(0, &der::integer(2)),
        der::tagged(1, &der::sequence(&components)),
    ])
}

fn now() -> String {
    let now = UtcDateTime::now();
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kerberos::{KDC_ERR_PREAUTH_REQUIRED, Reply};

    #[test]
    fn errors_are_read_as_they_were_written() {
        let element = PaData::new(151, b"message");
        let error = encode_error("R.TEST", KDC_ERR_PREAUTH_REQUIRED, &[element]);
        let read = Reply::read(&error).unwrap().error();
        assert_eq!(read.code, KDC_ERR_PREAUTH_REQUIRED);
        assert_eq!(read.pa_value(151), Some(&b"message"[..]));
    }
}
