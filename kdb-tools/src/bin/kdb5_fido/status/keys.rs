//! The keys of a principal: which may be used, and what each must do.

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        factor::UserVerification, kdc_settings::KdcSettings, label::Label, policy::find_usable,
        record::CredentialRecord,
    },
};
use krb5_fido_tools::{
    Listed, Stores, Usage,
    format::{line, object, utc_time},
};
use serde_json::{Value, json};
use time::UtcDateTime;

use super::{tell_uv, warn_unless_read};

/// A key whose record can be read.
pub(crate) struct Key<'a> {
    pub(crate) label: &'a Label,
    pub(crate) record: &'a CredentialRecord,
    state: Result<(UserVerification, Origin), Unusable>,
    pub(crate) usage: Option<Usage<'a>>,
}

/// What demands the user verification of a key.
#[derive(Clone, Copy)]
enum Origin {
    Realm,
    Principal,
    Record,
    /// Another record of the same credential.
    Twin,
}

/// Why a key may not be used.
#[derive(Clone, Copy)]
enum Unusable {
    Refused(Cause),
    /// Another record of the same credential may not.
    Twin,
}

/// The keys of a principal as the KDC has them now.
pub(crate) fn find<'a>(
    listed: &'a Listed,
    realm: &'a KdcSettings,
    stores: Option<&'a Stores>,
    now: UtcDateTime,
) -> Vec<Key<'a>> {
    let enrolment = &listed.enrolment;
    let required = enrolment.requirements(&realm.settings, now);
    let usable = find_usable(&listed.subject(&realm.settings, false, now));
    let judge = |label: &Label, record: &CredentialRecord| {
        record.check_usable(&required).map_err(Unusable::Refused)?;
        let uv = usable.iter().find(|usable| usable.label == label);
        let uv = uv.ok_or(Unusable::Twin)?.uv;
        let origin = match uv {
            uv if uv == required.uv && enrolment.own_uv().is_some() => Origin::Principal,
            uv if uv == required.uv => Origin::Realm,
            uv if record.uv() == Some(uv) => Origin::Record,
            _ => Origin::Twin,
        };
        Ok((uv, origin))
    };
    let records = enrolment.credentials().iter();
    records
        .map(|(label, record)| Key {
            label,
            record,
            state: judge(label, record),
            usage: stores.and_then(|stores| warn_unless_read(stores.find(record)).flatten()),
        })
        .collect()
}

impl Key<'_> {
    pub(crate) const fn is_usable(&self) -> bool {
        self.state.is_ok()
    }

    pub(crate) fn last_used(&self) -> Option<UtcDateTime> {
        self.usage.as_ref().map(|usage| usage.last.time)
    }

    /// Whether it may be used, and how, or why not.
    pub(crate) fn tell_state(&self) -> String {
        match &self.state {
            Ok((uv, origin)) => {
                let origin = match origin {
                    Origin::Realm => "by the realm",
                    Origin::Principal => "by its own fido_uv",
                    Origin::Record => "by its record",
                    Origin::Twin => "by another record of the same key",
                };
                format!("usable, {} {origin}", tell_uv(*uv))
            }
            Err(unusable) => unusable.tell(),
        }
    }

    /// When it was used last at this KDC.
    pub(crate) fn tell_use(&self) -> String {
        match &self.usage {
            Some(usage) => format!("used {}, counter {}", utc_time(usage.last.time), usage.counter),
            None => "not used here yet".to_owned(),
        }
    }

    pub(super) fn tell(&self) -> String {
        let told = format!("{}; {}", self.tell_state(), self.tell_use());
        line(&format!("key {}", self.label), &told)
    }

    /// A word for its state that stays, for programs.
    pub(crate) fn identifier(&self) -> &'static str {
        match &self.state {
            Ok(_) => "usable",
            Err(unusable) => unusable.identifier(),
        }
    }

    /// Why it may not be used.
    pub(crate) fn error(&self) -> Option<String> {
        self.state.as_ref().err().map(Unusable::tell)
    }

    pub(super) fn describe(&self) -> Value {
        let origin = |origin| match origin {
            Origin::Realm => "realm",
            Origin::Principal => "principal",
            Origin::Record => "record",
            Origin::Twin => "other_record",
        };
        let usable = self.state.as_ref().ok();
        let usage = self.usage.as_ref();
        Value::Object(object([
            ("label", json!(self.label.to_string())),
            ("state", json!(self.identifier())),
            ("error", json!(self.error())),
            ("rp", json!(self.record.rp_id())),
            ("uv", json!(usable.map(|(uv, _)| uv.as_str()))),
            ("uv_origin", json!(usable.map(|(_, from)| origin(*from)))),
            ("last_used", json!(self.last_used().map(utc_time))),
            ("counter", json!(usage.map(|usage| usage.counter))),
            (
                "user_verified",
                json!(usage.map(|usage| usage.last.user_verified)),
            ),
        ]))
    }
}

impl Unusable {
    fn tell(&self) -> String {
        match self {
            Self::Refused(cause) => cause.to_string(),
            Self::Twin => "another record of the same key may not be used".to_owned(),
        }
    }

    const fn identifier(self) -> &'static str {
        match self {
            Self::Refused(Cause::CredentialDisabled) => "disabled",
            Self::Refused(Cause::CredentialExpired) => "expired",
            Self::Refused(Cause::AlgorithmNotAllowed) => "algorithm_not_allowed",
            Self::Refused(Cause::CannotVerifyUser) => "cannot_verify_user",
            Self::Refused(_) | Self::Twin => "unusable",
        }
    }
}
