//! The whole of the client's passes, and a KDC that may know the password and does as a script says.

mod passes;
mod script;

pub use script::ClientScript;

use krb5_fido_protocol::{
    Error,
    fido::{
        client_data::hash_request,
        factor::{
            CredentialRef, FidoAssertion, FidoChallenge, FidoFactor, FidoHello, FidoNotice, NoticeCode,
            RelyingParty, UserVerification,
        },
        rp_id::RpIdRules,
    },
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Group, SpakeError,
        kdc::{ChallengeSent, FactorSent, FidoHello as Hello, FidoOffer, Offer, Opened, make_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};

use self::{
    passes::Client,
    script::{Message, Offered, Step},
};
use crate::{
    kdc::pick,
    kerberos::{Reproducible, ToyKey, hash},
};

const REALM: &str = "EXAMPLE.COM";
const REALM_ID: &str = "krb5realm:EXAMPLE.COM";
const DOMAIN: &str = "example.com";
const CONFIGURED: &str = "login.example.com";
const SUFFIX_LIST: &[u8] = b"com\norg\n";
const NONCE: [u8; 32] = [9; 32];

/// Bytes of a cookie in front of the SPAKE value, its length included.
const COOKIE_HEAD_LEN: usize = 12;

/// Runs a script, and tells whether the security key has signed.
///
/// # Panics
/// If the client answers a factor that was not offered, answers or signs twice, signs for one who does not know the
/// password or for a party that it does not accept, or says anything after what ends the exchange.
pub fn client_pass(script: &ClientScript) -> bool {
    let (right, wrong) = (ToyKey::from_password("password"), ToyKey::from_password("guess"));
    let configured = script.is_rp_id_configured.then_some(CONFIGURED);
    let client = Client {
        key: right.clone(),
        groups: script.groups.clone(),
        rules: RpIdRules::new(REALM, configured, Some(SUFFIX_LIST)),
        is_key_attached: script.is_key_attached,
        random: Reproducible::default(),
        support: Vec::new(),
        responded: None,
        has_responded: false,
        reply_key: None,
        signed: Vec::new(),
    };
    let mut attack = Attack {
        client,
        is_rp_id_configured: script.is_rp_id_configured,
        keys: Keys {
            right: &right,
            wrong: &wrong,
        },
        random: Reproducible::default(),
        requests: Vec::new(),
        sent: Vec::new(),
        exchanges: Vec::new(),
        supports: 0,
        responses: 0,
        answers: 0,
    };
    for step in &script.steps {
        attack.take(step);
        attack.assert_moderation();
    }
    attack.answers > 0
}

#[derive(Clone, Copy)]
struct Keys<'k> {
    right: &'k ToyKey,
    wrong: &'k ToyKey,
}

/// What the KDC has gathered.
struct Attack<'k> {
    client: Client,
    is_rp_id_configured: bool,
    keys: Keys<'k>,
    random: Reproducible,
    /// The bodies of all requests so far.
    requests: Vec<Vec<u8>>,
    /// The KDC's messages, to be sent again.
    sent: Vec<Vec<u8>>,
    exchanges: Vec<Exchange<'k>>,
    supports: usize,
    responses: usize,
    answers: usize,
}

/// An exchange that the client has responded in with SF-FIDO.
struct Exchange<'k> {
    /// Taken by the first factor message.
    hello: Option<Hello<'k, ToyKey>>,
    body: Vec<u8>,
}

