//! The server is there while it is there, and what it was told is what a client gets.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::*;

const HOST: &str = "facets.test";

/// What a client has to know.
#[derive(Clone)]
struct Client {
    proxy: SocketAddr,
    authority: CertificateDer<'static>,
}

impl Client {
    fn of(server: &HttpsServer) -> Self {
        Self {
            proxy: server.proxy.address(),
            authority: CertificateDer::from_pem_file(server.ca_file()).unwrap(),
        }
    }

    /// Asks `facets.test` for `path`, through the proxy and with TLS.
    fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.proxy)?;
        write!(stream, "CONNECT {HOST}:443 HTTP/1.1\r\n\r\n")?;
        assert!(http::read_head(&mut stream)?.starts_with("HTTP/1.1 200 "));

        let mut authorities = RootCertStore::empty();
        authorities.add(self.authority.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), HOST.try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

#[test]
fn answers_what_it_was_told() {
    let server = HttpsServer::start(HOST);
    server.serve("/x", Reply::new(203).header("X-Y", "Z").body("body"));
    let answer = Client::of(&server).ask("/x").unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 203 ") && answer.contains("\r\nX-Y: Z\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\ncontent-length: 4\r\n\r\nbody"), "{answer}");

    server.serve("/x", Reply::new(200).body("body").chunked());
    let answer = Client::of(&server).ask("/x").unwrap();
    assert!(answer.ends_with("\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "{answer}");
    assert_eq!((server.hits("/x"), server.hits("/y")), (2, 0));
    assert!(
        server
            .requests("/x")
            .iter()
            .all(|request| request.head.contains("host: facets.test\r\n"))
    );
}

#[test]
fn answers_404_to_the_rest() {
    let server = HttpsServer::start(HOST);
    let answer = Client::of(&server).ask("/").unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[test]
fn flawed_servers_are_not_trusted() {
    for flaw in [Flaw::Expired, Flaw::OtherHost, Flaw::Untrusted, Flaw::Plain] {
        let server = HttpsServer::start_flawed(HOST, flaw);
        let error = Client::of(&server).ask("/").unwrap_err().to_string();
        let expected = match flaw {
            Flaw::Expired => "certificate expired",
            Flaw::OtherHost => "certificate not valid for name",
            Flaw::Untrusted => "invalid peer certificate",
            Flaw::Plain => "corrupt message",
        };
        assert!(error.contains(expected), "{flaw:?}: {error}");
    }
}

#[test]
fn stops_in_the_middle_of_an_answer() {
    let mut server = HttpsServer::start(HOST);
    server.serve("/", Reply::new(200).delayed(Duration::from_secs(600)));
    let client = Client::of(&server);
    let asking = client.clone();
    let waiting = thread::spawn(move || asking.ask("/"));
    let begun = Instant::now();
    while server.hits("/") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no request");
        thread::sleep(Duration::from_millis(5));
    }
    server.stop();
    assert!(waiting.join().unwrap().is_err());
    assert!(client.ask("/").is_err());
}

#[test]
fn leaves_nothing_behind() {
    let server = HttpsServer::start(HOST);
    let (directory, address) = (server.directory().to_owned(), server.server.address());
    drop(server);
    assert!(!directory.exists());
    assert!(TcpStream::connect(address).is_err());
}
