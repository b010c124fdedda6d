//! The KDCs that krb5.conf names: whether each asks a principal with a key for it, and all alike.
//!
//! Each gets the first message of a login, SPAKESupport (RFC 9588 section 4.1), which needs no password and counts as no
//! attempt. What it answers with shows the module that it has loaded and the database that it has.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    thread,
    time::{Duration, Instant},
};

use krb5_fido_protocol::{
    registry::{MESSAGE_MAX, PA_SPAKE, SF_FIDO},
    spake::message::{PaSpake, SecondFactor},
};
use krb5_fido_tools::format::object;
use krb5_plugin::{
    Context, Error, InitialCredentials, KdcError, OwnedContext, OwnedPrincipal, Profile, Result,
};
use serde_json::{Value, json};

use super::finding::Findings;

/// How long a KDC may take, from the connection to the end of its answer.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// The port of a KDC that krb5.conf gives none (RFC 4120 section 7.2.3).
const PORT: u16 = 88;

/// What cannot be read as a key table, which libkrb5 passes over: a first message needs no key.
const NO_KEYS: &str = "FILE:/dev/null";

/// A KDC, and what it said.
pub(super) struct Asked {
    /// As krb5.conf names it.
    kdc: String,
    answer: Answer,
}

enum Answer {
    /// It asks for the key.
    Key(Offer),
    /// It goes on without a key.
    NoKey,
    /// It does not know the principal.
    Unknown,
    /// No answer that tells anything.
    None(String),
}

/// What is to be the same at all KDCs of a realm.
#[derive(PartialEq, Eq)]
struct Offer {
    group: i32,
    factors: Vec<i32>,
    in_clear: bool,
}

impl Asked {
    pub(super) fn tell(&self) -> String {
        let kdc = &self.kdc;
        match &self.answer {
            Answer::Key(_) => format!("{kdc} asks for the key\n"),
            Answer::NoKey => format!("{kdc} does not ask for the key\n"),
            Answer::Unknown => format!("{kdc} does not know the principal\n"),
            Answer::None(why) => format!("{kdc} was not asked: {why}\n"),
        }
    }

    pub(super) fn describe(&self) -> Value {
        let (answer, error) = match &self.answer {
            Answer::Key(_) => ("key", None),
            Answer::NoKey => ("no_key", None),
            Answer::Unknown => ("unknown_principal", None),
            Answer::None(why) => ("none", Some(why)),
        };
        Value::Object(object([
            ("kdc", json!(self.kdc)),
            ("answer", json!(answer)),
            ("error", json!(error)),
        ]))
    }

    fn offer(&self) -> Option<&Offer> {
        match &self.answer {
            Answer::Key(offer) => Some(offer),
            _ => None,
        }
    }
}

/// Asks all KDCs that krb5.conf names for the realm about `principal`, which has a key that may be used.
pub(super) fn check(
    context: &OwnedContext,
    realm: &str,
    principal: &str,
    findings: &mut Findings,
) -> Vec<Asked> {
    let asked = ask_all(context, realm, principal).unwrap_or_else(|error| {
        findings.warn(
            "kdcs_not_asked",
            "krb5.conf",
            format!("No KDC was asked about {principal}: no first message could be made: {error}"),
            "Run kinit for it on this machine, with KRB5_TRACE set",
        );
        Vec::new()
    });
    for kdc in &asked {
        tell_findings(kdc, principal, findings);
    }
    let mut offers = asked.iter().filter_map(|kdc| Some((kdc, kdc.offer()?)));
    if let Some((first, expected)) = offers.next()
        && let Some((other, _)) = offers.find(|(_, offer)| *offer != expected)
    {
        findings.warn(
            "kdcs_differ",
            format!("{} and {}", first.kdc, other.kdc),
            format!(
                "They begin differently with {principal}: group, factors or fido_challenge are not the same"
            ),
            "Give all KDCs the same module and the same relations in kdc.conf, and start each krb5kdc anew",
        );
    }
    asked
}

fn tell_findings(asked: &Asked, principal: &str, findings: &mut Findings) {
    match asked.answer {
        Answer::NoKey => findings.error(
            "kdc_without_key",
            &asked.kdc,
            format!(
                "It does not ask {principal} for a key: its krb5kdc has not loaded the module, or does not have the \
                 principal's keys"
            ),
            "Run kdb5_fido check-config on it, propagate the database to it, and start its krb5kdc anew",
        ),
        Answer::Unknown => findings.error(
            "kdc_without_principal",
            &asked.kdc,
            format!("It does not know {principal}, which is in the database here"),
            "Propagate the database to it, and see why that was not done",
        ),
        Answer::Key(_) | Answer::None(_) => {}
    }
}

