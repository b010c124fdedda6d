//! Keys and settings of principals, out of a document.

use std::collections::BTreeMap;

use krb5_fido_protocol::{
    fido::{
        policy::{Enrolment, Settings},
        record::CredentialRecord,
    },
    registry::ATTRIBUTE_PREFIX,
};
use krb5_plugin::kadm5::Flags;

use crate::{
    DocumentEntry, Error, Keys,
    admit::Gate,
    document::{Wanted, read_key},
    entry::{Change, Entry, State, settle},
    flags::closing_flags,
};

/// How many principals are changed before it is looked whether the changes have stayed.
const BATCH: usize = 64;

/// What a change is called in messages.
const DOING: &str = "importing the keys";

/// What may be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportMode {
    /// What differs is replaced, and not refused.
    pub replace: bool,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What importing has changed of a principal: names of string attributes.
#[derive(Debug, PartialEq, Eq)]
pub struct Imported {
    /// Those that were not there.
    pub added: Vec<String>,
    /// Those that were there as they are in the document.
    pub same: Vec<String>,
    /// Those that were there and had another value.
    pub replaced: Vec<String>,
    /// Those of keys that have another label in the document.
    pub removed: Vec<String>,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

impl Imported {
    /// Whether nothing has changed.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.replaced.is_empty() && self.removed.is_empty()
    }
}

impl Keys<'_> {
    /// Gives principals what a document says of them, each of them all or nothing, and sets the flags as [`Keys::add`] does
    /// where keys have changed. `is_done` is told of each that is done.
    ///
    /// # Errors
    /// [`Error::Configuration`], [`Error::ImpossibleValue`], [`Error::UnreadableRoots`]. What has failed for one principal stands in its place:
    /// [`Error::UnknownPrincipal`], [`Error::ForeignAttribute`], [`Error::MalformedAttribute`],
    /// [`Error::AttributeDiffers`], [`Error::RegisteredElsewhere`], [`Error::AlreadyRegistered`],
    /// [`Error::TooManyKeys`], [`Error::NotAttested`], [`Error::AttributesFull`], [`Error::UpdateLogFull`],
    /// [`Error::NotStored`], [`Error::Database`]. Nothing of it has
    /// changed then, except with [`Error::NotUndone`].
    pub fn import(
        &self,
        entries: &[DocumentEntry],
        mode: ImportMode,
        mut is_done: impl FnMut(),
    ) -> Result<Vec<Result<Imported, Error>>, Error> {
        let import = Import {
            keys: self,
            settings: self.settings()?,
            gate: Gate::of_registered(self)?,
            mode,
        };
        let mut results = Vec::with_capacity(entries.len());
        for batch in entries.chunks(BATCH) {
            let started: Vec<_> = batch.iter().map(|entry| import.start(entry)).collect();
            if started.iter().flatten().any(Started::is_to_stay) {
                settle();
            }
            for started in started {
                results.push(started.and_then(|started| import.finish(started)));
                is_done();
            }
        }
        Ok(results)
    }
}

/// An import that goes on.
struct Import<'a> {
    keys: &'a Keys<'a>,
    settings: Settings,
    gate: Gate,
    mode: ImportMode,
}

/// A principal whose change was made once.
struct Started<'a> {
    entry: Entry<'a>,
    wanted: Vec<Wanted>,
    imported: Imported,
    /// What is to stay; none in a dry run.
    change: Option<Change>,
}

impl Started<'_> {
    fn is_to_stay(&self) -> bool {
        self.change.as_ref().is_some_and(|change| !change.is_none())
    }
}

impl<'a> Import<'a> {
    fn start(&self, document: &DocumentEntry) -> Result<Started<'a>, Error> {
        let wanted = document.wanted()?;
        let entry = self.keys.entry(&document.principal)?;
        let (imported, change) = match self.mode.dry_run {
            true => (self.plan(&entry, &wanted)?.0, None),
            false => {
                let (imported, change) = self.make(&entry, &wanted)?;
                (imported, Some(change))
            }
        };
        Ok(Started {
            entry,
            wanted,
            imported,
            change,
        })
    }

    fn finish(&self, started: Started<'_>) -> Result<Imported, Error> {
        match &started.change {
            Some(change) if started.is_to_stay() && !started.entry.keeps(change)? => self
                .keys
                .persist(&started.entry, || self.make(&started.entry, &started.wanted)),
            _ => Ok(started.imported),
        }
    }

    fn make(&self, entry: &Entry<'_>, wanted: &[Wanted]) -> Result<(Imported, Change), Error> {
        let lock = self.keys.lock(entry, DOING)?;
        let (imported, change) = self.plan(entry, wanted)?;
        if !change.is_none() {
            self.keys.make(entry, lock, &change)?;
        }
        Ok((imported, change))
    }

    /// What is to be done, by the entry as it is now.
    fn plan(&self, entry: &Entry<'_>, wanted: &[Wanted]) -> Result<(Imported, Change), Error> {
        let summary = entry.summary()?;
        let principal = String::from_utf8_lossy(&summary.name).into_owned();
        let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let strings = entry.strings()?.into_iter();
        let now: BTreeMap<String, String> =
            strings.map(|(name, value)| (lossy(name), lossy(value))).collect();
        let compared = Compared::new(&principal, &now, wanted, self.mode.replace)?;

        let mut then = now.clone();
        for (attribute, value) in compared.changes() {
            match value {
                Some(value) => then.insert(attribute.to_owned(), value.to_owned()),
                None => then.remove(attribute),
            };
        }
        let enrolment = Enrolment::from_attributes(&then);
        compared.admit(&self.gate, &principal, &enrolment)?;
        let flags = match compared.changes_keys() {
            true => closing_flags(summary.flags, &enrolment, &self.settings),
            false => summary.flags,
        };
        let attributes: Vec<String> = compared.changes().map(|(name, _)| name.to_owned()).collect();
        let change = Change {
            before: State {
                values: attributes.iter().map(|name| now.get(name).cloned()).collect(),
                flags: summary.flags,
            },
            after: State {
                values: compared
                    .changes()
                    .map(|(_, value)| value.map(str::to_owned))
                    .collect(),
                flags,
            },
            attributes,
            doing: DOING,
        };
        Ok((compared.report(summary.flags, flags), change))
    }
}

