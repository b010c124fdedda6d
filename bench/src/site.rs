//! The KDCs that are measured, and who logs in there.

use krb5_fido_protocol::spake::Group;
use krb5_fido_tests::{AsClient, PaperKey, add_user, kadmin};
use krb5_testrealm::{Modules, Realm};

use crate::{
    accounting::Processes,
    case::Kind,
    error::Error,
    exchange::{Factor, Login},
};

/// How a KDC is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Launch<'a> {
    /// Worker processes; 1 for a KDC that is a single process.
    pub(crate) workers: usize,
    /// The program that runs it, such as valgrind.
    pub(crate) wrapper: &'a [&'a str],
    /// Whether failures and successes are written to the database, as they are by default.
    pub(crate) counted: bool,
}

impl Launch<'_> {
    /// A single process by itself.
    pub(crate) const SINGLE: Self = Self {
        workers: 1,
        wrapper: &[],
        counted: true,
    };

    /// The same without the writes to the disk that end a request, which take longer than the request itself.
    pub(crate) const UNCOUNTED: Self = Self {
        counted: false,
        ..Self::SINGLE
    };
}

/// A KDC that permits all groups.
pub(crate) struct Site {
    pub(crate) realm: Realm,
    kind: Kind,
    key: PaperKey,
}

impl Site {
    /// Starts the KDC for logins of this kind. Its clients use the module of ours, unless they are told otherwise.
    pub(crate) fn start(kind: Kind, launch: Launch<'_>) -> Result<Self, Error> {
        let groups = Group::ALL.map(Group::name).join(" ");
        let workers = if launch.workers > 1 { launch.workers } else { 0 };
        let mut builder = Realm::builder()
            .kadmind(false)
            .kdc_workers(workers)
            .kdc_wrapper(launch.wrapper)
            .kdc_relation("spake_preauth_groups", &groups);
        builder = match kind {
            Kind::Stock => builder.kdc_modules(Modules::Stock),
            Kind::Password | Kind::Encrypted => builder,
            Kind::Clear => builder
                .kdc_relation("fido_challenge", "clear")
                .kdc_relation("kdcdefaults:kdc_max_dgram_reply_size", "4096"),
        };
        if !launch.counted {
            for relation in ["disable_last_success", "disable_lockout"] {
                builder = builder.kdc_relation(&format!("dbmodules/db:{relation}"), "true");
            }
        }
        Ok(Self {
            realm: builder.start()?,
            kind,
            key: PaperKey::generate(),
        })
    }

    /// krb5kdc as it runs now.
    pub(crate) fn processes(&self) -> Result<Processes, Error> {
        Processes::of(self.realm.kdc_pid().unwrap_or_default())
    }

    /// A new principal with this many credentials, enrolled as an administrator would, or with the password alone.
    pub(crate) fn login(&self, name: &str, credentials: usize) -> Login<'_> {
        add_user(&self.realm, name);
        if credentials > 0 {
            kadmin(&self.realm, &["modprinc", "+requires_hwauth", name]);
        }
        let rp_id = format!("krb5realm:{}", self.realm.name());
        let others: Vec<PaperKey> = (1..credentials).map(|_| PaperKey::generate()).collect();
        let keys = others.iter().chain([&self.key]).take(credentials);
        for (number, key) in keys.enumerate() {
            let attribute = format!("fido:key{}", number + 1);
            kadmin(&self.realm, &["setstr", name, &attribute, &key.record(&rp_id)]);
        }
        Login {
            client: AsClient::new(&self.realm, name),
            factor: match (credentials, self.kind) {
                (0, _) => Factor::Password,
                (_, Kind::Clear) => Factor::Clear(&self.key),
                _ => Factor::Encrypted(&self.key),
            },
        }
    }
}

/// One KDC for the stock module and one for each mode of ours, all at the same time.
pub(crate) struct Sites {
    pub(crate) stock: Site,
    pub(crate) encrypted: Site,
    pub(crate) clear: Site,
}

impl Sites {
    /// Starts them all.
    pub(crate) fn start(launch: Launch<'_>) -> Result<Self, Error> {
        Ok(Self {
            stock: Site::start(Kind::Stock, launch)?,
            encrypted: Site::start(Kind::Encrypted, launch)?,
            clear: Site::start(Kind::Clear, launch)?,
        })
    }

    /// Where logins of a kind are made.
    pub(crate) const fn of(&self, kind: Kind) -> &Site {
        match kind {
            Kind::Stock => &self.stock,
            Kind::Password | Kind::Encrypted => &self.encrypted,
            Kind::Clear => &self.clear,
        }
    }
}
