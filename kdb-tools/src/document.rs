//! The document that keys are exported into and imported from: see docs/formats.md.

use std::collections::HashSet;

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        factor::UserVerification,
        json::has_repeated_members,
        label::Label,
        policy::{Policy, parse_indicators},
        record::CredentialRecord,
    },
    registry::{ATTRIBUTE_INDICATOR, ATTRIBUTE_POLICY, ATTRIBUTE_PREFIX, ATTRIBUTE_USER_VERIFICATION},
};
use serde_json::{Map, Value, json};

use crate::Error;

/// The version that is written and read.
const VERSION: u64 = 1;

/// Why a text is no export document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentFault {
    /// It is no JSON.
    #[error("{0}")]
    NotJson(#[from] serde_json::Error),
    /// Which of two members holds, nobody can tell.
    #[error("an object in it has two members of one name")]
    MemberRepeated,
    /// A part is of another type.
    #[error("{0} is not an object")]
    NotObject(String),
    /// A member is missing or has another type.
    #[error("{0} has no {1}, or a malformed one")]
    Member(String, &'static str),
    /// A member that version 1 does not have.
    #[error("{0} has a member {1:?}, which version {VERSION} does not know")]
    UnknownMember(String, String),
    /// Another version.
    #[error("it is of another version than {VERSION}")]
    UnsupportedVersion,
    /// Two entries of one principal, or two values of one attribute.
    #[error("{0} is there twice")]
    Repeated(String),
}

/// Keys and settings of principals.
#[derive(Debug, PartialEq)]
pub struct Document {
    /// The realm that they are of.
    pub realm: String,
    /// When they were exported, RFC 3339.
    pub exported: String,
    /// The principals.
    pub principals: Vec<DocumentEntry>,
}

/// Keys and settings of a principal.
#[derive(Debug, PartialEq)]
pub struct DocumentEntry {
    /// Its name.
    pub principal: String,
    /// Records as objects, settings as strings.
    attributes: Map<String, Value>,
    /// Attributes of records that cannot be read.
    garbled: Map<String, Value>,
}

/// A string attribute that a principal is to have.
pub(crate) struct Wanted {
    pub(crate) attribute: String,
    pub(crate) value: String,
    /// Its record, if the attribute is a key that can be read.
    pub(crate) key: Option<(Label, CredentialRecord)>,
}

impl Document {
    /// Reads a document whose records are not looked at yet.
    ///
    /// # Errors
    /// The first that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, DocumentFault> {
        let value: Value = serde_json::from_str(text)?;
        if has_repeated_members(text, &value) {
            return Err(DocumentFault::MemberRepeated);
        }
        let what = "the document";
        let mut members = take_object(value, what)?;
        if members.shift_remove("v").and_then(|version| version.as_u64()) != Some(VERSION) {
            return Err(DocumentFault::UnsupportedVersion);
        }
        let realm = take_text(&mut members, what, "realm")?;
        let exported = take_text(&mut members, what, "exported")?;
        let Some(Value::Array(entries)) = members.shift_remove("principals") else {
            return Err(DocumentFault::Member(what.to_owned(), "principals"));
        };
        refuse_others(&members, what)?;
        let entries = entries.into_iter().enumerate();
        let entries = entries.map(|(place, entry)| DocumentEntry::read(entry, place));
        let principals: Vec<DocumentEntry> = entries.collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        match principals.iter().find(|entry| !names.insert(&entry.principal)) {
            Some(entry) => Err(DocumentFault::Repeated(format!("{:?}", entry.principal))),
            None => Ok(Self {
                realm,
                exported,
                principals,
            }),
        }
    }

    /// Writes a document: a line for each principal.
    pub fn encode(&self) -> String {
        let head = json!({"v": VERSION, "realm": self.realm, "exported": self.exported}).to_string();
        let head = head.strip_suffix('}').unwrap_or_default();
        let entries: Vec<String> = self.principals.iter().map(DocumentEntry::encode).collect();
        format!("{head},\"principals\":[\n{}\n]}}\n", entries.join(",\n"))
    }

    /// Makes it one of the same principals in another realm.
    pub fn move_to(&mut self, realm: &str) {
        let suffix = format!("@{}", self.realm);
        for entry in &mut self.principals {
            if let Some(name) = entry.principal.strip_suffix(&suffix) {
                entry.principal = format!("{name}@{realm}");
            }
        }
        self.realm = realm.to_owned();
    }
}

