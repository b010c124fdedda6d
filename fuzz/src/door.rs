//! What kadmind asks before it changes attributes of a principal, and invitations.

use core::str;
use std::collections::BTreeMap;

use krb5_fido_protocol::fido::{
    admission::{Door, is_key},
    attestation::AttestationPolicy,
    invite::{Invitation, code::InvitationCode},
    kdc_settings::KdcSettings,
    policy::{Enrolment, Policy, SelfEnrol, Settings, Subject, find_usable, may_enrol, requires_factor},
    record::CredentialRecord,
};
use time::{Duration, UtcDateTime};

/// Who it is, and who asks.
const CALLER: &[u8] = b"alice@EXAMPLE.COM";

pub(crate) const NOW: UtcDateTime = match UtcDateTime::from_unix_timestamp(1_790_000_000) {
    Ok(now) => now,
    Err(_) => UtcDateTime::UNIX_EPOCH,
};

/// Attributes by their names, as an entry has them.
type Attributes<'a> = BTreeMap<&'a [u8], &'a [u8]>;

/// A principal that changes an attribute of its own. The first line has two letters for the realm: `p`, `e` or `r` for
/// `fido_policy`, `n`, `i` or `p` for `fido_self_enrol`; each other is a name, a blank and a value, the first of them the change. A
/// name alone removes.
///
/// # Panics
/// If a change lets somebody register a key by password who could not before, or takes away the need of a key where the policy
/// demands one; if it is let in without a key that may be used, or an invitation; if the record says what is for
/// administrators.
pub fn door(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let (Some(realm), Some(change)) = (lines.next(), lines.next()) else {
        return;
    };
    let realm = KdcSettings {
        settings: settings(realm),
        ..KdcSettings::default()
    };
    let before: Attributes<'_> = lines.map(|line| split(line).unwrap_or((line, b""))).collect();
    let (name, value) = split(change).map_or((change, None), |(name, value)| (name, Some(value)));
    let enrolment = Enrolment::from_attributes(&before);
    let door = Door {
        realm: &realm,
        attestation: &AttestationPolicy::default(),
        enrolment: &enrolment,
        principal: CALLER,
        requires_hwauth: false,
        now: NOW,
        skew: Duration::minutes(5),
    };
    let Ok(stored) = door.check(name, value) else {
        return;
    };
    if !is_key(name) || door.check_own(CALLER, name, stored.as_ref()).is_err() {
        return;
    }
    if before.get(name).copied() == value {
        return;
    }

    let was_usable = !find_usable(&subject(&realm.settings, &enrolment)).is_empty();
    let might_enrol = may_enrol(&subject(&realm.settings, &enrolment));
    assert!(was_usable || might_enrol, "there was no ticket for it");
    assert!(was_usable || value.is_some(), "a key goes without a key");
    if let Some(record) = &stored {
        assert_new(record, &enrolment);
    }

    let mut after = before.clone();
    match value {
        Some(value) => drop(after.insert(name, value)),
        None => drop(after.remove(name)),
    }
    let changed = Enrolment::from_attributes(&after);
    let changed = subject(&realm.settings, &changed);
    let is_bare = !changed.enrolment.is_enrolled() && realm.settings.self_enrol == SelfEnrol::Password;
    assert!(
        !may_enrol(&changed) || is_bare,
        "the password is enough for a key"
    );
    if realm.settings.policy == Policy::Required && enrolment.own_policy().is_none() {
        assert_eq!(requires_factor(&changed), Ok(true));
        assert!(!find_usable(&changed).is_empty(), "nobody can log in any more");
    }
}

/// A record that is none of a key which is there.
fn assert_new(record: &CredentialRecord, enrolment: &Enrolment) {
    let mut credentials = enrolment.credentials().iter();
    if credentials.any(|(_, known)| known == record) {
        return;
    }
    assert_eq!(record.by().map(str::as_bytes), Some(CALLER));
    assert!(!record.is_disabled() && record.not_after().is_none() && record.uv().is_none());
    assert!((record.created() - NOW).abs() <= Duration::minutes(5));
}

fn settings(words: &[u8]) -> Settings {
    Settings {
        policy: match words.first() {
            Some(b'p') => Policy::Permissive,
            Some(b'r') => Policy::Required,
            _ => Policy::Enrolled,
        },
        self_enrol: match words.get(1) {
            Some(b'n') => SelfEnrol::No,
            Some(b'p') => SelfEnrol::Password,
            _ => SelfEnrol::Invited,
        },
        ..Settings::default()
    }
}

fn subject<'a>(settings: &'a Settings, enrolment: &'a Enrolment) -> Subject<'a> {
    Subject {
        settings,
        enrolment,
        name: b"alice",
        for_kadmin: false,
        requires_hwauth: false,
        now: NOW,
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = line.iter().position(|byte| *byte == b' ')?;
    let (name, rest) = line.split_at_checked(place)?;
    Some((name, rest.get(1..)?))
}

/// Invitations, and their codes.
///
/// # Panics
/// If one is not read as it was written, or if one that was ended is open later.
pub fn invitation(data: &[u8]) {
    if let Ok(code) = InvitationCode::parse(data) {
        let text = code.text();
        let again = InvitationCode::parse(text.expose()).expect("it is a code");
        assert_eq!(again.text().expose(), text.expose());
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(invitation) = Invitation::parse(text) else {
        return;
    };
    assert_eq!(Invitation::parse(&invitation.encode()).as_ref(), Ok(&invitation));
    let mut closed = invitation.clone();
    if closed.close(NOW).is_ok() {
        assert!(closed.until() <= NOW && closed.until() <= invitation.until());
        assert_eq!(Invitation::parse(&closed.encode()), Ok(closed));
    }
}
