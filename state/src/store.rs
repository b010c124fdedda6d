//! The store itself.

use std::path::{Path, PathBuf};

use heed::{CommitOrAbort, Database, Env, MdbError, WithoutTls, types::Bytes};

use crate::{
    CredentialKey, Damage, Error, Use,
    damage::{Verdict, inspect},
    mapped,
    place::{self, Identity},
};

/// The key of the store's version: shorter than any credential's.
const FORMAT: &[u8] = b"format";

/// The version of the store as a whole.
const VERSION: &[u8] = &[1];

/// What was found where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A store.
    Found,
    /// Nothing: it was made.
    Created,
    /// A store that could not be used: it was moved aside, and an empty one made.
    Replaced {
        /// Where it is now.
        aside: PathBuf,
        /// What was wrong with it.
        damage: Damage,
    },
}

/// An open store. It belongs to the process that opened it.
pub struct Store {
    environment: Env<WithoutTls>,
    entries: Entries,
    directory: PathBuf,
    identity: Option<Identity>,
}

impl Store {
    /// Opens the store in `directory`, and makes both if they are not there; its parent must be.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Untrusted`], [`Error::OtherVersion`], [`Error::Lmdb`].
    pub fn open(directory: &Path) -> Result<(Self, Opened), Error> {
        place::prepare(directory)?;
        let _opening = place::lock(directory)?;
        Self::open_alone(directory)
    }

    /// Nobody else opens it meanwhile.
    fn open_alone(directory: &Path) -> Result<(Self, Opened), Error> {
        place::check(directory)?;
        let data = place::data_file(directory);
        let opened = match inspect(&data).map_err(Error::io(&data))? {
            Verdict::Fresh => Opened::Created,
            Verdict::Sound => Opened::Found,
            Verdict::OtherVersion => return Err(other_version(directory)),
            Verdict::Damaged(damage) => {
                let aside = place::move_aside(directory)?;
                Opened::Replaced { aside, damage }
            }
        };
        Ok((Self::map(directory)?, opened))
    }

    /// Moves this store aside, which has an entry that cannot be read, and makes an empty one; unless another process has done
    /// so already.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn replace(self) -> Result<(Self, Opened), Error> {
        let directory = self.directory.clone();
        let directory = directory.as_path();
        let _opening = place::lock(directory)?;
        let is_current = self.is_current();
        drop(self);
        if !is_current {
            return Self::open_alone(directory);
        }
        let aside = place::move_aside(directory)?;
        let damage = Damage::Entry;
        Ok((Self::map(directory)?, Opened::Replaced { aside, damage }))
    }

    /// Opens the store in `directory`, if there is one. Nothing is made or moved.
    ///
    /// # Errors
    /// Those of [`Store::open`]; [`Error::Missing`]; [`Error::MalformedEntry`] for a damaged one.
    pub fn open_existing(directory: &Path) -> Result<Self, Error> {
        let data = place::data_file(directory);
        if !data.exists() {
            if directory.exists() {
                place::check(directory)?;
            }
            return Err(Error::Missing {
                path: directory.to_owned(),
            });
        }
        place::check(directory)?;
        check_sound(directory, &data)?;
        Self::map(directory)
    }

    fn map(directory: &Path) -> Result<Self, Error> {
        let environment = mapped::open(directory).map_err(|error| explain(directory, error))?;
        let entries = open_entries(&environment).map_err(|error| explain(directory, error))?;
        let store = Self {
            environment,
            entries: entries.ok_or_else(|| other_version(directory))?,
            directory: directory.to_owned(),
            identity: Identity::of(directory),
        };
        // Left by processes that were killed while they read.
        store
            .environment
            .clear_stale_readers()
            .map_err(Error::lmdb(directory))?;
        Ok(store)
    }

    /// Whether the file that is open is still the one in the directory: it is not once another process has moved it aside.
    pub fn is_current(&self) -> bool {
        self.identity.is_some() && Identity::of(&self.directory) == self.identity
    }

    /// Decides on a use of a credential: what `decide` makes of the last one is stored, in one transaction that no other process
    /// gets in between. What it refuses changes nothing.
    ///
    /// # Errors
    /// [`Error::Lmdb`], [`Error::MalformedEntry`]: nothing was stored. The inner error is that of `decide`.
    pub fn update<T, E>(
        &self,
        credential: &CredentialKey,
        decide: impl FnOnce(Option<&Use>) -> Result<(Use, T), E>,
    ) -> Result<Result<T, E>, Error> {
        let lmdb = |error| Error::lmdb(&self.directory)(error);
        let mut transaction = self.environment.write_txn().map_err(lmdb)?;
        let last = match self.entries.get(&transaction, credential).map_err(lmdb)? {
            Some(entry) => Some(Use::parse(entry).ok_or_else(|| self.malformed())?),
            None => None,
        };
        let (next, decision) = match decide(last.as_ref()) {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(refused)),
        };
        self.entries
            .put(&mut transaction, credential, &next.encode())
            .map_err(lmdb)?;
        transaction.commit().map_err(lmdb)?;
        Ok(Ok(decision))
    }

    /// The last use of a credential.
    ///
    /// # Errors
    /// [`Error::Lmdb`], [`Error::MalformedEntry`].
    pub fn read(&self, credential: &CredentialKey) -> Result<Option<Use>, Error> {
        let lmdb = |error| Error::lmdb(&self.directory)(error);
        let transaction = self.environment.read_txn().map_err(lmdb)?;
        let entry = self.entries.get(&transaction, credential).map_err(lmdb)?;
        entry
            .map(|entry| Use::parse(entry).ok_or_else(|| self.malformed()))
            .transpose()
    }

    fn malformed(&self) -> Error {
        Error::MalformedEntry {
            path: self.directory.clone(),
        }
    }
}

