//! A scripted client of the AS exchange with PA-SPAKE. It does what it is told: each message can be had before it is
//! sent, changed, sent twice or left out, under keys that are right for what was changed.
//!
//! ```no_run
//! # fn main() -> Result<(), krb5_testrealm::Error> {
//! use krb5_fido_tests::{AsClient, Enrolled, sign};
//! use krb5_testrealm::Realm;
//!
//! let enrolled = Enrolled::start(Realm::builder());
//! let client = AsClient::new(&enrolled.realm, "alice");
//! let body = client.tgt_body();
//! let asked = client.begin().say_hello();
//! let assertion = sign(&enrolled.key, &asked.statement(&body));
//! let answer = asked.answer(&body, &assertion);
//! let reply = answer.send().issued();
//! assert!(reply.open(answer.reply_key()).is_some());
//! # Ok(())
//! # }
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use krb5_fido_protocol::{
    fido::{
        client_data::hash_request,
        factor::{FidoAssertion, FidoChallenge, FidoFactor, FidoHello},
    },
    kerberos::{Key, Random},
    registry::{FIDO_VERSION, KEY_USAGE_SPAKE, PA_SPAKE, SF_FIDO, SF_NONE},
    spake::{
        Event, Group,
        client::{self, encode_support, process_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};
use krb5_plugin::{KeyBlock, SystemRandom};
use krb5_testrealm::Realm;

use crate::{
    enrolled::kadmin,
    kerberos::{
        AsRequest, KDC_ERR_MORE_PREAUTH_DATA_REQUIRED, KrbError, PA_FX_COOKIE, PaData, Reply, RequestBody,
    },
    keytab::read_key,
    link::Link,
    statement::Statement,
    wire,
};

/// aes256-cts-hmac-sha1-96, the first type of a new principal's keys.
pub(crate) const ENCTYPE: i32 = 18;

/// A client that acts for one principal, whose key it knows.
pub struct AsClient {
    link: Link,
    realm: String,
    name: String,
    key: KeyBlock,
}

impl AsClient {
    /// Takes the key of `name` out of the realm's database.
    pub fn new(realm: &Realm, name: &str) -> Self {
        let keytab = realm.dir().join(format!("{name}.keytab"));
        let path = keytab.to_str().unwrap();
        kadmin(realm, &["ktadd", "-norandkey", "-k", path, name]);
        Self {
            link: Link::stream(loopback(realm.kdc_port())),
            realm: realm.name().to_owned(),
            name: name.to_owned(),
            key: read_key(&keytab, ENCTYPE).unwrap(),
        }
    }

    /// The same client at a KDC on another port of this machine.
    pub fn at_port(&self, port: u16) -> Self {
        self.with(Link::stream(loopback(port)), self.key())
    }

    /// The same client which, as libkrb5 does for each login, begins with datagrams and goes over to TCP for good once an
    /// answer does not fit into one.
    pub fn with_datagrams(&self) -> Self {
        self.with(Link::datagrams(self.link.kdc()), self.key())
    }

    /// The same client with another key than the principal's: that of a wrong password.
    pub fn with_wrong_key(&self) -> Self {
        let mut key = self.key.expose().to_vec();
        key[0] ^= 1;
        self.with(Link::stream(self.link.kdc()), KeyBlock::new(ENCTYPE, &key))
    }

    fn with(&self, link: Link, key: KeyBlock) -> Self {
        Self {
            link,
            realm: self.realm.clone(),
            name: self.name.clone(),
            key,
        }
    }

    /// The principal's name with its realm.
    pub fn principal(&self) -> String {
        format!("{}@{}", self.name, self.realm)
    }

    /// A copy of the principal's key.
    pub fn key(&self) -> KeyBlock {
        copy_key(&self.key)
    }

    /// A request body for a ticket to `server`, with a new nonce.
    pub fn body(&self, server: &[&str]) -> RequestBody {
        let mut nonce = [0; 4];
        SystemRandom.fill(&mut nonce).unwrap();
        RequestBody {
            options: 0,
            client: vec![self.name.clone()],
            realm: self.realm.clone(),
            server: server.iter().map(ToString::to_string).collect(),
            till: "20370101000000Z".to_owned(),
            nonce: u32::from_be_bytes(nonce) >> 1,
            enctypes: vec![ENCTYPE],
        }
    }

    /// A request body for a ticket-granting ticket, with a new nonce.
    pub fn tgt_body(&self) -> RequestBody {
        self.body(&["krbtgt", &self.realm])
    }

    /// Sends a request, over TCP unless this is a client [`Self::with_datagrams`], and reads the answer.
    pub fn send(&self, request: &AsRequest) -> Reply {
        self.link.exchange(&request.encode())
    }

    /// Sends anything over TCP and reads the answer, which is empty if the KDC hangs up.
    pub fn send_bytes(&self, request: &[u8]) -> Vec<u8> {
        wire::send_tcp(self.link.kdc(), request)
    }

    /// Sends a request without pre-authentication.
    pub fn send_plain(&self, body: &RequestBody) -> Reply {
        self.send(&AsRequest {
            pa_data: Vec::new(),
            body: body.encode(),
        })
    }

    /// Begins an exchange in edwards25519 and receives its challenge.
    pub fn begin(&self) -> Challenged<'_> {
        self.begin_with(&[Group::Edwards25519])
    }

    /// The same with other groups.
    pub fn begin_with(&self, groups: &[Group]) -> Challenged<'_> {
        let support = encode_support(groups).unwrap();
        let error = self
            .send(&AsRequest {
                pa_data: vec![PaData::new(PA_SPAKE, &support)],
                body: self.tgt_body().encode(),
            })
            .error();
        Challenged {
            client: self,
            challenge: message(&error),
            cookie: cookie(&error),
            support,
        }
    }

    /// Begins an exchange with the challenge that the KDC sends unasked.
    pub fn begin_optimistic(&self) -> Challenged<'_> {
        let error = self.send_plain(&self.tgt_body()).error();
        Challenged {
            client: self,
            challenge: error.pa_value(PA_SPAKE).unwrap().to_vec(),
            cookie: cookie(&error),
            support: Vec::new(),
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The PA-SPAKE message of an answer that asks for more.
fn message(error: &KrbError) -> Vec<u8> {
    assert_eq!(error.code, KDC_ERR_MORE_PREAUTH_DATA_REQUIRED, "{error:?}");
    error.pa_value(PA_SPAKE).unwrap().to_vec()
}

fn cookie(error: &KrbError) -> PaData {
    PaData::new(PA_FX_COOKIE, error.pa_value(PA_FX_COOKIE).unwrap())
}

/// The KDC has sent its SPAKE challenge. A copy of it can be responded to as well.
#[derive(Clone)]
pub struct Challenged<'c> {
    client: &'c AsClient,
    /// The support message as it was sent.
    pub support: Vec<u8>,
    /// The challenge as it was received.
    pub challenge: Vec<u8>,
    /// The cookie that came with it.
    pub cookie: PaData,
}

impl<'c> Challenged<'c> {
    /// The factors that the KDC offers.
    pub fn offered(&self) -> Vec<SecondFactor> {
        match PaSpake::decode(&self.challenge) {
            Ok(PaSpake::Challenge { factors, .. }) => factors,
            other => panic!("not a challenge: {other:?}"),
        }
    }

    /// Answers with a hello of SF-FIDO and receives the challenge of the factor.
    pub fn say_hello(self) -> Asked<'c> {
        let body = self.client.tgt_body();
        let response = self.respond(&body, &hello(&[FIDO_VERSION]));
        let reply = response.send();
        response.take_challenge(reply)
    }

    /// The challenge of SF-FIDO that stands in the clear, if one does.
    pub fn clear_challenge(&self) -> Option<FidoChallenge> {
        let fido = |factor: &SecondFactor| factor.factor_type == SF_FIDO;
        let data = self.offered().into_iter().find(fido)?.data?;
        Some(FidoFactor::decode_clear_challenge(&data).unwrap())
    }

    /// Makes a response with any factor, offered or not, in a request with this body.
    pub fn respond(self, body: &RequestBody, factor: &SecondFactor) -> Response<'c> {
        self.respond_in(body.encode(), factor)
    }

    /// The same in a request with a body of any bytes.
    pub fn respond_in(self, body: Vec<u8>, factor: &SecondFactor) -> Response<'c> {
        self.agree().respond_in(body, factor)
    }

    /// Computes the SPAKE result.
    pub fn agree(self) -> Agreed<'c> {
        let agreed = process_challenge(
            self.client.key(),
            &self.support,
            &self.challenge,
            &mut SystemRandom,
            &mut |_| {},
        )
        .unwrap();
        Agreed {
            challenged: self,
            agreed,
        }
    }
}