fn ask_all(context: &OwnedContext, realm: &str, principal: &str) -> Result<Vec<Asked>> {
    let mut kdcs = Profile::of(context.get())?.values(&["realms", realm, "kdc"])?;
    kdcs.dedup();
    let client = OwnedPrincipal::parse(context.get(), principal)?;
    let request = InitialCredentials::optimistic(context, &client, NO_KEYS, &[PA_SPAKE])?.first_request()?;
    // One that does not answer delays no other.
    let replies: Vec<io::Result<Vec<u8>>> = thread::scope(|scope| {
        let running: Vec<_> = kdcs
            .iter()
            .map(|kdc| scope.spawn(|| exchange(kdc, &request)))
            .collect();
        let end = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("internal error")))
        };
        running.into_iter().map(end).collect()
    });
    let asked = kdcs.into_iter().zip(replies).map(|(kdc, reply)| Asked {
        kdc,
        answer: reply.map_or_else(
            |error| Answer::None(error.to_string()),
            |reply| read(context.get(), &reply),
        ),
    });
    Ok(asked.collect())
}

fn read(context: Context<'_>, reply: &[u8]) -> Answer {
    let Ok(reply) = KdcError::read(context, reply) else {
        // A ticket to whoever asks, or something that no KDC says: not a question for the key in any case.
        return Answer::NoKey;
    };
    match reply.error {
        Error::CLIENT_UNKNOWN => Answer::Unknown,
        Error::PREAUTH_REQUIRED | Error::PREAUTH_FAILED | Error::MORE_PREAUTH_DATA_REQUIRED => {
            match PaSpake::find(&reply.data) {
                Ok(Some(PaSpake::Challenge { group, factors, .. })) => read_factors(group, &factors),
                _ => Answer::NoKey,
            }
        }
        error => Answer::None(format!("it refuses the principal: {error}")),
    }
}

fn read_factors(group: i32, factors: &[SecondFactor]) -> Answer {
    let Some(fido) = factors.iter().find(|factor| factor.factor_type == SF_FIDO) else {
        return Answer::NoKey;
    };
    Answer::Key(Offer {
        group,
        factors: factors.iter().map(|factor| factor.factor_type).collect(),
        in_clear: fido.data.is_some(),
    })
}

/// One request and its answer over TCP (RFC 4120 section 7.2.2).
fn exchange(kdc: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let (host, port) = parse_address(kdc)
        .ok_or_else(|| io::Error::other("only a host, with or without a port, is asked, over TCP"))?;
    let deadline = Instant::now() + PATIENCE;
    let mut stream = connect(host, port, deadline)?;
    let length = u32::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], request].concat())?;
    let mut length = [0; 4];
    read_exact(&mut stream, &mut length, deadline)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > MESSAGE_MAX {
        return Err(io::Error::other("the answer is longer than 64 KiB"));
    }
    let mut reply = vec![0; length];
    read_exact(&mut stream, &mut reply, deadline)?;
    Ok(reply)
}

fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => {
                stream.set_write_timeout(Some(left(deadline)?))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_exact(stream: &mut TcpStream, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is left of the time; an error once nothing is.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// A host and a port as `kdc` of krb5.conf has them: `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT`. None for an HTTPS proxy
/// or a path.
fn parse_address(kdc: &str) -> Option<(&str, u16)> {
    if kdc.contains('/') {
        return None;
    }
    let (host, port) = match kdc.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => kdc.split_at(kdc.find(':').unwrap_or(kdc.len())),
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, port.parse().ok()?)),
        None => port.is_empty().then_some((host, PORT)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(parse_address("kdc.example.com"), Some(("kdc.example.com", 88)));
        assert_eq!(parse_address("192.0.2.1:750"), Some(("192.0.2.1", 750)));
        assert_eq!(parse_address("[2001:db8::1]"), Some(("2001:db8::1", 88)));
        assert_eq!(parse_address("[2001:db8::1]:750"), Some(("2001:db8::1", 750)));
        for other in [
            "https://kdc.example.com/KdcProxy",
            "/run/kdc.sock",
            "kdc:high",
            "[::1",
            "[::1]x",
            "::1",
        ] {
            assert_eq!(parse_address(other), None, "{other}");
        }
    }

    #[test]
    fn kdc_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let error = exchange(&address, b"request").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn answer_of_impossible_length_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let liar = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 11];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(&[0xff; 4]).unwrap();
        });
        let error = exchange(&address, b"request").unwrap_err();
        assert_eq!(error.to_string(), "the answer is longer than 64 KiB");
        liar.join().unwrap();
    }
}
