//! One principal's entry in the database, changed as a whole or not at all.

use std::{thread, time::Duration};

use krb5_fido_protocol::fido::policy::Enrolment;
use krb5_plugin::{
    Context, Failure, OwnedPrincipal,
    kadm5::{Database, Flags, Lock, Summary},
    kdb::StringAttribute,
};

use crate::Error;

/// Longer than a KDC or kadmind keeps an entry before it writes it back.
const SETTLING: Duration = Duration::from_millis(100);

/// An entry by its name.
pub(crate) struct Entry<'a> {
    database: &'a Database<'a>,
    handle: OwnedPrincipal<'a>,
    /// The name as given.
    name: String,
}

/// The part of an entry that is changed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The values of some string attributes, as far as they are there.
    pub(crate) values: Vec<Option<String>>,
    /// The flags.
    pub(crate) flags: Flags,
}

/// What is to be done to an entry.
pub(crate) struct Change {
    /// The string attributes.
    pub(crate) attributes: Vec<String>,
    /// How they and the flags are now.
    pub(crate) before: State,
    /// How they are to be.
    pub(crate) after: State,
    /// What this is called in messages.
    pub(crate) doing: &'static str,
}

impl Change {
    /// An entry without what the change has made of it. What others have written since stays.
    fn undone(&self, now: &State) -> State {
        let Self { before, after, .. } = self;
        let values = now.values.iter().zip(before.values.iter().zip(&after.values));
        State {
            values: values
                .map(|(now, (before, after))| if now == after { before } else { now })
                .cloned()
                .collect(),
            flags: if now.flags == after.flags {
                before.flags
            } else {
                now.flags
            },
        }
    }

    /// Everything is as it is to be.
    pub(crate) fn is_none(&self) -> bool {
        self.before == self.after
    }
}

/// Waits as long as somebody may take who read an entry before, to write it back.
pub(crate) fn settle() {
    thread::sleep(SETTLING);
}

impl<'a> Entry<'a> {
    /// Parses the name; whether there is such an entry, the first reading tells.
    pub(crate) fn parse(database: &'a Database<'a>, context: Context<'a>, name: &str) -> Result<Self, Error> {
        let handle = OwnedPrincipal::parse(context, name).map_err(|error| Error::MalformedPrincipal {
            principal: name.to_owned(),
            text: error.text(),
        })?;
        Ok(Self {
            database,
            handle,
            name: name.to_owned(),
        })
    }

    /// The name as given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it says besides its string attributes.
    pub(crate) fn summary(&self) -> Result<Summary, Error> {
        let summary = self.database.summary(&self.handle);
        summary.map_err(self.failed("reading the entry"))
    }

    /// What its string attributes say about keys.
    pub(crate) fn enrolment(&self) -> Result<Enrolment, Error> {
        let strings = self.database.strings(&self.handle);
        Ok(Enrolment::from_attributes(
            strings.map_err(self.failed("reading keys"))?,
        ))
    }

    /// Its string attributes, byte by byte.
    pub(crate) fn strings(&self) -> Result<Vec<StringAttribute>, Error> {
        let strings = self.database.strings(&self.handle);
        strings.map_err(self.failed("reading the entry"))
    }

    /// Some string attributes, and the flags.
    pub(crate) fn state(&self, attributes: &[String]) -> Result<State, Error> {
        self.read(attributes).map_err(self.failed("reading the entry"))
    }

    /// A change of some attributes to these values, and of the flags; to be made under the lock under which it was planned.
    pub(crate) fn plan(
        &self,
        doing: &'static str,
        attributes: Vec<String>,
        values: Vec<Option<String>>,
        flags: impl FnOnce(Flags) -> Flags,
    ) -> Result<Change, Error> {
        let before = self.state(&attributes)?;
        let flags = flags(before.flags);
        Ok(Change {
            attributes,
            before,
            after: State { values, flags },
            doing,
        })
    }

    /// Makes a change. An error may come half way: see [`Self::undo`].
    pub(crate) fn make(&self, _lock: &Lock<'_>, change: &Change) -> Result<(), Error> {
        self.set(&change.attributes, &change.before, &change.after)
            .map_err(self.failed(change.doing))
    }

