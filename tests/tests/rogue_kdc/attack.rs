//! A KDC that knows the password and wants the key: it stands between alice's kinit, with her key attached, and the real
//! KDC. It gets signatures for no name but the realm's, and none that the real KDC takes.

use super::*;
use krb5_fido_https_server::{HttpsServer, Reply as HttpReply};
use krb5_fido_protocol::{
    fido::factor::{CredentialRef, FidoAssertion, FidoChallenge, FidoFactor, RelyingParty, UserVerification},
    spake::kdc::FactorSent,
};
use krb5_fido_tests::{Asked, Enrolled, LogLine, as_lines, memory};
use krb5_testrealm::SoftKey;

const REALM: &str = "KRBTEST.COM";
const SENT: [&str; 2] = ["nothing", "response"];
const FOREIGN: &str = "The KDC of KRBTEST.COM asked for signatures for other names than this client accepts: see fido_rp_id \
     in krb5.conf, or ask your administrator";
const HOST: &str = "attacker.test";

/// alice's client comes to the attacker, who reaches the real KDC.
struct Attack {
    client: AsClient,
    key: SoftKey,
    scene: Scene,
}

impl Attack {
    fn prepare() -> Self {
        let Enrolled { realm, key } = Enrolled::start(Realm::builder());
        let client = AsClient::new(&realm, "alice");
        let scene = Scene::in_front_of(realm);
        Self { client, key, scene }
    }

    /// Has the real KDC ask for the key.
    fn ask(&self) -> Asked<'_> {
        self.client.begin().say_hello()
    }

    /// alice logs in, is asked this, and answers if she does.
    fn pass_on(&self, challenge: FidoChallenge) -> (Login, Option<FidoAssertion>) {
        let caught: Arc<Mutex<Option<FidoAssertion>>> = Arc::default();
        let catch = Arc::clone(&caught);
        let ask: Step = Box::new(|rogue, request| vec![rogue.send_factor_challenge(request, challenge)]);
        let take: Step = Box::new(move |rogue, request| {
            *catch.lock().unwrap() = Some(rogue.open_assertion(request));
            rogue.code = Some(KRB_ERR_GENERIC);
            Vec::new()
        });
        let login = self.scene.login([honest(Offer::Fido(fido_offer())), ask, take]);
        let caught = caught.lock().unwrap().take();
        (login, caught)
    }

    /// alice is told that this is none of her realm's names, and her key is not touched.
    fn assert_kept_from(&self, challenge: FidoChallenge) {
        let before = memory(&self.key);
        let (mut login, caught) = self.pass_on(challenge);
        assert!(caught.is_none());
        login.steps_left = 0;
        login.assert_refused(FOREIGN, &SENT);
        assert!(!login.kinit.stdout.contains("Touch"), "{}", login.kinit);
        assert_eq!(memory(&self.key), before);
    }
}

impl Rogue {
    /// Asks for the factor as an honest KDC does.
    fn send_factor_challenge(&mut self, request: &AsRequest, challenge: FidoChallenge) -> PaData {
        let Ok(PaSpake::Response { public, factor }) = PaSpake::decode(request.pa_values(PA_SPAKE)[0]) else {
            panic!("not a response")
        };
        let sent = ChallengeSent::parse_cookie(self.cookie.as_ref().unwrap().expose()).unwrap();
        let opened = sent
            .process_response(&self.key, &public, &mut |_| {})
            .and_then(|answered| answered.open_factor(&request.body, &factor, &mut |_| {}));
        let Ok(Opened::Hello(hello)) = opened else {
            panic!("not a hello")
        };
        let challenge = challenge.encode_padded(0).unwrap();
        let reply = hello
            .send_challenge(&request.body, challenge, &mut |_| {})
            .unwrap();
        self.cookie = Some(reply.cookie);
        PaData::new(PA_SPAKE, &reply.message)
    }

    /// Reads what alice's key has signed.
    fn open_assertion(&self, request: &AsRequest) -> FidoAssertion {
        let Ok(PaSpake::EncData(factor)) = PaSpake::decode(request.pa_values(PA_SPAKE)[0]) else {
            panic!("not a factor")
        };
        let sent = FactorSent::parse_cookie(self.cookie.as_ref().unwrap().expose()).unwrap();
        let answer = sent
            .open_factor(&self.key, &request.body, &factor, &mut |_| {})
            .unwrap();
        let Ok(FidoFactor::Assertion(assertion)) = FidoFactor::decode(answer.data()) else {
            panic!("not an assertion")
        };
        assertion
    }
}

