//! Inviting a principal to register a key with its password alone.

use std::time::Duration;

use krb5_fido_protocol::{
    fido::{
        invite::{Invitation, InvitationId, NewInvitation, code::InvitationCode},
        label::Label,
        policy::{SelfEnrol, find_usable, is_exempt},
        record::CredentialRecord,
    },
    registry::{ATTRIBUTE_INVITE, INVITATION_CODE_LEN, INVITATION_ID_LEN},
};
use krb5_plugin::kadm5::Flags;
use time::UtcDateTime;

use crate::{
    Error, Keys, Listed,
    entry::{Change, Entry},
    flags::mended_flags,
    random::random,
    store::encode,
};

/// How a principal is invited.
#[derive(Clone, Copy, Debug)]
pub struct Invite<'a> {
    /// For how long.
    pub lasts: Duration,
    /// Whether it takes a code besides the password.
    pub with_code: bool,
    /// Who invites.
    pub by: &'a str,
    /// Whether the keys that are there are disabled: they are lost.
    pub replace: bool,
}

/// What inviting has changed.
pub struct Invited {
    /// The principal's name in the database.
    pub principal: String,
    /// The invitation.
    pub invitation: Invitation,
    /// Its code, if it has one: to be shown once.
    pub code: Option<InvitationCode>,
    /// The labels of the keys that were disabled.
    pub disabled: Vec<String>,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

/// What ending an invitation has changed.
pub struct Closed {
    /// The principal's name in the database.
    pub principal: String,
    /// Whether it was open.
    pub was_open: bool,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

impl Keys<'_> {
    /// Invites a principal, in place of any earlier invitation, and clears requires_hwauth, with which it could not log in.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NobodyInvited`], [`Error::ExemptFromInvitation`], [`Error::HasUsableKeys`],
    /// [`Error::AttributesFull`], [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`], [`Error::Random`]. Nothing
    /// has changed then, except with [`Error::NotUndone`].
    pub fn invite(&self, principal: &str, wanted: &Invite<'_>) -> Result<Invited, Error> {
        let entry = self.entry(principal)?;
        let id = InvitationId(random::<INVITATION_ID_LEN>()?);
        let code = match wanted.with_code {
            true => Some(InvitationCode::new(random::<INVITATION_CODE_LEN>()?)),
            false => None,
        };
        let invited = self.persist(&entry, || self.invite_once(&entry, wanted, id, code.as_ref()))?;
        Ok(Invited { code, ..invited })
    }

    fn invite_once(
        &self,
        entry: &Entry<'_>,
        wanted: &Invite<'_>,
        id: InvitationId,
        code: Option<&InvitationCode>,
    ) -> Result<(Invited, Change), Error> {
        let doing = "opening an invitation";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let now = UtcDateTime::now();
        self.check_invitable(&listed, wanted, now)?;
        let malformed = |cause| Error::Invitation { cause };
        let invitation = Invitation::new(&NewInvitation {
            id,
            created: now,
            until: now + wanted.lasts,
            by: wanted.by,
            code: code.map(|code| code.hash(id)).transpose().map_err(malformed)?,
        })
        .map_err(malformed)?;

        let live = listed.enrolment.credentials().iter();
        let live = live.filter(|(_, record)| wanted.replace && !record.is_disabled());
        let mut attributes = vec![ATTRIBUTE_INVITE.to_owned()];
        let mut values = vec![Some(invitation.encode())];
        let mut disabled = Vec::new();
        for (label, record) in live {
            let mut record = record.clone();
            record.disable(now);
            attributes.push(label.attribute_name());
            values.push(Some(encode(&record, entry)?));
            disabled.push(label.to_string());
        }
        let change = entry.plan(doing, attributes, values, |_| Flags {
            requires_preauth: true,
            requires_hwauth: false,
        })?;
        self.make(entry, lock, &change)?;
        let invited = Invited {
            principal: listed.principal,
            invitation,
            code: None,
            disabled,
            flags_before: change.before.flags,
            flags_after: change.after.flags,
        };
        Ok((invited, change))
    }

    fn check_invitable(&self, listed: &Listed, wanted: &Invite<'_>, now: UtcDateTime) -> Result<(), Error> {
        let settings = self.settings()?;
        let subject = listed.subject(&settings, true, now);
        let principal = listed.principal.clone();
        if settings.self_enrol == SelfEnrol::No {
            return Err(Error::NobodyInvited {
                realm: self.realm().to_owned(),
            });
        }
        if is_exempt(&subject) {
            return Err(Error::ExemptFromInvitation { principal });
        }
        match find_usable(&subject).first() {
            Some(usable) if !wanted.replace => Err(Error::HasUsableKeys {
                principal,
                label: usable.label.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Ends an invitation, and sets the flags that enrolment would set where there is a key.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Invitation`] for one that cannot be read, [`Error::NotStored`], [`Error::Database`].
    /// Nothing has changed then, except with [`Error::NotUndone`].
    pub fn close_invitation(&self, principal: &str) -> Result<Closed, Error> {
        let entry = self.entry(principal)?;
        let settings = self.settings()?;
        self.persist(&entry, || {
            let doing = "ending an invitation";
            let lock = self.lock(&entry, doing)?;
            let listed = Listed::read(&entry)?;
            let now = UtcDateTime::now();
            let closed = closed_invitation(&listed, now)?;
            let was_open = closed.is_some();
            let attributes: Vec<String> = closed.iter().map(|_| ATTRIBUTE_INVITE.to_owned()).collect();
            let values = closed.into_iter().map(Some).collect();
            let change = entry.plan(doing, attributes, values, |flags| {
                mended_flags(&listed, flags, &settings)
            })?;
            self.make(&entry, lock, &change)?;
            let closed = Closed {
                principal: listed.principal,
                was_open,
                flags_before: change.before.flags,
                flags_after: change.after.flags,
            };
            Ok((closed, change))
        })
    }
}

/// The value of the attribute with which an invitation ends that would be open again without the key of this label; `None` if
/// there is none.
///
/// # Errors
/// [`Error::Invitation`] for a time that cannot be written.
pub(crate) fn closed_without(
    listed: &Listed,
    label: &str,
    now: UtcDateTime,
) -> Result<Option<String>, Error> {
    let Ok(Some(invitation)) = listed.enrolment.invitation() else {
        return Ok(None);
    };
    let credentials = listed.enrolment.credentials();
    let bears = |(_, record): &&(Label, CredentialRecord)| record.invitation() == Some(invitation.id());
    let mut bearers = credentials.iter().filter(bears);
    let is_last = bearers.all(|(bearer, _)| bearer.to_string() == label);
    if !listed.enrolment.is_invitation_spent() || !is_last || now > invitation.until() {
        return Ok(None);
    }
    close(invitation, now).map(Some)
}

/// The value of the attribute with which an open invitation is open no more; `None` if none is open.
///
/// # Errors
/// [`Error::Invitation`] for one that cannot be read.
pub(crate) fn closed_invitation(listed: &Listed, now: UtcDateTime) -> Result<Option<String>, Error> {
    listed
        .enrolment
        .invitation()
        .map_err(|cause| Error::Invitation { cause })?;
    let open = listed.enrolment.open_invitation(now);
    open.map(|open| close(open, now)).transpose()
}

/// The value of the attribute with which this invitation has ended.
fn close(invitation: &Invitation, now: UtcDateTime) -> Result<String, Error> {
    let mut closed = invitation.clone();
    closed.close(now).map_err(|cause| Error::Invitation { cause })?;
    Ok(closed.encode())
}
