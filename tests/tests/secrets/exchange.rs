//! The secrets of a login, from its messages.

use krb5_fido_protocol::{
    kerberos::Key,
    registry::{
        FIDO_NONCE_LEN, KEY_USAGE_SPAKE, LABEL_KEY, LABEL_W, PA_SPAKE, PEPPER_KEYDERIV, PEPPER_SPAKE,
    },
    spake::{Group, message::PaSpake},
};
use krb5_fido_tests::{CookieKey, Secret, kerberos::*, points};
use krb5_plugin::KeyBlock;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The messages of one login, and the keys to them.
pub(crate) struct Exchange {
    /// The password's key.
    pub(crate) key: KeyBlock,
    pub(crate) support: Vec<u8>,
    pub(crate) challenge: Vec<u8>,
    group: Group,
    kdc_public: Vec<u8>,
    client_public: Vec<u8>,
    /// The KDC's scalar.
    scalar: Vec<u8>,
    /// The cookie of the factor, where the KDC has asked for one.
    factor: Option<Vec<u8>>,
    /// The request of the answer to that.
    answer: Option<Vec<u8>>,
    /// The request of the response.
    body: Vec<u8>,
    reply: Reply,
    wire: Vec<Vec<u8>>,
    /// What is under `K'[n]`.
    sealed: Vec<Vec<u8>>,
}

/// The cipher text of a PA-SPAKE message that has one.
fn cipher(message: &[u8]) -> Option<Vec<u8>> {
    match PaSpake::decode(message) {
        Ok(PaSpake::Response { factor, .. } | PaSpake::EncData(factor)) => Some(factor.cipher),
        _ => None,
    }
}

/// The PA-SPAKE message of a request.
fn sent(request: &AsRequest) -> Option<Vec<u8>> {
    Some(request.pa_values(PA_SPAKE).first()?.to_vec())
}

/// The PA-SPAKE message of an answer that asks for more.
fn asked(answer: &[u8]) -> Option<Vec<u8>> {
    match Reply::read(answer)? {
        Reply::Error(error) if error.code == KDC_ERR_MORE_PREAUTH_DATA_REQUIRED => {
            Some(error.pa_value(PA_SPAKE)?.to_vec())
        }
        Reply::Error(_) | Reply::Issued(_) => None,
    }
}

impl Exchange {
    /// Reads requests and answers: a hint, a challenge, with a factor its challenge, and the last answer.
    pub(crate) fn read(messages: &[(Vec<u8>, Vec<u8>)], key: KeyBlock, cookies: &CookieKey) -> Self {
        let requests: Vec<AsRequest> = messages
            .iter()
            .map(|(request, _)| AsRequest::read(request).unwrap())
            .collect();
        let cookie = |index: usize| {
            let error = Reply::read(&messages[index].1).unwrap().error();
            let cookie = PaData::new(PA_FX_COOKIE, error.pa_value(PA_FX_COOKIE).unwrap());
            cookies.open(&cookie).spake_mut().value.clone()
        };
        let challenge = asked(&messages[1].1).unwrap();
        let Ok(PaSpake::Challenge { group, public, .. }) = PaSpake::decode(&challenge) else {
            panic!("not a challenge")
        };
        let Ok(PaSpake::Response {
            public: client_public,
            ..
        }) = PaSpake::decode(&sent(&requests[2]).unwrap())
        else {
            panic!("not a response")
        };
        let group = Group::from_id(group).unwrap();
        Self {
            key,
            support: sent(&requests[1]).unwrap(),
            challenge,
            group,
            kdc_public: public,
            client_public,
            scalar: cookie(1)[12..][..group.scalar_len()].to_vec(),
            factor: asked(&messages[2].1).map(|_| cookie(2)),
            answer: requests.get(3).map(|answer| answer.body.clone()),
            body: requests[2].body.clone(),
            reply: Reply::read(&messages.last().unwrap().1).unwrap(),
            sealed: requests
                .iter()
                .filter_map(sent)
                .chain(messages.iter().filter_map(|(_, answer)| asked(answer)))
                .filter_map(|message| cipher(&message))
                .collect(),
            wire: messages
                .iter()
                .flat_map(|(request, answer)| [request.clone(), answer.clone()])
                .collect(),
        }
    }

