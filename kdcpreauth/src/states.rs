//! The stores of counters that this process has open, one for each directory.
//!
//! A store is opened when it is needed first: krb5kdc forks after it has loaded its modules. It is closed, to be looked through
//! and opened anew a little later, once something is wrong with it, and at once if another process has moved it aside.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use krb5_fido_state::{CredentialKey, Error, Opened, Store, Use};

use crate::log;

/// How long a store is left alone that could not be used: to open one means to read all of it.
const RESPITE: Duration = Duration::from_secs(1);

/// What became of each store.
#[derive(Default)]
pub(crate) struct States(Mutex<HashMap<PathBuf, State>>);

enum State {
    Open { process: u32, store: Store },
    Failed { since: Instant, cause: String },
}

impl States {
    /// Decides on a use of a credential by the store in `directory`. What `decide` makes of the last use is stored.
    ///
    /// # Errors
    /// A text for the log, of why the store cannot be used: nothing was decided. The inner error is that of `decide`.
    pub(crate) fn update<T, E>(
        &self,
        directory: &Path,
        credential: &CredentialKey,
        decide: impl Fn(Option<&Use>) -> Result<(Use, T), E>,
    ) -> Result<Result<T, E>, String> {
        let mut states = self.states();
        let directory = &canonical(directory);
        let store = take(&mut states, directory)?;
        let decided = store
            .and_then(|store| update(store, directory, credential, &decide))
            .map_err(|error| error.to_string());
        let (state, decision) = match decided {
            Ok((store, decision)) => {
                let process = process::id();
                (State::Open { process, store }, Ok(decision))
            }
            Err(cause) => {
                let since = Instant::now();
                let told = cause.clone();
                (State::Failed { since, cause }, Err(told))
            }
        };
        states.insert(directory.clone(), state);
        decision
    }

    /// A panic elsewhere while the map was locked has left it whole: a store that was taken out is closed.
    fn states(&self) -> MutexGuard<'_, HashMap<PathBuf, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store of a directory, opened if it is not; or the text of why it could not be used a moment ago.
fn take(states: &mut HashMap<PathBuf, State>, directory: &Path) -> Result<Result<Store, Error>, String> {
    match states.remove(directory) {
        Some(State::Open { process, store }) if process == process::id() && store.is_current() => {
            return Ok(Ok(store));
        }
        Some(State::Failed { since, cause }) if since.elapsed() < RESPITE => {
            let told = cause.clone();
            states.insert(directory.to_owned(), State::Failed { since, cause });
            return Err(told);
        }
        // Closed before it is opened again: LMDB has a file open once in a process.
        other => drop(other),
    }
    Ok(Store::open(directory).map(|(store, opened)| {
        if opened != Opened::Found {
            log::state_opened(directory, &opened);
        }
        store
    }))
}

fn update<T, E>(
    store: Store,
    directory: &Path,
    credential: &CredentialKey,
    decide: &impl Fn(Option<&Use>) -> Result<(Use, T), E>,
) -> Result<(Store, Result<T, E>), Error> {
    match store.update(credential, decide) {
        Err(Error::MalformedEntry { .. }) => {
            let (store, opened) = store.replace()?;
            log::state_opened(directory, &opened);
            let decision = store.update(credential, decide)?;
            Ok((store, decision))
        }
        decided => Ok((store, decided?)),
    }
}

/// One name for each directory, however it is spelt: realms may share one.
fn canonical(directory: &Path) -> PathBuf {
    let of_parent = || {
        let (parent, name) = directory.parent().zip(directory.file_name())?;
        Some(fs::canonicalize(parent).ok()?.join(name))
    };
    let found = fs::canonicalize(directory).ok().or_else(of_parent);
    found.unwrap_or_else(|| directory.to_owned())
}