impl<'k> Attack<'k> {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Hint => drop(self.send(Vec::new())),
            Step::Challenge {
                group,
                offer,
                knows_password,
                changed_byte,
            } => {
                let key = if *knows_password {
                    self.keys.right
                } else {
                    self.keys.wrong
                };
                self.challenge(*group, *offer, key, *changed_byte);
            }
            Step::Factor {
                exchange,
                message,
                changed_byte,
            } => self.factor(*exchange, *message, *changed_byte),
            Step::Repeat { message } => {
                if let Some(message) = pick(&self.sent, *message) {
                    drop(self.send(message.clone()));
                }
            }
            Step::Raw { message } => drop(self.send(message.clone())),
        }
    }

    /// Gives the client a message, and counts what it answers.
    fn send(&mut self, message: Vec<u8>) -> Result<PaSpake, Error> {
        let body = format!("request {}", self.requests.len()).into_bytes();
        let answer = self.client.process(&message, &body);
        self.requests.push(body);
        self.sent.push(message);
        let answer = PaSpake::decode(&answer?).expect("a client's message is sound");
        match &answer {
            PaSpake::Support { groups } => {
                self.supports += 1;
                assert!(groups.iter().all(|group| Group::from_id(*group).is_some()));
            }
            PaSpake::Response { .. } => self.responses += 1,
            PaSpake::EncData(_) => self.answers += 1,
            PaSpake::Challenge { .. } => panic!("that is what a KDC sends"),
        }
        Ok(answer)
    }

    /// The body of the request that the last answer came in.
    fn last_body(&self) -> &[u8] {
        self.requests.last().expect("a message was sent")
    }

    /// Once each, and nothing is signed but for an answer.
    fn assert_moderation(&self) {
        assert!(self.supports <= 1 && self.responses <= 1 && self.answers <= 1);
        assert_eq!(self.client.signed.len(), self.answers);
        for signed in &self.client.signed {
            match self.is_rp_id_configured {
                true => assert_eq!(signed.rp_id, CONFIGURED),
                false => assert!([DOMAIN, REALM_ID].contains(&signed.rp_id.as_str())),
            }
        }
    }

    fn challenge(&mut self, group: Group, offered: Offered, key: &'k ToyKey, changed_byte: Option<usize>) {
        let (mut message, cookie) = self.make_challenge(group, offered, key);
        if let Some(position) = changed_byte {
            change(&mut message, position);
        }
        let Ok(PaSpake::Response { public, factor }) = self.send(message) else {
            return;
        };
        let sent = ChallengeSent::parse_cookie(&cookie).expect("the KDC's own cookie");
        let body = self.last_body().to_vec();
        let Ok(answered) = sent.process_response(key, &public, &mut |_| {}) else {
            return;
        };
        let opened = answered.open_factor(&body, &factor, &mut |_| {});
        if key != self.keys.right {
            assert_eq!(opened.err(), Some(SpakeError::Protocol(Error::WrongPassword)));
            return;
        }
        match opened {
            Ok(Opened::None(verified, keys)) => {
                assert!(offered.none);
                let reply_key = keys.derive_reply_key(&verified, &body, &mut |_| {});
                assert_eq!(reply_key.ok(), self.client.reply_key);
            }
            Ok(Opened::Hello(hello)) => {
                assert!(offered.fido);
                self.exchanges.push(Exchange {
                    hello: Some(hello),
                    body,
                });
            }
            Ok(Opened::Assertion(_)) => panic!("the cookie is one of mode encrypted"),
            // The client has seen another message than the KDC has made.
            Err(_) => assert!(changed_byte.is_some()),
        }
    }

    /// A challenge that offers anything at all, and a cookie in which both factors are offered.
    fn make_challenge(&mut self, group: Group, offered: Offered, key: &ToyKey) -> (Vec<u8>, Vec<u8>) {
        let offer = Offer::FidoOrNone(FidoOffer {
            nonce: NONCE,
            challenge: None,
        });
        let support = self.client.support.clone();
        let reply = make_challenge(group, key, &support, &offer, &mut self.random, &mut |_| {});
        let reply = reply.expect("nothing can fail");
        let Ok(PaSpake::Challenge {
            group: id, public, ..
        }) = PaSpake::decode(&reply.message)
        else {
            panic!("a challenge was made");
        };
        let message = PaSpake::Challenge {
            group: id,
            public,
            factors: offered.factors(),
        };
        let message = message.encode().expect("short enough");
        let mut cookie = reply.cookie.expose().to_vec();
        let start = COOKIE_HEAD_LEN + group.scalar_len() + 4;
        let transcript = hash(group, &[&vec![0; group.hash_len()], &support, &message]);
        cookie[start..start + transcript.len()].copy_from_slice(&transcript);
        (message, cookie)
    }

    fn factor(&mut self, exchange: usize, message: Message, changed_byte: Option<usize>) {
        let count = self.exchanges.len();
        let Some(exchange) = exchange
            .checked_rem(count)
            .and_then(|index| self.exchanges.get_mut(index))
        else {
            return;
        };
        let Some(hello) = exchange.hello.take() else {
            return;
        };
        let body = exchange.body.clone();
        let reply = hello.send_challenge(&body, message.encode(), &mut |_| {});
        let reply = reply.expect("nothing can fail");
        let mut bytes = reply.message;
        if let Some(position) = changed_byte {
            change(&mut bytes, position);
        }
        let Ok(PaSpake::EncData(answer)) = self.send(bytes) else {
            return;
        };
        assert!(message.accepted(self.is_rp_id_configured));
        self.assert_answer(reply.cookie.expose(), &answer);
    }

    /// What was signed is what was asked for, in the request that carries it.
    fn assert_answer(&self, cookie: &[u8], answer: &EncryptedData) {
        let sent = FactorSent::parse_cookie(cookie).expect("the KDC's own cookie");
        let opened = sent.open_factor(self.keys.right, self.last_body(), answer, &mut |_| {});
        let opened = opened.expect("the client's answer is sound");
        let Ok(FidoFactor::Assertion(assertion)) = FidoFactor::decode(opened.data()) else {
            panic!("an answer is an assertion");
        };
        let signed = self.client.signed.last().expect("the key was asked");
        assert_eq!(assertion.credential_id, signed.credential_id);
        assert_eq!((signed.login.nonce, opened.nonce()), (NONCE, &NONCE));
        assert_eq!(signed.login.transcript, opened.transcript());
        assert_eq!(signed.login.request, hash_request(self.last_body()));
        assert_eq!(signed.credential_id, signed.rp_id.as_bytes());
    }
}

