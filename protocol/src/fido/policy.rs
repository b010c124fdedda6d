//! Who must use a key, and who is offered which second factor.
//!
//! Three inputs: the [`Settings`] of the realm; the [`Enrolment`] of the principal, which is what its string attributes
//! say; and the request. [`decide`] answers the SPAKE module, [`requires_factor`] the policy module, both from the same
//! rule: whether the password alone is enough.

mod enrolment;
mod exemptions;

pub use enrolment::{Enrolment, Garbled, ShownName, parse_indicators};
pub use exemptions::Exemptions;

use time::UtcDateTime;

use super::{
    cose::Algorithm,
    factor::{CredentialRef, FidoChallenge, NoticeCode, RelyingParty, UserVerification},
    label::Label,
    record::CredentialRecord,
};
use crate::{
    Error,
    registry::{FIDO_NONCE_LEN, KADMIN_PREFIX, WELLKNOWN_PREFIX},
};

/// Who must use a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nobody: a key, or the password alone.
    Permissive,
    /// Whoever has one.
    #[default]
    Enrolled,
    /// Everybody.
    Required,
}

impl Policy {
    /// Reads a value of `fido_policy`, of the realm or of a principal.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "permissive" => Ok(Self::Permissive),
            "enrolled" => Ok(Self::Enrolled),
            "required" => Ok(Self::Required),
            _ => Err(Error::UnknownPolicy),
        }
    }

    /// The word that configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::Enrolled => "enrolled",
            Self::Required => "required",
        }
    }
}

/// Why a policy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `fido_policy` of the realm.
    Realm,
    /// The string attribute `fido_policy` of the principal.
    Principal,
    /// `required` leaves the principal alone, by `fido_exempt` or as WELLKNOWN.
    Exemption,
    /// `permissive` demands the key of whoever has one for an administration service.
    Administration,
}

/// Who may enrol the first key by himself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelfEnrol {
    /// Nobody.
    No,
    /// Whoever has the password and an open invitation.
    #[default]
    Invited,
    /// Whoever has the password, and no key yet or an open invitation.
    Password,
}

impl SelfEnrol {
    /// Reads a value of `fido_self_enrol`.
    ///
    /// # Errors
    /// [`Error::UnknownSelfEnrolment`].
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            "no" => Ok(Self::No),
            "invited" => Ok(Self::Invited),
            "password" => Ok(Self::Password),
            _ => Err(Error::UnknownSelfEnrolment),
        }
    }

    /// The word that configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Invited => "invited",
            Self::Password => "password",
        }
    }
}

/// What a realm demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `fido_policy`.
    pub policy: Policy,
    /// `fido_exempt`.
    pub exempt: Exemptions,
    /// `fido_uv`.
    pub uv: UserVerification,
    /// `fido_algorithms`.
    pub algorithms: Vec<Algorithm>,
    /// `fido_self_enrol`.
    pub self_enrol: SelfEnrol,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            exempt: Exemptions::default(),
            uv: UserVerification::Preferred,
            algorithms: Algorithm::ALL.to_vec(),
            self_enrol: SelfEnrol::default(),
        }
    }
}

/// Whom and what is decided about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the realm demands.
    pub settings: &'a Settings,
    /// What the string attributes of the principal say.
    pub enrolment: &'a Enrolment,
    /// The name of the KDB entry without realm, see [`without_realm`].
    pub name: &'a [u8],
    /// Whether the service asked for is an administration service, see [`is_kadmin`].
    pub for_kadmin: bool,
    /// That flag of the KDB entry.
    pub requires_hwauth: bool,
    /// The KDC's time.
    pub now: UtcDateTime,
}

/// What the KDC does with a principal.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'a> {
    /// SF-NONE: the password is enough.
    OfferNone,
    /// SF-FIDO, then a challenge for these credentials, at least one.
    OfferFido(Vec<Usable<'a>>),
    /// SF-FIDO and SF-NONE. SF-FIDO is followed by a challenge for these credentials or, if there is none, by the notice
    /// noneUsable.
    OfferFidoOrNone(Vec<Usable<'a>>),
    /// SF-FIDO, then this notice instead of a challenge.
    OfferFidoThenNotice(NoticeCode),
    /// An error: a setting of the principal cannot be read.
    Refuse(Error),
}

impl<'a> Decision<'a> {
    /// The credentials that a challenge would name.
    pub fn usable(&self) -> &[Usable<'a>] {
        match self {
            Self::OfferFido(usable) | Self::OfferFidoOrNone(usable) => usable,
            Self::OfferNone | Self::OfferFidoThenNotice(_) | Self::Refuse(_) => &[],
        }
    }
}

/// A credential that may be used now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usable<'a> {
    /// Its label.
    pub label: &'a Label,
    /// Its record.
    pub record: &'a CredentialRecord,
    /// What it must do to verify its user, all told.
    pub uv: UserVerification,
}

