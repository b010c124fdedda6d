//! Servers that are not asked for a list, or not trusted with one.

use krb5_fido_https_server::{Flaw, HttpsServer, Reply};

use crate::process::{Fetch, HOST, Outcome, REALM};

fn serving(mut start: impl FnMut() -> HttpsServer) -> HttpsServer {
    let server = start();
    server.serve("/list", Reply::facets(&[REALM]));
    server
}

fn flawed(flaw: Flaw) -> HttpsServer {
    serving(|| HttpsServer::start_flawed(HOST, flaw))
}

#[test]
fn plain_http_is_not_asked_for() {
    let server = flawed(Flaw::Plain);
    let outcome = Fetch::of_url(&server, "http://facets.test/list").run();
    assert!(
        matches!(&outcome, Outcome::Failed(variant, _) if variant == "Url"),
        "{outcome:?}"
    );
    assert_eq!(server.hits("/list"), 0);
}

#[test]
fn a_server_without_tls_gets_no_request() {
    let server = flawed(Flaw::Plain);
    Fetch::of(&server, "/list").fails("Unreachable");
    assert_eq!(server.hits("/list"), 0);
}

#[test]
fn certificates_are_verified() {
    for flaw in [Flaw::Untrusted, Flaw::Expired, Flaw::OtherHost] {
        let server = flawed(flaw);
        let text = Fetch::of(&server, "/list").fails("Untrusted");
        assert!(text.contains("certificate"), "{flaw:?}: {text}");
        assert_eq!(server.hits("/list"), 0);
    }
}

#[test]
fn a_certificate_is_for_the_host_that_was_asked_for() {
    let server = serving(|| HttpsServer::start(HOST));
    for host in ["other.test", "x.facets.test", "facets.test.other.test"] {
        Fetch::of_url(&server, &format!("https://{host}/list")).fails("Untrusted");
    }
    assert_eq!(server.hits("/list"), 0);
}

#[test]
fn without_certificates_to_trust_nothing_is_asked() {
    let server = serving(|| HttpsServer::start(HOST));
    std::fs::write(server.ca_file(), "").unwrap();
    let text = Fetch::of(&server, "/list").fails("TrustStore");
    assert!(text.contains("SSL_CERT_FILE"), "{text}");
    std::fs::remove_file(server.ca_file()).unwrap();
    Fetch::of(&server, "/list").fails("TrustStore");
}

#[test]
fn a_server_that_is_down_is_an_error() {
    let mut server = serving(|| HttpsServer::start(HOST));
    server.stop();
    let text = Fetch::of(&server, "/list").fails("Unreachable");
    assert!(text.contains("refused"), "{text}");
}
