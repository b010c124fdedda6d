//! After a login no secret is left in memory that our code has freed: the password's key, w, the SPAKE scalars and result,
//! the keys K'[n] and what they are made from, the PIN. Modules and helper are built from the same sources with an allocator
//! that writes down each block as it is when it is freed; what to look for is worked out from the messages of the login and
//! the keys in the database.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod exchange;
mod scalar;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::{
    AsClient, CookieKey, Enrolled, Freed, PASSWORD, ScriptedKdc, Secret, add_user, compile, set_pin,
};
use krb5_testrealm::{Artifacts, Finished, Modules, Realm};

use crate::exchange::Exchange;

const CLIENT: &str = "kinit";
const KDC: &str = "krb5kdc";
const RESPONDER: &str = "responder";
const HELPER: &str = "krb5-fido-inspected-helper";

const PROGRAMS: [&str; 3] = [CLIENT, KDC, HELPER];

const PIN: &str = "pin of the key";
const WRONG_PIN: &str = "another pin than that";

/// Requests, and their answers.
type Messages = Arc<Mutex<Vec<(Vec<u8>, Vec<u8>)>>>;

/// A realm of inspected programs, and the messages between client and KDC.
struct Scene {
    kdc: ScriptedKdc,
    messages: Messages,
    enrolled: Enrolled,
}

impl Scene {
    /// `mistake` is made with a key by both modules.
    fn set(mistake: &str) -> Self {
        let artifacts = Artifacts::locate().unwrap();
        let artifact = |name| artifacts.directory().join(name);
        let groups = Group::ALL.map(Group::name).join(" ");
        let builder = Realm::builder()
            .client_modules(Modules::At(artifact("libkrb5_fido_inspected_client.so")))
            .client_relation("fido_helper", artifact(HELPER).to_str().unwrap())
            .client_relation("libdefaults:test_mistake", mistake)
            .kdc_modules(Modules::At(artifact("libkrb5_fido_inspected_kdc.so")))
            .kdc_relation("libdefaults:test_mistake", mistake)
            .kdc_relation("spake_preauth_groups", &groups);
        let mut enrolled = Enrolled::start(builder);
        set_pin(&enrolled.key, PIN);
        record(&enrolled.realm);

        let behind = AsClient::new(&enrolled.realm, "alice");
        let messages = Messages::default();
        let seen = Arc::clone(&messages);
        let kdc = ScriptedKdc::start(move |request| {
            let answer = behind.send_bytes(request);
            seen.lock().unwrap().push((request.to_vec(), answer.clone()));
            answer
        });
        kdc.take_place(&mut enrolled.realm);
        Self {
            kdc,
            messages,
            enrolled,
        }
    }

    fn realm(&self) -> &Realm {
        &self.enrolled.realm
    }

    /// Logs in with password and PIN, and takes the messages.
    fn login(&self, name: &str, password: &str, pin: &str) -> (Finished, Exchange) {
        let kinit = self.realm().command("kinit");
        self.login_by(kinit, name, password, pin)
    }

    /// The same by another program, which reads them as kinit does.
    fn login_by(&self, mut program: Command, name: &str, password: &str, pin: &str) -> (Finished, Exchange) {
        program.arg(name);
        let finished = self
            .realm()
            .run(program, &format!("{password}\n{pin}\n"))
            .unwrap();
        drop(self.kdc.take_requests());
        let messages = std::mem::take(&mut *self.messages.lock().unwrap());
        let client = AsClient::new(self.realm(), name);
        let cookies = CookieKey::new(self.realm(), &client.principal());
        (finished, Exchange::read(&messages, client.key(), &cookies))
    }

    /// What is found in what a program has freed. That it has freed `marker`, which is none, shows that it was heard.
    fn find(&self, program: &str, secrets: &[Secret], marker: &[u8]) -> Vec<String> {
        let freed = Freed::read(self.realm(), program);
        assert!(freed.holds(marker), "{program} was not heard");
        freed.find(secrets)
    }
}

/// From now on the programs write down what they free; what they have written is gone.
fn record(realm: &Realm) {
    for program in PROGRAMS {
        Freed::record(realm, program);
    }
}

fn secrets(exchange: &Exchange) -> Vec<Secret> {
    let others = [
        Secret::new("PIN", PIN.as_bytes()),
        Secret::new("wrong PIN", WRONG_PIN.as_bytes()),
        Secret::new("password", PASSWORD.as_bytes()),
    ];
    exchange.secrets().into_iter().chain(others).collect()
}

