//! A small CTAPHID and CTAP2 client (CTAP 2.1 sections 6, 8 and 11.2).

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use minicbor::{Decoder, Encoder};
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use sha2::{Digest, Sha256};

pub(crate) const BROADCAST: [u8; 4] = [0xff; 4];

pub(crate) const PING: u8 = 0x01;
pub(crate) const MESSAGE: u8 = 0x03;
pub(crate) const LOCK: u8 = 0x04;
pub(crate) const INIT: u8 = 0x06;
pub(crate) const CBOR: u8 = 0x10;
pub(crate) const CANCEL: u8 = 0x11;
pub(crate) const KEEPALIVE: u8 = 0x3b;
pub(crate) const ERROR: u8 = 0x3f;

pub(crate) const MAKE_CREDENTIAL: u8 = 0x01;
pub(crate) const GET_ASSERTION: u8 = 0x02;
pub(crate) const GET_INFO: u8 = 0x04;
pub(crate) const CLIENT_PIN: u8 = 0x06;
pub(crate) const RESET: u8 = 0x07;
pub(crate) const GET_NEXT_ASSERTION: u8 = 0x08;

pub(crate) const SELECTION: u8 = 0x0b;
pub(crate) const CONFIG: u8 = 0x0d;

pub(crate) const OK: u8 = 0x00;

/// Error codes of CTAPHID.
pub(crate) const CHANNEL_BUSY: u8 = 0x06;
pub(crate) const INVALID_CHANNEL: u8 = 0x0b;

pub(crate) const CAPABILITY_CBOR: u8 = 0x04;
pub(crate) const CAPABILITY_NO_MESSAGE: u8 = 0x08;

pub(crate) const CLIENT_DATA_HASH: [u8; 32] = [0xcd; 32];
pub(crate) const UP_FLAG: u8 = 0x01;
pub(crate) const UV_FLAG: u8 = 0x04;

/// One open channel.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    pub(crate) channel: [u8; 4],
    /// The last byte of the INIT response.
    pub(crate) capabilities: u8,
}

impl Client {
    /// Connects and opens a channel.
    pub(crate) fn connect(socket: &Path) -> Self {
        let mut client = Self::connect_only(socket);
        client.open_channel();
        client
    }

    /// Connects, and says nothing yet.
    pub(crate) fn connect_only(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self {
            stream,
            channel: BROADCAST,
            capabilities: 0,
        }
    }

    pub(crate) fn open_channel(&mut self) {
        self.channel = BROADCAST;
        self.send(INIT, b"8 octets");
        let (command, payload) = self.receive();
        assert_eq!(
            (command, payload.len(), &payload[..8]),
            (INIT, 17, &b"8 octets"[..])
        );
        self.channel = payload[8..12].try_into().unwrap();
        self.capabilities = payload[16];
    }

    pub(crate) fn send(&mut self, command: u8, payload: &[u8]) {
        for report in reports(self.channel, command, payload) {
            self.stream.write_all(&report).unwrap();
        }
    }

    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        self.try_receive().unwrap()
    }

    /// The next message on this channel.
    pub(crate) fn try_receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut report = [0; 64];
        self.stream.read_exact(&mut report)?;
        assert_eq!(report[..4], self.channel);
        let command = report[4] & 0x7f;
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        let mut payload = report[7..].to_vec();
        let mut sequence = 0;
        while payload.len() < length {
            self.stream.read_exact(&mut report)?;
            assert_eq!((&report[..4], report[4]), (&self.channel[..], sequence));
            payload.extend(&report[5..]);
            sequence += 1;
        }
        payload.truncate(length);
        Ok((command, payload))
    }

    /// Sends a CTAP2 command and waits for its answer: status and CBOR.
    pub(crate) fn call(&mut self, command: u8, parameters: &[u8]) -> (u8, Vec<u8>) {
        self.send(CBOR, &[&[command], parameters].concat());
        self.answer()
    }

    /// Sends a message of U2F and waits for its answer: status word and data.
    pub(crate) fn call_u2f(&mut self, message: &[u8]) -> (u16, Vec<u8>) {
        self.send(MESSAGE, message);
        let (command, mut data) = self.receive();
        assert_eq!(command, MESSAGE, "{data:02x?}");
        let word = data.split_off(data.len() - 2);
        (u16::from_be_bytes([word[0], word[1]]), data)
    }

    /// Sends a message that the key must be too busy for.
    pub(crate) fn expect_busy(&mut self, command: u8, payload: &[u8]) {
        self.send(command, payload);
        assert_eq!(self.receive(), (ERROR, vec![CHANNEL_BUSY]));
    }

    pub(crate) fn answer(&mut self) -> (u8, Vec<u8>) {
        loop {
            match self.receive() {
                (KEEPALIVE, _) => (),
                (CBOR, mut payload) => {
                    let body = payload.split_off(1);
                    return (payload[0], body);
                }
                (command, payload) => panic!("CTAPHID command {command:#04x}: {payload:02x?}"),
            }
        }
    }

    /// Registers a credential, which must succeed.
    pub(crate) fn register(&mut self, request: &Registration<'_>) -> Credential {
        let (status, body) = self.call(MAKE_CREDENTIAL, &request.encode());
        assert_eq!(status, OK);
        Credential::parse(&body)
    }

    /// Asks for an assertion, which must succeed.
    pub(crate) fn assert(&mut self, request: &AssertionRequest<'_>) -> Assertion {
        let (status, body) = self.call(GET_ASSERTION, &request.encode());
        assert_eq!(status, OK);
        Assertion::parse(&body)
    }

    /// Whether the key is at this client's service.
    pub(crate) fn ping(&mut self) {
        self.send(PING, b"are you there?");
        assert_eq!(self.receive(), (PING, b"are you there?".to_vec()));
    }
}