fn change(message: &mut [u8], position: usize) {
    let index = position % message.len();
    message[index] ^= 1 << (position % 7);
}

impl Offered {
    fn factors(self) -> Vec<SecondFactor> {
        let factor = |factor_type| SecondFactor {
            factor_type,
            data: self.with_data.then(|| Message::Challenge.encode()),
        };
        let mut factors = Vec::new();
        factors.extend(self.fido.then(|| factor(SF_FIDO)));
        factors.extend(self.none.then(|| factor(SF_NONE)));
        factors.extend(self.unknown.then(|| factor(7)));
        if self.none_first {
            factors.reverse();
        }
        factors
    }
}

impl Message {
    fn encode(self) -> Vec<u8> {
        let message = match self {
            Self::Challenge => challenge(&[DOMAIN, CONFIGURED]),
            Self::ChallengeOfStrangers => challenge(&["example.org", "com", "EXAMPLE.COM", ""]),
            Self::ChallengeAmongStrangers => challenge(&["a.example.com", CONFIGURED, REALM_ID, DOMAIN]),
            Self::ChallengeOfRealm => challenge(&[REALM_ID]),
            Self::Notice => FidoFactor::Notice(FidoNotice {
                code: NoticeCode::EnrolRequired,
                enrol_url: None,
            }),
            Self::Hello => FidoFactor::Hello(FidoHello {
                versions: vec![FIDO_VERSION],
            }),
            Self::Assertion => FidoFactor::Assertion(FidoAssertion {
                credential_id: vec![1],
                authenticator_data: Vec::new(),
                signature: Vec::new(),
            }),
            Self::Junk => return vec![0x30, 0],
        };
        message.encode().expect("short enough")
    }

    /// Whether the client signs for a party of it.
    const fn accepted(self, is_rp_id_configured: bool) -> bool {
        match self {
            Self::Challenge | Self::ChallengeAmongStrangers => true,
            Self::ChallengeOfRealm => !is_rp_id_configured,
            _ => false,
        }
    }
}

/// A challenge to these parties, the id of each credential being the name of its party.
fn challenge(rp_ids: &[&str]) -> FidoFactor {
    let party = |rp_id: &&str| RelyingParty {
        rp_id: (*rp_id).to_owned(),
        credentials: vec![CredentialRef {
            id: if rp_id.is_empty() {
                vec![0]
            } else {
                rp_id.as_bytes().to_vec()
            },
            uv: UserVerification::Preferred,
        }],
    };
    FidoFactor::Challenge(FidoChallenge {
        nonce: NONCE,
        parties: rp_ids.iter().map(party).collect(),
        facets_url: None,
    })
}
