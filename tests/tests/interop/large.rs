//! A challenge that is longer than a datagram should be: 40 credentials with ids of 255 bytes, and behind them the key that
//! is at hand.

use krb5_fido_tests::{Enrolled, PaperKey, assert_ticket, enrol, kadmin, module_lines, sent_types};
use krb5_testrealm::{Finished, Realm, RealmBuilder};

use crate::{ASSERTION, COOKIE_AND_SPAKE, sides::alice};

const CREDENTIALS: usize = 40;
const ID_LENGTH: usize = 255;

const UDP: (&str, &str) = (": Sending initial UDP request to ", "udp");
const TCP: (&str, &str) = (": Sending TCP request to ", "tcp");
const TOO_BIG: &str = "Response too big for UDP, retry with TCP";

const MAX_DATAGRAM: &str = "kdcdefaults:kdc_max_dgram_reply_size";
const TCP_FIRST: (&str, &str) = ("libdefaults:udp_preference_limit", "1");

/// Logs alice in with the last of her keys, and gives how the messages went: `udp`, `tcp`, or `too big` for an answer that
/// has to be asked for again over TCP.
fn log_in(builder: RealmBuilder) -> Vec<&'static str> {
    let enrolled = Enrolled::start(builder.kdc_relation("fido_max_credentials", "100"));
    let realm = &enrolled.realm;
    kadmin(realm, &["delstr", "alice", "fido:blue"]);
    for number in 1..=CREDENTIALS {
        let record = PaperKey::generate()
            .with_id_length(ID_LENGTH)
            .record("krbtest.com");
        kadmin(
            realm,
            &["setstr", "alice", &format!("fido:key{number:02}"), &record],
        );
    }
    enrol(realm, "alice", &enrolled.key, "last");

    let login = alice(&enrolled, &[]);
    assert_ticket(realm, &login, "IHA");
    let received = format!(
        "SF-FIDO challenge received: 1 relying parties, {} credentials",
        CREDENTIALS + 1
    );
    assert!(module_lines(&login.trace).contains(&received), "{}", login.trace);
    assert!(login.trace.contains(ASSERTION), "{}", login.trace);
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 3]);
    let log = realm.kdc_log();
    assert!(log.contains(" accepted label=last "), "{log}");
    transports(&login)
}

/// The transport that each request was first sent by: a slow answer makes libkrb5 try others.
fn transports(login: &Finished) -> Vec<&'static str> {
    let mut transports = Vec::new();
    let mut is_new = false;
    for line in login.trace.lines() {
        let sent = [UDP, TCP].into_iter().find(|(text, _)| line.contains(text));
        match sent {
            Some((_, transport)) if is_new => {
                transports.push(transport);
                is_new = false;
            }
            _ if line.contains(": Sending request (") => is_new = true,
            _ if line.contains(TOO_BIG) => transports.push("too big"),
            _ => {}
        }
    }
    transports
}

#[test]
fn over_udp() {
    assert_eq!(log_in(Realm::builder()), ["udp"; 4]);
}

/// Once an answer was too big, libkrb5 stays with TCP.
#[test]
fn over_udp_with_small_answers_only() {
    let builder = Realm::builder().kdc_relation(MAX_DATAGRAM, "1400");
    assert_eq!(log_in(builder), ["udp", "udp", "udp", "too big", "tcp", "tcp"]);
}

#[test]
fn over_tcp() {
    let builder = Realm::builder().client_relation(TCP_FIRST.0, TCP_FIRST.1);
    assert_eq!(log_in(builder), ["tcp"; 4]);
}

#[test]
fn over_tcp_with_small_datagrams_only() {
    let builder = Realm::builder()
        .client_relation(TCP_FIRST.0, TCP_FIRST.1)
        .kdc_relation(MAX_DATAGRAM, "1400");
    assert_eq!(log_in(builder), ["tcp"; 4]);
}
