//! A KDC that wants something else than SPAKE: an encrypted timestamp is made with the password's key, and passwords can be
//! tried on it at leisure.

use super::*;

/// Names encrypted timestamp, and nothing else.
fn wants_timestamp() -> Step {
    Box::new(|_, _| vec![PaData::new(PA_ENC_TIMESTAMP, b"")])
}

/// The same with another error code.
fn fails_and_wants_timestamp(code: i64) -> Step {
    Box::new(move |rogue, _| {
        rogue.code = Some(code);
        vec![PaData::new(PA_ENC_TIMESTAMP, b"")]
    })
}

/// Names SPAKE and encrypted timestamp.
fn hint_of_both() -> Step {
    Box::new(|_, _| vec![PaData::new(PA_SPAKE, b""), PaData::new(PA_ENC_TIMESTAMP, b"")])
}

fn scene_without_timestamp() -> Scene {
    let mut scene = Scene::set();
    scene
        .realm
        .set_client_relation("disable_encrypted_timestamp", &["true"])
        .unwrap();
    scene
}

/// Whether the last request has a timestamp that was made with the password's key.
fn gives_guesses(scene: &Scene, login: &Login) -> bool {
    let password_key = AsClient::new(&scene.realm, "alice").key();
    let last = login.requests.last().unwrap();
    last.pa_values(PA_ENC_TIMESTAMP).iter().any(|value| {
        let cipher = der::Value::read_only(value).unwrap().field(2).unwrap().content;
        password_key
            .decrypt(KEY_USAGE_ENC_TIMESTAMP, cipher)
            .unwrap()
            .is_some()
    })
}

/// libkrb5 answers whatever mechanism a KDC names, whether or not it has a module for SPAKE.
#[test]
fn kdc_without_spake_gets_a_timestamp_unless_krb5_conf_says_otherwise() {
    let scene = Scene::set();
    let login = scene.login([wants_timestamp()]);
    assert_eq!(login.sent(), ["nothing", "timestamp"]);
    assert!(gives_guesses(&scene, &login));
    let login = scene_without_timestamp().login([wants_timestamp()]);
    assert_eq!(login.sent(), ["nothing"]);
}

#[test]
fn kdc_whose_challenge_is_refused_gets_a_timestamp_unless_krb5_conf_says_otherwise() {
    let damaged = || challenge(Group::Edwards25519, Offer::None, |message| message.push(0));
    let scene = Scene::set();
    let login = scene.login([hint_of_both(), damaged()]);
    assert_eq!(login.sent(), ["nothing", "support", "timestamp"]);
    assert!(gives_guesses(&scene, &login));
    let login = scene_without_timestamp().login([hint_of_both(), damaged()]);
    assert_eq!(login.sent(), ["nothing", "support"]);
}

/// Once the client has responded, what else it is made to send is not made with the password's key.
#[test]
fn kdc_that_got_a_response_gets_nothing_to_guess_with() {
    let scene = Scene::set();
    for offer in [|| Offer::None, || Offer::Fido(fido_offer())] {
        for (code, last) in [
            (KDC_ERR_PREAUTH_REQUIRED, "timestamp"),
            (KDC_ERR_PREAUTH_FAILED, "response"),
            (KDC_ERR_MORE_PREAUTH_DATA_REQUIRED, "timestamp"),
        ] {
            let steps = [hint_of_both(), honest(offer()), fails_and_wants_timestamp(code)];
            let login = scene.login(steps);
            assert_eq!(login.sent().last(), Some(&last), "{}", login.kinit.trace);
            assert!(!gives_guesses(&scene, &login), "{}", login.kinit.trace);
        }
    }
}
