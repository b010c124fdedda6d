//! A key that answers what a test tells it to: CTAPHID and GetInfo are real, the rest is a script.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use minicbor::{Decoder, Encoder};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const REPORT_LEN: usize = 64;
const BROADCAST: [u8; 4] = [0xff; 4];
const CHANNEL: [u8; 4] = [0, 0, 0, 1];
const CTAPHID_INIT: u8 = 0x86;
const CTAPHID_CBOR: u8 = 0x90;
const CTAPHID_CANCEL: u8 = 0x91;
const CTAPHID_KEEPALIVE: u8 = 0xbb;
const CTAPHID_ERROR: u8 = 0xbf;
const ERR_CHANNEL_BUSY: u8 = 0x06;
const CAPABILITY_CBOR: u8 = 0x04;
const GET_INFO: u8 = 0x04;

pub(crate) const MAKE_CREDENTIAL: u8 = 0x01;
pub(crate) const GET_ASSERTION: u8 = 0x02;
pub(crate) const CLIENT_PIN: u8 = 0x06;

/// What the key does with one request.
pub(crate) enum Answer {
    Status(u8),
    Cbor(Vec<u8>),
    /// Keeps the client alive until it cancels.
    AwaitTouch,
    /// Another program has the key.
    Busy,
    /// Says nothing, and ignores a cancellation.
    Silence,
    HangUp,
}

/// What the key says about itself.
#[derive(Clone, Default)]
pub(crate) struct Information {
    pub(crate) u2f_only: bool,
    pub(crate) options: Vec<(&'static str, bool)>,
    pub(crate) credentials_max: Option<u64>,
    /// How many connections it drops before it serves one.
    pub(crate) dropped: usize,
}

/// What the key has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) cancellations: usize,
}

pub(crate) struct ScriptedKey {
    directory: TempDir,
    seen: Arc<Mutex<Seen>>,
}

impl ScriptedKey {
    /// A key that answers requests other than GetInfo by `script`, given command and parameters.
    pub(crate) fn start(
        information: Information,
        script: impl FnMut(u8, &[u8]) -> Answer + Send + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("key")).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let mut script = script;
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connections = {
                    let mut seen = shared.lock().unwrap();
                    seen.connections += 1;
                    seen.connections
                };
                if connections <= information.dropped {
                    continue;
                }
                let mut connection = Connection {
                    stream: stream.unwrap(),
                    information: information.clone(),
                    seen: Arc::clone(&shared),
                };
                // Ends when the client hangs up.
                let _gone = connection.serve(&mut script);
            }
        });
        Self { directory, seen }
    }

    /// The value of `fido_device` that means this key.
    pub(crate) fn device(&self) -> String {
        format!("unix:{}", self.directory.path().join("key").display())
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub(crate) fn cancellations(&self) -> usize {
        self.seen.lock().unwrap().cancellations
    }

    /// The requests with this command so far, without the command.
    pub(crate) fn requests(&self, command: u8) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap();
        let parameters = |request: &Vec<u8>| request[1..].to_vec();
        seen.requests
            .iter()
            .filter(|request| request[0] == command)
            .map(parameters)
            .collect()
    }
}

struct Connection {
    stream: UnixStream,
    information: Information,
    seen: Arc<Mutex<Seen>>,
}

type Gone = std::io::Error;

impl Connection {
    fn serve(&mut self, script: &mut impl FnMut(u8, &[u8]) -> Answer) -> Result<(), Gone> {
        loop {
            let (command, payload) = self.receive()?;
            match command {
                CTAPHID_INIT => self.send_init(&payload)?,
                CTAPHID_CANCEL => self.seen.lock().unwrap().cancellations += 1,
                CTAPHID_CBOR if payload[0] == GET_INFO => {
                    let information = self.information.encode();
                    self.send(CTAPHID_CBOR, &information)?;
                }
                CTAPHID_CBOR => {
                    self.seen.lock().unwrap().requests.push(payload.clone());
                    match script(payload[0], &payload[1..]) {
                        Answer::Status(status) => self.send(CTAPHID_CBOR, &[status])?,
                        Answer::Cbor(cbor) => self.send(CTAPHID_CBOR, &[&[0], cbor.as_slice()].concat())?,
                        Answer::AwaitTouch => self.await_touch()?,
                        Answer::Busy => self.send(CTAPHID_ERROR, &[ERR_CHANNEL_BUSY])?,
                        Answer::Silence => {}
                        Answer::HangUp => return Ok(()),
                    }
                }
                command => panic!("unexpected CTAPHID command {command:#x}"),
            }
        }
    }

