//! A principal as the database has it.

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        label::Label,
        policy::{Enrolment, Settings, Subject, without_realm},
    },
};
use krb5_plugin::kadm5::Flags;
use time::UtcDateTime;

use crate::{Error, entry::Entry, flags};

/// The keys of one principal, and what else decides about it.
pub struct Listed {
    /// The principal's name in the database.
    pub principal: String,
    /// Its records, readable or not, and its settings.
    pub enrolment: Enrolment,
    /// Its flags.
    pub flags: Flags,
    /// Not -allow_tix.
    pub allows_tickets: bool,
    /// The name as krb5 writes it, which need not be UTF-8.
    name: Vec<u8>,
}

impl Listed {
    pub(crate) fn read(entry: &Entry<'_>) -> Result<Self, Error> {
        let summary = entry.summary()?;
        Ok(Self {
            principal: String::from_utf8_lossy(&summary.name).into_owned(),
            enrolment: entry.enrolment()?,
            flags: summary.flags,
            allows_tickets: summary.allows_tickets,
            name: summary.name,
        })
    }

    /// What the KDC decides about when it asks for a ticket.
    pub fn subject<'a>(&'a self, settings: &'a Settings, for_kadmin: bool, now: UtcDateTime) -> Subject<'a> {
        Subject {
            settings,
            enrolment: &self.enrolment,
            name: without_realm(&self.name),
            for_kadmin,
            requires_hwauth: self.flags.requires_hwauth,
            now,
        }
    }

    /// Whether the policy lets it log in without a key. A setting that cannot be read closes the password.
    pub fn is_permissive(&self, settings: &Settings) -> bool {
        flags::is_permissive(&self.enrolment, settings)
    }

    /// How many keys there are, readable or not.
    pub fn count(&self) -> usize {
        self.enrolment.credentials().len() + self.enrolment.garbled().len()
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        let readable = self
            .enrolment
            .credentials()
            .iter()
            .map(|(label, _)| label.clone());
        let garbled = self.enrolment.garbled().iter().filter_map(|garbled| {
            Label::parse_attribute_name(std::str::from_utf8(&garbled.attribute).ok()?).ok()
        });
        readable.chain(garbled).collect()
    }

    pub(crate) fn has_attribute(&self, attribute: &str) -> bool {
        let readable = self.enrolment.credentials().iter();
        readable
            .map(|(label, _)| label.attribute_name())
            .any(|name| name == attribute)
            || self
                .enrolment
                .garbled()
                .iter()
                .any(|garbled| garbled.attribute == attribute.as_bytes())
    }

    /// The error for a label that no key has.
    pub fn no_such_label(&self, label: &str) -> Error {
        Error::NoSuchLabel {
            principal: self.principal.clone(),
            label: label.to_owned(),
        }
    }

    /// What is wrong with a record that cannot be read.
    pub(crate) fn fault_of(&self, attribute: &str) -> Option<Cause> {
        let mut garbled = self.enrolment.garbled().iter();
        garbled
            .find(|garbled| garbled.attribute == attribute.as_bytes())
            .map(|garbled| garbled.error)
    }
}
