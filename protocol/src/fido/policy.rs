//! Who is offered which second factor.
//!
//! A principal is *enrolled* if it has any `fido:` attribute, readable or not: losing, disabling or garbling a record
//! never turns into "password is enough".

use core::{fmt, str};

use time::UtcDateTime;

use super::{
    cose::Algorithm,
    factor::{CredentialRef, FidoChallenge, NoticeCode, RelyingParty, UserVerification},
    label::Label,
    record::CredentialRecord,
};
use crate::{
    Error,
    registry::{
        ATTRIBUTE_INDICATOR, ATTRIBUTE_POLICY, ATTRIBUTE_PREFIX, ATTRIBUTE_USER_VERIFICATION, FIDO_NONCE_LEN,
    },
};

/// How much of the name of an unreadable attribute is shown, in bytes: as much as `fido:` and a label may take.
const SHOWN_NAME_MAX: usize = 37;

/// The realm's user verification, which a record can only make stricter.
const USER_VERIFICATION: UserVerification = UserVerification::Preferred;

/// Who must use a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Whoever has one.
    #[default]
    Enrolled,
}

impl Policy {
    /// Reads a value of `fido_policy`.
    ///
    /// # Errors
    /// [`Error::UnsupportedPolicy`] for `permissive` and `required`, [`Error::UnknownPolicy`] for anything else.
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "enrolled" => Ok(Self::Enrolled),
            "permissive" | "required" => Err(Error::UnsupportedPolicy),
            _ => Err(Error::UnknownPolicy),
        }
    }
}

/// What the string attributes of a principal say about second factors.
#[derive(Clone, Debug, Default)]
pub struct Enrolment {
    credentials: Vec<(Label, CredentialRecord)>,
    garbled: Vec<Garbled>,
    refusal: Option<Error>,
}

/// A `fido:` attribute that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbled {
    /// The name of the attribute, as it is in the KDB entry.
    pub attribute: Vec<u8>,
    /// What is wrong with its label or its record.
    pub error: Error,
}

impl Enrolment {
    /// Reads all string attributes of a KDB entry, names and values. They may be any bytes: an attribute that is not
    /// UTF-8 must not be left out by the caller.
    pub fn from_attributes<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        attributes: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut enrolment = Self::default();
        for (name, value) in attributes {
            enrolment.read_attribute(name.as_ref(), value.as_ref());
        }
        enrolment
    }

    fn read_attribute(&mut self, name: &[u8], value: &[u8]) {
        if name.starts_with(ATTRIBUTE_PREFIX.as_bytes()) {
            match parse_credential(name, value) {
                Ok(credential) => self.credentials.push(credential),
                Err(error) => self.garbled.push(Garbled {
                    attribute: name.to_vec(),
                    error,
                }),
            }
        } else if let Err(error) = check_override(name, value) {
            self.refusal.get_or_insert(error);
        }
    }

    /// Whether there is any `fido:` attribute.
    pub const fn is_enrolled(&self) -> bool {
        !self.credentials.is_empty() || !self.garbled.is_empty()
    }

    /// The setting of the principal that cannot be followed, if there is one: then there is no ticket.
    pub const fn refusal(&self) -> Option<Error> {
        self.refusal
    }

    /// The credentials whose records can be read, usable or not.
    pub fn credentials(&self) -> &[(Label, CredentialRecord)] {
        &self.credentials
    }

    /// The `fido:` attributes that cannot be read.
    pub fn garbled(&self) -> &[Garbled] {
        &self.garbled
    }
}

fn parse_credential(name: &[u8], value: &[u8]) -> Result<(Label, CredentialRecord), Error> {
    let name = str::from_utf8(name).map_err(|_| Error::MalformedLabel)?;
    let value = str::from_utf8(value).map_err(|_| Error::RecordNotObject)?;
    Ok((
        Label::parse_attribute_name(name)?,
        CredentialRecord::parse(value)?,
    ))
}

/// Refuses what a principal's own settings demand and this version does not do.
fn check_override(name: &[u8], value: &[u8]) -> Result<(), Error> {
    let word = str::from_utf8(value).unwrap_or_default();
    if name == ATTRIBUTE_POLICY.as_bytes() {
        Policy::parse(word).map(|_| ())
    } else if name == ATTRIBUTE_USER_VERIFICATION.as_bytes() {
        match UserVerification::parse(word) {
            Some(USER_VERIFICATION) => Ok(()),
            Some(_) => Err(Error::UnsupportedUserVerification),
            None => Err(Error::UnknownUserVerification),
        }
    } else if name == ATTRIBUTE_INDICATOR.as_bytes() {
        Err(Error::UnsupportedIndicator)
    } else {
        Ok(())
    }
}

impl fmt::Display for Garbled {
    /// The name, escaped and cut to the length of a proper one, and what is wrong.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.attribute.get(..SHOWN_NAME_MAX).unwrap_or(&self.attribute);
        write!(formatter, "{}: {}", shown.escape_ascii(), self.error)
    }
}

