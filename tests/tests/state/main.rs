//! The KDC's own store of signature counters: what it refuses, what it survives, and that the KDC goes on without it.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod counters;
mod killed;
mod trouble;

use std::path::PathBuf;

use krb5_fido_state::{Store, Use, credential_key};
use krb5_fido_tests::{kerberos::*, *};
use krb5_testrealm::{Realm, RealmBuilder};

const BEHIND: &str = "signature counter did not increase";

/// A realm in which alice has a key on paper, which counts as it is told, and a client that knows her password.
struct Scene {
    client: AsClient,
    paper: PaperKey,
    realm: Realm,
}

impl Scene {
    fn set() -> Self {
        Self::set_with(Realm::builder())
    }

    fn set_with(builder: RealmBuilder) -> Self {
        let realm = builder.kadmind(false).start().unwrap();
        add_user(&realm, "alice");
        add_user(&realm, "bob");
        let paper = PaperKey::generate();
        kadmin(
            &realm,
            &["setstr", "alice", "fido:paper", &paper.record("krbtest.com")],
        );
        let client = AsClient::new(&realm, "alice");
        Self { client, paper, realm }
    }

    /// A login of the key with this counter, up to its last request.
    fn login(&self, counter: u32) -> (Answer<'_>, RequestBody) {
        let body = self.client.tgt_body();
        let asked = self.client.begin().say_hello();
        let statement = asked.statement(&body);
        let data = authenticator_data("krbtest.com", USER_PRESENT, counter);
        let assertion = self.paper.sign_data(&data, &statement.hash());
        (asked.answer(&body, &assertion), body)
    }

    fn accept(&self, counter: u32) {
        self.login(counter).0.send().issued();
    }

    fn refuse(&self, counter: u32) {
        let reply = self.login(counter).0.send();
        assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED, "{counter}");
        let last = as_lines(&self.realm.kdc_log()).pop();
        assert_eq!(last, Some(LogLine::failed(BEHIND)), "{counter}");
    }

    /// The KDC's last line about alice's key.
    fn last_line(&self) -> String {
        let log = self.realm.kdc_log();
        let line = log
            .lines()
            .rfind(|line| line.contains("): fido: alice@KRBTEST.COM nonce="));
        let (_, decision) = line.unwrap().split_once(" nonce=").unwrap();
        decision.split_once(' ').unwrap().1.to_owned()
    }

    /// What the KDC remembers of the key.
    fn last_use(&self) -> Option<Use> {
        let store = Store::open_existing(&self.directory()).unwrap();
        store
            .read(&credential_key(
                self.paper.id(),
                &self.paper.public_key().encode(),
            ))
            .unwrap()
    }

    fn directory(&self) -> PathBuf {
        self.realm.state_dir()
    }

    /// Whoever has no key is not concerned.
    fn assert_serves_others(&self) {
        assert_ticket(
            &self.realm,
            &self.realm.kinit("bob", PASSWORD, &[]).unwrap(),
            "IA",
        );
    }
}
