//! The whole of the KDC's passes, and an attacker who may know the password, may have the key, and does as a script says.

mod passes;
mod principal;
mod script;

pub use script::KdcScript;

use krb5_fido_protocol::{
    fido::{
        client_data::hash_request,
        factor::{FidoChallenge, FidoFactor, FidoHello},
    },
    registry::{FIDO_VERSION, SF_FIDO, SF_NONE},
    spake::{
        Event,
        client::{Agreed, Asked, Responded, encode_support, process_challenge},
        message::{EncryptedData, PaSpake, SecondFactor},
    },
};

use self::{
    passes::{Kdc, Verdict},
    script::{Alteration, Factor, Step},
};
pub(crate) use self::{principal::record, script::group};
use crate::{
    kerberos::{Reproducible, ToyKey},
    security_key::{CREDENTIAL_ID, Gesture, Login, RP_ID, SecurityKey},
};

/// The requests that a message can travel in.
const BODIES: [&[u8]; 4] = [b"request", b"second request", b"third request", b""];

/// How many tickets a script was worth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Granted {
    /// Without a verified factor.
    pub by_password_alone: usize,
    /// With one.
    pub by_key: usize,
}

/// Runs a script.
///
/// # Panics
/// If a ticket comes out of a wrong password, of no factor where one is needed, of a factor that is not for this request,
/// or under another key than the client's; if anything is said to one who has not proved the password; if a credential id
/// goes out too early.
pub fn kdc_pass(script: &KdcScript) -> Granted {
    let kdc = Kdc {
        key: ToyKey::from_password("password"),
        principal: script.principal,
        sends_clear: script.sends_clear,
        random: Reproducible::default(),
    };
    let mut attack = Attack::new(kdc);
    for step in &script.steps {
        attack.take(step);
    }
    attack.granted
}

/// What the attacker has gathered.
struct Attack {
    kdc: Kdc,
    security_key: SecurityKey,
    random: Reproducible,
    challenges: Vec<Challenge>,
    cookies: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    sessions: Vec<Option<Responded<ToyKey>>>,
    replies: Vec<EncryptedData>,
    asked: Vec<Option<(Asked<ToyKey>, FidoChallenge)>>,
    /// `K'[0]` of every exchange in which the right password was used, for each request.
    reply_keys: Vec<[ToyKey; BODIES.len()]>,
    granted: Granted,
}

/// A challenge, and the support message that it answers.
struct Challenge {
    support: Vec<u8>,
    message: Vec<u8>,
}