/// Decides what a principal is offered.
pub fn decide<'a>(subject: &Subject<'a>) -> Decision<'a> {
    let needs_key = match requires_factor(subject) {
        Ok(needs_key) => needs_key,
        Err(cause) => return Decision::Refuse(cause),
    };
    // Never SF-NONE: the KDC would ask for a hardware factor, and libkrb5 repeat the exchange five times.
    let needs_key = needs_key || subject.requires_hwauth;
    let is_enrolled = subject.enrolment.is_enrolled();
    let usable = find_usable(subject);
    match (needs_key, is_enrolled) {
        (false, false) => Decision::OfferNone,
        (false, true) if subject.for_kadmin && may_enrol(subject) => Decision::OfferNone,
        (false, true) => Decision::OfferFidoOrNone(usable),
        (true, true) if !usable.is_empty() => Decision::OfferFido(usable),
        (true, true) if !may_enrol(subject) => Decision::OfferFidoThenNotice(NoticeCode::NoneUsable),
        (true, _) => Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired),
    }
}

/// Whether a ticket may be issued only after a verified factor. The hardware flag of the KDB entry is not asked for: the
/// KDC itself sees to that.
///
/// # Errors
/// The cause for which a setting of the principal cannot be read: no ticket then.
pub fn requires_factor(subject: &Subject<'_>) -> Result<bool, Error> {
    let is_demanded = match policy_in_force(subject)?.0 {
        Policy::Permissive => false,
        Policy::Enrolled => subject.enrolment.is_enrolled(),
        Policy::Required => true,
    };
    Ok(is_demanded && !(subject.for_kadmin && may_enrol(subject)))
}

/// Whether a ticket that came without a factor lives for [`crate::registry::ADMINISTRATION_LIFE`] seconds at most: with one
/// for `kadmin/*` a key may be registered, or one that its owner registers meanwhile be removed again.
pub fn limits_administration(subject: &Subject<'_>) -> bool {
    subject.for_kadmin && !is_exempt(subject)
}

/// The policy that holds for this request, and why.
///
/// # Errors
/// As [`requires_factor`].
pub fn policy_in_force(subject: &Subject<'_>) -> Result<(Policy, Origin), Error> {
    let policy = subject.enrolment.policy(subject.settings)?;
    Ok(match policy {
        Policy::Permissive if subject.for_kadmin => (Policy::Enrolled, Origin::Administration),
        Policy::Required if is_exempt(subject) => (Policy::Enrolled, Origin::Exemption),
        policy if subject.enrolment.own_policy().is_some() => (policy, Origin::Principal),
        policy => (policy, Origin::Realm),
    })
}

/// Whether `required` does not reach the principal.
pub fn is_exempt(subject: &Subject<'_>) -> bool {
    exempts(subject.settings, subject.name)
}

/// Whether `required` does not reach a principal of this name, without realm.
pub fn exempts(settings: &Settings, name: &[u8]) -> bool {
    name.starts_with(WELLKNOWN_PREFIX.as_bytes()) || settings.exempt.contain(name)
}

/// Whether the principal may register a key with its password alone now: it has none that may be used, and is invited, or has
/// none at all where the password is enough. Those whom `required` leaves alone have their keys registered by others.
pub fn may_enrol(subject: &Subject<'_>) -> bool {
    let enrolment = subject.enrolment;
    let is_invited = enrolment.open_invitation(subject.now).is_some();
    let is_let = match subject.settings.self_enrol {
        SelfEnrol::No => false,
        SelfEnrol::Invited => is_invited,
        SelfEnrol::Password => is_invited || !enrolment.is_enrolled(),
    };
    is_let && !is_exempt(subject) && find_usable(subject).is_empty()
}

/// The credentials that may be used now, whatever is decided.
pub fn find_usable<'a>(subject: &Subject<'a>) -> Vec<Usable<'a>> {
    let required = subject.enrolment.requirements(subject.settings, subject.now);
    let usable = subject.enrolment.usable(&required);
    usable
        .map(|(label, record, uv)| Usable { label, record, uv })
        .collect()
}

/// The challenge for `usable` credentials, at least one, by relying party in the order in which they first appear.
pub fn build_challenge(nonce: [u8; FIDO_NONCE_LEN], usable: &[Usable<'_>]) -> FidoChallenge {
    let mut parties: Vec<RelyingParty> = Vec::new();
    for Usable { record, uv, .. } in usable {
        let credential = CredentialRef {
            id: record.id().to_vec(),
            uv: *uv,
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

/// What stands before the realm in a name as krb5_unparse_name writes it: up to the first `@` that is not quoted.
pub fn without_realm(unparsed: &[u8]) -> &[u8] {
    let mut is_quoted = false;
    let is_separator = |byte: &u8| {
        let was_quoted = is_quoted;
        is_quoted = *byte == b'\\' && !was_quoted;
        *byte == b'@' && !was_quoted
    };
    let end = unparsed.iter().position(is_separator);
    end.and_then(|end| unparsed.get(..end)).unwrap_or(unparsed)
}

/// Whether a name, with or without realm, is that of an administration service, `kadmin/*`.
pub fn is_kadmin(name: &[u8]) -> bool {
    name.starts_with(KADMIN_PREFIX.as_bytes())
}

#[cfg(test)]
mod tests;
