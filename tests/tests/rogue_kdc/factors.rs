//! Factor messages that are no challenge of SF-FIDO: no key is asked for, and nothing more is sent.

use super::*;
use krb5_fido_protocol::fido::factor::{FidoAssertion, FidoFactor, FidoHello, FidoNotice, NoticeCode};
use krb5_fido_tests::Enrolled;

pub(crate) const UNINTELLIGIBLE: &str =
    "The KDC asked for a security key in a way that this client does not understand: ask your administrator";

const SENT: [&str; 2] = ["nothing", "response"];

/// UTF8String and ENUMERATED.
const UTF8_STRING: u8 = 0x0c;
const ENUMERATED: u8 = 0x0a;

/// The longest credential id, and the largest message, in bytes.
const CREDENTIAL_ID_MAX: usize = 1023;
const MESSAGE_MAX: usize = 65_536;

/// Answers the response with a message that is made with `K'[1]` and `K'[2]`.
fn answer(make: impl FnOnce([KeyBlock; 2]) -> Vec<u8> + Send + 'static) -> Step {
    Box::new(move |rogue, request| {
        let keys = rogue.open_response(request, &request.body);
        vec![PaData::new(PA_SPAKE, &make(keys))]
    })
}

/// A login whose response is answered in this way.
fn login_with(scene: &Scene, answer: Step) -> Login {
    scene.login([honest(Offer::Fido(fido_offer())), answer])
}

/// The response is answered with this under `K'[2]`.
fn refuse_plain(scene: &Scene, plain: Vec<u8>) {
    let login = login_with(scene, answer(move |[_, key]| seal(&key, &plain)));
    login.assert_refused(UNINTELLIGIBLE, &SENT);
}

/// The same with SF-FIDO of this data.
fn refuse_data(scene: &Scene, data: &[u8]) {
    refuse_plain(scene, fido_factor(data));
}

fn fido_factor(data: &[u8]) -> Vec<u8> {
    second_factor(SF_FIDO, Some(data)).encode().unwrap()
}

/// A challenge of SF-FIDO, or what is none.
fn fido_challenge(version: i64, nonce: &[u8], parties: &[Vec<u8>]) -> Vec<u8> {
    let fields = [
        der::tagged(0, &der::integer(version)),
        der::tagged(1, &der::octets(nonce)),
        der::tagged(2, &der::sequence(parties)),
    ];
    der::tagged(1, &der::sequence(&fields))
}

fn party(credentials: &[Vec<u8>]) -> Vec<u8> {
    der::sequence(&[
        der::tagged(0, &der::value(UTF8_STRING, b"krbtest.com")),
        der::tagged(1, &der::sequence(credentials)),
    ])
}

fn credential(id: &[u8], verification: u8) -> Vec<u8> {
    der::sequence(&[
        der::tagged(0, &der::octets(id)),
        der::tagged(1, &der::value(ENUMERATED, &[verification])),
    ])
}

fn honest_challenge() -> Vec<u8> {
    fido_challenge(1, &[7; FIDO_NONCE_LEN], &[party(&[credential(&[1; 16], 0)])])
}

#[test]
fn honest_challenge_gets_as_far_as_the_key() {
    let scene = Scene::set();
    let plain = fido_factor(&honest_challenge());
    let login = login_with(&scene, answer(move |[_, key]| seal(&key, &plain)));
    login.assert_refused(KEY_IS_ASKED_FOR, &SENT);
}

#[test]
fn challenge_of_a_kdc_that_does_not_know_the_password() {
    let scene = Scene::set();
    let garbled = PaSpake::EncData(EncryptedData {
        etype: 18,
        kvno: None,
        cipher: vec![7; 1200],
    });
    let login = login_with(&scene, spake(&garbled.encode().unwrap()));
    login.assert_refused(UNINTELLIGIBLE, &SENT);
}

#[test]
fn challenge_under_the_key_of_another_stage() {
    let scene = Scene::set();
    let step = answer(|[key, _]| seal(&key, &fido_factor(&honest_challenge())));
    login_with(&scene, step).assert_refused(UNINTELLIGIBLE, &SENT);
    let password_key = AsClient::new(&scene.realm, "alice").key();
    let step = spake(&seal(&password_key, &fido_factor(&honest_challenge())));
    login_with(&scene, step).assert_refused(UNINTELLIGIBLE, &SENT);
}

#[test]
fn challenge_for_another_request() {
    let scene = Scene::set();
    let step: Step = Box::new(|rogue, request| {
        let [_, key] = rogue.open_response(request, b"another body");
        vec![PaData::new(
            PA_SPAKE,
            &seal(&key, &fido_factor(&honest_challenge())),
        )]
    });
    login_with(&scene, step).assert_refused(UNINTELLIGIBLE, &SENT);
}

#[test]
fn challenge_of_another_encryption_type() {
    let scene = Scene::set();
    let step = answer(|[_, key]| {
        let Ok(PaSpake::EncData(mut encrypted)) =
            PaSpake::decode(&seal(&key, &fido_factor(&honest_challenge())))
        else {
            panic!("not a factor message")
        };
        encrypted.etype = 17;
        PaSpake::EncData(encrypted).encode().unwrap()
    });
    login_with(&scene, step).assert_refused(UNINTELLIGIBLE, &SENT);
}

#[test]
fn factor_of_another_type_than_the_response() {
    let scene = Scene::set();
    for factor_type in [SF_NONE, 0, 2, -1] {
        let factor = second_factor(factor_type, Some(&honest_challenge()));
        refuse_plain(&scene, factor.encode().unwrap());
    }
}

