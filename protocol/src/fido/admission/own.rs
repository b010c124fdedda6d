//! What a principal may do with its own keys.
//!
//! kadmind sees neither the flags of a ticket nor its age. So this stands on what the KDC's policy does: with a key that may be
//! used there is no ticket for `kadmin/*` without it, and one that came without a key lives for [`ADMINISTRATION_LIFE`] seconds, one
//! that came out of a key for [`ADMINISTRATION_LIFE_WITH_KEY`]. Tickets from before the first key, from before an invitation was
//! used, or from a key that was disabled since, have run out after the time of [`changes_held_until`].

use core::str;

use time::{Duration, UtcDateTime, format_description::well_known::Rfc3339};

use super::{Door, is_same_key, parse_label};
use crate::{
    Error,
    fido::{
        invite::InvitationId,
        label::Label,
        policy::{Enrolment, Policy, SelfEnrol, find_usable, is_exempt, policy_in_force},
        record::CredentialRecord,
    },
    registry::{ADMINISTRATION_LIFE, ADMINISTRATION_LIFE_WITH_KEY, OWN_ATTRIBUTES_MAX, OWN_RECORD_MAX},
};

/// Why it may not. The texts go into kadmind's log, and onto the terminal of whoever tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `fido_exempt` names it.
    #[error("fido_exempt names the principal: administrators look after its keys")]
    Exempt,
    /// It has no key that may be used, and may not register one by its password.
    #[error("{}", not_invited(*.0))]
    NotInvited(SelfEnrol),
    /// The record does not say that it is made under the invitation.
    #[error("the record does not bear the id of the open invitation")]
    InvitationNotBorne,
    /// The record says that it is made under an invitation, and is not.
    #[error("the record bears the id of an invitation under which it is not made")]
    InvitationBorne,
    /// A setting that cannot be read, a record that could not be used, a code that is not proved.
    #[error(transparent)]
    Cause(#[from] Error),
    /// Tickets from before the first key may still be around.
    #[error("changes of one's own keys wait until {}, when tickets without a key have run out", utc(*.0))]
    TooEarly(UtcDateTime),
    /// The label is taken.
    #[error("{0} is there already, and is another record")]
    LabelTaken(Label),
    /// It is a second copy of a record.
    #[error("the key has two labels already")]
    SecondCopy,
    /// No key needs so much.
    #[error("a record of one's own has {OWN_RECORD_MAX} bytes at most")]
    TooLong,
    /// The rest of the string attributes is for administrators.
    #[error("one's own keys have {OWN_ATTRIBUTES_MAX} bytes at most: remove one first")]
    NoRoom,
    /// An administrator disabled it.
    #[error("an administrator disabled {0}")]
    Disabled(Label),
    /// Somebody else is said to have made it.
    #[error("the record is not by the caller")]
    By,
    /// It is not from now.
    #[error("the record was not created now: at {}", utc(*.0))]
    Created(UtcDateTime),
    /// What only administrators say of a key.
    #[error("the record has a member that is for administrators: {0}")]
    Reserved(&'static str),
    /// What nobody knows the meaning of yet.
    #[error("the record has a member that this version does not know")]
    UnknownMember,
    /// Two records of one key differ: an administrator has changed one of them.
    #[error("{0} and another record of the same key differ: an administrator has changed one")]
    Differs(String),
    /// Without it there would be none that may be used, and one is demanded.
    #[error("{0} is the last key that may be used, and one is demanded")]
    Last(String),
    /// Without it the invitation would be open again.
    #[error("{label} was made under an invitation that is open until {}", utc(*until))]
    Reopens {
        /// The attribute.
        label: String,
        /// The end of the invitation.
        until: UtcDateTime,
    },
}

fn not_invited(self_enrol: SelfEnrol) -> &'static str {
    match self_enrol {
        SelfEnrol::No => "nobody registers a first key himself: fido_self_enrol = no",
        SelfEnrol::Invited | SelfEnrol::Password => {
            "there is no key that may be used, and no open invitation"
        }
    }
}

