//! Credential records: one JSON object per string attribute `fido:LABEL`, binary in unpadded base64url.
//!
//! Required: `v` 1; `rp`; `id`; `pk` COSE_Key; `alg`, equal to the COSE key's; `created` RFC 3339. Optional: `aaguid`,
//! `fmt`, `transports`, `uv_enrolled`, `uv`, `by`, `counter`, `not_after` RFC 3339, `disabled`, `disabled_at` RFC 3339, `reg`, `invite`,
//! `invite_proof`. Unknown members are kept on rewrite.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use time::UtcDateTime;

use super::{
    authenticator_data::Aaguid,
    cose::{Algorithm, PublicKey},
    factor::UserVerification,
    invite::{InvitationId, InvitationProof},
    json::{self, Refused},
    timestamp,
};
use crate::{
    Error,
    registry::{CREDENTIAL_ID_MAX, FIDO_NONCE_LEN, FORMAT_FIDO_U2F, RECORD_MAX, RECORD_VERSION},
};

/// The members that a record may have.
const MEMBERS: &[&str] = &[
    "v",
    "rp",
    "id",
    "pk",
    "alg",
    "created",
    "aaguid",
    "fmt",
    "transports",
    "uv_enrolled",
    "uv",
    "by",
    "counter",
    "not_after",
    "disabled",
    "disabled_at",
    "reg",
    "invite",
    "invite_proof",
];

/// What credentials must satisfy to be used.
#[derive(Clone, Copy, Debug)]
pub struct Requirements<'a> {
    /// The KDC's time.
    pub now: UtcDateTime,
    /// The algorithms that the realm accepts.
    pub algorithms: &'a [Algorithm],
    /// The user verification of the realm or the principal; a record can only make it stricter.
    pub uv: UserVerification,
}

/// A registered credential.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialRecord {
    members: Map<String, Value>,
    rp_id: String,
    id: Vec<u8>,
    public_key: PublicKey,
    created: UtcDateTime,
    aaguid: Option<Aaguid>,
    uv: Option<UserVerification>,
    counter: u32,
    not_after: Option<UtcDateTime>,
    disabled: bool,
    disabled_at: Option<UtcDateTime>,
    invitation: Option<InvitationId>,
}

/// What a new record is made of, at the end of a registration.
#[derive(Clone, Debug)]
pub struct NewCredential<'a> {
    /// The rpId or appId that was hashed.
    pub rp_id: &'a str,
    /// The credential id or key handle.
    pub id: &'a [u8],
    /// The public key.
    pub public_key: &'a PublicKey,
    /// The model of the authenticator.
    pub aaguid: Aaguid,
    /// The attestation statement format.
    pub format: &'a str,
    /// How the authenticator is reached; nothing is stored if none is named.
    pub transports: &'a [&'a str],
    /// The signature counter.
    pub counter: u32,
    /// Now, cut to the second.
    pub created: UtcDateTime,
    /// The principal that registered it.
    pub by: &'a str,
    /// The nonce of the registration's client data, and its attestation object: what it can be verified with again.
    pub registration: Option<(&'a [u8; FIDO_NONCE_LEN], &'a [u8])>,
}

/// The registration that a record came from, as its member `reg` has it. Nobody has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRegistration {
    /// The nonce of the client data that were signed.
    pub nonce: [u8; FIDO_NONCE_LEN],
    /// The attestation object (WebAuthn Level 3 section 6.5.4).
    pub attestation_object: Vec<u8>,
}

impl CredentialRecord {
    /// Reads the value of a string attribute.
    ///
    /// # Errors
    /// [`Error::RecordTooLong`], [`Error::RecordNotObject`], [`Error::RecordMemberRepeated`],
    /// [`Error::UnsupportedRecordVersion`], [`Error::RecordMemberMissing`], [`Error::RecordMemberMalformed`],
    /// [`Error::RecordAlgorithmMismatch`], and those of [`PublicKey::parse`].
    pub fn parse(json: &str) -> Result<Self, Error> {
        if json.len() > RECORD_MAX {
            return Err(Error::RecordTooLong);
        }
        match json::parse(json) {
            Ok(Value::Object(members)) => Self::from_members(members),
            Ok(_) | Err(Refused::Malformed) => Err(Error::RecordNotObject),
            Err(Refused::Repeated) => Err(Error::RecordMemberRepeated),
        }
    }