/// The SPAKE result is there, and no response yet.
pub struct Agreed<'c> {
    challenged: Challenged<'c>,
    agreed: client::Agreed<KeyBlock>,
}

impl<'c> Agreed<'c> {
    /// What an honest client has signed for a challenge in the clear.
    pub fn statement(&self, body: &RequestBody) -> Statement {
        let challenge = self.challenged.clear_challenge().unwrap();
        statement(self.challenged.client, &challenge, self.agreed.transcript(), body)
    }

    /// Makes a response with any factor, offered or not, in a request with this body.
    pub fn respond(self, body: &RequestBody, factor: &SecondFactor) -> Response<'c> {
        self.respond_in(body.encode(), factor)
    }

    fn respond_in(self, body: Vec<u8>, factor: &SecondFactor) -> Response<'c> {
        let Self { challenged, agreed } = self;
        let mut keys = Keys::default();
        let offered = challenged.offered().swap_remove(0);
        let reply_key = agreed.derive_reply_key(&body, &mut |_| {}).unwrap();
        let (responded, message) = agreed
            .respond(&body, &offered, &mut |event| keys.note(&event))
            .unwrap();
        let Ok(PaSpake::Response { public, .. }) = PaSpake::decode(&message) else {
            panic!("not a response")
        };
        let message = PaSpake::Response {
            public,
            factor: seal(keys.last(), factor),
        };
        Response {
            client: challenged.client,
            request: request(&message, challenged.cookie, body),
            reply_key,
            factor_key: copy_key(keys.last()),
            responded,
        }
    }
}

