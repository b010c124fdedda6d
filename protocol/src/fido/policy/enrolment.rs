//! What the string attributes of a principal say about second factors.

use core::{fmt, str};
use std::collections::HashMap;

use time::UtcDateTime;

use super::{Policy, Settings};
use crate::{
    Error,
    fido::{
        factor::UserVerification,
        invite::Invitation,
        label::Label,
        record::{CredentialRecord, Requirements},
    },
    registry::{
        ATTRIBUTE_INDICATOR, ATTRIBUTE_INVITE, ATTRIBUTE_POLICY, ATTRIBUTE_PREFIX,
        ATTRIBUTE_USER_VERIFICATION,
    },
};

/// How much of the name of an unreadable attribute is shown, in bytes: as much as `fido:` and a label may take.
const SHOWN_NAME_MAX: usize = 37;

/// What the string attributes of a principal say about second factors.
///
/// A principal is *enrolled* if it has any `fido:` attribute, readable or not: losing, disabling or garbling a record
/// never turns into "password is enough".
#[derive(Clone, Debug, Default)]
pub struct Enrolment {
    credentials: Vec<(Label, CredentialRecord)>,
    /// For each credential the place of the first that has the same id, often its own.
    first_of_id: Vec<usize>,
    garbled: Vec<Garbled>,
    policy: Option<Policy>,
    uv: Option<UserVerification>,
    indicators: Option<Vec<String>>,
    refusal: Option<Error>,
    /// Nobody is invited by one that cannot be read.
    invitation: Option<Result<Invitation, Error>>,
    is_invitation_spent: bool,
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
        let mut garbled_values = Vec::new();
        for (name, value) in attributes {
            let garbled = enrolment.garbled.len();
            enrolment.read_attribute(name.as_ref(), value.as_ref());
            if enrolment.garbled.len() > garbled {
                garbled_values.push(value);
            }
        }
        enrolment.first_of_id = find_first_of_id(&enrolment.credentials);
        enrolment.is_invitation_spent = enrolment.spends_invitation(&garbled_values);
        enrolment
    }

    /// Whether a record bears the id of the invitation, or one that cannot be read has it somewhere.
    fn spends_invitation<V: AsRef<[u8]>>(&self, garbled_values: &[V]) -> bool {
        let Some(Ok(invitation)) = &self.invitation else {
            return false;
        };
        let id = invitation.id().to_string();
        let has_id = |value: &V| {
            let mut places = value.as_ref().windows(id.len());
            places.any(|place| place == id.as_bytes())
        };
        let mut records = self.credentials.iter().map(|(_, record)| record);
        records.any(|record| record.invitation() == Some(invitation.id()))
            || garbled_values.iter().any(has_id)
    }

    fn read_attribute(&mut self, name: &[u8], value: &[u8]) {
        if name == ATTRIBUTE_INVITE.as_bytes() {
            let text = str::from_utf8(value).map_err(|_| Error::MalformedInvitation);
            self.invitation = Some(text.and_then(Invitation::parse));
            return;
        }
        if !name.starts_with(ATTRIBUTE_PREFIX.as_bytes()) {
            if let Err(error) = self.read_override(name, value) {
                self.refusal.get_or_insert(error);
            }
            return;
        }
        match parse_credential(name, value) {
            Ok(credential) => self.credentials.push(credential),
            Err(error) => self.garbled.push(Garbled {
                attribute: name.to_vec(),
                error,
            }),
        }
    }

    /// Reads one of the principal's own settings, and passes over what is none. No setting has an empty value, so that
    /// one which is not UTF-8 may be taken for that.
    fn read_override(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let text = str::from_utf8(value).unwrap_or_default();
        if name == ATTRIBUTE_POLICY.as_bytes() {
            self.policy = Some(Policy::parse(text)?);
        } else if name == ATTRIBUTE_USER_VERIFICATION.as_bytes() {
            self.uv = Some(UserVerification::parse(text)?);
        } else if name == ATTRIBUTE_INDICATOR.as_bytes() {
            self.indicators = Some(parse_indicators(text)?);
        }
        Ok(())
    }

    /// Whether there is any `fido:` attribute.
    pub const fn is_enrolled(&self) -> bool {
        !self.credentials.is_empty() || !self.garbled.is_empty()
    }

    /// The credentials whose records can be read, usable or not.
    pub fn credentials(&self) -> &[(Label, CredentialRecord)] {
        &self.credentials
    }

    /// The credentials that may be used, and what each must do to verify its user, all told: where several records have
    /// one id, one of them may disable it, or be the strictest.
    pub(super) fn usable(
        &self,
        required: &Requirements<'_>,
    ) -> impl Iterator<Item = (&Label, &CredentialRecord, UserVerification)> {
        let mut by_id: Vec<Option<UserVerification>> = Vec::with_capacity(self.credentials.len());
        for ((_, record), first) in self.credentials.iter().zip(&self.first_of_id) {
            let uv = record.check_usable(required).ok();
            if let Some(strictest) = by_id.get_mut(*first) {
                *strictest = strictest.zip(uv).map(|(one, other)| one.max(other));
            }
            by_id.push(uv);
        }
        let credentials = self.credentials.iter().zip(&self.first_of_id);
        credentials.filter_map(move |((label, record), first)| {
            let uv = by_id.get(*first).copied().flatten()?;
            Some((label, record, uv))
        })
    }

    /// The `fido:` attributes that cannot be read.
    pub fn garbled(&self) -> &[Garbled] {
        &self.garbled
    }

    /// Why a setting of the principal cannot be read, the first that cannot: then there is no ticket.
    pub const fn refusal(&self) -> Option<Error> {
        self.refusal
    }

    /// The invitation, open or not, or why it cannot be read.
    ///
    /// # Errors
    /// [`Error::MalformedInvitation`].
    pub fn invitation(&self) -> Result<Option<&Invitation>, Error> {
        self.invitation
            .as_ref()
            .map(Result::as_ref)
            .transpose()
            .map_err(|error| *error)
    }

    /// Whether a key was registered under the invitation.
    pub const fn is_invitation_spent(&self) -> bool {
        self.is_invitation_spent
    }

    /// The invitation, if a key may be registered under it now.
    pub fn open_invitation(&self, now: UtcDateTime) -> Option<&Invitation> {
        let invitation = self.invitation.as_ref()?.as_ref().ok()?;
        (!self.is_invitation_spent && now <= invitation.until()).then_some(invitation)
    }

    /// The principal's own indicators, at least one, in place of the realm's `fido_indicator`.
    pub fn indicators(&self) -> Option<&[String]> {
        self.indicators.as_deref()
    }

    /// What the principal's credentials must satisfy.
    pub fn requirements<'s>(&self, settings: &'s Settings, now: UtcDateTime) -> Requirements<'s> {
        Requirements {
            now,
            algorithms: &settings.algorithms,
            uv: self.uv.unwrap_or(settings.uv),
        }
    }

    /// The principal's own policy, if it has one that can be read.
    pub const fn own_policy(&self) -> Option<Policy> {
        self.policy
    }

    /// The principal's own user verification, if it has one that can be read.
    pub const fn own_uv(&self) -> Option<UserVerification> {
        self.uv
    }

    /// The policy that holds for the principal.
    ///
    /// # Errors
    /// That of [`Self::refusal`].
    pub(super) fn policy(&self, settings: &Settings) -> Result<Policy, Error> {
        match self.refusal {
            Some(cause) => Err(cause),
            None => Ok(self.policy.unwrap_or(settings.policy)),
        }
    }
}