    /// Makes the record of a new credential.
    ///
    /// # Errors
    /// [`Error::RecordMemberMalformed`] for what a record cannot hold.
    pub fn new(credential: &NewCredential<'_>) -> Result<Self, Error> {
        let created = timestamp::format(credential.created).ok_or(Error::RecordMemberMalformed("created"))?;
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("v", RECORD_VERSION.into());
        put("rp", credential.rp_id.into());
        put("id", encode_base64url(credential.id));
        put("pk", encode_base64url(&credential.public_key.encode()));
        put("alg", credential.public_key.algorithm().identifier().into());
        put("created", created.into());
        put("aaguid", credential.aaguid.to_string().into());
        put("fmt", credential.format.into());
        if !credential.transports.is_empty() {
            put("transports", credential.transports.into());
        }
        put("counter", credential.counter.into());
        put("by", credential.by.into());
        if let Some((nonce, attestation_object)) = credential.registration {
            let registration = [("nonce", nonce.as_slice()), ("att", attestation_object)];
            let members = registration.map(|(name, bytes)| (name.to_owned(), encode_base64url(bytes)));
            put("reg", Value::Object(members.into_iter().collect()));
        }
        Self::from_members(members)
    }

    /// Writes the value of a string attribute.
    ///
    /// # Errors
    /// [`Error::RecordTooLong`].
    pub fn encode(&self) -> Result<String, Error> {
        let json = Value::Object(self.members.clone()).to_string();
        if json.len() > RECORD_MAX {
            return Err(Error::RecordTooLong);
        }
        Ok(json)
    }

    fn from_members(members: Map<String, Value>) -> Result<Self, Error> {
        if required(&members, "v", Value::as_u64)? != RECORD_VERSION {
            return Err(Error::UnsupportedRecordVersion);
        }
        check_information(&members)?;
        let public_key = PublicKey::parse(&required(&members, "pk", parse_base64url)?)?;
        if required(&members, "alg", Value::as_i64)? != public_key.algorithm().identifier() {
            return Err(Error::RecordAlgorithmMismatch);
        }
        Ok(Self {
            rp_id: required(&members, "rp", parse_rp_id)?.to_owned(),
            id: required(&members, "id", parse_credential_id)?,
            public_key,
            created: required(&members, "created", parse_time)?,
            aaguid: optional(&members, "aaguid", |value| Aaguid::parse(value.as_str()?))?,
            uv: optional(&members, "uv", |value| {
                UserVerification::parse(value.as_str()?).ok()
            })?,
            counter: optional(&members, "counter", parse_counter)?.unwrap_or(0),
            not_after: optional(&members, "not_after", parse_time)?,
            disabled: optional(&members, "disabled", Value::as_bool)?.unwrap_or(false),
            disabled_at: optional(&members, "disabled_at", parse_time)?,
            invitation: optional(&members, "invite", |value| InvitationId::parse(value.as_str()?))?,
            members,
        })
    }

    /// Whether the credential may be used, and what it must do to verify its user.
    ///
    /// # Errors
    /// [`Error::CredentialDisabled`], [`Error::CredentialExpired`], [`Error::AlgorithmNotAllowed`] and
    /// [`Error::CannotVerifyUser`], the first that holds.
    pub fn check_usable(&self, required: &Requirements<'_>) -> Result<UserVerification, Error> {
        if self.disabled {
            return Err(Error::CredentialDisabled);
        }
        if self.not_after.is_some_and(|not_after| required.now > not_after) {
            return Err(Error::CredentialExpired);
        }
        if !required.algorithms.contains(&self.public_key.algorithm()) {
            return Err(Error::AlgorithmNotAllowed);
        }
        let uv = self.uv.unwrap_or(required.uv).max(required.uv);
        if uv == UserVerification::Required && self.format() == Some(FORMAT_FIDO_U2F) {
            return Err(Error::CannotVerifyUser);
        }
        Ok(uv)
    }

    /// Disables the credential, and says since when.
    pub fn disable(&mut self, now: UtcDateTime) {
        self.disabled = true;
        self.disabled_at = Some(now.truncate_to_second());
        self.members.insert("disabled".to_owned(), true.into());
        let since = timestamp::format(now).map(Value::from);
        self.members
            .insert("disabled_at".to_owned(), since.unwrap_or_default());
    }

    /// Enables the credential again.
    pub fn enable(&mut self) {
        self.disabled = false;
        self.disabled_at = None;
        for name in ["disabled", "disabled_at"] {
            self.members.shift_remove(name);
        }
    }

    /// Says that the record is made under an invitation, and proves its code if it has one.
    pub fn set_invitation(&mut self, id: InvitationId, proof: Option<&InvitationProof>) {
        self.members.insert("invite".to_owned(), id.to_string().into());
        self.invitation = Some(id);
        let Some(proof) = proof else {
            self.members.shift_remove("invite_proof");
            return;
        };
        let mut members = Map::new();
        members.insert("key".to_owned(), encode_base64url(&proof.key));
        members.insert("sig".to_owned(), encode_base64url(&proof.signature));
        self.members.insert("invite_proof".to_owned(), members.into());
    }

