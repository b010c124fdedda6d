//! Assertions and messages that are not what they claim to be: the KDC refuses each, and its log says why.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure in one is the test's"
)]

mod assertions;
mod cookies;
mod factors;
mod honest;
mod messages;
mod paper;
mod points;
mod since;

use krb5_fido_protocol::{fido::factor::FidoAssertion, spake::Group};
use krb5_fido_tests::{AsClient, Asked, Enrolled, LogLine, Statement, as_lines, kerberos::*, sign};
use krb5_testrealm::{Realm, RealmBuilder};

const BAD_SIGNATURE: &str = "bad signature";
const WRONG_TURN: &str = "SPAKE message out of turn";
const NOT_OFFERED: &str = "second factor was not offered in this exchange";

/// A realm with alice, her key, and a client that knows her password.
struct Scene {
    client: AsClient,
    enrolled: Enrolled,
}

impl Scene {
    fn set() -> Self {
        Self::set_with(Realm::builder())
    }

    fn set_with(builder: RealmBuilder) -> Self {
        let enrolled = Enrolled::start(builder);
        let client = AsClient::new(&enrolled.realm, "alice");
        Self { client, enrolled }
    }

    /// With a KDC that permits every group.
    fn set_with_all_groups() -> Self {
        let groups = Group::ALL.map(Group::name).join(" ");
        Self::set_with(Realm::builder().kdc_relation("spake_preauth_groups", &groups))
    }

    fn realm(&self) -> &Realm {
        &self.enrolled.realm
    }

    /// Begins an exchange, up to the challenge of the factor.
    fn ask(&self) -> Asked<'_> {
        self.client.begin().say_hello()
    }

    /// The KDC refused for `cause`, and says so in its log.
    fn assert_refused(&self, reply: Reply, cause: &str) {
        assert_eq!(reply.error().code, KDC_ERR_PREAUTH_FAILED, "{cause}");
        assert_eq!(
            as_lines(&self.realm().kdc_log()).last(),
            Some(&LogLine::failed(cause))
        );
        let log = self.realm().kdc_log();
        assert!(
            log.contains(&format!("preauth (spake) verify failure: {cause}\n")),
            "{log}"
        );
        assert!(!log.contains("ISSUE"), "{log}");
    }

    /// The assertion that the touched key makes for a changed statement is refused.
    fn refuse_statement(&self, change: impl FnOnce(&mut Statement)) {
        let body = self.client.tgt_body();
        let asked = self.ask();
        let mut statement = asked.statement(&body);
        change(&mut statement);
        let assertion = sign(&self.enrolled.key, &statement);
        self.assert_refused(asked.answer(&body, &assertion).send(), BAD_SIGNATURE);
        self.assert_assertion_refused(BAD_SIGNATURE);
    }

    /// The assertion of the touched key is refused after this change.
    fn refuse_assertion(&self, cause: &str, change: impl FnOnce(&mut FidoAssertion)) {
        let body = self.client.tgt_body();
        let asked = self.ask();
        let mut assertion = sign(&self.enrolled.key, &asked.statement(&body));
        change(&mut assertion);
        self.assert_refused(asked.answer(&body, &assertion).send(), cause);
        self.assert_assertion_refused(cause);
    }

    fn assert_assertion_refused(&self, cause: &str) {
        let log = self.realm().kdc_log();
        let refused = log
            .lines()
            .rfind(|line| line.contains("(Notice): fido: alice@KRBTEST.COM nonce="));
        assert!(refused.unwrap().ends_with(&format!(" refused: {cause}")), "{log}");
    }
}
