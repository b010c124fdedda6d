//! What a touch is asked for.

use opensk::{
    api::crypto::{sha256::Sha256, software_crypto::SoftwareSha256},
    ctap::apdu::Apdu,
};

/// Length of an application parameter in bytes: SHA-256 of the application's name.
const APPLICATION_LENGTH: usize = 32;

/// U2F raw message formats 1.2 sections 4.1, 5.1: instructions and the control byte "enforce user presence and sign".
const U2F_REGISTER: u8 = 0x01;
const U2F_AUTHENTICATE: u8 = 0x02;
const ENFORCE_USER_PRESENCE: u8 = 0x03;

/// How many names are remembered for U2F applications.
const MAX_NAMES: usize = 64;

/// A request that waits for a touch. Its texts are the client's, unchecked: escape them before you show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// authenticatorMakeCredential or U2F registration.
    Registration {
        /// Who wants it.
        relying_party: RelyingParty,
        /// The name of the account, if the client gave one.
        user: Option<String>,
    },
    /// authenticatorGetAssertion or U2F authentication.
    Signature {
        /// Who wants it.
        relying_party: RelyingParty,
        /// The accounts it can be for, latest first, as far as the key knows their names: those of resident credentials.
        users: Vec<String>,
    },
    /// authenticatorReset: everything on the key would be lost.
    Reset,
    /// authenticatorSelection or the same in CTAP 2.0: which of several keys is meant.
    Selection,
}

/// Who wants something of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelyingParty {
    /// A relying party id.
    Id(String),
    /// The application parameter of U2F, whose name the key has not seen.
    Application([u8; APPLICATION_LENGTH]),
}

/// A message of U2F that asks for a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum U2fRequest {
    Registration([u8; APPLICATION_LENGTH]),
    Authentication([u8; APPLICATION_LENGTH]),
}

impl U2fRequest {
    /// `None` if the message needs no touch or is none that U2F knows.
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let apdu = Apdu::try_from(message).ok()?;
        let (_challenge, rest) = apdu.data.split_first_chunk::<32>()?;
        let application = *rest.first_chunk()?;
        match (apdu.header.ins, apdu.header.p1) {
            (U2F_REGISTER, _) => Some(Self::Registration(application)),
            (U2F_AUTHENTICATE, ENFORCE_USER_PRESENCE) => Some(Self::Authentication(application)),
            _ => None,
        }
    }
}

/// Names of relying parties seen since the start, for U2F, which sends their hashes only.
#[derive(Default)]
pub(crate) struct Names(Vec<([u8; APPLICATION_LENGTH], String)>);

impl Names {
    /// Remembers `name`, in place of the oldest if there are too many.
    pub(crate) fn add(&mut self, name: &str) {
        let hash = SoftwareSha256::digest(name.as_bytes());
        if self.find(&hash).is_some() {
            return;
        }
        if self.0.len() >= MAX_NAMES {
            self.0.remove(0);
        }
        self.0.push((hash, name.to_owned()));
    }

    fn find(&self, hash: &[u8; APPLICATION_LENGTH]) -> Option<&str> {
        let (_, name) = self.0.iter().find(|(known, _)| known == hash)?;
        Some(name)
    }

    /// What to ask the user about `request`.
    pub(crate) fn describe(&self, request: U2fRequest) -> Request {
        let relying_party = |hash| match self.find(&hash) {
            Some(name) => RelyingParty::Id(name.to_owned()),
            None => RelyingParty::Application(hash),
        };
        match request {
            U2fRequest::Registration(hash) => Request::Registration {
                relying_party: relying_party(hash),
                user: None,
            },
            U2fRequest::Authentication(hash) => Request::Signature {
                relying_party: relying_party(hash),
                users: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: [u8; 32] = [7; 32];

    /// A message of U2F with `data` in extended encoding.
    fn message(instruction: u8, control: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [&[0, instruction, control, 0, 0], &length[..], data, &[0, 0]].concat()
    }

    fn registration() -> Vec<u8> {
        message(U2F_REGISTER, 0, &[[1; 32], HASH].concat())
    }

    fn authentication(control: u8) -> Vec<u8> {
        message(
            U2F_AUTHENTICATE,
            control,
            &[&[1; 32][..], &HASH, &[2, 9, 9]].concat(),
        )
    }

    #[test]
    fn a_registration_names_its_application() {
        assert_eq!(
            U2fRequest::parse(&registration()),
            Some(U2fRequest::Registration(HASH))
        );
    }

    #[test]
    fn an_authentication_names_its_application() {
        assert_eq!(
            U2fRequest::parse(&authentication(ENFORCE_USER_PRESENCE)),
            Some(U2fRequest::Authentication(HASH))
        );
    }

    #[test]
    fn a_check_and_a_silent_signature_ask_for_no_touch() {
        for control in [0x07, 0x08, 0x00] {
            assert_eq!(U2fRequest::parse(&authentication(control)), None);
        }
    }

    #[test]
    fn the_version_asks_for_no_touch() {
        assert_eq!(U2fRequest::parse(&[0, 3, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn shortened_messages_ask_for_no_touch() {
        for length in 0..7 + 64 {
            assert_eq!(U2fRequest::parse(&registration()[..length]), None, "{length}");
        }
    }

    #[test]
    fn an_application_whose_name_was_seen_is_named() {
        let mut names = Names::default();
        names.add("example.com");
        let hash = SoftwareSha256::digest(b"example.com");
        let named = |id: &str| Request::Signature {
            relying_party: RelyingParty::Id(id.to_owned()),
            users: vec![],
        };
        assert_eq!(
            names.describe(U2fRequest::Authentication(hash)),
            named("example.com")
        );
        assert_eq!(
            names.describe(U2fRequest::Registration(HASH)),
            Request::Registration {
                relying_party: RelyingParty::Application(HASH),
                user: None
            }
        );
    }

    #[test]
    fn only_so_many_names_are_remembered() {
        let mut names = Names::default();
        for number in 0..1000 {
            names.add(&format!("{number}"));
            names.add(&format!("{number}"));
        }
        assert_eq!(names.0.len(), MAX_NAMES);
        assert!(names.find(&SoftwareSha256::digest(b"0")).is_none());
        assert!(names.find(&SoftwareSha256::digest(b"999")).is_some());
    }
}
