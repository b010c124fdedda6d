//! Credential records in the local principal database.

use std::path::Path;

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        cose::Algorithm,
        factor::UserVerification,
        label::Label,
        policy::{Enrolment, Policy, Settings},
        record::CredentialRecord,
    },
    registry::ATTRIBUTE_PREFIX,
};
use krb5_plugin::{
    OwnedContext, Profile,
    kadm5::{Database, Flags, Lock, kdc_context},
};

use crate::{
    ClientRealm, Error,
    entry::{Change, Entry, State},
    error::text,
};

/// How often a change is made that others undo.
const ATTEMPTS: u32 = 20;

/// The realm whose database is worked on, and its configuration.
pub struct Store {
    context: OwnedContext,
    realm: String,
}

/// What storing a key has changed.
pub struct Added {
    /// The principal's name in the database.
    pub principal: String,
    /// The label of the new key.
    pub label: Label,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

/// What removing a key has changed.
pub struct Removed {
    /// The principal's name in the database.
    pub principal: String,
    /// No key is left.
    pub was_last: bool,
    /// The principal's flags before.
    pub flags_before: Flags,
    /// And after.
    pub flags_after: Flags,
}

/// The keys of one principal.
pub struct Listed {
    /// The principal's name in the database.
    pub principal: String,
    /// Its records, readable or not.
    pub enrolment: Enrolment,
}

impl Store {
    /// Takes the default realm unless one is named, and its database unless one is named.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn new(realm: Option<&str>) -> Result<Self, Error> {
        let context = kdc_context().map_err(configuration)?;
        if let Some(realm) = realm {
            context.set_default_realm(realm).map_err(configuration)?;
        }
        let realm = context.default_realm().map_err(configuration)?;
        Ok(Self { context, realm })
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Who changes the local database, as kadmin.local names it.
    pub fn administrator(&self) -> String {
        format!("root/admin@{}", self.realm)
    }

    /// The realm as clients with this machine's configuration see it.
    ///
    /// # Errors
    /// Those of [`ClientRealm::read`].
    pub fn as_client(&self) -> Result<ClientRealm, Error> {
        ClientRealm::read(self.context.get(), &self.realm)
    }

    fn profile(&self) -> Result<Profile, Error> {
        Profile::of(self.context.get()).map_err(configuration)
    }

    /// What the realm's kdc.conf demands of keys: fido_policy, fido_uv and fido_algorithms. The rest has its defaults.
    ///
    /// # Errors
    /// [`Error::Configuration`], [`Error::ImpossibleValue`].
    pub fn settings(&self) -> Result<Settings, Error> {
        let profile = self.profile()?;
        let mut settings = Settings::default();
        self.read_relation(&profile, "fido_policy", Policy::parse, &mut settings.policy)?;
        self.read_relation(&profile, "fido_uv", UserVerification::parse, &mut settings.uv)?;
        self.read_relation(
            &profile,
            "fido_algorithms",
            Algorithm::parse_list,
            &mut settings.algorithms,
        )?;
        Ok(settings)
    }

    fn read_relation<T>(
        &self,
        profile: &Profile,
        relation: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Cause>,
        setting: &mut T,
    ) -> Result<(), Error> {
        let Some(value) = profile
            .value(&["realms", &self.realm, relation])
            .map_err(configuration)?
        else {
            return Ok(());
        };
        *setting = parse(&value).map_err(|cause| Error::ImpossibleValue {
            realm: self.realm.clone(),
            relation,
            value,
            cause,
        })?;
        Ok(())
    }

    /// Opens the database.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`].
    pub fn open(&self, database: Option<&Path>) -> Result<Keys<'_>, Error> {
        Database::open(&self.context, &self.realm, &self.administrator(), database)
            .map(|database| Keys {
                store: self,
                database,
            })
            .map_err(|failure| Error::DatabaseUnavailable {
                realm: self.realm.clone(),
                text: text(failure),
            })
    }
}

fn configuration(error: krb5_plugin::Error) -> Error {
    Error::Configuration { text: error.text() }
}

/// The keys of all principals of an open database.
pub struct Keys<'a> {
    store: &'a Store,
    database: Database<'a>,
}