fn find_first_of_id(credentials: &[(Label, CredentialRecord)]) -> Vec<usize> {
    let mut first: HashMap<&[u8], usize> = HashMap::with_capacity(credentials.len());
    let places = credentials.iter().enumerate();
    places
        .map(|(place, (_, record))| *first.entry(record.id()).or_insert(place))
        .collect()
}

fn parse_credential(name: &[u8], value: &[u8]) -> Result<(Label, CredentialRecord), Error> {
    let name = str::from_utf8(name).map_err(|_| Error::MalformedLabel)?;
    let value = str::from_utf8(value).map_err(|_| Error::RecordNotObject)?;
    Ok((
        Label::parse_attribute_name(name)?,
        CredentialRecord::parse(value)?,
    ))
}

/// Reads a value of the string attribute `fido_indicator`: indicators between white space, as `require_auth` lists them.
///
/// # Errors
/// [`Error::MalformedIndicator`].
pub fn parse_indicators(value: &str) -> Result<Vec<String>, Error> {
    let is_printable = |word: &&str| !word.contains(char::is_control);
    let words: Vec<&str> = value.split_whitespace().collect();
    if words.is_empty() || !words.iter().all(is_printable) {
        return Err(Error::MalformedIndicator);
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

impl fmt::Display for Garbled {
    /// The name, escaped and cut to the length of a proper one, and what is wrong.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", ShownName(&self.attribute), self.error)
    }
}

/// The name of an attribute as it is shown: escaped, without blanks, and cut to the length of a proper one.
pub struct ShownName<'a>(pub &'a [u8]);

impl fmt::Display for ShownName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_NAME_MAX).unwrap_or(self.0);
        let escaped = shown.escape_ascii().to_string();
        formatter.write_str(&escaped.replace(' ', "\\x20"))
    }
}
