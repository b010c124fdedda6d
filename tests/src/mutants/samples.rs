//! Honest messages of every stage, fresh from a login: what mutants are made of.

use krb5_fido_protocol::{
    fido::factor::{FidoAssertion, FidoFactor},
    registry::{FIDO_VERSION, PA_SPAKE},
    spake::{Group, message::SecondFactor},
};
use krb5_plugin::KeyBlock;
use krb5_testrealm::{Realm, RealmBuilder};

use crate::{
    AsClient, Challenged, PaperKey,
    as_client::{copy_key, fido, hello, none},
    enrolled::{add_user, kadmin},
    kerberos::{AsRequest, FLAG_HW_AUTHENT, FLAG_PRE_AUTHENT, PA_FX_COOKIE, PaData},
};

/// Where in an exchange a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// alice's SPAKESupport.
    Support,
    /// alice's SPAKEResponse, with a hello of SF-FIDO.
    Response,
    /// alice's answer to the challenge of SF-FIDO, for which she gets a ticket.
    Answer,
    /// bob's SPAKEResponse, with SF-NONE, for which he gets a ticket.
    Password,
}

/// An honest request.
pub(super) struct Sample {
    pub(super) stage: Stage,
    pub(super) request: AsRequest,
    /// What its factor is encrypted under, and the factor.
    pub(super) factor: Option<(KeyBlock, SecondFactor)>,
}

impl Sample {
    fn new(stage: Stage, request: &AsRequest, factor: Option<(&KeyBlock, SecondFactor)>) -> Self {
        Self {
            stage,
            request: request.clone(),
            factor: factor.map(|(key, factor)| (copy_key(key), factor)),
        }
    }

    /// Whose ticket is right, if this is a request that ends in one.
    pub(super) fn ticket(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Support | Stage::Response => None,
            Stage::Answer => Some("alice"),
            Stage::Password => Some("bob"),
        }
    }

    /// Its PA-SPAKE message.
    pub(super) fn message(&self) -> &[u8] {
        value(&self.request, PA_SPAKE).unwrap()
    }
}

fn value(request: &AsRequest, pa_type: i32) -> Option<&[u8]> {
    let element = request
        .pa_data
        .iter()
        .find(|element| element.pa_type == pa_type)?;
    Some(&element.value)
}

/// A realm under fire: alice has a key whose private key lies open, bob has a password alone. Every principal of the
/// database must pre-authenticate.
pub struct Target {
    /// The realm.
    pub realm: Realm,
    pub(super) alice: AsClient,
    pub(super) bob: AsClient,
    pub(super) paper: PaperKey,
}

impl Target {
    /// Starts the realm with all groups.
    pub fn start(builder: RealmBuilder) -> Self {
        let realm = builder
            .kadmind(false)
            .kdc_relation("spake_preauth_groups", "edwards25519 P-256 P-384 P-521")
            .start()
            .unwrap();
        for name in ["alice", "bob"] {
            add_user(&realm, name);
        }
        let paper = PaperKey::generate();
        let record = paper.record(&realm.name().to_ascii_lowercase());
        kadmin(&realm, &["setstr", "alice", "fido:paper", &record]);
        kadmin(&realm, &["modprinc", "+requires_hwauth", "alice"]);
        for principal in kadmin(&realm, &["listprincs"]).lines() {
            kadmin(&realm, &["modprinc", "+requires_preauth", principal]);
        }
        Self {
            alice: AsClient::new(&realm, "alice"),
            bob: AsClient::new(&realm, "bob"),
            paper,
            realm,
        }
    }

    /// Logs alice in with her key and bob with his password, as honest clients do, and keeps what they said.
    ///
    /// # Panics
    /// One of them gets no ticket, or not the right one.
    pub fn log_in(&self, group: Group) -> Samples<'_> {
        let challenged = self.alice.begin_with(&[group]);
        let support = AsRequest {
            pa_data: vec![PaData::new(PA_SPAKE, &challenged.support)],
            body: self.alice.tgt_body().encode(),
        };
        let mut samples = Samples {
            target: self,
            challenged,
            honest: vec![Sample::new(Stage::Support, &support, None)],
        };
        self.log_in_alice(&mut samples);
        self.log_in_bob(&mut samples, group);
        samples
    }

    /// A request that gets an error.
    pub(crate) fn probe(&self) -> AsRequest {
        AsRequest {
            pa_data: Vec::new(),
            body: self.alice.body(&["probe"]).encode(),
        }
    }

    fn log_in_alice(&self, samples: &mut Samples<'_>) {
        let said_hello = hello(&[FIDO_VERSION]);
        let response = samples
            .challenged
            .clone()
            .respond(&self.alice.tgt_body(), &said_hello);
        let key = Some((response.factor_key(), said_hello));
        let sample = Sample::new(Stage::Response, &response.request, key);
        samples.honest.push(sample);

        let body = self.alice.tgt_body();
        let reply = response.send();
        let asked = response.take_challenge(reply);
        let assertion = self.paper.sign(&asked.statement(&body));
        let answer = asked.answer(&body, &assertion);
        let reply = answer.send().issued().open(answer.reply_key()).unwrap();
        let flags = FLAG_HW_AUTHENT | FLAG_PRE_AUTHENT;
        assert_eq!((reply.nonce, reply.flags & flags), (body.nonce.into(), flags));
        let key = Some((answer.factor_key(), signed(assertion)));
        samples
            .honest
            .push(Sample::new(Stage::Answer, &answer.request, key));
    }

    fn log_in_bob(&self, samples: &mut Samples<'_>, group: Group) {
        let body = self.bob.tgt_body();
        let response = self.bob.begin_with(&[group]).respond(&body, &none());
        let reply = response.send().issued().open(response.reply_key()).unwrap();
        assert_eq!(
            (reply.nonce, reply.flags & FLAG_HW_AUTHENT),
            (body.nonce.into(), 0)
        );
        let key = Some((response.factor_key(), none()));
        let sample = Sample::new(Stage::Password, &response.request, key);
        samples.honest.push(sample);
    }
}

pub(super) fn signed(assertion: FidoAssertion) -> SecondFactor {
    fido(FidoFactor::Assertion(assertion).encode().unwrap())
}

/// What honest clients have said in one login.
pub struct Samples<'t> {
    pub(super) target: &'t Target,
    /// alice's exchange, to go on with in other ways.
    pub(super) challenged: Challenged<'t>,
    /// One request of each stage.
    pub(super) honest: Vec<Sample>,
}

impl Samples<'_> {
    /// All cookies.
    pub(super) fn cookies(&self) -> Vec<&[u8]> {
        let requests = self.honest.iter().map(|sample| &sample.request);
        requests
            .filter_map(|request| value(request, PA_FX_COOKIE))
            .collect()
    }
}
