//! Credential records in the principal database.

use krb5_fido_protocol::{
    fido::{kdc_settings::KdcSettings, label::Label, policy::Settings, record::CredentialRecord},
    kdc_state_dir,
    registry::{ATTRIBUTE_INVITE, ATTRIBUTE_PREFIX},
};
use krb5_plugin::{
    Context, OwnedContext, Profile,
    kadm5::{Database, Flags, Lock, kdc_context},
};
use time::UtcDateTime;

use crate::{
    ClientRealm, Error, KadmindError, Listed,
    admit::Gate,
    entry::{Change, Entry, settle},
    flags::closing_flags,
    invitation::{closed_invitation, closed_without},
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

impl Store {
    /// Takes the default realm unless one is named, and its database unless one is named.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn new(realm: Option<&str>) -> Result<Self, Error> {
        let context = kdc_context().map_err(Error::from_profile)?;
        if let Some(realm) = realm {
            context.set_default_realm(realm).map_err(Error::from_profile)?;
        }
        let realm = context.default_realm().map_err(Error::from_profile)?;
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

    /// The configuration of the KDC: kdc.conf and krb5.conf.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn profile(&self) -> Result<Profile, Error> {
        Profile::of(self.context.get()).map_err(Error::from_profile)
    }

    /// What the KDC reads of the realm in kdc.conf.
    ///
    /// # Errors
    /// [`Error::Configuration`]; [`Error::ImpossibleValue`], with which the KDC does not start.
    pub fn settings(&self) -> Result<KdcSettings, Error> {
        let read = KdcSettings::read(&self.profile()?, &self.realm, kdc_state_dir!());
        read.map_err(Error::from_profile)?.map_err(|faults| {
            let fault = faults.into_iter().next();
            fault.map_or_else(
                || Error::from_profile(krb5_plugin::Error::INVALID),
                Error::ImpossibleValue,
            )
        })
    }

    /// Opens the database, with arguments for the database module such as dbname=PATH.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`].
    pub fn open(&self, arguments: &[String]) -> Result<Keys<'_>, Error> {
        Database::open(&self.context, &self.realm, &self.administrator(), arguments)
            .map(|database| Keys {
                place: Place::Kdc(self),
                database,
            })
            .map_err(|failure| Error::DatabaseUnavailable {
                realm: self.realm.clone(),
                text: failure.text(),
            })
    }
}

/// The keys of all principals of a database that is open, here or at kadmind.
pub struct Keys<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) database: Database<'a>,
}

/// Where the database is.
pub(crate) enum Place<'a> {
    /// Here.
    Kdc(&'a Store),
    /// Behind kadmind: the settings of the realm are not known, and flags may be somebody else's business.
    Kadmind {
        /// The context of the connection.
        context: &'a OwnedContext,
        /// The realm.
        realm: String,
    },
}

