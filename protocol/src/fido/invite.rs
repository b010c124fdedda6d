//! Invitations: for how long a principal may register a key with its password alone.
//!
//! One JSON object in the string attribute `fido_invite`, binary in unpadded base64url. Required: `v` 1; `id`, 16 bytes;
//! `until` RFC 3339. Optional: `created` RFC 3339, `by` principal, `code`, the SHA-256 of the public key that stands for a code
//! (see [`code`]). Unknown members are kept on rewrite.
//!
//! An invitation is worth one key: a record that was made under it bears its id, and an id that a record bears is spent.

#[cfg(feature = "verify")]
pub mod code;

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use time::UtcDateTime;

use super::{json, timestamp};
use crate::{
    Error,
    registry::{INVITATION_ID_LEN, INVITATION_VERSION},
};

/// The name of an invitation: random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationId(pub [u8; INVITATION_ID_LEN]);

impl InvitationId {
    /// Reads 22 characters of base64url; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

/// What proves the code of an invitation for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationProof {
    /// The Ed25519 public key that stands for the code.
    pub key: [u8; 32],
    /// Its signature.
    pub signature: [u8; 64],
}

/// An invitation.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    members: Map<String, Value>,
    id: InvitationId,
    until: UtcDateTime,
    code: Option<[u8; 32]>,
}

/// What a new invitation is made of. Times are cut to the second.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    /// Its name.
    pub id: InvitationId,
    /// Now.
    pub created: UtcDateTime,
    /// The last moment at which it is open.
    pub until: UtcDateTime,
    /// Who invites.
    pub by: &'a str,
    /// What stands for its code, if it has one.
    pub code: Option<[u8; 32]>,
}

impl Invitation {
    /// Reads the value of a string attribute.
    ///
    /// # Errors
    /// [`Error::MalformedInvitation`].
    pub fn parse(json: &str) -> Result<Self, Error> {
        match json::parse(json) {
            Ok(Value::Object(members)) => Self::from_members(members).ok_or(Error::MalformedInvitation),
            Ok(_) | Err(_) => Err(Error::MalformedInvitation),
        }
    }

    /// Makes a new one.
    ///
    /// # Errors
    /// [`Error::MalformedInvitation`] for a time that RFC 3339 cannot write.
    pub fn new(new: &NewInvitation<'_>) -> Result<Self, Error> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("v", INVITATION_VERSION.into());
        put("id", new.id.to_string().into());
        put("created", encode_time(new.created)?);
        put("until", encode_time(new.until)?);
        put("by", new.by.into());
        if let Some(code) = new.code {
            put("code", Base64UrlUnpadded::encode_string(&code).into());
        }
        Self::from_members(members).ok_or(Error::MalformedInvitation)
    }

    /// Writes the value of a string attribute.
    pub fn encode(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }

    fn from_members(members: Map<String, Value>) -> Option<Self> {
        let text = |name| members.get(name).map(Value::as_str);
        if members.get("v")?.as_u64()? != INVITATION_VERSION {
            return None;
        }
        let id = InvitationId::parse(text("id")??)?;
        let until = timestamp::parse(text("until")??)?;
        let code = match text("code") {
            None => None,
            Some(code) => Some(Base64UrlUnpadded::decode_vec(code?).ok()?.try_into().ok()?),
        };
        for information in ["by", "created"] {
            if let Some(value) = text(information) {
                value?;
            }
        }
        Some(Self {
            id,
            until,
            code,
            members,
        })
    }

    /// Ends it: from now on it is not open, and still tells when it was.
    ///
    /// # Errors
    /// [`Error::MalformedInvitation`] for a time that RFC 3339 cannot write.
    pub fn close(&mut self, now: UtcDateTime) -> Result<(), Error> {
        let until = self.until.min(now).truncate_to_second();
        self.members.insert("until".to_owned(), encode_time(until)?);
        self.until = until;
        Ok(())
    }

    /// Its name.
    pub const fn id(&self) -> InvitationId {
        self.id
    }

    /// The last moment at which it is open.
    pub const fn until(&self) -> UtcDateTime {
        self.until
    }

    /// SHA-256 of the public key that stands for its code, if it has one.
    pub const fn code(&self) -> Option<&[u8; 32]> {
        self.code.as_ref()
    }

    /// Who invited.
    pub fn by(&self) -> Option<&str> {
        self.members.get("by")?.as_str()
    }
}

fn encode_time(time: UtcDateTime) -> Result<Value, Error> {
    timestamp::format(time)
        .map(Value::from)
        .ok_or(Error::MalformedInvitation)
}

#[cfg(test)]
pub(super) mod tests;
