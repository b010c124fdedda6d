//! What a realm is started from.

use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    Artifacts, Database, Error, Realm,
    config::Relation,
    database::Backend,
    ports::Ports,
    realm::KdcLaunch,
    settings::{Settings, check_realm_name},
    slapd::Access,
};

/// Which pre-authentication modules a side loads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Modules {
    /// Those of this workspace, as [`Artifacts::locate`] finds them.
    #[default]
    Ours,
    /// Only what the installed krb5 brings.
    Stock,
    /// Those in another shared object: `spake` for the client and for kdcpreauth, `fido` for kdcpolicy.
    At(PathBuf),
}

/// Describes a realm; [`RealmBuilder::start`] makes it.
///
/// A relation is addressed as `NAME`, `SECTION:NAME` or `SECTION/SUBSECTION:NAME`, for example
/// `kdcdefaults:kdc_max_dgram_reply_size` or `plugins/kdcpreauth:disable`. A bare name belongs to `[realms]` REALM, with
/// two exceptions that krb5 reads elsewhere: `spake_preauth_groups` to `[libdefaults]`, `spake_preauth_kdc_challenge`
/// to `[kdcdefaults]`. Naming a relation again adds a value. What the realm would have written under the same name by
/// itself is left out.
#[derive(Debug, Clone)]
pub struct RealmBuilder {
    realm: String,
    directory: Option<PathBuf>,
    keep_directory: bool,
    client_modules: Modules,
    kdc_modules: Modules,
    client_relations: Vec<(String, String)>,
    kdc_relations: Vec<(String, String)>,
    kdc_workers: usize,
    kdc_wrapper: Vec<String>,
    kadmind: bool,
    database: Database,
}

impl Default for RealmBuilder {
    fn default() -> Self {
        RealmBuilder {
            realm: "KRBTEST.COM".into(),
            directory: None,
            keep_directory: true,
            client_modules: Modules::Ours,
            kdc_modules: Modules::Ours,
            client_relations: Vec::new(),
            kdc_relations: Vec::new(),
            kdc_workers: 0,
            kdc_wrapper: Vec::new(),
            kadmind: true,
            database: Database::Db2,
        }
    }
}

impl RealmBuilder {
    /// The realm's name; KRBTEST.COM by default.
    pub fn realm(mut self, name: &str) -> Self {
        self.realm = name.into();
        self
    }

    /// A directory that does not exist or is empty, to be used instead of a temporary one. It is left as it is at the
    /// end, unless [`RealmBuilder::keep_dir`] says otherwise.
    pub fn dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Whether the directory given is left as it is; by default it is. Otherwise it is emptied at the end, and removed
    /// if the realm made it.
    pub fn keep_dir(mut self, keep: bool) -> Self {
        self.keep_directory = keep;
        self
    }

    /// The modules of clients; ours by default. With ours `fido_helper` names the built helper.
    pub fn client_modules(mut self, modules: Modules) -> Self {
        self.client_modules = modules;
        self
    }

    /// The modules of the KDC; ours by default. With stock modules `spake_preauth_groups` is edwards25519 unless set.
    pub fn kdc_modules(mut self, modules: Modules) -> Self {
        self.kdc_modules = modules;
        self
    }

    /// Adds a relation to krb5.conf. krb5kdc and kadmind do not read that file.
    pub fn client_relation(mut self, address: &str, value: &str) -> Self {
        self.client_relations.push((address.into(), value.into()));
        self
    }

    /// Adds a relation to kdc.conf.
    pub fn kdc_relation(mut self, address: &str, value: &str) -> Self {
        self.kdc_relations.push((address.into(), value.into()));
        self
    }

    /// Number of worker processes (`krb5kdc -w`); 0, the default, for a single process.
    pub fn kdc_workers(mut self, workers: usize) -> Self {
        self.kdc_workers = workers;
        self
    }

    /// A command that krb5kdc is started by, such as `["valgrind", "--quiet"]` or `["env", "NAME=VALUE"]`: it must become
    /// the KDC without another process in between.
    pub fn kdc_wrapper(mut self, command: &[&str]) -> Self {
        self.kdc_wrapper = command.iter().map(ToString::to_string).collect();
        self
    }

    /// Whether kadmind runs; it does by default.
    pub fn kadmind(mut self, wanted: bool) -> Self {
        self.kadmind = wanted;
        self
    }