/// What the KDC does with a principal.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'a> {
    /// SF-NONE: the password is enough.
    OfferNone,
    /// SF-FIDO, then a challenge for these credentials, at least one.
    OfferFido(Vec<&'a (Label, CredentialRecord)>),
    /// SF-FIDO, then this notice instead of a challenge.
    OfferFidoThenNotice(NoticeCode),
    /// An error: a setting of the principal cannot be followed.
    Refuse(Error),
}

/// Decides what a principal is offered. `requires_hwauth` is that flag of the KDB entry: such an entry is never offered
/// SF-NONE, because libkrb5 would repeat the exchange.
pub fn decide<'a>(
    policy: Policy,
    enrolment: &'a Enrolment,
    requires_hwauth: bool,
    now: UtcDateTime,
    algorithms: &[Algorithm],
) -> Decision<'a> {
    if let Some(error) = enrolment.refusal {
        return Decision::Refuse(error);
    }
    if !enrolment.is_enrolled() {
        return match policy {
            Policy::Enrolled if requires_hwauth => Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired),
            Policy::Enrolled => Decision::OfferNone,
        };
    }
    let is_usable = |(_, record): &&(Label, CredentialRecord)| record.usable(now, algorithms).is_ok();
    let usable: Vec<_> = enrolment.credentials.iter().filter(is_usable).collect();
    if usable.is_empty() {
        return Decision::OfferFidoThenNotice(NoticeCode::NoneUsable);
    }
    Decision::OfferFido(usable)
}