impl Drop for Client {
    /// Hangs up now: a program that another test is starting at this moment may hold a copy of the descriptor.
    fn drop(&mut self) {
        // The key may have hung up before.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Cuts a message into reports (CTAP 2.1 section 11.2.4).
pub(crate) fn reports(channel: [u8; 4], command: u8, payload: &[u8]) -> Vec<[u8; 64]> {
    let mut report = [0; 64];
    report[..4].copy_from_slice(&channel);
    report[4] = command | 0x80;
    report[5..7].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    let (first, rest) = payload.split_at(payload.len().min(57));
    report[7..7 + first.len()].copy_from_slice(first);
    let mut reports = vec![report];
    for (sequence, part) in (0..).zip(rest.chunks(59)) {
        let mut report = [0; 64];
        report[..4].copy_from_slice(&channel);
        report[4] = sequence;
        report[5..5 + part.len()].copy_from_slice(part);
        reports.push(report);
    }
    reports
}

/// Parameters of authenticatorMakeCredential.
pub(crate) struct Registration<'a> {
    pub(crate) rp: &'a str,
    pub(crate) user: &'a [u8],
    pub(crate) exclude: &'a [Vec<u8>],
    pub(crate) name: &'a str,
    pub(crate) algorithm: i64,
    pub(crate) resident: bool,
    /// pinUvAuthParam and protocol.
    pub(crate) auth: Option<(Vec<u8>, u8)>,
}

impl<'a> Registration<'a> {
    pub(crate) fn new(rp: &'a str) -> Self {
        Self {
            rp,
            user: b"user",
            exclude: &[],
            name: "name",
            algorithm: -7,
            resident: false,
            auth: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        let optional = u64::from(!self.exclude.is_empty()) + 2 * u64::from(self.auth.is_some());
        cbor.map(5 + optional).unwrap();
        cbor.u8(1).unwrap().bytes(&CLIENT_DATA_HASH).unwrap();
        cbor.u8(2)
            .unwrap()
            .map(1)
            .unwrap()
            .str("id")
            .unwrap()
            .str(self.rp)
            .unwrap();
        cbor.u8(3)
            .unwrap()
            .map(2)
            .unwrap()
            .str("id")
            .unwrap()
            .bytes(self.user)
            .unwrap();
        cbor.str("name").unwrap().str(self.name).unwrap();
        cbor.u8(4).unwrap().array(1).unwrap().map(2).unwrap();
        cbor.str("alg")
            .unwrap()
            .i64(self.algorithm)
            .unwrap()
            .str("type")
            .unwrap()
            .str("public-key")
            .unwrap();
        if !self.exclude.is_empty() {
            cbor.u8(5).unwrap();
            encode_descriptors(&mut cbor, self.exclude);
        }
        cbor.u8(7)
            .unwrap()
            .map(1)
            .unwrap()
            .str("rk")
            .unwrap()
            .bool(self.resident)
            .unwrap();
        encode_auth(&mut cbor, 8, &self.auth);
        cbor.into_writer()
    }
}

/// Parameters of authenticatorGetAssertion.
pub(crate) struct AssertionRequest<'a> {
    pub(crate) rp: &'a str,
    pub(crate) allow: &'a [Vec<u8>],
    pub(crate) up: bool,
    /// pinUvAuthParam and protocol.
    pub(crate) auth: Option<(Vec<u8>, u8)>,
}

impl<'a> AssertionRequest<'a> {
    pub(crate) fn new(rp: &'a str, allow: &'a [Vec<u8>]) -> Self {
        Self {
            rp,
            allow,
            up: true,
            auth: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        let optional = u64::from(!self.allow.is_empty()) + 2 * u64::from(self.auth.is_some());
        cbor.map(3 + optional).unwrap();
        cbor.u8(1).unwrap().str(self.rp).unwrap();
        cbor.u8(2).unwrap().bytes(&CLIENT_DATA_HASH).unwrap();
        if !self.allow.is_empty() {
            cbor.u8(3).unwrap();
            encode_descriptors(&mut cbor, self.allow);
        }
        cbor.u8(5)
            .unwrap()
            .map(1)
            .unwrap()
            .str("up")
            .unwrap()
            .bool(self.up)
            .unwrap();
        encode_auth(&mut cbor, 6, &self.auth);
        cbor.into_writer()
    }
}

/// pinUvAuthParam under `key` and its protocol under the next one.
fn encode_auth(cbor: &mut Encoder<Vec<u8>>, key: u8, auth: &Option<(Vec<u8>, u8)>) {
    if let Some((parameter, protocol)) = auth {
        cbor.u8(key).unwrap().bytes(parameter).unwrap();
        cbor.u8(key + 1).unwrap().u8(*protocol).unwrap();
    }
}

fn encode_descriptors(cbor: &mut Encoder<Vec<u8>>, ids: &[Vec<u8>]) {
    cbor.array(u64::try_from(ids.len()).unwrap()).unwrap();
    for id in ids {
        cbor.map(2).unwrap().str("id").unwrap().bytes(id).unwrap();
        cbor.str("type").unwrap().str("public-key").unwrap();
    }
}

/// What authenticatorMakeCredential returned.
pub(crate) struct Credential {
    pub(crate) id: Vec<u8>,
    pub(crate) aaguid: [u8; 16],
    pub(crate) data: AuthenticatorData,
    public_key: VerifyingKey,
    signature: Vec<u8>,
}

impl Credential {
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut cbor = Decoder::new(body);
        assert_eq!(cbor.map().unwrap(), Some(3));
        assert_eq!((cbor.u8().unwrap(), cbor.str().unwrap()), (1, "packed"));
        assert_eq!(cbor.u8().unwrap(), 2);
        let data = AuthenticatorData(cbor.bytes().unwrap().to_vec());
        assert_eq!((cbor.u8().unwrap(), cbor.map().unwrap()), (3, Some(2)));
        assert_eq!((cbor.str().unwrap(), cbor.i64().unwrap()), ("alg", -7));
        assert_eq!(cbor.str().unwrap(), "sig");
        let signature = cbor.bytes().unwrap().to_vec();
        assert_eq!(cbor.position(), body.len());