impl Attack {
    fn new(kdc: Kdc) -> Self {
        Self {
            kdc,
            security_key: SecurityKey::default(),
            random: Reproducible::default(),
            challenges: Vec::new(),
            cookies: Vec::new(),
            messages: Vec::new(),
            sessions: Vec::new(),
            replies: Vec::new(),
            asked: Vec::new(),
            reply_keys: Vec::new(),
            granted: Granted::default(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Support { group } => {
                let support = encode_support(&[*group]).expect("there is a group");
                let verdict = self.kdc.verify(&support, None, BODIES[0]);
                self.keep_challenge(support, verdict.expect("the group is permitted"));
            }
            Step::Hint { group } => {
                let verdict = self.kdc.hint(*group);
                self.keep_challenge(Vec::new(), verdict);
            }
            Step::Respond {
                challenge,
                knows_password,
                factor,
                body,
            } => self.respond(
                *challenge,
                *knows_password,
                *factor,
                pick(&BODIES, *body).expect("a body"),
            ),
            Step::Submit {
                message,
                cookie,
                body,
                changed_byte,
            } => {
                let Some(message) = pick(&self.messages, *message) else {
                    return;
                };
                let mut message = message.clone();
                if let Some(position) = changed_byte {
                    let length = message.len();
                    message[position % length] ^= 1 << (position % 7);
                }
                self.submit(&message, *cookie, *body);
            }
            Step::Open { session, reply } => self.open(*session, *reply),
            Step::Answer {
                asked,
                alteration,
                body,
            } => self.answer(*asked, *alteration, BODIES[*body]),
            Step::Change { principal } => self.kdc.principal = *principal,
            Step::Raw {
                cookie,
                body,
                message,
            } => self.submit(message, *cookie, *body),
        }
    }

    fn keep_challenge(&mut self, support: Vec<u8>, verdict: Verdict) {
        let Verdict::More {
            message,
            cookie: Some(cookie),
        } = verdict
        else {
            panic!("a challenge has a cookie, and is no ticket");
        };
        assert!(self.kdc.sends_clear || !contains(&message, CREDENTIAL_ID));
        assert!(!contains(&cookie, CREDENTIAL_ID));
        self.challenges.push(Challenge { support, message });
        self.cookies.push(cookie);
    }

    /// Whatever the KDC answers must be earned.
    fn submit(&mut self, message: &[u8], cookie: Option<usize>, body: usize) {
        let body = body % BODIES.len();
        let cookie = cookie.and_then(|number| pick(&self.cookies, number));
        let Ok(verdict) = self.kdc.verify(message, cookie.map(Vec::as_slice), BODIES[body]) else {
            return;
        };
        if let Ok(PaSpake::Support { .. }) = PaSpake::decode(message) {
            self.keep_challenge(message.to_vec(), verdict);
            return;
        }
        assert!(!self.reply_keys.is_empty(), "nobody has used the right password");
        match verdict {
            Verdict::Granted { key, factor } => {
                assert!(self.reply_keys.iter().any(|keys| keys[body] == key));
                self.assert_factor(factor.as_ref());
            }
            Verdict::More { message, cookie } => {
                let Ok(PaSpake::EncData(reply)) = PaSpake::decode(&message) else {
                    panic!("what follows a response is encrypted");
                };
                self.replies.push(reply);
                self.cookies.extend(cookie);
            }
        }
    }

    fn assert_factor(&mut self, factor: Option<&Login>) {
        let principal = &self.kdc.principal;
        match factor {
            None => {
                self.granted.by_password_alone += 1;
                assert!(principal.may_do_without_key());
            }
            Some(login) => {
                self.granted.by_key += 1;
                assert!(principal.may_use_key());
                let needs_verification = principal.needs_verification();
                assert!(self.security_key.has_signed(login, needs_verification));
            }
        }
    }

    fn respond(&mut self, challenge: usize, knows_password: bool, factor: Factor, body: &[u8]) {
        let Some(challenge) = pick(&self.challenges, challenge) else {
            return;
        };
        let key = ToyKey::from_password(if knows_password { "password" } else { "guess" });
        let mut public = Vec::new();
        let agreed = process_challenge(
            key,
            &challenge.support,
            &challenge.message,
            &mut self.random,
            &mut |event| {
                if let Event::PublicKey(bytes) = event {
                    public = bytes.to_vec();
                }
            },
        )
        .expect("a KDC's own challenge is sound");
        if knows_password {
            let derive = |body| agreed.derive_reply_key(body, &mut |_| {});
            let keys = BODIES.map(|body| derive(body).expect("nothing can fail"));
            self.reply_keys.push(keys);
        }
        let factor = self.factor(factor, &agreed, body);
        // The client's own code responds with what was offered; the attacker, with its key, with anything.
        let offered = agreed.offered().first().expect("at least one").clone();
        let mut first = None;
        let (responded, _) = agreed
            .respond(body, &offered, &mut |event| {
                if let Event::Key { number: 1, key } = event {
                    first = Some(key.clone());
                }
            })
            .expect("it was offered");
        let message = PaSpake::Response {
            public,
            factor: first.expect("K'[1] was derived").seal(&factor),
        };
        self.messages.push(message.encode().expect("short enough"));
        self.sessions.push(Some(responded));
    }

    fn factor(&mut self, factor: Factor, agreed: &Agreed<ToyKey>, body: &[u8]) -> SecondFactor {
        let hello = |version| {
            let versions = vec![version];
            FidoFactor::Hello(FidoHello { versions }).encode().ok()
        };
        let (factor_type, data) = match factor {
            Factor::Hello => (SF_FIDO, hello(FIDO_VERSION)),
            Factor::LaterHello => (SF_FIDO, hello(FIDO_VERSION + 1)),
            Factor::None => (SF_NONE, None),
            Factor::NoneWithData => (SF_NONE, Some(Vec::new())),
            Factor::FidoWithoutData => (SF_FIDO, None),
            Factor::Unknown => (SF_FIDO + 1, hello(FIDO_VERSION)),
            Factor::Assertion => (SF_FIDO, self.clear_assertion(agreed, body)),
            Factor::Challenge => (SF_FIDO, clear_challenge(agreed)),
        };
        SecondFactor { factor_type, data }
    }

    /// The assertion to a challenge in the clear; of none to an offer without one.
    fn clear_assertion(&mut self, agreed: &Agreed<ToyKey>, body: &[u8]) -> Option<Vec<u8>> {
        let nonce = match FidoFactor::decode(&clear_challenge(agreed)?) {
            Ok(FidoFactor::Challenge(challenge)) => challenge.nonce,
            _ => panic!("what is offered in the clear is a challenge"),
        };
        let login = Login {
            nonce,
            transcript: agreed.transcript().to_vec(),
            request: hash_request(body),
        };
        let gesture = Gesture {
            touched: true,
            verified: true,
        };
        let assertion = self.security_key.sign(RP_ID, login, gesture);
        FidoFactor::Assertion(assertion).encode().ok()
    }

    fn open(&mut self, session: usize, reply: usize) {
        let Some(reply) = pick(&self.replies, reply) else {
            return;
        };
        let Some(responded) = take(&mut self.sessions, session) else {
            return;
        };
        let Ok((asked, data)) = responded.open_factor(reply, &mut |_| {}) else {
            return;
        };
        match FidoFactor::decode(&data) {
            Ok(FidoFactor::Challenge(challenge)) => self.asked.push(Some((asked, challenge))),
            Ok(FidoFactor::Notice(_)) => {}
            _ => panic!("a KDC sends challenges and notices"),
        }
    }

    fn answer(&mut self, asked: usize, alteration: Alteration, body: &[u8]) {
        let Some((asked, challenge)) = take(&mut self.asked, asked) else {
            return;
        };
        let mut login = Login {
            nonce: challenge.nonce,
            transcript: asked.transcript().to_vec(),
            request: hash_request(match alteration.other_body {
                Some(other) => pick(&BODIES, other).expect("a body"),
                None => body,
            }),
        };
        login.nonce[0] ^= u8::from(alteration.other_nonce);
        login.transcript[0] ^= u8::from(alteration.other_transcript);
        let rp_id = if alteration.other_party {
            "example.org"
        } else {
            RP_ID
        };
        let gesture = Gesture {
            touched: !alteration.untouched,
            verified: !alteration.unverified,
        };
        let mut assertion = self.security_key.sign(rp_id, login, gesture);
        assertion.signature[0] ^= u8::from(alteration.broken_signature);
        if alteration.other_credential {
            assertion.credential_id = b"other".to_vec();
        }
        let data = FidoFactor::Assertion(assertion).encode().expect("short enough");
        let message = asked.answer(body, data, &mut |_| {});
        self.messages.push(message.expect("nothing can fail"));
    }
}

fn clear_challenge(agreed: &Agreed<ToyKey>) -> Option<Vec<u8>> {
    let mut offered = agreed.offered().iter();
    let fido = offered.find(|factor| factor.factor_type == SF_FIDO)?;
    fido.data.clone()
}

/// The element of this number, counted round; none of an empty list.
pub(crate) fn pick<T>(elements: &[T], number: usize) -> Option<&T> {
    elements.get(number.checked_rem(elements.len())?)
}

/// As [`pick`], and takes it away.
fn take<T>(elements: &mut [Option<T>], number: usize) -> Option<T> {
    let index = number.checked_rem(elements.len())?;
    elements.get_mut(index)?.take()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