fn statement(
    client: &AsClient,
    challenge: &FidoChallenge,
    transcript: &[u8],
    body: &RequestBody,
) -> Statement {
    let party = &challenge.parties[0];
    Statement {
        credential_id: party.credentials[0].id.clone(),
        rp_id: party.rp_id.clone(),
        principal: client.principal(),
        nonce: challenge.nonce,
        transcript: transcript.to_vec(),
        request_hash: hash_request(&body.encode()),
    }
}

/// A hello of SF-FIDO.
pub fn hello(versions: &[u8]) -> SecondFactor {
    let hello = FidoFactor::Hello(FidoHello {
        versions: versions.to_vec(),
    });
    fido(hello.encode().unwrap())
}

/// SF-FIDO with an assertion.
pub fn asserted(assertion: &FidoAssertion) -> SecondFactor {
    let assertion = FidoFactor::Assertion(assertion.clone());
    fido(assertion.encode().unwrap())
}

/// SF-NONE: the password alone.
pub fn none() -> SecondFactor {
    SecondFactor {
        factor_type: SF_NONE,
        data: None,
    }
}

/// SF-FIDO with any data.
pub fn fido(data: Vec<u8>) -> SecondFactor {
    SecondFactor {
        factor_type: SF_FIDO,
        data: Some(data),
    }
}

/// A response that was not sent yet.
pub struct Response<'c> {
    client: &'c AsClient,
    /// The request that carries it.
    pub request: AsRequest,
    reply_key: KeyBlock,
    factor_key: KeyBlock,
    responded: client::Responded<KeyBlock>,
}

impl<'c> Response<'c> {
    /// `K'[0]` for this request: SF-NONE ends here.
    pub fn reply_key(&self) -> &KeyBlock {
        &self.reply_key
    }

    /// `K'[1]` for this request.
    pub fn factor_key(&self) -> &KeyBlock {
        &self.factor_key
    }

    /// Sends it.
    pub fn send(&self) -> Reply {
        self.client.send(&self.request)
    }

