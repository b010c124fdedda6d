//! One login, as the scripted client makes it.

use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::{AsClient, PaperKey, asserted, kerberos::KDC_ERR_PREAUTH_REQUIRED, none};

/// What a login proves besides the password.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'k> {
    /// Nothing.
    Password,
    /// A touch, asked for under `K'[2]`.
    Encrypted(&'k PaperKey),
    /// A touch, asked for in the SPAKE challenge.
    Clear(&'k PaperKey),
}

/// A principal that can log in.
pub(crate) struct Login<'k> {
    pub(crate) client: AsClient,
    pub(crate) factor: Factor<'k>,
}

impl Login<'_> {
    /// All requests of a login, as libkrb5 makes them: without pre-authentication, the SPAKE support message, the
    /// response, and what the factor adds.
    ///
    /// The program ends in a panic if there is no ticket: nothing that is measured then would mean anything.
    pub(crate) fn run(&self, group: Group) {
        let client = self.client.with_datagrams();
        let hint = client.send_plain(&client.tgt_body()).error();
        assert_eq!(hint.code, KDC_ERR_PREAUTH_REQUIRED, "{hint:?}");
        let challenged = client.begin_with(&[group]);
        let body = client.tgt_body();
        match self.factor {
            Factor::Password => {
                challenged.respond(&body, &none()).send().issued();
            }
            Factor::Encrypted(key) => {
                let asked = challenged.say_hello();
                let assertion = key.sign(&asked.statement(&body));
                asked.answer(&body, &assertion).send().issued();
            }
            Factor::Clear(key) => {
                let agreed = challenged.agree();
                let assertion = key.sign(&agreed.statement(&body));
                agreed.respond(&body, &asserted(&assertion)).send().issued();
            }
        }
    }
}
