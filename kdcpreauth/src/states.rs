//! The stores of counters that this process has open, one for each `fido_state_dir`.
//!
//! A store is opened when it is needed first: krb5kdc forks after it has loaded its modules. It is closed, to be looked through
//! and opened anew by the next login, once something is wrong with it, or once another process has moved it aside.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
};

use krb5_fido_state::{CredentialKey, Error, Opened, Store, Use};

use crate::log;

/// Open stores by directory, each with the process that has opened it.
#[derive(Default)]
pub(crate) struct States(Mutex<HashMap<PathBuf, (u32, Store)>>);

impl States {
    /// Decides on a use of a credential by the store in `directory`. What `decide` makes of the last use is stored.
    ///
    /// # Errors
    /// The store cannot be used: nothing was decided. The inner error is that of `decide`.
    pub(crate) fn update<T, E>(
        &self,
        directory: &Path,
        credential: &CredentialKey,
        decide: impl Fn(Option<&Use>) -> Result<(Use, T), E>,
    ) -> Result<Result<T, E>, Error> {
        let mut stores = self.stores();
        match find(&mut stores, directory)?.update(credential, &decide) {
            Ok(decision) => Ok(decision),
            Err(Error::MalformedEntry { .. }) => {
                stores.remove(directory);
                let (store, opened) = Store::replace(directory)?;
                log::state_opened(directory, &opened);
                let (_, store) = stores
                    .entry(directory.to_owned())
                    .insert_entry((process::id(), store))
                    .into_mut();
                store.update(credential, &decide)
            }
            Err(error) => {
                stores.remove(directory);
                Err(error)
            }
        }
    }

    /// A panic elsewhere while the map was locked has left it whole: each use is one insertion or removal.
    fn stores(&self) -> MutexGuard<'_, HashMap<PathBuf, (u32, Store)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open store of a directory.
fn find<'a>(stores: &'a mut HashMap<PathBuf, (u32, Store)>, directory: &Path) -> Result<&'a Store, Error> {
    let is_usable = |(process, store): &(u32, Store)| *process == process::id() && store.is_current();
    if !stores.get(directory).is_some_and(is_usable) {
        // Closed before it is opened again: LMDB has a file open once in a process.
        stores.remove(directory);
    }
    match stores.entry(directory.to_owned()) {
        Entry::Occupied(open) => Ok(&open.into_mut().1),
        Entry::Vacant(place) => {
            let (store, opened) = Store::open(directory)?;
            if opened != Opened::Found {
                log::state_opened(directory, &opened);
            }
            Ok(&place.insert((process::id(), store)).1)
        }
    }
}
