//! What the KDC's database and configuration say of alice, and what follows from it, told twice: for the product, and in
//! the words of docs/protocol.md.

use std::sync::LazyLock;

use krb5_fido_protocol::fido::{
    authenticator_data::Aaguid,
    factor::UserVerification,
    policy::{Enrolment, Policy, SelfEnrol, Settings},
    record::{CredentialRecord, NewCredential},
};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::security_key::{CREDENTIAL_ID, PRINCIPAL, RP_ID, public_key};

/// Somebody else's COSE_Key of Ed25519.
const OTHER_KEY: &str = "pAEBAycgBiFYIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

/// The string attributes of alice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attributes {
    Nothing,
    Key,
    DisabledKey,
    GarbledKey,
    ExpiredKey,
    KeyOfVerifiedUser,
    U2fKey,
    KeyAndItsDisabledCopy,
    KeysOfTwoParties,
    KeyAndOwnPermissive,
    KeyAndOwnRequired,
    OwnRequired,
    KeyAndGarbledPolicy,
}

impl Attributes {
    pub(crate) const ALL: [Self; 13] = [
        Self::Nothing,
        Self::Key,
        Self::DisabledKey,
        Self::GarbledKey,
        Self::ExpiredKey,
        Self::KeyOfVerifiedUser,
        Self::U2fKey,
        Self::KeyAndItsDisabledCopy,
        Self::KeysOfTwoParties,
        Self::KeyAndOwnPermissive,
        Self::KeyAndOwnRequired,
        Self::OwnRequired,
        Self::KeyAndGarbledPolicy,
    ];

    fn list(self) -> Vec<(&'static str, String)> {
        let key = |more: Value| ("fido:key1", record(&more));
        let usable = || key(json!({}));
        match self {
            Self::Nothing => vec![],
            Self::Key => vec![usable()],
            Self::DisabledKey => vec![key(json!({"disabled": true}))],
            Self::GarbledKey => vec![("fido:key1", "{}".to_owned())],
            Self::ExpiredKey => vec![key(json!({"not_after": "2000-01-01T00:00:00Z"}))],
            Self::KeyOfVerifiedUser => vec![key(json!({"uv": "required"}))],
            Self::U2fKey => vec![key(json!({"fmt": "fido-u2f"}))],
            Self::KeyAndItsDisabledCopy => {
                vec![usable(), ("fido:key2", record(&json!({"disabled": true})))]
            }
            Self::KeysOfTwoParties => {
                let other = json!({"rp": "example.org", "id": "b3RoZXI", "pk": OTHER_KEY});
                vec![("fido:key2", record(&other)), usable()]
            }
            Self::KeyAndOwnPermissive => vec![usable(), ("fido_policy", "permissive".to_owned())],
            Self::KeyAndOwnRequired => vec![usable(), ("fido_policy", "required".to_owned())],
            Self::OwnRequired => vec![("fido_policy", "required".to_owned())],
            Self::KeyAndGarbledPolicy => vec![usable(), ("fido_policy", "Permissive".to_owned())],
        }
    }

    /// As the product reads them.
    pub(crate) fn enrolment(self) -> &'static Enrolment {
        static READ: LazyLock<Vec<(Attributes, Enrolment)>> = LazyLock::new(|| {
            let read = |attributes: Attributes| (attributes, Enrolment::from_attributes(attributes.list()));
            Attributes::ALL.into_iter().map(read).collect()
        });
        let mut read = READ.iter();
        let (_, enrolment) = read
            .find(|(attributes, _)| *attributes == self)
            .expect("all were read");
        enrolment
    }

    const fn is_enrolled(self) -> bool {
        !matches!(self, Self::Nothing | Self::OwnRequired)
    }

    const fn own_policy(self) -> Option<Policy> {
        match self {
            Self::KeyAndOwnPermissive => Some(Policy::Permissive),
            Self::KeyAndOwnRequired | Self::OwnRequired => Some(Policy::Required),
            _ => None,
        }
    }
}

/// The record of alice's key, with other or further members.
pub(crate) fn record(more: &Value) -> String {
    let record = CredentialRecord::new(&NewCredential {
        rp_id: RP_ID,
        id: CREDENTIAL_ID,
        public_key: &public_key(),
        aaguid: Aaguid([0; 16]),
        format: "packed",
        transports: &[],
        counter: 0,
        created: UtcDateTime::UNIX_EPOCH,
        by: "admin/admin@EXAMPLE.COM",
        registration: None,
    });
    let text = record.and_then(|record| record.encode()).expect("a sound record");
    let mut members: Value = serde_json::from_str(&text).expect("JSON");
    for (name, value) in more.as_object().into_iter().flatten() {
        members[name] = value.clone();
    }
    members.to_string()
}

/// Everything that is decided by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Principal {
    pub(crate) attributes: Attributes,
    pub(crate) policy: Policy,
    pub(crate) uv_required: bool,
    pub(crate) self_enrol: bool,
    pub(crate) requires_hwauth: bool,
    pub(crate) for_kadmin: bool,
}

impl Principal {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            policy: self.policy,
            uv: match self.uv_required {
                true => UserVerification::Required,
                false => UserVerification::Preferred,
            },
            self_enrol: match self.self_enrol {
                true => SelfEnrol::Password,
                false => SelfEnrol::No,
            },
            ..Settings::default()
        }
    }

    /// alice, without her realm.
    pub(crate) fn name() -> &'static [u8] {
        PRINCIPAL.strip_suffix(b"@EXAMPLE.COM").expect("her realm")
    }

    /// "Who is offered what": whether the password alone may give a ticket.
    pub(crate) fn may_do_without_key(&self) -> bool {
        let is_enrolled = self.attributes.is_enrolled();
        let by_policy = match self.attributes.own_policy().unwrap_or(self.policy) {
            Policy::Permissive => !(self.for_kadmin && is_enrolled),
            Policy::Enrolled => !is_enrolled,
            Policy::Required => self.self_enrol && self.for_kadmin && !is_enrolled,
        };
        by_policy && !self.requires_hwauth && self.attributes != Attributes::KeyAndGarbledPolicy
    }

    /// Whether alice's key may be used now.
    pub(crate) const fn may_use_key(&self) -> bool {
        match self.attributes {
            Attributes::Key
            | Attributes::KeyOfVerifiedUser
            | Attributes::KeysOfTwoParties
            | Attributes::KeyAndOwnPermissive
            | Attributes::KeyAndOwnRequired => true,
            Attributes::U2fKey => !self.uv_required,
            _ => false,
        }
    }

    /// Whether the key must verify its user.
    pub(crate) fn needs_verification(&self) -> bool {
        self.uv_required || self.attributes == Attributes::KeyOfVerifiedUser
    }
}
