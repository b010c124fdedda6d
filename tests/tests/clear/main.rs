//! `fido_challenge = clear`: the challenge of the factor goes out with that of SPAKE, and one response answers both.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod datagrams;
mod equal;
mod logins;
mod messages;
mod offers;

use krb5_fido_protocol::{fido::factor::FidoAssertion, registry::SF_NONE, spake::message::SecondFactor};
use krb5_fido_tests::{AsClient, Enrolled, LogLine, PASSWORD, as_lines, kerberos::*, sign};
use krb5_testrealm::{Finished, Realm, RealmBuilder};

/// What a request with PA-SPAKE carries.
const COOKIE_AND_SPAKE: [i32; 2] = [133, 151];

const PROMPT: &str = "Password for alice@KRBTEST.COM: \n";
const TOUCH: &str = "Touch your security key (software key) to log in to KRBTEST.COM.\n";

/// The most that `clear` allows over UDP.
const DATAGRAM_LIMIT: usize = 4096;

const WRONG_PASSWORD: &str = "wrong password";
const BAD_SIGNATURE: &str = "bad signature";
const WRONG_TURN: &str = "SPAKE message out of turn";
const NOT_OFFERED: &str = "second factor was not offered in this exchange";

/// A realm in mode clear.
fn clear() -> RealmBuilder {
    Realm::builder()
        .kdc_relation("fido_challenge", "clear")
        .kdc_relation(
            "kdcdefaults:kdc_max_dgram_reply_size",
            &DATAGRAM_LIMIT.to_string(),
        )
}

/// The same, and the KDC sends its challenge unasked.
fn optimistic() -> RealmBuilder {
    clear().kdc_relation("spake_preauth_kdc_challenge", "edwards25519")
}

/// Logs alice in with her password.
fn alice(realm: &Realm, arguments: &[&str]) -> Finished {
    realm.kinit("alice", PASSWORD, arguments).unwrap()
}

/// A realm with alice, her key, and a client that knows her password.
struct Scene {
    client: AsClient,
    enrolled: Enrolled,
}

impl Scene {
    fn set(builder: RealmBuilder) -> Self {
        let enrolled = Enrolled::start(builder);
        let client = AsClient::new(&enrolled.realm, "alice");
        Self { client, enrolled }
    }

    fn realm(&self) -> &Realm {
        &self.enrolled.realm
    }

    /// An assertion of alice's key that is good for nothing any more.
    fn former_assertion(&self) -> FidoAssertion {
        let statement = self.client.begin().agree().statement(&self.client.tgt_body());
        sign(&self.enrolled.key, &statement)
    }

    /// The KDC refused for `cause`, and says so in its log, with one line of ours.
    fn assert_refused(&self, reply: Reply, cause: &str) {
        assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED, "{cause}");
        let log = self.realm().kdc_log();
        assert_eq!(as_lines(&log).last(), Some(&LogLine::failed(cause)));
        let refused = log
            .lines()
            .rfind(|line| line.contains("fido: alice@KRBTEST.COM nonce="));
        assert!(refused.unwrap().ends_with(&format!(" refused: {cause}")), "{log}");
        assert!(!log.contains("ISSUE"), "{log}");
    }
}