fn assert_nothing_is_left(scene: &Scene, exchange: &Exchange) {
    let secrets = secrets(exchange);
    let group = exchange.group();
    let found = scene.find(CLIENT, &secrets, exchange.kdc_public());
    assert!(found.is_empty(), "the client module in {group:?}: {found:?}");
    let found = scene.find(KDC, &secrets, exchange.client_public());
    assert!(found.is_empty(), "the KDC module in {group:?}: {found:?}");
}

#[test]
fn login_with_password_key_and_pin() {
    let mut scene = Scene::set("");
    for group in Group::ALL {
        let realm = &mut scene.enrolled.realm;
        realm
            .set_client_relation("spake_preauth_groups", &[group.name()])
            .unwrap();
        // What the logins before have left is searched already.
        record(realm);
        let (login, exchange) = scene.login("alice", PASSWORD, PIN);
        assert!(login.success(), "{login}{}", login.trace);
        assert_eq!(exchange.group(), group);
        assert_nothing_is_left(&scene, &exchange);
        let found = scene.find(HELPER, &secrets(&exchange), &exchange.nonce());
        assert!(found.is_empty(), "the helper in {group:?}: {found:?}");
        let freed = Freed::read(scene.realm(), CLIENT);
        assert!(
            !scalar::is_left(&freed, &exchange, exchange.client_public()),
            "the client's scalar in {group:?}"
        );
        assert!(scalar::is_noticed(&exchange), "{group:?}");
    }
}

/// The PIN comes in a JSON text, before it is asked for.
#[test]
fn login_with_a_pin_of_the_responder() {
    let scene = Scene::set("");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/responder.c");
    let program = compile(&source, scene.realm().dir().to_str().unwrap());
    Freed::record(scene.realm(), RESPONDER);
    let command = scene.realm().command(program);
    let (login, exchange) = scene.login_by(command, "alice", PASSWORD, PIN);
    assert!(login.success(), "{login}{}", login.trace);
    let secrets = secrets(&exchange);
    for (program, marker) in [(RESPONDER, exchange.kdc_public()), (HELPER, &exchange.nonce())] {
        let found = scene.find(program, &secrets, marker);
        assert!(found.is_empty(), "{program}: {found:?}");
    }
}

#[test]
fn login_with_the_password_alone() {
    let scene = Scene::set("");
    add_user(scene.realm(), "bob");
    let (login, exchange) = scene.login("bob", PASSWORD, PIN);
    assert!(login.success(), "{login}{}", login.trace);
    assert_nothing_is_left(&scene, &exchange);
}

#[test]
fn login_with_a_wrong_password() {
    let scene = Scene::set("");
    let (login, exchange) = scene.login("alice", "wrong horse", PIN);
    assert_eq!(login.code(), Some(1));
    let found = scene.find(KDC, &secrets(&exchange), exchange.client_public());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn login_with_a_wrong_pin() {
    let scene = Scene::set("");
    let (login, exchange) = scene.login("alice", PASSWORD, WRONG_PIN);
    assert!(login.stdout.contains("Wrong PIN for software key"), "{login}");
    assert_nothing_is_left(&scene, &exchange);
    let found = scene.find(HELPER, &secrets(&exchange), &exchange.nonce());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn mistakes_of_the_modules_are_noticed() {
    for (mistake, is_noticed) in [("freed", true), ("grown", true), ("wiped", false)] {
        let scene = Scene::set(mistake);
        let (login, exchange) = scene.login("alice", PASSWORD, PIN);
        assert!(login.success(), "{login}{}", login.trace);
        let secrets = secrets(&exchange);
        let expected: &[&str] = if is_noticed {
            &["K'[0]", "K'[0] of the response"]
        } else {
            &[]
        };
        let found = scene.find(CLIENT, &secrets, exchange.kdc_public());
        assert_eq!(found, expected, "{mistake}");
        let expected: &[&str] = if is_noticed { &["password's key"] } else { &[] };
        let found = scene.find(KDC, &secrets, exchange.client_public());
        assert_eq!(found, expected, "{mistake}");
    }
}

#[test]
fn mistakes_of_the_helper_are_noticed() {
    let scene = Scene::set("");
    fs::write(scene.realm().dir().join("home/mistake"), PIN).unwrap();
    let (login, exchange) = scene.login("alice", PASSWORD, PIN);
    assert!(login.success(), "{login}{}", login.trace);
    let found = scene.find(HELPER, &secrets(&exchange), &exchange.nonce());
    assert_eq!(found, ["PIN"]);
}
