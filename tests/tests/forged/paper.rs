//! The private key lies open, and signs what no key would.

use super::{BAD_SIGNATURE, Scene};
use krb5_fido_protocol::fido::{
    client_data::{FidoClientData, Purpose},
    factor::FidoAssertion,
};
use krb5_fido_tests::{kerberos::*, *};

/// A scene in which alice has nothing but a key on paper.
struct PaperScene {
    scene: Scene,
    paper: PaperKey,
}

impl PaperScene {
    fn set() -> Self {
        Self::set_with(|_| {})
    }

    fn set_with(change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let scene = Scene::set();
        let paper = PaperKey::generate();
        let mut record = serde_json::from_str(&paper.record("krbtest.com")).unwrap();
        change(&mut record);
        kadmin(
            scene.realm(),
            &["setstr", "alice", "fido:paper", &record.to_string()],
        );
        kadmin(scene.realm(), &["delstr", "alice", "fido:blue"]);
        Self { scene, paper }
    }

    /// Answers with what `forge` makes of an honest statement.
    fn answer(&self, forge: impl FnOnce(&PaperKey, &Statement) -> FidoAssertion) -> Reply {
        let body = self.scene.client.tgt_body();
        let asked = self.scene.ask();
        let assertion = forge(&self.paper, &asked.statement(&body));
        asked.answer(&body, &assertion).send()
    }

    fn refuse_data(&self, authenticator_data: &[u8], cause: &str) {
        let reply = self.answer(|paper, statement| paper.sign_data(authenticator_data, &statement.hash()));
        self.scene.assert_refused(reply, cause);
        self.scene.assert_assertion_refused(cause);
    }
}

#[test]
fn honest_assertion_of_the_key_on_paper() {
    PaperScene::set().answer(PaperKey::sign).issued();
}

#[test]
fn user_was_not_present() {
    let paper = PaperScene::set();
    // Nothing, user verified, all reserved and backup bits.
    for flags in [0x00, 0x04, 0x3e] {
        paper.refuse_data(
            &authenticator_data("krbtest.com", flags, 0),
            "user was not present",
        );
    }
}

#[test]
fn authenticator_data_for_another_relying_party() {
    let paper = PaperScene::set();
    let cause = "assertion or registration is for another relying party";
    for rp_id in ["example.org", "KRBTEST.COM", "krb5realm:KRBTEST.COM", ""] {
        paper.refuse_data(&authenticator_data(rp_id, USER_PRESENT, 0), cause);
    }
}

#[test]
fn client_data_for_another_relying_party() {
    let paper = PaperScene::set();
    let reply = paper.answer(|paper, statement| {
        let other = Statement {
            rp_id: "krb5realm:KRBTEST.COM".to_owned(),
            ..statement.clone()
        };
        paper.sign_data(&authenticator_data("krbtest.com", USER_PRESENT, 0), &other.hash())
    });
    paper.scene.assert_refused(reply, BAD_SIGNATURE);
}

#[test]
fn signature_of_a_registration() {
    let paper = PaperScene::set();
    let reply = paper.answer(|paper, statement| {
        let registration = FidoClientData {
            principal: statement.principal.as_bytes(),
            rp_id: &statement.rp_id,
            nonce: &statement.nonce,
            purpose: Purpose::Registration,
        };
        let data = authenticator_data("krbtest.com", USER_PRESENT, 0);
        paper.sign_data(&data, &registration.hash().unwrap())
    });
    paper.scene.assert_refused(reply, BAD_SIGNATURE);
}

#[test]
fn malformed_authenticator_data() {
    let paper = PaperScene::set();
    let data = authenticator_data("krbtest.com", USER_PRESENT, 0);
    let with_flags = |flags, rest: &[u8]| [&authenticator_data("krbtest.com", flags, 0), rest].concat();
    for malformed in [
        Vec::new(),
        data[..36].to_vec(),
        [&data[..], b"\x00"].concat(),
        [&data[..], b"\xa0"].concat(),
        with_flags(0x41, b""),
        with_flags(0x81, b""),
        with_flags(0x81, b"\x80"),
        with_flags(0x81, b"\xa0\x00"),
    ] {
        paper.refuse_data(&malformed, "malformed authenticator data");
    }
}

#[test]
fn extensions_are_signed_and_ignored() {
    let paper = PaperScene::set();
    let data = [&authenticator_data("krbtest.com", 0x81, 0)[..], b"\xa1\x61x\x01"].concat();
    paper
        .answer(|paper, statement| paper.sign_data(&data, &statement.hash()))
        .issued();
}

#[test]
fn counter_that_did_not_increase() {
    let paper = PaperScene::set_with(|record| record["counter"] = 7.into());
    for counter in [0, 1, 6, 7] {
        paper.refuse_data(
            &authenticator_data("krbtest.com", USER_PRESENT, counter),
            "signature counter did not increase",
        );
    }
    let data = authenticator_data("krbtest.com", USER_PRESENT, 8);
    paper
        .answer(|paper, statement| paper.sign_data(&data, &statement.hash()))
        .issued();
}

#[test]
fn user_was_not_verified_where_the_record_demands_it() {
    let paper = PaperScene::set_with(|record| record["uv"] = "required".into());
    paper.refuse_data(
        &authenticator_data("krbtest.com", USER_PRESENT, 0),
        "user was not verified",
    );
    let data = authenticator_data("krbtest.com", 0x05, 0);
    paper
        .answer(|paper, statement| paper.sign_data(&data, &statement.hash()))
        .issued();
}
