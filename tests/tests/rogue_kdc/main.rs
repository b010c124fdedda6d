//! A KDC that is not what it should be, and kinit with our module before it: what the client refuses, what it says, and
//! what it sends. Only `attack` has a key: elsewhere, where the client would ask for one, it fails to start its helper.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod attack;
mod challenges;
mod downgrade;
mod factors;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use krb5_fido_protocol::{
    kerberos::Key,
    registry::{FIDO_NONCE_LEN, KEY_USAGE_SPAKE, PA_SPAKE, SF_FIDO, SF_NONE},
    secret::SecretBytes,
    spake::{
        Event, Group,
        kdc::{ChallengeSent, FidoOffer, Offer, Opened, make_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};
use krb5_fido_tests::{AsClient, PASSWORD, ScriptedKdc, add_user, der, encode_error, kerberos::*};
use krb5_plugin::{KeyBlock, SystemRandom};
use krb5_testrealm::{Finished, Realm};

/// PA-ETYPE-INFO2 (RFC 4120 section 5.2.7.5).
const PA_ETYPE_INFO2: i32 = 19;
/// KRB_ERR_GENERIC.
const KRB_ERR_GENERIC: i64 = 60;

/// What kinit says where the client tries to ask for a key.
const KEY_IS_ASKED_FOR: &str = "Could not start /nonexistent/helper, which talks to security keys: No such file or directory; \
    see fido_helper in krb5.conf";

/// What the KDC does with one request: METHOD-DATA, but for what a client needs to make its key.
type Step = Box<dyn FnOnce(&mut Rogue, &AsRequest) -> Vec<PaData> + Send>;

/// The KDC's side of one login. It knows the password.
struct Rogue {
    key: KeyBlock,
    cookie: Option<SecretBytes>,
    /// The error code of the next answer, if it is not that of an honest KDC.
    code: Option<i64>,
}

/// A client before a rogue KDC.
struct Scene {
    realm: Realm,
    kdc: ScriptedKdc,
    steps: Arc<Mutex<VecDeque<Step>>>,
}

impl Scene {
    fn set() -> Self {
        let groups = Group::ALL.map(Group::name).join(" ");
        let builder = Realm::builder()
            .client_relation("spake_preauth_groups", &groups)
            .client_relation("fido_helper", "/nonexistent/helper");
        let realm = builder.kadmind(false).start().unwrap();
        add_user(&realm, "alice");
        Self::in_front_of(realm)
    }

    /// Between alice's clients and the KDC of her realm.
    fn in_front_of(mut realm: Realm) -> Self {
        let mut rogue = Rogue {
            key: AsClient::new(&realm, "alice").key(),
            cookie: None,
            code: None,
        };
        let steps: Arc<Mutex<VecDeque<Step>>> = Arc::default();
        let script = Arc::clone(&steps);
        let kdc = ScriptedKdc::start(move |request| {
            let request = AsRequest::read(request).unwrap();
            let Some(step) = script.lock().unwrap().pop_front() else {
                return encode_error("KRBTEST.COM", KRB_ERR_GENERIC, &[]);
            };
            // The first request of a login has nothing to go on from.
            let honest = match request.pa_values(PA_FX_COOKIE)[..] {
                [] => KDC_ERR_PREAUTH_REQUIRED,
                _ => KDC_ERR_MORE_PREAUTH_DATA_REQUIRED,
            };
            let mut pa_data = vec![etype_info(), PaData::new(PA_FX_COOKIE, b"MIT")];
            pa_data.extend(step(&mut rogue, &request));
            encode_error("KRBTEST.COM", rogue.code.take().unwrap_or(honest), &pa_data)
        });
        kdc.take_place(&mut realm);
        Self { realm, kdc, steps }
    }

    /// Logs alice in while the KDC takes these steps.
    fn login<const STEPS: usize>(&self, steps: [Step; STEPS]) -> Login {
        *self.steps.lock().unwrap() = steps.into();
        let kinit = self.realm.kinit("alice", PASSWORD, &[]).unwrap();
        let steps_left = self.steps.lock().unwrap().len();
        Login {
            kinit,
            requests: self.kdc.take_requests(),
            steps_left,
        }
    }
}

/// What became of a login.
struct Login {
    kinit: Finished,
    requests: Vec<AsRequest>,
    steps_left: usize,
}

impl Login {
    /// kinit failed with exactly this message, and sent nothing more than these kinds of PA-SPAKE messages.
    fn assert_refused(&self, message: &str, sent: &[&str]) {
        let expected = format!("kinit: {message} while getting initial credentials\n");
        assert_eq!(
            (self.kinit.code(), self.kinit.stderr.as_str()),
            (Some(1), expected.as_str()),
            "{}{}",
            self.kinit,
            self.kinit.trace
        );
        assert_eq!(self.sent(), sent, "{}{}", self.kinit, self.kinit.trace);
        assert_eq!(self.steps_left, 0);
    }

    /// What each request had of pre-authentication.
    fn sent(&self) -> Vec<&'static str> {
        let kind = |request: &AsRequest| {
            if !request.pa_values(PA_ENC_TIMESTAMP).is_empty() {
                return "timestamp";
            }
            match request.pa_values(PA_SPAKE)[..] {
                [] => "nothing",
                [message] => match PaSpake::decode(message) {
                    Ok(PaSpake::Support { .. }) => "support",
                    Ok(PaSpake::Response { .. }) => "response",
                    Ok(PaSpake::EncData(_)) => "factor",
                    other => panic!("{other:?}"),
                },
                _ => "several",
            }
        };
        self.requests.iter().map(kind).collect()
    }
}

/// The encryption type and salt of alice's key.
fn etype_info() -> PaData {
    let entry = der::sequence(&[
        der::tagged(0, &der::integer(18)),
        der::tagged(1, &der::string("KRBTEST.COMalice")),
    ]);
    PaData::new(PA_ETYPE_INFO2, &der::sequence(&[entry]))
}

/// Answers with this PA-SPAKE message, whatever was asked; an empty one names the mechanism.
fn spake(message: &[u8]) -> Step {
    let element = PaData::new(PA_SPAKE, message);
    Box::new(|_, _| vec![element])
}

/// Names PA-SPAKE, as a KDC does that sends no optimistic challenge.
fn hint() -> Step {
    spake(b"")
}

fn fido_offer() -> FidoOffer {
    FidoOffer {
        nonce: [7; FIDO_NONCE_LEN],
        challenge: None,
    }
}

/// Sends a challenge in any group, after this change. The support message is the client's, if it sent one.
fn challenge(group: Group, offer: Offer, change: impl FnOnce(&mut Vec<u8>) + Send + 'static) -> Step {
    Box::new(move |rogue, request| {
        let support = request.pa_values(PA_SPAKE).first().copied().unwrap_or_default();
        let mut message = rogue.make_challenge(group, support, &offer);
        change(&mut message);
        vec![PaData::new(PA_SPAKE, &message)]
    })
}

/// An honest challenge in edwards25519.
fn honest(offer: Offer) -> Step {
    challenge(Group::Edwards25519, offer, |_| {})
}

impl Rogue {
    fn make_challenge(&mut self, group: Group, support: &[u8], offer: &Offer) -> Vec<u8> {
        let reply = make_challenge(group, &self.key, support, offer, &mut SystemRandom, &mut |_| {}).unwrap();
        self.cookie = Some(reply.cookie);
        reply.message
    }