fn utc(time: UtcDateTime) -> String {
    time.truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

/// Until when a principal's own further changes wait; `None` if it has no key.
///
/// The first key, each that was made under an invitation, and an invitation that nobody used, are times until which tickets
/// without a key were given out. Such a ticket lives for [`ADMINISTRATION_LIFE`]; until a key was disabled there were those that it
/// gave, which live for [`ADMINISTRATION_LIFE_WITH_KEY`]. The KDC's clock may be ahead by the clock skew, kadmind takes a ticket for
/// as much longer, and a record may have been dated back by as much.
pub fn changes_held_until(enrolment: &Enrolment, skew: Duration) -> Option<UtcDateTime> {
    let records = || enrolment.credentials().iter().map(|(_, record)| record);
    let first = records().map(CredentialRecord::created).min();
    let invited = records()
        .filter(|record| record.invitation().is_some())
        .map(CredentialRecord::created)
        .max();
    let unused = match enrolment.invitation() {
        Ok(Some(invitation)) if !enrolment.is_invitation_spent() => Some(invitation.until()),
        _ => None,
    };
    let disabled = records().filter_map(CredentialRecord::disabled_at).max();
    first?;
    let bare = [first, invited, unused].into_iter().flatten().max();
    let run_out = |last: UtcDateTime, life: u32| {
        let margins = [Duration::seconds(life.into()), skew, skew, skew];
        let end = margins.into_iter().try_fold(last, UtcDateTime::checked_add);
        end.unwrap_or(UtcDateTime::MAX)
    };
    [
        bare.map(|last| run_out(last, ADMINISTRATION_LIFE)),
        disabled.map(|last| run_out(last, ADMINISTRATION_LIFE_WITH_KEY)),
    ]
    .into_iter()
    .flatten()
    .max()
}

impl Door<'_> {
    /// Checks a change of the caller's own, after [`Door::check`]: of the attribute `name`, to `record` or to nothing. `caller` is
    /// the principal's name in the ticket.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_own(
        &self,
        caller: &[u8],
        name: &[u8],
        record: Option<&CredentialRecord>,
    ) -> Result<(), Refusal> {
        if is_exempt(&self.subject(false)) {
            return Err(Refusal::Exempt);
        }
        // No ticket then; the KDC decides by the same word.
        policy_in_force(&self.subject(true))?;
        match record {
            None => self.check_removal(name),
            Some(record) => self.check_own_record(caller, &parse_label(name)?, record),
        }
    }

    fn check_own_record(
        &self,
        caller: &[u8],
        label: &Label,
        record: &CredentialRecord,
    ) -> Result<(), Refusal> {
        let credentials = self.enrolment.credentials();
        let labelled = credentials.iter().find(|(known_as, _)| known_as == label);
        if labelled.is_some_and(|(_, known)| known == record) {
            // Sent once more.
            return Ok(());
        }
        self.check_room(record)?;
        let name = label.attribute_name();
        let mut garbled = self.enrolment.garbled().iter();
        if labelled.is_some() || garbled.any(|garbled| garbled.attribute == name.as_bytes()) {
            return Err(Refusal::LabelTaken(label.clone()));
        }
        let copies = credentials.iter().filter(|(_, known)| is_same_key(known, record));
        match copies.collect::<Vec<_>>().as_slice() {
            [] => self.check_new(caller, record),
            [(known_as, known)] => self.check_renamed(known_as, known, record),
            _ => Err(Refusal::SecondCopy),
        }
    }

    fn check_room(&self, record: &CredentialRecord) -> Result<(), Refusal> {
        let length = |record: &CredentialRecord| record.encode().map_or(usize::MAX, |value| value.len());
        if length(record) > OWN_RECORD_MAX {
            return Err(Refusal::TooLong);
        }
        let others = self.enrolment.credentials().iter();
        let lengths = others.map(|(_, other)| length(other));
        match lengths.fold(length(record), usize::saturating_add) > OWN_ATTRIBUTES_MAX {
            true => Err(Refusal::NoRoom),
            false => Ok(()),
        }
    }

    /// A key that gets another label: its record stands under both until the old one is removed.
    fn check_renamed(
        &self,
        known_as: &Label,
        known: &CredentialRecord,
        record: &CredentialRecord,
    ) -> Result<(), Refusal> {
        if known.is_disabled() {
            return Err(Refusal::Disabled(known_as.clone()));
        }
        if known != record {
            return Err(Refusal::LabelTaken(known_as.clone()));
        }
        self.check_factor()
    }

    /// Checks a record of a new key of the caller's own, under whatever label.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_new(&self, caller: &[u8], record: &CredentialRecord) -> Result<(), Refusal> {
        self.check_entitled(record)?;
        if record.by().map(str::as_bytes) != Some(caller) {
            return Err(Refusal::By);
        }
        if (record.created() - self.now).abs() > self.skew {
            return Err(Refusal::Created(record.created()));
        }
        let reserved = [
            ("disabled", record.is_disabled()),
            ("disabled_at", record.disabled_at().is_some()),
            ("not_after", record.not_after().is_some()),
            ("uv", record.uv().is_some()),
        ];
        if let Some((name, _)) = reserved.into_iter().find(|(_, is_there)| *is_there) {
            return Err(Refusal::Reserved(name));
        }
        if record.unknown_members().next().is_some() {
            return Err(Refusal::UnknownMember);
        }
        let settings = &self.realm.settings;
        record.check_usable(&self.enrolment.requirements(settings, self.now))?;
        Ok(())
    }

    /// Whether a new key may be registered: by a key, by an invitation, or by the password.
    fn check_entitled(&self, record: &CredentialRecord) -> Result<(), Refusal> {
        if self.has_usable() {
            self.check_factor()?;
            return match record.invitation() {
                None => Ok(()),
                Some(_) => Err(Refusal::InvitationBorne),
            };
        }
        let self_enrol = self.realm.settings.self_enrol;
        let invitation = self.enrolment.open_invitation(self.now);
        match (self_enrol, invitation) {
            (SelfEnrol::Invited | SelfEnrol::Password, Some(invitation)) => {
                if record.invitation() != Some(invitation.id()) {
                    return Err(Refusal::InvitationNotBorne);
                }
                Ok(invitation.check_code(self.principal, record)?)
            }
            (SelfEnrol::Password, None) if !self.enrolment.is_enrolled() => match record.invitation() {
                None => Ok(()),
                Some(_) => Err(Refusal::InvitationBorne),
            },
            _ => Err(Refusal::NotInvited(self_enrol)),
        }
    }

    /// Whether the caller's ticket must have come out of a key, the only one that there was a ticket for.
    ///
    /// # Errors
    /// [`Refusal::NotInvited`] where no key may be used, [`Refusal::TooEarly`].
    pub fn check_factor(&self) -> Result<(), Refusal> {
        if !self.has_usable() {
            return Err(Refusal::NotInvited(self.realm.settings.self_enrol));
        }
        match changes_held_until(self.enrolment, self.skew) {
            Some(until) if self.now <= until => Err(Refusal::TooEarly(until)),
            _ => Ok(()),
        }
    }

    fn check_removal(&self, name: &[u8]) -> Result<(), Refusal> {
        self.check_factor()?;
        let credentials = self.enrolment.credentials();
        let name = str::from_utf8(name).unwrap_or_default();
        let found = credentials
            .iter()
            .find(|(label, _)| label.attribute_name() == name);
        if let Some((label, _)) = found.filter(|(_, record)| record.is_disabled()) {
            return Err(Refusal::Disabled(label.clone()));
        }
        if let Some((label, record)) = found
            && self.differs_elsewhere(label, record)
        {
            return Err(Refusal::Differs(name.to_owned()));
        }
        if self.demands_one() && self.usable_without(name) == 0 {
            return Err(Refusal::Last(name.to_owned()));
        }
        // One that cannot be read may bear the id, too.
        let bears = |id| found.is_none_or(|(_, record)| record.invitation() == Some(id));
        match self.enrolment.invitation() {
            Ok(Some(invitation))
                if self.enrolment.is_invitation_spent()
                    && bears(invitation.id())
                    && self.now <= invitation.until()
                    && !self.bears_besides(invitation.id(), name) =>
            {
                Err(Refusal::Reopens {
                    label: name.to_owned(),
                    until: invitation.until(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is another record of the key, and it says something else.
    fn differs_elsewhere(&self, label: &Label, record: &CredentialRecord) -> bool {
        let mut others = self.enrolment.credentials().iter();
        others.any(|(other, twin)| other != label && twin.id() == record.id() && twin != record)
    }

    fn has_usable(&self) -> bool {
        !find_usable(&self.subject(true)).is_empty()
    }

    /// How many keys may be used when this attribute is gone.
    fn usable_without(&self, name: &str) -> usize {
        let usable = find_usable(&self.subject(false));
        usable
            .iter()
            .filter(|key| key.label.attribute_name() != name)
            .count()
    }

    /// Whether whoever has no key that may be used gets no ticket: by the policy, by the flag, or because there are attributes
    /// left.
    fn demands_one(&self) -> bool {
        let policy = policy_in_force(&self.subject(false)).map(|(policy, _)| policy);
        let count = self.enrolment.credentials().len() + self.enrolment.garbled().len();
        self.requires_hwauth || !matches!(policy, Ok(Policy::Permissive | Policy::Enrolled)) || count > 1
    }

    fn bears_besides(&self, id: InvitationId, name: &str) -> bool {
        let mut records = self.enrolment.credentials().iter();
        records.any(|(label, record)| record.invitation() == Some(id) && label.attribute_name() != name)
    }
}
