//! Another label for a key.

use krb5_fido_protocol::registry::ATTRIBUTE_PREFIX;

use crate::{
    Error, Keys, Listed,
    entry::{Change, Entry},
};

/// What renaming a key has changed.
pub struct Renamed {
    /// The principal's name in the database.
    pub principal: String,
    /// It has not had this label before.
    pub is_changed: bool,
}

impl Keys<'_> {
    /// Gives a key another label, readable or not; its record stays as it is, byte by byte.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NoSuchLabel`], [`Error::MalformedLabel`], [`Error::LabelTaken`],
    /// [`Error::NotText`], [`Error::AttributesFull`], since the record is there twice for a moment,
    /// [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed then, except with
    /// [`Error::NotUndone`].
    pub fn rename(&self, principal: &str, old: &str, new: &str) -> Result<Renamed, Error> {
        let entry = self.entry(principal)?;
        self.persist(&entry, || self.rename_once(&entry, old, new))
    }

    fn rename_once(&self, entry: &Entry<'_>, old: &str, new: &str) -> Result<(Renamed, Change), Error> {
        let doing = "renaming a key";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let attribute = format!("{ATTRIBUTE_PREFIX}{old}");
        if !listed.has_attribute(&attribute) {
            return Err(listed.no_such_label(old));
        }
        let is_changed = old != new;
        let (attributes, values) = match is_changed {
            true => {
                let label = Self::choose_label(&listed, Some(new))?;
                let value = read_text(entry, &listed, &attribute)?;
                (vec![label.attribute_name(), attribute], vec![Some(value), None])
            }
            false => (Vec::new(), Vec::new()),
        };
        let change = entry.plan(doing, attributes, values, |flags| flags)?;
        self.make(entry, lock, &change)?;
        let renamed = Renamed {
            principal: listed.principal,
            is_changed,
        };
        Ok((renamed, change))
    }
}

/// The value of an attribute that can be written again as it is.
fn read_text(entry: &Entry<'_>, listed: &Listed, attribute: &str) -> Result<String, Error> {
    let mut strings = entry.strings()?.into_iter();
    let value = strings.find(|(name, _)| name == attribute.as_bytes());
    let value = value.and_then(|(_, value)| String::from_utf8(value).ok());
    value.ok_or_else(|| Error::NotText {
        principal: listed.principal.clone(),
        attribute: attribute.to_owned(),
    })
}
