//! The directory of a realm whose principals are in LDAP: slapd on a Unix socket, and the way that krb5 reaches it.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error, Finished, Realm, StartFailure,
    config::Relation,
    daemon::{Daemon, find_program},
    database::Backend,
    packages::{library_directory, packaged},
    settings::utf8,
};

const SUFFIX: &str = "o=krb5";
const CONTAINER: &str = "cn=realms,o=krb5";
/// KDC, kadmind and we are the same to the directory.
const ADMINISTRATOR: &str = "cn=admin,o=krb5";
const PASSWORD: &str = "secret";

// In the realm's directory.
const SOCKET: &str = "ldapi";
const SCHEMA: &str = "kerberos.schema";
const CONFIGURATION: &str = "slapd.conf";
const SERVICE_PASSWORDS: &str = "ldap.passwords";

const KRB5: &str = "krb5-kdc-ldap";
const SLAPD: &str = "slapd";

/// How krb5 reaches the directory of a realm.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The realm's directory, absolute.
    directory: PathBuf,
    modules: PathBuf,
    libraries: PathBuf,
}

impl Access {
    /// That of the realm in this directory of the file system.
    pub(crate) fn new(directory: &Path) -> Result<Self, Error> {
        let below = |name: &str| packaged(KRB5, &format!("{}/krb5/{name}", library_directory()));
        let library = below("libkdb_ldap.so.1")?;
        Ok(Access {
            directory: directory.into(),
            modules: below("plugins/kdb")?,
            libraries: library.parent().unwrap_or(&library).into(),
        })
    }

    /// The directory of krb5's own LDAP library.
    pub(crate) fn libraries(&self) -> &Path {
        &self.libraries
    }