/// The challenge for `usable` credentials, by relying party in the order in which they first appear. User verification
/// is preferred, and as strict as the record has it if that is stricter.
pub fn build_challenge(nonce: [u8; FIDO_NONCE_LEN], usable: &[&(Label, CredentialRecord)]) -> FidoChallenge {
    let mut parties: Vec<RelyingParty> = Vec::new();
    for (_, record) in usable {
        let credential = CredentialRef {
            id: record.id().to_vec(),
            uv: record.uv().unwrap_or(USER_VERIFICATION).max(USER_VERIFICATION),
        };
        match parties.iter_mut().find(|party| party.rp_id == record.rp_id()) {
            Some(party) => party.credentials.push(credential),
            None => parties.push(RelyingParty {
                rp_id: record.rp_id().to_owned(),
                credentials: vec![credential],
            }),
        }
    }
    FidoChallenge {
        nonce,
        parties,
        facets_url: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fido::record::tests::{NOW, record_json};
    use serde_json::{Value, json};

    const ES256: &[Algorithm] = &[Algorithm::Es256];

    fn record(more: Value) -> String {
        record_json("r.org", &[1], &more)
    }

    fn enrolment(attributes: &[(&str, &str)]) -> Enrolment {
        Enrolment::from_attributes(attributes.iter().copied())
    }

    fn decide_now(enrolment: &Enrolment) -> Decision<'_> {
        decide(Policy::Enrolled, enrolment, false, NOW, ES256)
    }

    fn decide_hwauth(enrolment: &Enrolment) -> Decision<'_> {
        decide(Policy::Enrolled, enrolment, true, NOW, ES256)
    }

    #[test]
    fn policy_words() {
        assert_eq!(Policy::parse("enrolled"), Ok(Policy::Enrolled));
        for word in ["permissive", "required"] {
            assert_eq!(Policy::parse(word), Err(Error::UnsupportedPolicy));
        }
        for word in ["", "Enrolled", "enrolled ", "off"] {
            assert_eq!(Policy::parse(word), Err(Error::UnknownPolicy));
        }
    }

    #[test]
    fn not_enrolled() {
        let none = enrolment(&[
            ("session_enctypes", "aes256-cts"),
            ("fidox", "1"),
            ("FIDO:key1", "{}"),
        ]);
        assert!(!none.is_enrolled());
        assert_eq!(decide_now(&none), Decision::OfferNone);
        assert_eq!(
            decide_hwauth(&none),
            Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired)
        );
    }

    #[test]
    fn enrolled_with_usable_credentials() {
        let good = record(json!({}));
        let disabled = record(json!({"disabled": true}));
        let enrolment = enrolment(&[("fido:a", &good), ("fido:b", &disabled), ("fido:c", "garbled")]);
        for decision in [decide_now(&enrolment), decide_hwauth(&enrolment)] {
            assert_eq!(decision, Decision::OfferFido(vec![&enrolment.credentials()[0]]));
        }
        assert_eq!(enrolment.credentials().len(), 2);
    }

    #[test]
    fn enrolled_without_usable_credential() {
        let unusable = [
            json!({"disabled": true}),
            json!({"not_after": "2001-01-01T00:00:00Z"}),
            json!({"fmt": "fido-u2f", "uv": "required"}),
        ];
        for more in unusable {
            let record = record(more);
            let enrolment = enrolment(&[("fido:a", &record)]);
            for decision in [decide_now(&enrolment), decide_hwauth(&enrolment)] {
                assert_eq!(decision, Decision::OfferFidoThenNotice(NoticeCode::NoneUsable));
            }
        }
        let good = record(json!({}));
        let enrolment = enrolment(&[("fido:a", &good)]);
        let without_algorithms = decide(Policy::Enrolled, &enrolment, false, NOW, &[]);
        assert_eq!(
            without_algorithms,
            Decision::OfferFidoThenNotice(NoticeCode::NoneUsable)
        );
    }

    #[test]
    fn garbled_attributes_still_mean_enrolled() {
        let good = record(json!({}));
        for (name, value, error) in [
            ("fido:a", "", Error::RecordNotObject),
            ("fido:a", "{}", Error::RecordMemberMissing("v")),
            ("fido:a", r#"{"v":2}"#, Error::UnsupportedRecordVersion),
            ("fido:", good.as_str(), Error::MalformedLabel),
            ("fido:a b", good.as_str(), Error::MalformedLabel),
        ] {
            let enrolment = enrolment(&[(name, value)]);
            assert!(enrolment.is_enrolled() && enrolment.credentials().is_empty());
            assert_eq!(enrolment.garbled()[0].error, error);
            assert_eq!(
                decide_now(&enrolment),
                Decision::OfferFidoThenNotice(NoticeCode::NoneUsable)
            );
        }
    }

    #[test]
    fn attributes_that_are_not_utf8() {
        let bad_value = Enrolment::from_attributes([(&b"fido:a"[..], &b"\xff"[..])]);
        assert_eq!(bad_value.garbled()[0].error, Error::RecordNotObject);
        let bad_label = Enrolment::from_attributes([(&b"fido:\xff"[..], &b"{}"[..])]);
        assert_eq!(bad_label.garbled()[0].error, Error::MalformedLabel);
        let bad_policy = Enrolment::from_attributes([(&b"fido_policy"[..], &b"\xff"[..])]);
        assert_eq!(decide_now(&bad_policy), Decision::Refuse(Error::UnknownPolicy));
    }

    #[test]
    fn garbled_attributes_are_shown_escaped_and_cut() {
        let name = format!("fido:\n\u{1b}{}", "x".repeat(1000));
        let enrolment = enrolment(&[(&name, "{}")]);
        assert_eq!(
            enrolment.garbled()[0].to_string(),
            format!("fido:\\n\\x1b{}: malformed credential label", "x".repeat(30))
        );
    }

    #[test]
    fn overrides_that_change_nothing() {
        let none = enrolment(&[("fido_policy", "enrolled"), ("fido_uv", "preferred")]);
        assert_eq!(decide_now(&none), Decision::OfferNone);
    }

    #[test]
    fn other_overrides_refuse() {
        let good = record(json!({}));
        for (name, value, error) in [
            ("fido_policy", "permissive", Error::UnsupportedPolicy),
            ("fido_policy", "required", Error::UnsupportedPolicy),
            ("fido_policy", "", Error::UnknownPolicy),
            ("fido_uv", "required", Error::UnsupportedUserVerification),
            ("fido_uv", "discouraged", Error::UnsupportedUserVerification),
            ("fido_uv", "always", Error::UnknownUserVerification),
            ("fido_indicator", "fido", Error::UnsupportedIndicator),
            ("fido_indicator", "", Error::UnsupportedIndicator),
        ] {
            let not_enrolled = enrolment(&[(name, value)]);
            assert_eq!(
                decide_now(&not_enrolled),
                Decision::Refuse(error),
                "{name} {value}"
            );
            let enrolled = enrolment(&[("fido:a", &good), (name, value)]);
            assert_eq!(
                decide_hwauth(&enrolled),
                Decision::Refuse(error),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn challenge_groups_by_relying_party() {
        let records = [
            record_json("r.org", &[1], &json!({})),
            record_json("krb5realm:R.ORG", &[2], &json!({"uv": "discouraged"})),
            record_json("r.org", &[3], &json!({"uv": "required"})),
        ];
        let enrolment = enrolment(&[
            ("fido:a", &records[0]),
            ("fido:b", &records[1]),
            ("fido:c", &records[2]),
        ]);
        let Decision::OfferFido(usable) = decide_now(&enrolment) else {
            panic!("three usable credentials");
        };
        let credential = |id, uv| CredentialRef { id: vec![id], uv };
        let expected = FidoChallenge {
            nonce: [8; 32],
            parties: vec![
                RelyingParty {
                    rp_id: "r.org".to_owned(),
                    credentials: vec![
                        credential(1, UserVerification::Preferred),
                        credential(3, UserVerification::Required),
                    ],
                },
                RelyingParty {
                    rp_id: "krb5realm:R.ORG".to_owned(),
                    credentials: vec![credential(2, UserVerification::Preferred)],
                },
            ],
            facets_url: None,
        };
        assert_eq!(build_challenge([8; 32], &usable), expected);
    }
}
