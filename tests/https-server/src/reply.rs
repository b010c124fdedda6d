//! What the server answers, and how.

use std::{
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use crate::listener::Connections;

/// How often a delay looks whether the server has been stopped.
const GLANCE: Duration = Duration::from_millis(20);

/// How the end of the body is told.
#[derive(Clone, Copy, Debug)]
enum Length {
    /// By this Content-Length, right or wrong.
    Declared(usize),
    /// By its last chunk.
    Chunked,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Length,
    delay: Duration,
    head_pause: Duration,
    body_pause: Duration,
}

impl Reply {
    /// An empty one.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: Length::Declared(0),
            delay: Duration::ZERO,
            head_pause: Duration::ZERO,
            body_pause: Duration::ZERO,
        }
    }

    /// A facet list of version 1.0 that holds `realms`.
    pub fn facets(realms: &[&str]) -> Self {
        let ids: Vec<String> = realms
            .iter()
            .map(|realm| format!("\"krb5realm:{realm}\""))
            .collect();
        let ids = ids.join(",");
        Self::list(&format!(
            r#"{{"trustedFacets":[{{"version":{{"major":1,"minor":0}},"ids":[{ids}]}}]}}"#
        ))
    }

    /// What is said to be a facet list.
    pub fn list(text: &str) -> Self {
        Self::new(200)
            .header("content-type", "application/fido.trusted-apps+json")
            .body(text)
    }

    /// A redirect that clients may not follow.
    pub fn redirect(location: &str) -> Self {
        Self::new(302).header("location", location)
    }

    /// A redirect that they may.
    pub fn authorized_redirect(location: &str) -> Self {
        Self::redirect(location).header("FIDO-AppID-Redirect-Authorized", "true")
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one header field more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the header fields of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// With this body, and its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Length::Declared(self.body.len());
        self
    }

    /// With another Content-Length than the body's; the connection is closed behind the body.
    #[must_use]
    pub fn declared(mut self, length: usize) -> Self {
        self.length = Length::Declared(length);
        self
    }

    /// With the body in chunks of 1,000 bytes, and no Content-Length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    /// Begun after `delay`.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// With `pause` behind each byte of status line and header fields.
    #[must_use]
    pub fn dripping_head(mut self, pause: Duration) -> Self {
        self.head_pause = pause;
        self
    }

    /// With `pause` behind each byte of the body.
    #[must_use]
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.body_pause = pause;
        self
    }

    pub(crate) fn write(&self, stream: &mut impl Write, connections: &Connections) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < self.delay && !connections.are_closed() {
            thread::sleep(GLANCE.min(self.delay));
        }
        send(stream, self.head().as_bytes(), self.head_pause)?;
        match self.length {
            Length::Declared(_) => send(stream, &self.body, self.body_pause),
            Length::Chunked => self.write_chunks(stream),
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Told\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.length {
            // A response of this status has no length of its own.
            Length::Declared(_) if self.status == 304 => {}
            Length::Declared(length) => head += &format!("content-length: {length}\r\n"),
            Length::Chunked => head += "transfer-encoding: chunked\r\n",
        }
        head + "\r\n"
    }

    fn write_chunks(&self, stream: &mut impl Write) -> io::Result<()> {
        for chunk in self.body.chunks(1000) {
            send(
                stream,
                format!("{:x}\r\n", chunk.len()).as_bytes(),
                Duration::ZERO,
            )?;
            send(stream, chunk, self.body_pause)?;
            send(stream, b"\r\n", Duration::ZERO)?;
        }
        send(stream, b"0\r\n\r\n", Duration::ZERO)
    }
}

/// With `pause` behind each byte; without one, all at once.
fn send(stream: &mut impl Write, bytes: &[u8], pause: Duration) -> io::Result<()> {
    if pause.is_zero() {
        stream.write_all(bytes)?;
        return stream.flush();
    }
    for byte in bytes {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        thread::sleep(pause);
    }
    Ok(())
}
