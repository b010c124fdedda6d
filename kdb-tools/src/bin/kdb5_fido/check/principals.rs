//! Principals that cannot log in, or whose key can be done without.

use krb5_fido_protocol::fido::{
    factor::NoticeCode,
    kdc_settings::KdcSettings,
    policy::{Decision, decide, requires_factor},
};
use krb5_fido_tools::{Error, Keys, Listed};
use krb5_plugin::kadm5::Flags;
use serde_json::{Value, json};
use time::UtcDateTime;

use super::finding::{Findings, Severity};

/// A principal whose flags were set.
pub(super) struct Mended {
    principal: String,
    flags: Vec<&'static str>,
}

impl Mended {
    pub(super) fn tell(&self) -> String {
        format!("set: {} ({})\n", self.principal, self.flags.join(", "))
    }

    pub(super) fn describe(&self) -> Value {
        json!({"principal": self.principal, "flags": self.flags})
    }
}

/// What a walk through the database comes to, beside findings.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) mended: Vec<Mended>,
    /// The first principal that is asked for a key that it has.
    pub(super) with_key: Option<String>,
}

pub(super) fn check(
    keys: &Keys<'_>,
    realm: &KdcSettings,
    fix: bool,
    findings: &mut Findings,
) -> Result<Checked, Error> {
    let now = UtcDateTime::now();
    let mut checked = Checked::default();
    // One that nobody gets a ticket for can neither be locked out nor broken into.
    for mut listed in keys.list_those(|listed| listed.allows_tickets)? {
        if fix && is_flag_missing(&listed, realm) {
            checked.mended.extend(mend(keys, &listed)?);
            listed = keys.list(&listed.principal)?;
        }
        if check_one(&listed, realm, now, findings) && checked.with_key.is_none() {
            checked.with_key = Some(listed.principal);
        }
    }
    Ok(checked)
}

fn is_flag_missing(listed: &Listed, realm: &KdcSettings) -> bool {
    let flags = listed.flags;
    listed.enrolment.is_enrolled()
        && !(flags.requires_preauth && (flags.requires_hwauth || listed.is_permissive(&realm.settings)))
}

fn mend(keys: &Keys<'_>, listed: &Listed) -> Result<Option<Mended>, Error> {
    let mended = keys.mend_flags(&listed.principal)?;
    let set = |flag: fn(Flags) -> bool, name| (!flag(mended.before) && flag(mended.after)).then_some(name);
    let flags = [
        set(|flags| flags.requires_preauth, "+requires_preauth"),
        set(|flags| flags.requires_hwauth, "+requires_hwauth"),
    ];
    let flags: Vec<_> = flags.into_iter().flatten().collect();
    Ok((!flags.is_empty()).then(|| Mended {
        principal: listed.principal.clone(),
        flags,
    }))
}

/// Whether it is asked for a key that it has.
fn check_one(listed: &Listed, realm: &KdcSettings, now: UtcDateTime, findings: &mut Findings) -> bool {
    let principal = &listed.principal;
    for garbled in listed.enrolment.garbled() {
        findings.warn(
            "record_unreadable",
            principal,
            garbled.to_string(),
            "Enrol the key anew and remove this one, or correct the attribute",
        );
    }
    let subject = listed.subject(&realm.settings, false, now);
    let decision = decide(&subject);
    match decision {
        Decision::Refuse(cause) => findings.error(
            "setting_unreadable",
            principal,
            format!("{cause}: it gets no ticket at all"),
            format!("Correct it: kdb5_fido policy {principal}"),
        ),
        Decision::OfferFidoThenNotice(NoticeCode::NoneUsable) => findings.error(
            "no_usable_key",
            principal,
            "It must use a key, and none that it has may be used",
            format!("See why: kdb5_fido status {principal}; enrol another key"),
        ),
        Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired) => findings.warn(
            "no_key",
            principal,
            "It must use a key, and has none: it cannot log in",
            "Enrol a key; leave a service that never logs in as it is, or name it in fido_exempt",
        ),
        Decision::OfferNone | Decision::OfferFido(_) | Decision::OfferFidoOrNone(_) => {}
    }
    if listed.enrolment.is_enrolled() {
        let is_demanded = requires_factor(&subject).unwrap_or(true);
        check_flags(listed, realm, is_demanded, findings);
    }
    matches!(decision, Decision::OfferFido(_) | Decision::OfferFidoOrNone(_))
}

fn check_flags(listed: &Listed, realm: &KdcSettings, is_demanded: bool, findings: &mut Findings) {
    const MEND: &str = "Set it: kdb5_fido check-config --fix, or kadmin.local modprinc";
    let Flags {
        requires_preauth,
        requires_hwauth,
    } = listed.flags;
    let principal = &listed.principal;
    if !requires_preauth {
        let (severity, what) = match (requires_hwauth, is_demanded) {
            (true, _) => (
                Severity::Warning,
                "requires_preauth is not set: requires_hwauth alone keeps the KDC asking for the key",
            ),
            (false, true) => (
                Severity::Error,
                "requires_preauth is not set: the KDC asks for no key, and then refuses the ticket",
            ),
            (false, false) => (
                Severity::Error,
                "requires_preauth is not set: whoever asks is given what passwords can be tried on",
            ),
        };
        findings.add(severity, "requires_preauth_missing", principal, what, MEND);
    }
    if !requires_hwauth && !listed.is_permissive(&realm.settings) {
        findings.warn(
            "requires_hwauth_missing",
            principal,
            "requires_hwauth is not set: the password alone will do at a KDC whose policy module is not loaded",
            MEND,
        );
    }
}