    /// Opens the KDC's factor message, which is to be a challenge.
    pub fn take_challenge(self, reply: Reply) -> Asked<'c> {
        let error = reply.error();
        let Ok(PaSpake::EncData(encrypted)) = PaSpake::decode(&message(&error)) else {
            panic!("not a factor message")
        };
        let (asked, data) = self.responded.open_factor(&encrypted, &mut |_| {}).unwrap();
        let Ok(FidoFactor::Challenge(challenge)) = FidoFactor::decode(&data) else {
            panic!("not a challenge")
        };
        Asked {
            client: self.client,
            challenge,
            cookie: cookie(&error),
            asked,
        }
    }
}

/// The KDC has sent the challenge of SF-FIDO.
pub struct Asked<'c> {
    client: &'c AsClient,
    /// The challenge.
    pub challenge: FidoChallenge,
    /// The cookie that came with it.
    pub cookie: PaData,
    asked: client::Asked<KeyBlock>,
}

impl<'c> Asked<'c> {
    /// What an honest client has signed for a request with this body, with the first of the credentials.
    pub fn statement(&self, body: &RequestBody) -> Statement {
        statement(self.client, &self.challenge, self.asked.transcript(), body)
    }

    /// Makes the answer, in a request with this body, whatever the assertion was made for.
    pub fn answer(self, body: &RequestBody, assertion: &FidoAssertion) -> Answer<'c> {
        self.answer_factor(body, &asserted(assertion))
    }

    /// The same with any factor.
    pub fn answer_factor(self, body: &RequestBody, factor: &SecondFactor) -> Answer<'c> {
        self.answer_factor_in(body.encode(), factor)
    }

    /// The same in a request with a body of any bytes.
    pub fn answer_factor_in(self, body: Vec<u8>, factor: &SecondFactor) -> Answer<'c> {
        let mut keys = Keys::default();
        let reply_key = self.asked.derive_reply_key(&body, &mut |_| {}).unwrap();
        self.asked
            .answer(&body, Vec::new(), &mut |event| keys.note(&event))
            .unwrap();
        Answer {
            client: self.client,
            request: request(&PaSpake::EncData(seal(keys.last(), factor)), self.cookie, body),
            reply_key,
            factor_key: copy_key(keys.last()),
        }
    }
}

/// An answer that was not sent yet.
pub struct Answer<'c> {
    client: &'c AsClient,
    /// The request that carries it.
    pub request: AsRequest,
    reply_key: KeyBlock,
    factor_key: KeyBlock,
}

impl Answer<'_> {
    /// `K'[0]` for this request.
    pub fn reply_key(&self) -> &KeyBlock {
        &self.reply_key
    }

    /// `K'[3]` for this request.
    pub fn factor_key(&self) -> &KeyBlock {
        &self.factor_key
    }

    /// Sends it.
    pub fn send(&self) -> Reply {
        self.client.send(&self.request)
    }
}

/// The keys that the stages derive and keep to themselves, as their observer is told.
#[derive(Default)]
struct Keys(Vec<KeyBlock>);

impl Keys {
    fn note(&mut self, event: &Event<'_, KeyBlock>) {
        if let Event::Key { key, .. } = event {
            self.0.push(copy_key(key));
        }
    }

    fn last(&self) -> &KeyBlock {
        self.0.last().unwrap()
    }
}

pub(crate) fn copy_key(key: &KeyBlock) -> KeyBlock {
    KeyBlock::new(key.enctype(), key.expose())
}

fn seal(key: &KeyBlock, factor: &SecondFactor) -> EncryptedData {
    seal_plain(key, &factor.encode().unwrap())
}

/// Encrypts what may be no factor as one.
pub(crate) fn seal_plain(key: &KeyBlock, plain: &[u8]) -> EncryptedData {
    EncryptedData {
        etype: key.enctype(),
        kvno: None,
        cipher: key.encrypt(KEY_USAGE_SPAKE, plain).unwrap(),
    }
}

fn request(message: &PaSpake, cookie: PaData, body: Vec<u8>) -> AsRequest {
    AsRequest {
        pa_data: vec![cookie, PaData::new(PA_SPAKE, &message.encode().unwrap())],
        body,
    }
}