    /// The rpId or appId that was hashed at registration.
    pub fn rp_id(&self) -> &str {
        &self.rp_id
    }

    /// The credential id or key handle, 1 to 1023 bytes.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// When it was registered.
    pub const fn created(&self) -> UtcDateTime {
        self.created
    }

    /// The model of the authenticator.
    pub const fn aaguid(&self) -> Option<Aaguid> {
        self.aaguid
    }

    /// The attestation statement format.
    pub fn format(&self) -> Option<&str> {
        self.members.get("fmt")?.as_str()
    }

    /// The user verification that the record demands on top of the policy.
    pub const fn uv(&self) -> Option<UserVerification> {
        self.uv
    }

    /// The signature counter at enrolment.
    pub const fn counter(&self) -> u32 {
        self.counter
    }

    /// The last moment at which it may be used.
    pub const fn not_after(&self) -> Option<UtcDateTime> {
        self.not_after
    }

    /// Whether it was disabled.
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// Since when it is disabled, if that is said.
    pub const fn disabled_at(&self) -> Option<UtcDateTime> {
        self.disabled_at
    }

    /// The principal that registered it.
    pub fn by(&self) -> Option<&str> {
        self.members.get("by")?.as_str()
    }

    /// The invitation under which it was made.
    pub const fn invitation(&self) -> Option<InvitationId> {
        self.invitation
    }

    /// What proves the code of that invitation.
    pub fn invitation_proof(&self) -> Option<InvitationProof> {
        parse_proof(self.members.get("invite_proof")?)
    }

    /// The registration that it came from; none, too, where its nonce is not one of ours.
    pub fn registration(&self) -> Option<RecordedRegistration> {
        let registration = self.members.get("reg")?;
        Some(RecordedRegistration {
            nonce: parse_base64url(registration.get("nonce")?)?.try_into().ok()?,
            attestation_object: parse_base64url(registration.get("att")?)?,
        })
    }

    /// A member as it stands in the record.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The names of the members that nothing here knows.
    pub fn unknown_members(&self) -> impl Iterator<Item = &str> {
        let names = self.members.keys().map(String::as_str);
        names.filter(|name| !MEMBERS.contains(name))
    }
}

/// Checks the members that nothing here decides by.
fn check_information(members: &Map<String, Value>) -> Result<(), Error> {
    optional(members, "fmt", Value::as_str)?;
    optional(members, "by", Value::as_str)?;
    optional(members, "uv_enrolled", Value::as_bool)?;
    optional(members, "transports", |value| {
        value.as_array()?.iter().all(Value::is_string).then_some(())
    })?;
    optional(members, "invite_proof", parse_proof)?;
    optional(members, "reg", |value| {
        parse_base64url(value.get("nonce")?)?;
        parse_base64url(value.get("att")?)
    })?;
    Ok(())
}

fn parse_proof(value: &Value) -> Option<InvitationProof> {
    Some(InvitationProof {
        key: parse_base64url(value.get("key")?)?.try_into().ok()?,
        signature: parse_base64url(value.get("sig")?)?.try_into().ok()?,
    })
}

fn required<'a, T>(
    members: &'a Map<String, Value>,
    name: &'static str,
    parse: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Error> {
    optional(members, name, parse)?.ok_or(Error::RecordMemberMissing(name))
}

fn optional<'a, T>(
    members: &'a Map<String, Value>,
    name: &'static str,
    parse: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    members
        .get(name)
        .map(|value| parse(value).ok_or(Error::RecordMemberMalformed(name)))
        .transpose()
}

/// An rpId ends up in C strings, on terminals and in logs: no control characters.
fn parse_rp_id(value: &Value) -> Option<&str> {
    value
        .as_str()
        .filter(|rp_id| !rp_id.is_empty() && !rp_id.contains(char::is_control))
}

fn parse_credential_id(value: &Value) -> Option<Vec<u8>> {
    parse_base64url(value).filter(|id| (1..=CREDENTIAL_ID_MAX).contains(&id.len()))
}

fn parse_base64url(value: &Value) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(value.as_str()?).ok()
}

fn encode_base64url(bytes: &[u8]) -> Value {
    Base64UrlUnpadded::encode_string(bytes).into()
}

fn parse_time(value: &Value) -> Option<UtcDateTime> {
    timestamp::parse(value.as_str()?)
}

fn parse_counter(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

#[cfg(test)]
pub(super) mod tests;