impl Keys<'_> {
    /// What the realm demands, as far as it is known here.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        match self.place {
            Place::Kdc(store) => Ok(store.settings()?.settings),
            Place::Kadmind { .. } => Ok(Settings::default()),
        }
    }

    pub(crate) fn realm(&self) -> &str {
        match &self.place {
            Place::Kdc(store) => store.realm(),
            Place::Kadmind { realm, .. } => realm,
        }
    }

    fn context(&self) -> Context<'_> {
        match self.place {
            Place::Kdc(store) => store.context.get(),
            Place::Kadmind { context, .. } => context.get(),
        }
    }

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
        self.list_those(|listed| listed.enrolment.is_enrolled())
    }

    /// The principals that are wanted, by name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn list_those(&self, is_wanted: impl Fn(&Listed) -> bool) -> Result<Vec<Listed>, Error> {
        let mut wanted: Vec<Listed> = Vec::new();
        for name in self.names()? {
            match self.list(&name) {
                Ok(listed) if is_wanted(&listed) => wanted.push(listed),
                // Not wanted, or deleted since the names were read.
                Ok(_) | Err(Error::UnknownPrincipal { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        wanted.sort_by(|left, right| left.principal.cmp(&right.principal));
        // DB2 has aliases since krb5 1.22, and names them too.
        wanted.dedup_by(|left, right| left.principal == right.principal);
        Ok(wanted)
    }

    /// The names of all principals, aliases too, in any order.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        self.database.principals().map_err(|failure| Error::Database {
            doing: "listing principals".to_owned(),
            text: failure.text(),
        })
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

    /// Stores a record, ends an open invitation, and sets +requires_preauth and, unless the policy is permissive,
    /// +requires_hwauth: what fails closed if a policy module does not load. Through kadmind the flags stay.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::LabelTaken`], [`Error::MalformedLabel`], [`Error::AlreadyRegistered`],
    /// [`Error::TooManyKeys`], [`Error::NotAttested`], [`Error::UnreadableRoots`], [`Error::Invitation`],
    /// [`Error::AttributesFull`], [`Error::UpdateLogFull`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed
    /// then, except with [`Error::NotUndone`].
    pub fn add(
        &self,
        principal: &str,
        label: Option<&str>,
        record: &CredentialRecord,
    ) -> Result<Added, Error> {
        let entry = self.entry(principal)?;
        let gate = Gate::of(self)?;
        let mut attempts = 1;
        loop {
            let mut chosen = None;
            let added = self.persist(&entry, || {
                self.add_once(&entry, &gate, label, record, &mut chosen)
            });
            let is_refused = matches!(added, Err(Error::Kadmind(KadmindError::Refused { .. })));
            if !is_refused || label.is_some() || attempts == ATTEMPTS || !is_taken(&entry, chosen.as_ref())? {
                return added;
            }
            // Somebody else was faster: where nothing is locked, kadmind leaves him the label.
            attempts += 1;
        }
    }

    fn add_once(
        &self,
        entry: &Entry<'_>,
        gate: &Gate,
        label: Option<&str>,
        record: &CredentialRecord,
        chosen: &mut Option<Label>,
    ) -> Result<(Added, Change), Error> {
        let doing = "storing a key";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let label = Self::choose_label(&listed, label)?;
        *chosen = Some(label.clone());
        gate.admit(
            &listed.principal,
            record,
            listed.enrolment.credentials(),
            listed.enrolment.garbled().len(),
        )?;

        let mut attributes = vec![label.attribute_name()];
        let mut values = vec![Some(encode(record, entry)?)];
        if let Place::Kdc(_) = self.place
            && let Some(closed) = closed_invitation(&listed, UtcDateTime::now())?
        {
            attributes.push(ATTRIBUTE_INVITE.to_owned());
            values.push(Some(closed));
        }
        let settings = self.settings()?;
        let change = entry.plan(doing, attributes, values, |before| match self.place {
            Place::Kadmind { .. } => before,
            Place::Kdc(_) => closing_flags(before, &listed.enrolment, &settings),
        })?;
        self.make(entry, lock, &change)?;
        let added = Added {
            principal: listed.principal,
            label,
            flags_before: change.before.flags,
            flags_after: change.after.flags,
        };
        Ok((added, change))
    }

    /// Removes a key by its label, readable or not, and with the last one requires_hwauth; through kadmind the flags stay. An
    /// invitation under which it was made is ended. The last one goes only if `even_last` says so, which is asked at most once.
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
        self.persist(&entry, || {
            loop {
                match self.remove_once(&entry, label, confirmed)? {
                    Removal::Done(removed, change) => return Ok((removed, change)),
                    Removal::Last(listed) if even_last(&listed)? => confirmed = true,
                    Removal::Last(listed) => {
                        return Err(Error::LastKey {
                            principal: listed.principal,
                            label: label.to_owned(),
                        });
                    }
                }
            }
        })
    }

    /// Counts under the lock: a key may have come or gone while a question was open.
    fn remove_once(&self, entry: &Entry<'_>, label: &str, even_last: bool) -> Result<Removal, Error> {
        let doing = "removing a key";
        let lock = self.lock(entry, doing)?;
        let listed = Listed::read(entry)?;
        let attribute = format!("{ATTRIBUTE_PREFIX}{label}");
        if !listed.has_attribute(&attribute) {
            return Err(listed.no_such_label(label));
        }
        let is_last = listed.count() == 1;
        if is_last && !even_last {
            return Ok(Removal::Last(listed));
        }

        let mut attributes = vec![attribute];
        let mut values = vec![None];
        // Without the record that bears its id, an invitation would be open again.
        if let Some(closed) = closed_without(&listed, label, UtcDateTime::now())? {
            attributes.push(ATTRIBUTE_INVITE.to_owned());
            values.push(Some(closed));
        }
        let change = entry.plan(doing, attributes, values, |before| match self.place {
            Place::Kadmind { .. } => before,
            Place::Kdc(_) => Flags {
                requires_hwauth: before.requires_hwauth && !is_last,
                ..before
            },
        })?;
        self.make(entry, lock, &change)?;
        let removed = Removed {
            was_last: is_last,
            principal: listed.principal,
            flags_before: change.before.flags,
            flags_after: change.after.flags,
        };
        Ok(Removal::Done(removed, change))
    }

    /// Makes a change under the lock, or none of it.
    pub(crate) fn make(&self, entry: &Entry<'_>, lock: Lock<'_>, change: &Change) -> Result<(), Error> {
        let made = entry.make(&lock, change);
        drop(lock);
        made.map_err(|cause| self.give_up(entry, change, cause))
    }

    /// Makes a change again until it stays.
    pub(crate) fn persist<T>(
        &self,
        entry: &Entry<'_>,
        mut attempt: impl FnMut() -> Result<(T, Change), Error>,
    ) -> Result<T, Error> {
        let mut attempts = 1;
        loop {
            let (done, change) = attempt()?;
            if change.is_none() {
                return Ok(done);
            }
            settle();
            if entry.keeps(&change)? {
                return Ok(done);
            }
            if attempts == ATTEMPTS {
                return Err(self.give_up(entry, &change, entry.not_stored()));
            }
            attempts += 1;
        }
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

    pub(crate) fn lock(&self, entry: &Entry<'_>, doing: &'static str) -> Result<Lock<'_>, Error> {
        let locked = self.database.lock();
        locked.map_err(|failure| Error::database(failure, entry.name(), doing))
    }

    pub(crate) fn entry(&self, principal: &str) -> Result<Entry<'_>, Error> {
        Entry::parse(&self.database, self.context(), principal)
    }
}

/// Whether a label that was free is taken by now.
fn is_taken(entry: &Entry<'_>, label: Option<&Label>) -> Result<bool, Error> {
    let listed = Listed::read(entry)?;
    Ok(label.is_some_and(|label| listed.has_attribute(&label.attribute_name())))
}

/// The value of the attribute of a record.
pub(crate) fn encode(record: &CredentialRecord, entry: &Entry<'_>) -> Result<String, Error> {
    record.encode().map_err(|_| Error::AttributesFull {
        principal: entry.name().to_owned(),
    })
}

/// What came of one attempt to remove a key.
enum Removal {
    /// It is the last one: nothing was done.
    Last(Listed),
    /// It is gone.
    Done(Removed, Change),
}