    /// Opens the response in a request, and has `K'[1]` and, for a request with this body, `K'[2]`.
    fn open_response(&self, request: &AsRequest, body: &[u8]) -> [KeyBlock; 2] {
        let Ok(PaSpake::Response { public, factor }) = PaSpake::decode(request.pa_values(PA_SPAKE)[0]) else {
            panic!("not a response")
        };
        let mut keys = Vec::new();
        let observe = &mut |event: Event<'_, KeyBlock>| {
            if let Event::Key { key, .. } = event {
                keys.push(KeyBlock::new(key.enctype(), key.expose()));
            }
        };
        let sent = ChallengeSent::parse_cookie(self.cookie.as_ref().unwrap().expose()).unwrap();
        let opened = sent
            .process_response(&self.key, &public, observe)
            .and_then(|answered| answered.open_factor(&request.body, &factor, observe))
            .unwrap();
        let Opened::Hello(hello) = opened else {
            panic!("not a hello")
        };
        hello.send_notice(body, Vec::new(), observe).unwrap();
        keys.try_into().ok().unwrap()
    }
}

/// Encrypts a factor, or what is none.
fn seal(key: &KeyBlock, plain: &[u8]) -> Vec<u8> {
    let encrypted = EncryptedData {
        etype: key.enctype(),
        kvno: None,
        cipher: key.encrypt(KEY_USAGE_SPAKE, plain).unwrap(),
    };
    PaSpake::EncData(encrypted).encode().unwrap()
}

fn second_factor(factor_type: i32, data: Option<&[u8]>) -> SecondFactor {
    SecondFactor {
        factor_type,
        data: data.map(<[u8]>::to_vec),
    }
}

fn none() -> SecondFactor {
    second_factor(SF_NONE, None)
}

fn fido() -> SecondFactor {
    second_factor(SF_FIDO, None)
}