        let attested = &data.0[37..];
        let length = usize::from(u16::from_be_bytes([attested[16], attested[17]]));
        let (id, key) = attested[18..].split_at(length);
        Self {
            id: id.to_vec(),
            aaguid: attested[..16].try_into().unwrap(),
            public_key: parse_public_key(key),
            signature,
            data,
        }
    }

    /// Checks the packed self attestation (WebAuthn Level 2 section 8.2).
    pub(crate) fn verify_attestation(&self) {
        self.verify(&self.data, &self.signature);
    }

    pub(crate) fn verify_assertion(&self, assertion: &Assertion) {
        assert_eq!(assertion.id, self.id);
        self.verify(&assertion.data, &assertion.signature);
    }

    fn verify(&self, data: &AuthenticatorData, signature: &[u8]) {
        let message = [&data.0[..], &CLIENT_DATA_HASH].concat();
        self.public_key
            .verify(&message, &Signature::from_der(signature).unwrap())
            .unwrap();
    }
}

fn parse_public_key(cose: &[u8]) -> VerifyingKey {
    let mut cbor = Decoder::new(cose);
    assert_eq!(cbor.map().unwrap(), Some(5));
    for entry in [(1, 2), (3, -7), (-1, 1)] {
        assert_eq!((cbor.i64().unwrap(), cbor.i64().unwrap()), entry);
    }
    assert_eq!(cbor.i64().unwrap(), -2);
    let x = cbor.bytes().unwrap();
    assert_eq!(cbor.i64().unwrap(), -3);
    let y = cbor.bytes().unwrap();
    VerifyingKey::from_sec1_bytes(&[&[4], x, y].concat()).unwrap()
}

/// What authenticatorGetAssertion returned.
pub(crate) struct Assertion {
    pub(crate) id: Vec<u8>,
    pub(crate) data: AuthenticatorData,
    signature: Vec<u8>,
}

impl Assertion {
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut cbor = Decoder::new(body);
        assert!(cbor.map().unwrap() >= Some(3));
        assert_eq!((cbor.u8().unwrap(), cbor.map().unwrap()), (1, Some(2)));
        assert_eq!(cbor.str().unwrap(), "id");
        let id = cbor.bytes().unwrap().to_vec();
        assert_eq!((cbor.str().unwrap(), cbor.str().unwrap()), ("type", "public-key"));
        assert_eq!(cbor.u8().unwrap(), 2);
        let data = AuthenticatorData(cbor.bytes().unwrap().to_vec());
        assert_eq!(cbor.u8().unwrap(), 3);
        Self {
            id,
            data,
            signature: cbor.bytes().unwrap().to_vec(),
        }
    }
}

/// Authenticator data (WebAuthn Level 2 section 6.1).
pub(crate) struct AuthenticatorData(Vec<u8>);

impl AuthenticatorData {
    pub(crate) fn is_for(&self, rp: &str) -> bool {
        self.0[..32] == Sha256::digest(rp)[..]
    }

    pub(crate) fn flags(&self) -> u8 {
        self.0[32]
    }

    pub(crate) fn counter(&self) -> u32 {
        u32::from_be_bytes(self.0[33..37].try_into().unwrap())
    }
}