    pub(crate) fn relations(&self) -> Result<Vec<Relation>, Error> {
        let of_module = |name, value: &str| Relation::new(&["dbmodules", "db"], name, value);
        Ok(vec![
            Relation::new(&["dbmodules"], "db_module_dir", utf8(&self.modules)?),
            of_module("ldap_servers", &self.url()?),
            of_module("ldap_kerberos_container_dn", CONTAINER),
            of_module("ldap_kdc_dn", ADMINISTRATOR),
            of_module("ldap_kadmind_dn", ADMINISTRATOR),
            of_module("ldap_service_password_file", utf8(&self.file(SERVICE_PASSWORDS))?),
        ])
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn url(&self) -> Result<String, Error> {
        Ok(format!(
            "ldapi://{}",
            utf8(&self.file(SOCKET))?.replace('/', "%2F")
        ))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.file(name);
        fs::write(&path, text).map_err(Error::file("write", path))
    }

    /// Writes what slapd and krb5 read, and makes the directory of slapd's own database.
    fn prepare(&self) -> Result<(), Error> {
        let database = self.file("ldap");
        fs::create_dir(&database).map_err(Error::file("create directory", &database))?;
        let text = format!(
            "include {core}\n\
             include {schema}\n\
             modulepath {modules}\n\
             moduleload back_mdb\n\
             database mdb\n\
             suffix {SUFFIX}\n\
             rootdn {ADMINISTRATOR}\n\
             rootpw {PASSWORD}\n\
             directory {database}\n\
             index objectClass,krbPrincipalName eq\n",
            core = utf8(&packaged(SLAPD, "etc/ldap/schema/core.schema")?)?,
            schema = utf8(&self.file(SCHEMA))?,
            modules = utf8(&packaged(SLAPD, "usr/lib/ldap")?)?,
            database = utf8(&database)?,
        );
        self.write(CONFIGURATION, &text)?;
        let hexadecimal: String = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{ADMINISTRATOR}#{{HEX}}{hexadecimal}\n");
        self.write(SERVICE_PASSWORDS, &line)
    }

    fn slapd(&self, environment: &[(&'static str, OsString)]) -> Result<Daemon, Error> {
        let program = packaged(SLAPD, "usr/sbin/slapd")?;
        let url = self.url()?;
        let configuration = self.file(CONFIGURATION);
        let mut command = vec![program.as_os_str()];
        // With messages that it has at any level; it stays in the foreground.
        command.extend(["-d", "none", "-h", &url, "-f"].map(OsStr::new));
        command.push(configuration.as_os_str());
        let mut environment = environment.to_vec();
        environment.retain(|(name, _)| *name != "LD_LIBRARY_PATH");
        let libraries = program.ancestors().nth(3).unwrap_or(&program);
        let libraries = libraries.join(library_directory());
        environment.push(("LD_LIBRARY_PATH", libraries.into_os_string()));
        let output = self.file("slapd.out");
        let mut daemon = Daemon::start(&command, &environment, &self.directory, output)?;
        // It says that it is starting before it listens.
        let socket = self.file(SOCKET);
        let answers = daemon.await_that(|_| UnixStream::connect(&socket).is_ok());
        answers.map_err(|end| {
            Error::SlapdStart(StartFailure {
                end,
                log: daemon.output(),
            })
        })?;
        Ok(daemon)
    }
}

impl Realm {
    /// Starts slapd over the database that it has. Without effect while it runs.
    ///
    /// # Errors
    /// [`Error::SlapdStart`], [`Error::PackageMissing`].
    pub fn start_slapd(&mut self) -> Result<(), Error> {
        if let (Backend::Ldap(access), None) = (&self.settings.backend, &self.slapd) {
            self.slapd = Some(access.slapd(&self.env())?);
        }
        Ok(())
    }

    /// slapd's process id, if it runs.
    pub fn slapd_pid(&self) -> Option<u32> {
        self.slapd.as_ref().map(Daemon::id)
    }

    /// Ends slapd and waits for it. The KDC goes on.
    pub fn stop_slapd(&mut self) {
        self.slapd = None;
    }

    /// Makes changes to the directory, in LDIF.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn ldap_modify(&self, changes: &str) -> Result<Finished, Error> {
        self.run(self.ldap_command("ldapmodify")?, changes)
    }

    /// Searches the directory for a filter.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn ldap_search(&self, filter: &str) -> Result<Finished, Error> {
        let mut command = self.ldap_command("ldapsearch")?;
        command.args(["-LLL", "-o", "ldif-wrap=no", "-b", SUFFIX, filter]);
        self.run(command, "")
    }

    fn ldap_command(&self, program: &str) -> Result<Command, Error> {
        let mut command = self.command(find_program(program)?);
        command.arg("-x").args(self.directory_arguments()?);
        Ok(command)
    }

    fn directory_arguments(&self) -> Result<Vec<String>, Error> {
        let Backend::Ldap(access) = &self.settings.backend else {
            return Ok(Vec::new());
        };
        let words = ["-D", ADMINISTRATOR, "-w", PASSWORD, "-H", &access.url()?];
        Ok(words.map(str::to_owned).into())
    }

    /// Starts slapd for the first time, and fills its database.
    pub(crate) fn create_directory(&mut self) -> Result<(), Error> {
        let Backend::Ldap(access) = &self.settings.backend else {
            return Ok(());
        };
        let packed = packaged(KRB5, "usr/share/doc/krb5-kdc-ldap/kerberos.schema.gz")?;
        let mut gzip = self.command("gzip");
        gzip.arg("-dc").arg(packed);
        let schema = self.run(gzip, "")?.checked()?.stdout;
        access.write(SCHEMA, &schema)?;
        access.prepare()?;
        self.start_slapd()?;
        let entry = format!("dn: {SUFFIX}\nchangetype: add\nobjectClass: organization\n");
        self.ldap_modify(&entry)?.checked()?;
        let mut create = self.command(packaged(KRB5, "usr/sbin/kdb5_ldap_util")?);
        create
            .args(self.directory_arguments()?)
            .args(["create", "-r", self.name(), "-s", "-P", "throwaway"]);
        self.run(create, "")?.checked().map(drop)
    }
}
