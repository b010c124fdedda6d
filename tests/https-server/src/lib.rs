//! An HTTPS server for tests, with certificates of its own, and a proxy that leads every name to it.
//!
//! No name is resolved: a client under test gets [`HttpsServer::environment`], in which `https_proxy` names the proxy, and
//! SSL_CERT_FILE the authority that signed the server's certificate.

#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod authority;
mod http;
mod listener;
mod proxy;
mod reply;

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use authority::Certificates;
use listener::{Connections, Listener};
pub use reply::Reply;

/// What may be wrong with a server before it answers anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its certificate has expired.
    Expired,
    /// Its certificate is for another host.
    OtherHost,
    /// Its certificate is signed by another authority than that of [`HttpsServer::ca_file`].
    Untrusted,
    /// It does not speak TLS.
    Plain,
}

/// Listens on a port of its own on loopback until it is stopped or dropped.
pub struct HttpsServer {
    host: String,
    directory: TempDir,
    ca_file: PathBuf,
    state: Arc<State>,
    proxy: Listener,
    server: Listener,
}

/// What it answers, and was asked.
#[derive(Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    requests: Mutex<Vec<Request>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its path, and query if there is one.
    pub path: String,
    /// Request line and header fields, in lower case.
    pub head: String,
}

impl HttpsServer {
    /// Starts a server with a certificate for `host`. Until it is told what to serve, it answers 404.
    pub fn start(host: &str) -> Self {
        Self::start_with(host, None)
    }

    /// Starts a server that no client should talk to.
    pub fn start_flawed(host: &str, flaw: Flaw) -> Self {
        Self::start_with(host, Some(flaw))
    }

    fn start_with(host: &str, flaw: Option<Flaw>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        let certificates = Certificates::issue(host, flaw);
        fs::write(&ca_file, &certificates.authority_pem).unwrap();

        let state = Arc::new(State::default());
        let tls = (flaw != Some(Flaw::Plain)).then(|| certificates.server_config());
        let answering = Arc::clone(&state);
        let server = Listener::start(move |client, connections| {
            // The client may have hung up: that is its own affair.
            let _ = answering.serve(client, tls.as_ref(), connections);
        });
        let address = server.address();
        let proxy = Listener::start(move |client, connections| {
            let _ = proxy::serve(client, address, connections);
        });
        Self {
            host: host.to_owned(),
            directory,
            ca_file,
            state,
            proxy,
            server,
        }
    }

    /// The URL of `path`, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }

    /// From now on, requests for `path`, whatever the host, are answered with `reply`.
    pub fn serve(&self, path: &str, reply: Reply) {
        self.state.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// How many requests there were for `path`.
    pub fn hits(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// The requests for `path`, first to last.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.state.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// Closes every connection, and lets nobody connect any more, to the proxy neither.
    pub fn stop(&mut self) {
        self.proxy.stop();
        self.server.stop();
    }

    /// The certificate of the authority, as PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// A directory for a test's own files, which goes with the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What a client needs in its environment to come here and to trust what it finds. Of other variables with the same
    /// meaning it must have none.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("SSL_CERT_FILE", self.ca_file.clone().into()),
            ("https_proxy", format!("http://{}", self.proxy.address()).into()),
        ]
    }
}

impl State {
    fn serve(
        &self,
        mut client: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
        connections: &Connections,
    ) -> io::Result<()> {
        let Some(tls) = tls else {
            let answered = self.answer(&mut client, connections);
            return answered.or_else(|_| Reply::new(400).write(&mut client, connections));
        };
        let connection = ServerConnection::new(Arc::clone(tls)).unwrap();
        let mut stream = StreamOwned::new(connection, client);
        self.answer(&mut stream, connections)?;
        stream.conn.send_close_notify();
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(())
    }

    fn answer(&self, stream: &mut (impl Read + Write), connections: &Connections) -> io::Result<()> {
        let request = http::read_request(stream)?;
        let reply = self.replies.lock().unwrap().get(&request.path).cloned();
        self.requests.lock().unwrap().push(request);
        reply
            .unwrap_or_else(|| Reply::new(404))
            .write(stream, connections)
    }
}

#[cfg(test)]
mod tests;