    /// Whether a change is still there, the lock released: to be asked after a while, see [`settle`].
    ///
    /// A KDC reads the entry at the beginning of a login and writes it back at the end, with the time or the number of
    /// failures: whole, as it was before a change that was made in between. kadmind does so too. And DB2 does not say
    /// when it could not write to its file.
    pub(crate) fn keeps(&self, change: &Change) -> Result<bool, Error> {
        let Change { before, after, .. } = change;
        let now = self.state(&change.attributes)?;
        Ok(now.values == after.values && (before.flags == after.flags || now.flags == after.flags))
    }

    /// Takes a change back. The error is `cause`, and says so if that did not succeed.
    ///
    /// A call that failed may have written all the same: the update log comes after the database. The lock must be another
    /// than the one under which the change failed: under that, DB2 shows what it has in memory, not what is in the file.
    pub(crate) fn undo(&self, _lock: &Lock<'_>, change: &Change, cause: Error) -> Error {
        let attributes = &change.attributes;
        if let Ok(now) = self.read(attributes) {
            let undone = change.undone(&now);
            // To the end, whatever fails: what the update log cannot take is written all the same.
            for (attribute, value) in steps(attributes, &now, &undone) {
                let _ = self.database.set_string(&self.handle, attribute, value);
            }
            let _ = self.set_flags(&now, &undone);
        }
        if self.read(attributes).is_ok_and(|now| now == change.undone(&now)) {
            return cause;
        }
        Error::NotUndone {
            principal: self.name.clone(),
            cause: Box::new(cause),
        }
    }

    /// The error for a change that does not stay.
    pub(crate) fn not_stored(&self) -> Error {
        Error::NotStored {
            principal: self.name.clone(),
        }
    }

    fn read(&self, attributes: &[String]) -> Result<State, Failure> {
        let strings = self.database.strings(&self.handle)?;
        let find = |attribute: &String| {
            let found = strings.iter().find(|(name, _)| name == attribute.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        Ok(State {
            values: attributes.iter().map(find).collect(),
            flags: self.database.flags(&self.handle)?,
        })
    }

    fn set(&self, attributes: &[String], from: &State, to: &State) -> Result<(), Failure> {
        self.set_values(attributes, from, to)
            .and_then(|()| self.set_flags(from, to))
    }

    fn set_values(&self, attributes: &[String], from: &State, to: &State) -> Result<(), Failure> {
        let mut steps = steps(attributes, from, to);
        steps.try_for_each(|(attribute, value)| self.database.set_string(&self.handle, attribute, value))
    }

    fn set_flags(&self, from: &State, to: &State) -> Result<(), Failure> {
        if from.flags == to.flags {
            return Ok(());
        }
        self.database.set_flags(&self.handle, to.flags)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(Failure) -> Error {
        move |failure| Error::database(failure, &self.name, doing)
    }
}

/// What is to be set and what is to be removed, in this order: where nothing can be locked, a login in between must not find
/// a principal without its keys.
fn steps<'a>(
    attributes: &'a [String],
    from: &'a State,
    to: &'a State,
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    let values = from.values.iter().zip(&to.values);
    let (set, removed): (Vec<_>, Vec<_>) = attributes
        .iter()
        .zip(values)
        .filter(|(_, (from, to))| from != to)
        .map(|(attribute, (_, to))| (attribute.as_str(), to.as_deref()))
        .partition(|(_, value)| value.is_some());
    set.into_iter().chain(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(values: [Option<&str>; 2], requires_hwauth: bool) -> State {
        State {
            values: values.map(|value| value.map(str::to_owned)).to_vec(),
            flags: Flags {
                requires_preauth: true,
                requires_hwauth,
            },
        }
    }

    /// The attributes are the new label of a key and its old one.
    #[test]
    fn a_change_is_taken_back_as_far_as_it_was_made() {
        let before = state([None, Some("key")], false);
        let change = Change {
            attributes: vec!["fido:new".to_owned(), "fido:old".to_owned()],
            after: state([Some("key"), None], true),
            before: before.clone(),
            doing: "",
        };
        for made in [
            state([None, Some("key")], false),
            state([Some("key"), Some("key")], false),
            state([Some("key"), None], false),
            state([Some("key"), None], true),
        ] {
            assert!(change.undone(&made) == before);
        }
        let others = state([Some("another"), Some("third")], false);
        assert!(change.undone(&others) == others);
    }
}
