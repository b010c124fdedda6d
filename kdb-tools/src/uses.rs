//! When credentials were used last, as the stores of KDCs have it: of this one, and copies of others.

use std::path::{Path, PathBuf};

use krb5_fido_protocol::fido::record::CredentialRecord;
use krb5_fido_state::{CredentialKey, Store, Use, credential_key, open_copy};

use crate::Error;

/// How this KDC's own store is called among others.
pub const OWN_STORE: &str = "local";

/// How often a store is looked at that seems damaged: somebody may write while it is read.
const ATTEMPTS: u32 = 5;

/// The store of one KDC.
struct KdcStore {
    /// The name of the KDC.
    name: String,
    store: Store,
}

/// A copy of the store of another KDC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreCopy {
    /// The name of the KDC.
    pub name: String,
    /// A directory, or its data.mdb.
    pub path: PathBuf,
}

impl StoreCopy {
    /// Reads `NAME=PATH`, or a path, which is the name then.
    pub fn parse(text: &str) -> Self {
        let named = text.split_once('=').filter(|(name, _)| !name.contains('/'));
        let (name, path) = named.unwrap_or((text, text));
        Self {
            name: name.to_owned(),
            path: path.into(),
        }
    }
}

/// The stores that are asked.
pub struct Stores(Vec<KdcStore>);

/// What all stores say of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage<'a> {
    /// The newest use.
    pub last: Use,
    /// The KDC that saw it.
    pub last_kdc: &'a str,
    /// The highest counter.
    pub counter: u32,
    /// The KDC that saw that.
    pub counter_kdc: &'a str,
}

impl Stores {
    /// Opens this KDC's own store, if there is one, and copies of others.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn open(own: &Path, copies: &[StoreCopy]) -> Result<Self, Error> {
        let own = open_own(own)?.map(|store| KdcStore {
            name: OWN_STORE.to_owned(),
            store,
        });
        let open = |copy: &StoreCopy| {
            Ok(KdcStore {
                name: copy.name.clone(),
                store: open_copy(&copy.path)?,
            })
        };
        let copies = copies.iter().map(open).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self(own.into_iter().chain(copies).collect()))
    }

    /// The names of the KDCs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|kdc| kdc.name.as_str())
    }

    /// What they say of a credential; none if it was never used.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn find(&self, record: &CredentialRecord) -> Result<Option<Usage<'_>>, Error> {
        self.find_key(&credential_key(record.id(), &record.public_key().encode()))
    }

    fn find_key(&self, key: &CredentialKey) -> Result<Option<Usage<'_>>, Error> {
        let mut usage: Option<Usage<'_>> = None;
        for kdc in &self.0 {
            let Some(seen) = kdc.store.read(key)? else {
                continue;
            };
            let known = usage.get_or_insert(Usage {
                last: seen,
                last_kdc: &kdc.name,
                counter: seen.counter,
                counter_kdc: &kdc.name,
            });
            if seen.time > known.last.time {
                (known.last, known.last_kdc) = (seen, &kdc.name);
            }
            if seen.counter > known.counter {
                (known.counter, known.counter_kdc) = (seen.counter, &kdc.name);
            }
        }
        Ok(usage)
    }
}

/// This KDC's own store; none before the first use of a key.
///
/// # Errors
/// Those of [`Store::open_existing`], but for a store that is not there.
pub fn open_own(directory: &Path) -> Result<Option<Store>, krb5_fido_state::Error> {
    let mut attempts = 1;
    loop {
        match Store::open_existing(directory) {
            Ok(store) => return Ok(Some(store)),
            Err(krb5_fido_state::Error::Missing { .. }) => return Ok(None),
            Err(krb5_fido_state::Error::MalformedEntry { .. }) if attempts < ATTEMPTS => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::UtcDateTime;

    use super::*;

    fn used(counter: u32, seconds: i64) -> Use {
        Use {
            counter,
            digest: [0; 32],
            time: UtcDateTime::from_unix_timestamp(seconds).unwrap(),
            user_verified: false,
        }
    }

    fn key(id: &[u8]) -> CredentialKey {
        credential_key(id, b"public")
    }

    fn store(directory: &Path, id: &[u8], last: Use) {
        let (store, _) = Store::open(directory).unwrap();
        let stored = store.update(&key(id), |_| Ok::<_, ()>((last, ())));
        stored.unwrap().unwrap();
    }

    #[test]
    fn copies_have_names_or_are_their_paths() {
        let copy = |name: &str, path: &str| StoreCopy {
            name: name.to_owned(),
            path: path.into(),
        };
        assert_eq!(StoreCopy::parse("kdc2=/tmp/x"), copy("kdc2", "/tmp/x"));
        assert_eq!(StoreCopy::parse("kdc2=a=b"), copy("kdc2", "a=b"));
        assert_eq!(StoreCopy::parse("/tmp/x=y"), copy("/tmp/x=y", "/tmp/x=y"));
        assert_eq!(StoreCopy::parse("x"), copy("x", "x"));
    }

    #[test]
    fn newest_use_and_highest_counter_may_be_of_different_kdcs() {
        let directory = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| directory.path().join(name));
        store(&own, b"a", used(9, 100));
        store(&other, b"a", used(7, 200));
        store(&other, b"b", used(1, 50));
        let copy = StoreCopy {
            name: "kdc2".to_owned(),
            path: other.clone(),
        };
        let stores = Stores::open(&own, &[copy]).unwrap();
        assert_eq!(stores.names().collect::<Vec<_>>(), [OWN_STORE, "kdc2"]);
        let both = Usage {
            last: used(7, 200),
            last_kdc: "kdc2",
            counter: 9,
            counter_kdc: OWN_STORE,
        };
        assert_eq!(stores.find_key(&key(b"a")).unwrap(), Some(both));
        assert_eq!(stores.find_key(&key(b"b")).unwrap().unwrap().counter_kdc, "kdc2");
        assert_eq!(stores.find_key(&key(b"c")).unwrap(), None);
    }

    #[test]
    fn own_store_need_not_be_there_and_a_copy_must() {
        let directory = tempfile::tempdir().unwrap();
        let nowhere = directory.path().join("nowhere");
        let stores = Stores::open(&nowhere, &[]).unwrap();
        assert_eq!(stores.find_key(&key(b"a")).unwrap(), None);
        assert!(!nowhere.exists());
        let copy = StoreCopy::parse(nowhere.to_str().unwrap());
        assert!(matches!(
            Stores::open(&nowhere, &[copy]),
            Err(Error::State(krb5_fido_state::Error::Missing { .. }))
        ));
    }
}