/// The real KDC's credentials under another name.
fn renamed(challenge: &FidoChallenge, rp_id: &str) -> FidoChallenge {
    let mut challenge = challenge.clone();
    challenge.parties[0].rp_id = rp_id.to_owned();
    challenge
}

#[test]
fn signature_for_the_attacker_is_worth_nothing_at_the_real_kdc() {
    let attack = Attack::prepare();
    let before = memory(&attack.key);
    let asked = attack.ask();
    let (login, caught) = attack.pass_on(asked.challenge.clone());
    let assertion = caught.expect("alice has touched her key");
    assert_ne!(memory(&attack.key), before, "{}", login.kinit);
    let mark = attack.scene.realm.kdc_log_mark();
    // The request that alice's key has signed, word for word and for the same nonce; and one of the attacker's own.
    let bodies = [login.requests[2].body.clone(), attack.client.tgt_body().encode()];
    let mut asked = Some(asked);
    for body in bodies {
        let asked = asked.take().unwrap_or_else(|| attack.ask());
        let reply = asked
            .answer_factor_in(body, &krb5_fido_tests::asserted(&assertion))
            .send();
        assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED);
    }
    let log = attack.scene.realm.kdc_log_since(mark);
    let refused = as_lines(&log)
        .into_iter()
        .filter(|line| *line == LogLine::failed("bad signature"));
    assert_eq!(refused.count(), 2, "{log}");
    assert!(!log.contains("ISSUE"), "{log}");
}

#[test]
fn names_outside_the_rules_are_not_signed_for() {
    let attack = Attack::prepare();
    let challenge = attack.ask().challenge;
    for rp_id in [
        "com",
        "krbtest.org",
        "login.krbtest.com",
        "KRBTEST.COM",
        "krbtest.com.",
        "krb5realm:KRBTEST.ORG",
        "krb5realm:krbtest.com",
        "https://krbtest.com",
        HOST,
    ] {
        attack.assert_kept_from(renamed(&challenge, rp_id));
    }
}

#[test]
fn names_outside_the_rules_beside_the_realms_are_passed_over() {
    let attack = Attack::prepare();
    let asked = attack.ask();
    let mut challenge = asked.challenge.clone();
    let own = challenge.parties[0].clone();
    challenge.parties.insert(
        0,
        RelyingParty {
            rp_id: "krbtest.org".to_owned(),
            ..own
        },
    );
    let (login, caught) = attack.pass_on(challenge);
    assert_eq!(
        caught.unwrap().authenticator_data[..32],
        rp_id_hash("krbtest.com")
    );
    let skipped = "SF-FIDO relying party not accepted: krbtest.org\n";
    assert!(login.kinit.trace.contains(skipped), "{}", login.kinit.trace);
}

fn rp_id_hash(rp_id: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(rp_id).into()
}

#[test]
fn list_of_the_attacker_is_not_asked_for() {
    let attack = Attack::prepare();
    let server = HttpsServer::start(HOST);
    server.serve("/facets", HttpReply::facets(&[REALM]));
    let mut challenge = renamed(&attack.ask().challenge, HOST);
    challenge.facets_url = Some(server.url("/facets"));
    attack.assert_kept_from(challenge);
    assert_eq!(server.hits("/facets"), 0);
}

#[test]
fn credentials_of_others_are_asked_for_in_vain() {
    let attack = Attack::prepare();
    let mut challenge = attack.ask().challenge;
    challenge.parties[0].credentials = vec![CredentialRef {
        id: vec![7; 64],
        uv: UserVerification::Discouraged,
    }];
    let realm = &attack.scene.realm;
    let before = memory(&attack.key);
    let steps: [Step; 2] = [
        honest(Offer::Fido(fido_offer())),
        Box::new(|rogue, request| vec![rogue.send_factor_challenge(request, challenge)]),
    ];
    *attack.scene.steps.lock().unwrap() = VecDeque::from(steps);
    let kinit = realm
        .kinit("alice", PASSWORD, &["-X", "fido_timeout=1s"])
        .unwrap();
    let message = "software key is not a security key registered for alice@KRBTEST.COM";
    assert!(kinit.stderr.contains(message), "{kinit}");
    assert_eq!(memory(&attack.key), before);
}