#[test]
fn factor_without_data() {
    let scene = Scene::set();
    refuse_plain(&scene, fido().encode().unwrap());
    refuse_data(&scene, b"");
}

#[test]
fn factor_that_is_malformed() {
    let scene = Scene::set();
    refuse_plain(&scene, Vec::new());
    refuse_plain(&scene, b"\x30\x00".to_vec());
    // More than the padding of a block cipher.
    refuse_plain(&scene, [fido_factor(&honest_challenge()), vec![0; 8]].concat());
    refuse_data(&scene, &[honest_challenge(), vec![0]].concat());
    let mut short = honest_challenge();
    short.pop();
    refuse_data(&scene, &short);
}

#[test]
fn messages_of_the_client_from_the_kdc() {
    let scene = Scene::set();
    let hello = FidoFactor::Hello(FidoHello { versions: vec![1] });
    refuse_data(&scene, &hello.encode().unwrap());
    let assertion = FidoFactor::Assertion(FidoAssertion {
        credential_id: vec![1; 16],
        authenticator_data: vec![2; 37],
        signature: vec![3; 70],
    });
    refuse_data(&scene, &assertion.encode().unwrap());
}

#[test]
fn message_of_a_later_version() {
    let scene = Scene::set();
    refuse_data(&scene, b"\xa4\x02\x30\x00");
    for version in [0, 2, 127, 128] {
        let parties = [party(&[credential(&[1; 16], 0)])];
        refuse_data(&scene, &fido_challenge(version, &[7; FIDO_NONCE_LEN], &parties));
    }
}

#[test]
fn challenge_with_values_out_of_range() {
    let scene = Scene::set();
    let nonce = [7; FIDO_NONCE_LEN];
    let good = party(&[credential(&[1; 16], 0)]);
    for challenge in [
        fido_challenge(1, &nonce[1..], std::slice::from_ref(&good)),
        fido_challenge(1, &[7; FIDO_NONCE_LEN + 1], std::slice::from_ref(&good)),
        fido_challenge(1, &nonce, &[]),
        fido_challenge(1, &nonce, &[good, party(&[])]),
        fido_challenge(1, &nonce, &[party(&[credential(b"", 0)])]),
        fido_challenge(1, &nonce, &[party(&[credential(&[1; CREDENTIAL_ID_MAX + 1], 0)])]),
        fido_challenge(1, &nonce, &[party(&[credential(&[1; 16], 3)])]),
    ] {
        refuse_data(&scene, &challenge);
    }
}

#[test]
fn challenge_beyond_the_limit() {
    let scene = Scene::set();
    let credentials = vec![credential(&[1; CREDENTIAL_ID_MAX], 0); MESSAGE_MAX / CREDENTIAL_ID_MAX + 1];
    let challenge = fido_challenge(1, &[7; FIDO_NONCE_LEN], &[party(&credentials)]);
    assert!(challenge.len() > MESSAGE_MAX);
    refuse_data(&scene, &challenge);
}

#[test]
fn notices_are_told_in_words_of_our_own() {
    let scene = Scene::set();
    for (code, text) in [
        (
            NoticeCode::EnrolRequired,
            "alice@KRBTEST.COM must log in with a security key, and none is registered that may be used: register one with kfido enroll, or ask your administrator",
        ),
        (
            NoticeCode::NoneUsable,
            "None of the security keys registered for alice@KRBTEST.COM may be used: ask your administrator",
        ),
    ] {
        let notice = FidoFactor::Notice(FidoNotice {
            code,
            enrol_url: Some("https://x\u{1b}]0;y\u{7}".to_owned()),
        });
        let plain = fido_factor(&notice.encode().unwrap());
        let login = login_with(&scene, answer(move |[_, key]| seal(&key, &plain)));
        login.assert_refused(text, &SENT);
    }
    let unknown = der::sequence(&[der::tagged(0, &der::value(ENUMERATED, &[2]))]);
    refuse_data(&scene, &der::tagged(3, &unknown));
}

#[test]
fn factor_message_where_the_password_was_enough() {
    let scene = Scene::set();
    let key = AsClient::new(&scene.realm, "alice").key();
    let message = seal(&key, &fido_factor(&honest_challenge()));
    let login = scene.login([honest(Offer::None), spake(&message)]);
    login.assert_refused("Pre-authentication failed: Preauthentication failed", &SENT);
}

/// A KDC that has its challenge signed does not get a second signature in the same login.
#[test]
fn second_factor_message_after_the_answer() {
    let mut enrolled = Enrolled::start(Realm::builder());
    let honest = AsClient::new(&enrolled.realm, "alice");
    let mut last = Vec::new();
    let kdc = ScriptedKdc::start(move |request| {
        let is_answer = AsRequest::read(request)
            .unwrap()
            .pa_values(PA_SPAKE)
            .iter()
            .any(|message| matches!(PaSpake::decode(message), Ok(PaSpake::EncData(_))));
        if !is_answer {
            last = honest.send_bytes(request);
        }
        last.clone()
    });
    kdc.take_place(&mut enrolled.realm);
    let kinit = enrolled.realm.kinit("alice", PASSWORD, &[]).unwrap();
    let login = Login {
        kinit,
        requests: kdc.take_requests(),
        steps_left: 0,
    };
    login.assert_refused(UNINTELLIGIBLE, &["nothing", "support", "response", "factor"]);
    assert_eq!(
        login.kinit.stdout.matches("Touch your").count(),
        1,
        "{}",
        login.kinit
    );
}