impl Keys<'_> {
    /// The keys of one principal.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Database`].
    pub fn list(&self, principal: &str) -> Result<Listed, Error> {
        Listed::read(&self.entry(principal)?)
    }

    /// The principals that have keys, by name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn list_all(&self) -> Result<Vec<Listed>, Error> {
        let names = self.database.principals().map_err(|failure| Error::Database {
            doing: "listing principals".to_owned(),
            text: text(failure),
        })?;
        let mut enrolled: Vec<Listed> = Vec::new();
        for name in names {
            match self.list(&name) {
                Ok(listed) if listed.enrolment.is_enrolled() => enrolled.push(listed),
                // Without a key, or deleted since the names were read.
                Ok(_) | Err(Error::UnknownPrincipal { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        enrolled.sort_by(|left, right| left.principal.cmp(&right.principal));
        // DB2 has aliases since krb5 1.22, and names them too.
        enrolled.dedup_by(|left, right| left.principal == right.principal);
        Ok(enrolled)
    }

    /// Refuses a label that is taken, and finds a free one where none is given.
    ///
    /// # Errors
    /// [`Error::MalformedLabel`], [`Error::LabelTaken`].
    pub fn choose_label(listed: &Listed, wanted: Option<&str>) -> Result<Label, Error> {
        let taken = listed.labels();
        let Some(wanted) = wanted else {
            return Ok(Label::lowest_free(&taken));
        };
        let label = Label::parse(wanted).map_err(|_| Error::MalformedLabel {
            label: wanted.to_owned(),
        })?;
        if listed.has_attribute(&label.attribute_name()) {
            return Err(Error::LabelTaken {
                principal: listed.principal.clone(),
                label: wanted.to_owned(),
            });
        }
        Ok(label)
    }

    /// Stores a record, and sets +requires_preauth and, unless the policy is permissive, +requires_hwauth: what fails closed
    /// if a policy module does not load.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::LabelTaken`], [`Error::MalformedLabel`], [`Error::AlreadyRegistered`],
    /// [`Error::AttributesFull`], [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed
    /// then, except with [`Error::NotUndone`].
    pub fn add(
        &self,
        principal: &str,
        label: Option<&str>,
        record: &CredentialRecord,
    ) -> Result<Added, Error> {
        let entry = self.entry(principal)?;
        let mut attempts = 1;
        loop {
            let (added, change) = self.add_once(&entry, label, record)?;
            if entry.keeps(&change)? {
                return Ok(added);
            }
            if attempts == ATTEMPTS {
                return Err(self.give_up(&entry, &change, entry.not_stored()));
            }
            attempts += 1;
        }
    }

    fn add_once(
        &self,
        entry: &Entry<'_>,
        label: Option<&str>,
        record: &CredentialRecord,
    ) -> Result<(Added, Change), Error> {
        let doing = "storing a key";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let label = Self::choose_label(&listed, label)?;
        if let Some(registered) = listed.label_of(record.id()) {
            return Err(Error::AlreadyRegistered {
                principal: listed.principal.clone(),
                label: registered.to_string(),
            });
        }

        let value = record.encode().map_err(|_| Error::AttributesFull {
            principal: entry.name().to_owned(),
        })?;
        let attribute = label.attribute_name();
        let before = entry.state(&attribute)?;
        // A setting that cannot be read closes the password: it must not open it here.
        let is_permissive = listed.enrolment.refusal().is_none()
            && listed
                .enrolment
                .own_policy()
                .map_or_else(|| self.store.settings().map(|it| it.policy), Ok)?
                == Policy::Permissive;
        let requires_hwauth = before.flags.requires_hwauth || !is_permissive;
        let change = Change {
            before,
            after: State {
                value: Some(value),
                flags: Flags {
                    requires_preauth: true,
                    requires_hwauth,
                },
            },
            attribute,
            doing,
        };
        let made = entry.make(&lock, &change);
        drop(lock);
        made.map_err(|cause| self.give_up(entry, &change, cause))?;
        let added = Added {
            principal: listed.principal,
            label,
            flags_before: change.before.flags,
            flags_after: change.after.flags,
        };
        Ok((added, change))
    }

    /// Removes a key by its label, readable or not, and with the last one requires_hwauth. The last one goes only if
    /// `even_last` says so, which is asked at most once.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NoSuchLabel`], [`Error::LastKey`],
    /// [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed then, except with
    /// [`Error::NotUndone`].
    pub fn remove(
        &self,
        principal: &str,
        label: &str,
        even_last: impl Fn(&Listed) -> Result<bool, Error>,
    ) -> Result<Removed, Error> {
        let entry = self.entry(principal)?;
        let mut confirmed = false;
        let mut attempts = 1;
        loop {
            let (listed, change) = match self.remove_once(&entry, label, confirmed)? {
                Removal::Done(listed, change) => (listed, change),
                Removal::Last(listed) if even_last(&listed)? => {
                    confirmed = true;
                    continue;
                }
                Removal::Last(listed) => {
                    return Err(Error::LastKey {
                        principal: listed.principal,
                        label: label.to_owned(),
                    });
                }
            };
            if entry.keeps(&change)? {
                return Ok(Removed {
                    was_last: listed.count() == 1,
                    principal: listed.principal,
                    flags_before: change.before.flags,
                    flags_after: change.after.flags,
                });
            }
            if attempts == ATTEMPTS {
                return Err(self.give_up(&entry, &change, entry.not_stored()));
            }
            attempts += 1;
        }
    }

    /// Counts under the lock: a key may have come or gone while a question was open.
    fn remove_once(&self, entry: &Entry<'_>, label: &str, even_last: bool) -> Result<Removal, Error> {
        let doing = "removing a key";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let attribute = format!("{ATTRIBUTE_PREFIX}{label}");
        if !listed.has_attribute(&attribute) {
            return Err(Error::NoSuchLabel {
                principal: listed.principal,
                label: label.to_owned(),
            });
        }
        let is_last = listed.count() == 1;
        if is_last && !even_last {
            return Ok(Removal::Last(listed));
        }

        let before = entry.state(&attribute)?;
        let change = Change {
            after: State {
                value: None,
                flags: Flags {
                    requires_hwauth: before.flags.requires_hwauth && !is_last,
                    ..before.flags
                },
            },
            before,
            attribute,
            doing,
        };
        let made = entry.make(&lock, &change);
        drop(lock);
        made.map_err(|cause| self.give_up(entry, &change, cause))?;
        Ok(Removal::Done(listed, change))
    }

    fn give_up(&self, entry: &Entry<'_>, change: &Change, cause: Error) -> Error {
        match self.lock(entry, change.doing) {
            Ok(lock) => entry.undo(&lock, change, cause),
            Err(_) => Error::NotUndone {
                principal: entry.name().to_owned(),
                cause: Box::new(cause),
            },
        }
    }

    fn lock(&self, entry: &Entry<'_>, doing: &'static str) -> Result<Lock<'_>, Error> {
        let locked = self.database.lock();
        locked.map_err(|failure| Error::database(failure, entry.name(), doing))
    }

    fn entry(&self, principal: &str) -> Result<Entry<'_>, Error> {
        Entry::parse(&self.database, self.store.context.get(), principal)
    }
}

/// What came of one attempt to remove a key.
enum Removal {
    /// It is the last one: nothing was done.
    Last(Listed),
    /// It is gone; what there was.
    Done(Listed, Change),
}

impl Listed {
    fn read(entry: &Entry<'_>) -> Result<Self, Error> {
        Ok(Self {
            principal: entry.canonical_name()?,
            enrolment: entry.enrolment()?,
        })
    }

    /// How many keys there are, readable or not.
    pub fn count(&self) -> usize {
        self.enrolment.credentials().len() + self.enrolment.garbled().len()
    }

    fn labels(&self) -> Vec<Label> {
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

    fn has_attribute(&self, attribute: &str) -> bool {
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

    fn label_of(&self, credential_id: &[u8]) -> Option<&Label> {
        let mut records = self.enrolment.credentials().iter();
        records
            .find(|(_, record)| record.id() == credential_id)
            .map(|(label, _)| label)
    }
}