    fn await_touch(&mut self) -> Result<(), Gone> {
        self.stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        let mut report = [0; REPORT_LEN];
        loop {
            match self.stream.read_exact(&mut report) {
                Ok(()) if report[4] == CTAPHID_CANCEL => break,
                Ok(()) => panic!("a request while another is under way"),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    self.send(CTAPHID_KEEPALIVE, &[2])?;
                }
                Err(error) => return Err(error),
            }
        }
        self.seen.lock().unwrap().cancellations += 1;
        self.stream.set_read_timeout(None)?;
        self.send(CTAPHID_CBOR, &[0x2d])
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>), Gone> {
        let mut report = [0; REPORT_LEN];
        self.stream.read_exact(&mut report)?;
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        let command = report[4];
        let mut payload = report[7..].to_vec();
        while payload.len() < length {
            self.stream.read_exact(&mut report)?;
            payload.extend_from_slice(&report[5..]);
        }
        payload.truncate(length);
        Ok((command, payload))
    }

    fn send_init(&mut self, nonce: &[u8]) -> Result<(), Gone> {
        let capabilities = if self.information.u2f_only {
            0
        } else {
            CAPABILITY_CBOR
        };
        let answer = [nonce, &CHANNEL, &[2, 1, 0, 0, capabilities]].concat();
        self.send_on(BROADCAST, CTAPHID_INIT, &answer)
    }

    fn send(&mut self, command: u8, payload: &[u8]) -> Result<(), Gone> {
        self.send_on(CHANNEL, command, payload)
    }

    fn send_on(&mut self, channel: [u8; 4], command: u8, payload: &[u8]) -> Result<(), Gone> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let (first, rest) = payload.split_at(payload.len().min(57));
        self.send_report(&[&channel[..], &[command], &length, first].concat())?;
        for (sequence, chunk) in rest.chunks(59).enumerate() {
            let sequence = u8::try_from(sequence).unwrap();
            self.send_report(&[&channel[..], &[sequence], chunk].concat())?;
        }
        Ok(())
    }

    fn send_report(&mut self, content: &[u8]) -> Result<(), Gone> {
        let mut report = [0; REPORT_LEN];
        report[..content.len()].copy_from_slice(content);
        self.stream.write_all(&report)
    }
}

impl Information {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0];
        let mut encoder = Encoder::new(&mut bytes);
        encoder
            .map(if self.credentials_max.is_some() { 5 } else { 4 })
            .unwrap();
        encoder.u8(1).unwrap().array(1).unwrap().str("FIDO_2_0").unwrap();
        encoder.u8(3).unwrap().bytes(&[7; 16]).unwrap();
        encoder
            .u8(4)
            .unwrap()
            .map(self.options.len().try_into().unwrap())
            .unwrap();
        // CTAP2 canonical form: shorter keys first.
        let mut options = self.options.clone();
        options.sort_by_key(|(name, _)| (name.len(), *name));
        for (name, on) in &options {
            encoder.str(name).unwrap().bool(*on).unwrap();
        }
        encoder.u8(6).unwrap().array(1).unwrap().u8(1).unwrap();
        if let Some(count) = self.credentials_max {
            encoder.u8(7).unwrap().u64(count).unwrap();
        }
        bytes
    }
}

/// An assertion by the credential `id`; without it if it is empty.
pub(crate) fn assertion(id: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(if id.is_empty() { 2 } else { 3 }).unwrap();
    if !id.is_empty() {
        encoder.u8(1).unwrap().map(2).unwrap();
        encoder.str("id").unwrap().bytes(id).unwrap();
        encoder.str("type").unwrap().str("public-key").unwrap();
    }
    encoder.u8(2).unwrap().bytes(&[5; 37]).unwrap();
    encoder.u8(3).unwrap().bytes(&[6; 70]).unwrap();
    bytes
}