/// Opens a store that no process writes, such as a copy of another KDC's: its directory, or its file alone.
///
/// # Errors
/// [`Error::Io`], [`Error::Missing`], [`Error::OtherVersion`], [`Error::MalformedEntry`] for a damaged one, [`Error::Lmdb`].
pub fn open_copy(path: &Path) -> Result<Store, Error> {
    let file = if path.is_dir() {
        place::data_file(path)
    } else {
        path.to_owned()
    };
    if !file.is_file() {
        return Err(Error::Missing { path: file });
    }
    check_sound(path, &file)?;
    let environment = mapped::open_copy(&file).map_err(|error| explain(path, error))?;
    let entries = find_entries(&environment).map_err(|error| explain(path, error))?;
    Ok(Store {
        environment,
        entries: entries.ok_or_else(|| other_version(path))?,
        directory: path.to_owned(),
        identity: None,
    })
}

fn check_sound(path: &Path, data: &Path) -> Result<(), Error> {
    match inspect(data).map_err(Error::io(data))? {
        Verdict::Sound => Ok(()),
        Verdict::OtherVersion => Err(other_version(path)),
        Verdict::Fresh => Err(Error::Missing {
            path: path.to_owned(),
        }),
        Verdict::Damaged(_) => Err(Error::MalformedEntry {
            path: path.to_owned(),
        }),
    }
}

type Entries = Database<'static, Bytes, Bytes>;

/// The entries, if they are of this version, or there are none yet.
fn open_entries(environment: &Env<WithoutTls>) -> heed::Result<Option<Entries>> {
    if let Some(entries) = find_entries(environment)? {
        return Ok(Some(entries));
    }
    let transaction = environment.write_txn()?;
    let made = environment.create_databases_and_commit(transaction, |opener, transaction| {
        let entries = opener.create_database::<Bytes, Bytes>(transaction, None)?;
        if entries.is_empty(transaction)? {
            entries.put(transaction, FORMAT, VERSION)?;
            return Ok(CommitOrAbort::Commit(entries));
        }
        // Made meanwhile, or by another version.
        Ok::<_, heed::Error>(match entries.get(transaction, FORMAT)? {
            Some(VERSION) => CommitOrAbort::Commit(entries),
            _ => CommitOrAbort::Abort(()),
        })
    })?;
    Ok(made.commit())
}

fn find_entries(environment: &Env<WithoutTls>) -> heed::Result<Option<Entries>> {
    let transaction = environment.read_txn()?;
    let found = environment.open_databases_and_commit(transaction, |opener, transaction| {
        let entries = opener.open_database::<Bytes, Bytes>(transaction, None)?;
        Ok::<_, heed::Error>(match entries {
            Some(entries) if entries.get(transaction, FORMAT)? == Some(VERSION) => {
                CommitOrAbort::Commit(entries)
            }
            _ => CommitOrAbort::Abort(()),
        })
    })?;
    Ok(found.commit())
}

fn other_version(path: &Path) -> Error {
    Error::OtherVersion {
        path: path.to_owned(),
    }
}

fn explain(path: &Path, error: heed::Error) -> Error {
    match error {
        heed::Error::Mdb(MdbError::VersionMismatch) => other_version(path),
        heed::Error::Io(source) => Error::io(path)(source),
        error => Error::lmdb(path)(error),
    }
}

#[cfg(test)]
mod tests;