/// What a document says of a principal, beside what the database does.
struct Compared<'a> {
    added: Vec<&'a Wanted>,
    same: Vec<&'a Wanted>,
    replaced: Vec<&'a Wanted>,
    /// Keys that have another label in the document.
    removed: Vec<&'a str>,
}

impl<'a> Compared<'a> {
    fn new(
        principal: &str,
        now: &'a BTreeMap<String, String>,
        wanted: &'a [Wanted],
        replace: bool,
    ) -> Result<Self, Error> {
        let mut compared = Self {
            added: Vec::new(),
            same: Vec::new(),
            replaced: Vec::new(),
            removed: Vec::new(),
        };
        for wanted in wanted {
            match now.get(&wanted.attribute) {
                None => compared.added.push(wanted),
                Some(value) if is_same(wanted, value) => compared.same.push(wanted),
                Some(_) if replace => compared.replaced.push(wanted),
                Some(_) => {
                    return Err(Error::AttributeDiffers {
                        principal: principal.to_owned(),
                        attribute: wanted.attribute.clone(),
                    });
                }
            }
        }
        let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted.attribute == name);
        for (name, value) in now.iter().filter(|(name, _)| !is_wanted(name)) {
            let Ok((label, record)) = read_key(name, value) else {
                continue;
            };
            let moved = compared.records().find(|(_, new)| new.id() == record.id());
            match moved.map(|(wanted, _)| wanted.attribute.clone()) {
                None => {}
                Some(_) if replace => compared.removed.push(name),
                Some(attribute) => {
                    return Err(Error::RegisteredElsewhere {
                        principal: principal.to_owned(),
                        attribute,
                        label: label.to_string(),
                    });
                }
            }
        }
        Ok(compared)
    }

    fn set(&self) -> impl Iterator<Item = &'a Wanted> {
        self.added.iter().chain(&self.replaced).copied()
    }

    /// The records that are stored anew.
    fn records(&self) -> impl Iterator<Item = (&'a Wanted, &'a CredentialRecord)> {
        self.set()
            .filter_map(|wanted| wanted.key.as_ref().map(|(_, record)| (wanted, record)))
    }

    fn changes(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let set = self
            .set()
            .map(|wanted| (wanted.attribute.as_str(), Some(wanted.value.as_str())));
        set.chain(self.removed.iter().map(|name| (*name, None)))
    }

    fn changes_keys(&self) -> bool {
        self.changes().any(|(name, _)| name.starts_with(ATTRIBUTE_PREFIX))
    }

    /// Asks whether the new records may be stored, by what there will be.
    fn admit(&self, gate: &Gate, principal: &str, enrolment: &Enrolment) -> Result<(), Error> {
        let garbled = enrolment.garbled().len();
        for (label, record) in self.set().filter_map(|wanted| wanted.key.as_ref()) {
            let others = enrolment.credentials().iter();
            gate.admit(
                principal,
                record,
                others.filter(|(other, _)| other != label),
                garbled,
            )?;
        }
        Ok(())
    }

    fn report(&self, flags_before: Flags, flags_after: Flags) -> Imported {
        let names = |wanted: &[&Wanted]| wanted.iter().map(|wanted| wanted.attribute.clone()).collect();
        Imported {
            added: names(&self.added),
            same: names(&self.same),
            replaced: names(&self.replaced),
            removed: self.removed.iter().map(|name| (*name).to_owned()).collect(),
            flags_before,
            flags_after,
        }
    }
}

/// Whether a value says the same. Of records the members count, not how they are written.
fn is_same(wanted: &Wanted, value: &str) -> bool {
    match &wanted.key {
        Some((_, record)) => CredentialRecord::parse(value).is_ok_and(|now| now == *record),
        None => wanted.value == value,
    }
}