impl DocumentEntry {
    /// What belongs into a document of a principal's string attributes. Bytes that are not UTF-8 are replaced.
    pub(crate) fn of_strings<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        principal: String,
        strings: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut entry = Self {
            principal,
            attributes: Map::new(),
            garbled: Map::new(),
        };
        for (name, value) in strings {
            let name = String::from_utf8_lossy(name.as_ref()).into_owned();
            let value = String::from_utf8_lossy(value.as_ref()).into_owned();
            let is_setting = check_setting(&name, &value).is_some();
            if is_setting {
                entry.attributes.insert(name, value.into());
            } else if name.starts_with(ATTRIBUTE_PREFIX) {
                match read_key(&name, &value)
                    .ok()
                    .and_then(|_| serde_json::from_str(&value).ok())
                {
                    Some(record) => entry.attributes.insert(name, record),
                    None => entry.garbled.insert(name, value.into()),
                };
            }
        }
        entry
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.garbled.is_empty()
    }

    fn read(value: Value, place: usize) -> Result<Self, DocumentFault> {
        let what = format!("principal {}", place.saturating_add(1));
        let mut members = take_object(value, &what)?;
        let principal = take_text(&mut members, &what, "principal")?;
        let what = format!("{principal:?}");
        let Some(Value::Object(attributes)) = members.shift_remove("attributes") else {
            return Err(DocumentFault::Member(what, "attributes"));
        };
        let garbled = match members.shift_remove("garbled") {
            None => Map::new(),
            Some(Value::Object(garbled)) => garbled,
            Some(_) => return Err(DocumentFault::Member(what, "garbled")),
        };
        refuse_others(&members, &what)?;
        match garbled.keys().find(|name| attributes.contains_key(*name)) {
            Some(name) => Err(DocumentFault::Repeated(format!("{name:?} of {what}"))),
            None => Ok(Self {
                principal,
                attributes,
                garbled,
            }),
        }
    }

    fn encode(&self) -> String {
        let mut members = Map::new();
        members.insert("principal".to_owned(), json!(self.principal));
        members.insert("attributes".to_owned(), json!(self.attributes));
        if !self.garbled.is_empty() {
            members.insert("garbled".to_owned(), json!(self.garbled));
        }
        Value::Object(members).to_string()
    }

    /// The string attributes that it asks for.
    ///
    /// # Errors
    /// [`Error::ForeignAttribute`], [`Error::MalformedAttribute`].
    pub(crate) fn wanted(&self) -> Result<Vec<Wanted>, Error> {
        let attributes = self.attributes.iter().map(|(name, value)| match value {
            Value::String(text) => wanted_setting(name, text),
            record => wanted_record(name, record),
        });
        let garbled = self
            .garbled
            .iter()
            .map(|(name, value)| wanted_garbled(name, value));
        attributes.chain(garbled).collect()
    }
}

fn wanted_setting(name: &str, text: &str) -> Result<Wanted, Error> {
    let checked = check_setting(name, text).ok_or_else(|| foreign(name))?;
    checked.map_err(|cause| malformed(name, cause))?;
    Ok(Wanted {
        attribute: name.to_owned(),
        value: text.to_owned(),
        key: None,
    })
}

fn wanted_record(name: &str, record: &Value) -> Result<Wanted, Error> {
    if !name.starts_with(ATTRIBUTE_PREFIX) {
        return Err(foreign(name));
    }
    let value = record.to_string();
    let key = read_key(name, &value).map_err(|cause| malformed(name, cause))?;
    Ok(Wanted {
        attribute: name.to_owned(),
        value,
        key: Some(key),
    })
}

/// What could not be read where it was exported may well be read here.
fn wanted_garbled(name: &str, value: &Value) -> Result<Wanted, Error> {
    let text = value.as_str().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| malformed(name, Cause::RecordNotObject))?;
    if !name.starts_with(ATTRIBUTE_PREFIX) || name.contains('\0') {
        return Err(foreign(name));
    }
    Ok(Wanted {
        attribute: name.to_owned(),
        value: text.to_owned(),
        key: read_key(name, text).ok(),
    })
}

fn foreign(attribute: &str) -> Error {
    Error::ForeignAttribute {
        attribute: attribute.to_owned(),
    }
}

fn malformed(attribute: &str, cause: Cause) -> Error {
    Error::MalformedAttribute {
        attribute: attribute.to_owned(),
        cause,
    }
}

/// Whether a value is one that a setting may have; none if the attribute is no setting.
fn check_setting(name: &str, value: &str) -> Option<Result<(), Cause>> {
    match name {
        ATTRIBUTE_POLICY => Some(Policy::parse(value).map(drop)),
        ATTRIBUTE_USER_VERIFICATION => Some(UserVerification::parse(value).map(drop)),
        ATTRIBUTE_INDICATOR => Some(parse_indicators(value).map(drop)),
        _ => None,
    }
}

pub(crate) fn read_key(name: &str, value: &str) -> Result<(Label, CredentialRecord), Cause> {
    Ok((
        Label::parse_attribute_name(name)?,
        CredentialRecord::parse(value)?,
    ))
}

fn take_object(value: Value, what: &str) -> Result<Map<String, Value>, DocumentFault> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(DocumentFault::NotObject(what.to_owned())),
    }
}

fn take_text(
    members: &mut Map<String, Value>,
    what: &str,
    name: &'static str,
) -> Result<String, DocumentFault> {
    match members.shift_remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(DocumentFault::Member(what.to_owned(), name)),
    }
}

fn refuse_others(members: &Map<String, Value>, what: &str) -> Result<(), DocumentFault> {
    match members.keys().next() {
        Some(name) => Err(DocumentFault::UnknownMember(what.to_owned(), name.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