    pub(crate) const fn group(&self) -> Group {
        self.group
    }

    /// All messages, and the plain text of those under `K'[n]`: nothing of what the client's scalar is in.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let result = self.result();
        let bodies = [None, Some(&self.body), Some(&self.body), self.answer.as_ref()];
        let keys: Vec<KeyBlock> = (0..)
            .zip(bodies)
            .filter_map(|(number, body)| Some(self.derive(&result, number, body?).1))
            .collect();
        let open = |cipher: &[u8]| {
            let opened = keys
                .iter()
                .find_map(|key| key.decrypt(KEY_USAGE_SPAKE, cipher).unwrap());
            opened.unwrap().expose().to_vec()
        };
        let plain = self.sealed.iter().map(|cipher| open(cipher));
        self.wire.iter().cloned().chain(plain).collect()
    }

    pub(crate) fn kdc_public(&self) -> &[u8] {
        &self.kdc_public
    }

    pub(crate) fn client_public(&self) -> &[u8] {
        &self.client_public
    }

    /// The KDC's nonce of SF-FIDO, the last field of the cookie of the factor.
    pub(crate) fn nonce(&self) -> Vec<u8> {
        let cookie = self.factor.as_ref().unwrap();
        cookie[cookie.len() - FIDO_NONCE_LEN..].to_vec()
    }

    /// All that has to be wiped, on either side.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let result = self.result();
        let mut secrets = vec![
            Secret::new("password's key", self.key.expose()),
            Secret::new("w", &self.w()),
            Secret::new("scalar of the KDC", &self.scalar),
            Secret::new("result", &result),
        ];
        let mut derive = |name: &str, number: u32, body: &[u8]| {
            let (seed, key) = self.derive(&result, number, body);
            secrets.push(Secret::new(format!("seed of {name}"), &seed));
            secrets.push(Secret::new(name, key.expose()));
            key
        };
        derive("K'[1]", 1, &self.body);
        let mut reply_key = derive("K'[0] of the response", 0, &self.body);
        if self.factor.is_some() {
            derive("K'[2]", 2, &self.body);
        }
        if let Some(body) = &self.answer {
            derive("K'[3]", 3, body);
            reply_key = derive("K'[0]", 0, body);
        }
        // What was worked out here is what both sides have: a ticket came under it.
        if let Reply::Issued(reply) = &self.reply {
            assert!(reply.open(&reply_key).is_some(), "another reply key");
        }
        secrets
    }

    fn w(&self) -> Vec<u8> {
        let mut w = vec![0; self.group.scalar_len()];
        let label = [LABEL_W, &self.group.id().to_be_bytes()].concat();
        self.key.prf_plus(&label, &mut w).unwrap();
        w
    }

    /// K: the first field but three of the cookie of the factor. Without one, in edwards25519, it is worked out.
    fn result(&self) -> Vec<u8> {
        match &self.factor {
            Some(cookie) => cookie[12..][..self.group.element_len()].to_vec(),
            None => points::kdc_result(&self.w(), &self.scalar, &self.client_public),
        }
    }

    /// `K'[number]` and the bytes that it is made from (RFC 9588 section 7).
    fn derive(&self, result: &[u8], number: u32, body: &[u8]) -> (Vec<u8>, KeyBlock) {
        let start = vec![0; self.group.hash_len()];
        let intermediate = self.hash(&[&start, &self.support, &self.challenge]);
        let transcript = self.hash(&[&intermediate, &self.client_public]);
        let mut seed = self.hash(&[
            LABEL_KEY,
            &self.group.id().to_be_bytes(),
            &self.key.enctype().to_be_bytes(),
            &self.w(),
            result,
            &transcript,
            body,
            &number.to_be_bytes(),
            &[1],
        ]);
        seed.truncate(self.key.seed_length().unwrap());
        let made = self.key.random_to_key(&seed).unwrap();
        let derived = self.key.fx_cf2(PEPPER_SPAKE, &made, PEPPER_KEYDERIV);
        (seed, derived.unwrap())
    }

    fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = parts.concat();
        match self.group {
            Group::Edwards25519 | Group::P256 => Sha256::digest(bytes).to_vec(),
            Group::P384 => Sha384::digest(bytes).to_vec(),
            Group::P521 => Sha512::digest(bytes).to_vec(),
        }
    }
}