    /// The type of the database; DB2 by default.
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Creates the database and starts the daemons. They are ready when it returns.
    ///
    /// # Errors
    /// [`Error::KdcStart`] and [`Error::KadmindStart`] with the logs when a daemon does not start within a minute;
    /// [`Error::ArtifactMissing`] when our modules are wanted and not built; others for a name, relation or directory
    /// that cannot be used. Nothing is left behind then, but for the directory given to [`RealmBuilder::dir`].
    pub fn start(self) -> Result<Realm, Error> {
        check_realm_name(&self.realm)?;
        let parse = |relations: &[(String, String)]| -> Result<Vec<Relation>, Error> {
            relations
                .iter()
                .map(|(address, value)| Relation::parse(address, value, &self.realm))
                .collect()
        };
        let client_relations = parse(&self.client_relations)?;
        let kdc_relations = parse(&self.kdc_relations)?;
        let helper = match self.client_modules {
            Modules::Ours => Some(Artifacts::locate()?.helper()),
            Modules::Stock | Modules::At(_) => None,
        };
        let client_module = module_path(self.client_modules, Artifacts::client_module)?;
        let kdc_module = module_path(self.kdc_modules, Artifacts::kdc_module)?;
        let directory = Directory::create(self.directory, self.keep_directory)?;
        let canonical = directory
            .path()
            .canonicalize()
            .map_err(Error::file("find", directory.path()))?;
        let backend = match self.database {
            Database::Db2 => Backend::Db2,
            Database::Lmdb => Backend::Lmdb,
            Database::Ldap => Backend::Ldap(Access::new(&canonical)?),
        };
        let settings = Settings {
            realm: self.realm,
            directory: canonical,
            ports: Ports::claim()?,
            primary: None,
            backend,
            client_module,
            helper,
            kdc_module,
            client_relations,
            kdc_relations,
        };
        let launch = KdcLaunch {
            workers: self.kdc_workers,
            wrapper: self.kdc_wrapper,
        };
        Realm::start(settings, directory, launch, self.kadmind)
    }
}

pub(crate) fn module_path(
    modules: Modules,
    ours: fn(&Artifacts) -> PathBuf,
) -> Result<Option<PathBuf>, Error> {
    match modules {
        Modules::Ours => Artifacts::locate().map(|artifacts| Some(ours(&artifacts))),
        Modules::Stock => Ok(None),
        Modules::At(path) => Ok(Some(path)),
    }
}

/// The realm's directory.
#[derive(Debug)]
pub(crate) enum Directory {
    /// Removed on drop.
    Temporary(TempDir),
    /// Left as it is.
    Kept(PathBuf),
    /// Emptied on drop.
    Emptied(EmptiedDirectory),
}

impl Directory {
    fn create(wanted: Option<PathBuf>, keep: bool) -> Result<Self, Error> {
        let Some(path) = wanted else {
            // A short name: the sockets of software keys lie below, and a socket's path ends at 107 bytes.
            let directory = tempfile::Builder::new().prefix("krbt").tempdir();
            let error = Error::file("create a directory in", env::temp_dir());
            return directory.map(Directory::Temporary).map_err(error);
        };
        let created = create_or_check_empty(&path)?;
        let path = path.canonicalize().map_err(Error::file("find", path))?;
        Ok(if keep {
            Directory::Kept(path)
        } else {
            Directory::Emptied(EmptiedDirectory { path, created })
        })
    }

    fn path(&self) -> &Path {
        match self {
            Directory::Temporary(directory) => directory.path(),
            Directory::Kept(path) => path,
            Directory::Emptied(directory) => &directory.path,
        }
    }
}

/// A directory that is emptied on drop, and removed if it was created.
#[derive(Debug)]
pub(crate) struct EmptiedDirectory {
    path: PathBuf,
    created: bool,
}

impl Drop for EmptiedDirectory {
    fn drop(&mut self) {
        // Like TempDir: what cannot be removed stays, there is nobody to tell.
        if self.created {
            let _ = fs::remove_dir_all(&self.path);
            return;
        }
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

/// Makes `path` a private directory; an existing one must be empty. Tells whether it was created.
fn create_or_check_empty(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut entries = fs::read_dir(path).map_err(Error::file("read directory", path))?;
            if entries.next().is_some() {
                return Err(Error::DirectoryNotEmpty(path.into()));
            }
            Ok(false)
        }
        Err(error) => Err(Error::file("create directory", path)(error)),
    }
}
