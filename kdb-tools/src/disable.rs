//! Keys that are kept and not accepted.

use krb5_fido_protocol::{fido::record::CredentialRecord, registry::ATTRIBUTE_PREFIX};
use time::UtcDateTime;

use crate::{
    Error, Keys, Listed,
    entry::{Change, Entry},
    store::encode,
};

/// Which keys of a principal are meant.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// The one with this label.
    Labelled(&'a str),
    /// All whose records can be read.
    All,
}

/// What disabling or enabling keys has changed.
pub struct Switched {
    /// The principal's name in the database.
    pub principal: String,
    /// The labels of those that have changed.
    pub changed: Vec<String>,
    /// The labels of those that were so already.
    pub unchanged: Vec<String>,
    /// The attributes that cannot be read, if all were meant: nobody logs in with them.
    pub garbled: Vec<String>,
}

impl Keys<'_> {
    /// Disables keys of a principal, or enables them again, all that are meant or none; their records keep every other
    /// member.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NoSuchLabel`], [`Error::NoKeys`], [`Error::UnreadableRecord`],
    /// [`Error::AttributesFull`], [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed
    /// then, except with [`Error::NotUndone`].
    pub fn switch(&self, principal: &str, which: Which<'_>, disabled: bool) -> Result<Switched, Error> {
        let entry = self.entry(principal)?;
        self.persist(&entry, || self.switch_once(&entry, which, disabled))
    }

    fn switch_once(
        &self,
        entry: &Entry<'_>,
        which: Which<'_>,
        disabled: bool,
    ) -> Result<(Switched, Change), Error> {
        let doing = match disabled {
            true => "disabling a key",
            false => "enabling a key",
        };
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        check_there(&listed, which)?;
        let meant = listed
            .enrolment
            .credentials()
            .iter()
            .filter(|(label, _)| match which {
                Which::Labelled(wanted) => label.to_string() == wanted,
                Which::All => true,
            });
        let (unchanged, changing): (Vec<_>, Vec<_>) =
            meant.partition(|(_, record)| record.is_disabled() == disabled);

        let attributes: Vec<String> = changing.iter().map(|(label, _)| label.attribute_name()).collect();
        let values = changing
            .iter()
            .map(|(_, record)| switched(record, disabled, entry).map(Some));
        let values = values.collect::<Result<_, _>>()?;
        let change = entry.plan(doing, attributes, values, |flags| flags)?;
        self.make(entry, lock, &change)?;
        let switched = Switched {
            changed: changing.iter().map(|(label, _)| label.to_string()).collect(),
            unchanged: unchanged.iter().map(|(label, _)| label.to_string()).collect(),
            garbled: match which {
                Which::Labelled(_) => Vec::new(),
                Which::All => garbled(&listed),
            },
            principal: listed.principal,
        };
        Ok((switched, change))
    }
}

/// That the keys which are meant are there, and can be read if one is named.
fn check_there(listed: &Listed, which: Which<'_>) -> Result<(), Error> {
    let principal = || listed.principal.clone();
    let Which::Labelled(label) = which else {
        return match listed.enrolment.is_enrolled() {
            true => Ok(()),
            false => Err(Error::NoKeys {
                principal: principal(),
            }),
        };
    };
    let attribute = format!("{ATTRIBUTE_PREFIX}{label}");
    match listed.fault_of(&attribute) {
        Some(cause) => Err(Error::UnreadableRecord {
            principal: principal(),
            label: label.to_owned(),
            cause,
        }),
        None if listed.has_attribute(&attribute) => Ok(()),
        None => Err(listed.no_such_label(label)),
    }
}

/// The value of the attribute of a record that is disabled, or not.
fn switched(record: &CredentialRecord, disabled: bool, entry: &Entry<'_>) -> Result<String, Error> {
    let mut record = record.clone();
    match disabled {
        true => record.disable(UtcDateTime::now()),
        false => record.enable(),
    }
    encode(&record, entry)
}

fn garbled(listed: &Listed) -> Vec<String> {
    let garbled = listed.enrolment.garbled().iter();
    garbled
        .map(|garbled| garbled.attribute.escape_ascii().to_string())
        .collect()
}