/// The generator of P-256 as a COSE key for this algorithm.
fn public_key(algorithm: i8) -> Vec<u8> {
    const X: [u8; 32] = [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
        0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    ];
    const Y: [u8; 32] = [
        0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b,
        0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(5).unwrap();
    encoder.i8(1).unwrap().i8(2).unwrap();
    encoder.i8(3).unwrap().i8(algorithm).unwrap();
    encoder.i8(-1).unwrap().i8(1).unwrap();
    encoder.i8(-2).unwrap().bytes(&X).unwrap();
    encoder.i8(-3).unwrap().bytes(&Y).unwrap();
    bytes
}

/// An answer to getKeyAgreement.
pub(crate) fn key_agreement() -> Vec<u8> {
    [&[0xa1, 0x01], public_key(-25).as_slice()].concat()
}

/// A registration of the credential `id`, attested by a signature that is none unless the format is `none`.
pub(crate) fn registration(rp_id: &str, id: &[u8], format: &str) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    let data = [
        &Sha256::digest(rp_id)[..],
        &[0x41, 0, 0, 0, 1],
        &[7; 16],
        &length,
        id,
        &public_key(-7),
    ]
    .concat();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(3).unwrap();
    encoder.u8(1).unwrap().str(format).unwrap();
    encoder.u8(2).unwrap().bytes(&data).unwrap();
    encoder.u8(3).unwrap();
    if format == "none" {
        encoder.map(0).unwrap();
    } else {
        encoder.map(2).unwrap();
        encoder.str("alg").unwrap().i8(-7).unwrap();
        encoder
            .str("sig")
            .unwrap()
            .bytes(&[0x30, 6, 2, 1, 1, 2, 1, 1])
            .unwrap();
    }
    bytes
}

/// What a test looks at in a GetAssertion request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AssertionParameters {
    pub(crate) rp_id: String,
    pub(crate) client_data_hash: Vec<u8>,
    pub(crate) ids: Vec<Vec<u8>>,
    pub(crate) options: Vec<(String, bool)>,
}

pub(crate) fn parse_assertion(parameters: &[u8]) -> AssertionParameters {
    let mut decoder = Decoder::new(parameters);
    let mut parsed = AssertionParameters {
        rp_id: String::new(),
        client_data_hash: Vec::new(),
        ids: Vec::new(),
        options: Vec::new(),
    };
    for _ in 0..decoder.map().unwrap().unwrap() {
        match decoder.u8().unwrap() {
            1 => parsed.rp_id = decoder.str().unwrap().to_owned(),
            2 => parsed.client_data_hash = decoder.bytes().unwrap().to_vec(),
            3 => {
                for _ in 0..decoder.array().unwrap().unwrap() {
                    parsed.ids.push(parse_id(&mut decoder));
                }
            }
            5 => {
                for _ in 0..decoder.map().unwrap().unwrap() {
                    let name = decoder.str().unwrap().to_owned();
                    parsed.options.push((name, decoder.bool().unwrap()));
                }
            }
            _ => decoder.skip().unwrap(),
        }
    }
    parsed
}

/// The excluded credentials of a MakeCredential request.
pub(crate) fn parse_excluded(parameters: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(parameters);
    let mut ids = Vec::new();
    for _ in 0..decoder.map().unwrap().unwrap() {
        match decoder.u8().unwrap() {
            5 => {
                for _ in 0..decoder.array().unwrap().unwrap() {
                    ids.push(parse_id(&mut decoder));
                }
            }
            _ => decoder.skip().unwrap(),
        }
    }
    ids
}

fn parse_id(decoder: &mut Decoder<'_>) -> Vec<u8> {
    let mut id = Vec::new();
    for _ in 0..decoder.map().unwrap().unwrap() {
        match decoder.str().unwrap() {
            "id" => id = decoder.bytes().unwrap().to_vec(),
            _ => decoder.skip().unwrap(),
        }
    }
    id
}

/// Whether this GetAssertion only looks for credentials.
pub(crate) fn is_silent(parameters: &[u8]) -> bool {
    parse_assertion(parameters)
        .options
        .contains(&("up".to_owned(), false))
}

/// Holds the credential `held`: finds it silently, and answers an assertion proper by `touched`.
pub(crate) fn holding(
    held: &'static [u8],
    mut touched: impl FnMut() -> Answer + Send + 'static,
) -> impl FnMut(u8, &[u8]) -> Answer + Send + 'static {
    move |command, parameters| match command {
        GET_ASSERTION if is_silent(parameters) => {
            match parse_assertion(parameters).ids.iter().any(|id| id == held) {
                true => Answer::Cbor(assertion(held)),
                false => Answer::Status(0x2e),
            }
        }
        GET_ASSERTION => touched(),
        _ => Answer::Status(0x01),
    }
}
