//! A running realm.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use crate::{
    Artifacts, Error, Finished, Modules, Presence, RealmBuilder, SecondKdc, SoftKey, StartFailure,
    builder::Directory,
    daemon::{Daemon, find_program},
    database::Backend,
    kprop::KPROP,
    process::{OutputFiles, read_text, read_text_from, run_to_end},
    settings::{KDC_LOG, Krb5Conf, OWN_STATE, Settings},
};

/// How long a command may run unless its caller says otherwise.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// What krb5kdc prints once its sockets are bound; each worker for itself. From then on lines no longer depend on
/// `[logging]`.
pub(crate) const KDC_READY: &str = "krb5kdc: starting...\n";

const KADMIND_LOG: &str = "kadmind.log";

/// A realm with its own krb5kdc and kadmind on 127.0.0.1, in its own directory.
///
/// Drop ends the daemons, waits for them and removes the directory, unless [`RealmBuilder::dir`] gave it; when it
/// happens in a panicking thread, it prints the daemons' logs to standard error first. A realm in a `static` is never
/// dropped: the kernel ends its daemons with the process, its directory stays.
///
/// Commands run in an environment of PATH, LANG, TERM, a HOME inside the directory and the variables that point krb5
/// to the realm; nothing else is inherited.
#[derive(Debug)]
pub struct Realm {
    // In the order of dropping: the daemons before their ports and their directory.
    kdc: Option<Daemon>,
    kadmind: Option<Daemon>,
    /// Where the principals are in LDAP.
    pub(crate) slapd: Option<Daemon>,
    pub(crate) settings: Settings,
    further_realms: Vec<String>,
    launch: KdcLaunch,
    runs: AtomicU32,
    /// How many replicas were made.
    pub(crate) replicas: AtomicU32,
    _directory: Directory,
}

/// How krb5kdc is started.
#[derive(Debug, Default)]
pub(crate) struct KdcLaunch {
    /// 0 for a single process.
    pub(crate) workers: usize,
    /// The command before it, empty for none.
    pub(crate) wrapper: Vec<String>,
}

/// A place in a log, to read on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMark(u64);

impl Realm {
    /// Describes a realm to be started.
    pub fn builder() -> RealmBuilder {
        RealmBuilder::default()
    }

    pub(crate) fn start(
        settings: Settings,
        directory: Directory,
        launch: KdcLaunch,
        kadmind: bool,
    ) -> Result<Self, Error> {
        let mut realm = Self::prepare(settings, directory, launch)?;
        match realm.settings.backend {
            Backend::Ldap(_) => realm.create_directory()?,
            Backend::Db2 | Backend::Lmdb => realm.create_database(realm.name())?,
        }
        realm.restart_kdc()?;
        if kadmind {
            realm.start_kadmind()?;
        }
        Ok(realm)
    }

    /// Everything but a database, and nothing that runs.
    pub(crate) fn prepare(
        settings: Settings,
        directory: Directory,
        launch: KdcLaunch,
    ) -> Result<Self, Error> {
        for name in ["home", "runs"] {
            let path = settings.file(name);
            fs::create_dir(&path).map_err(Error::file("create directory", path))?;
        }
        settings.write()?;
        Ok(Realm {
            kdc: None,
            kadmind: None,
            slapd: None,
            settings,
            further_realms: Vec::new(),
            launch,
            runs: AtomicU32::new(0),
            replicas: AtomicU32::new(0),
            _directory: directory,
        })
    }

    /// The realm's name.
    pub fn name(&self) -> &str {
        &self.settings.realm
    }

    /// The directory with all its files, absolute.
    pub fn dir(&self) -> &Path {
        &self.settings.directory
    }

    /// The directory in which the KDC keeps its counters, with our modules and unless `fido_state_dir` is set.
    pub fn state_dir(&self) -> PathBuf {
        self.settings.state_directory(OWN_STATE)
    }

    /// The KDC's port on 127.0.0.1, UDP and TCP.
    pub fn kdc_port(&self) -> u16 {
        self.settings.ports.kdc()
    }

    /// kadmind's port on 127.0.0.1.
    pub fn kadmind_port(&self) -> u16 {
        self.settings.ports.kadmind()
    }

    /// The port for password changes on 127.0.0.1.
    pub fn kpasswd_port(&self) -> u16 {
        self.settings.ports.kpasswd()
    }

    /// The port for incremental propagation on 127.0.0.1.
    pub fn iprop_port(&self) -> u16 {
        self.settings.ports.iprop()
    }

    /// The whole environment of a program in this realm, client or KDC tool.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        self.settings.environment(Krb5Conf::Client)
    }

    /// A command in this realm's environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_with(Krb5Conf::Client, program)
    }

    /// A command whose krb5.conf loads no client module of ours and is otherwise the same.
    pub fn stock_client_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_with(Krb5Conf::StockClient, program)
    }

    fn command_with(&self, krb5_conf: Krb5Conf, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.settings.environment(krb5_conf));
        command
    }

    /// Runs a command to its end with `stdin` on a pipe, 60 seconds at most. Its trace goes to a file of its own.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it was killed, [`Error::ProgramMissing`] or [`Error::Spawn`] when it was not started. An
    /// exit code is no error.
    pub fn run(&self, command: Command, stdin: &str) -> Result<Finished, Error> {
        self.run_within(command, stdin, COMMAND_LIMIT)
    }

    /// Like [`Realm::run`] with another limit.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn run_within(&self, command: Command, stdin: &str, limit: Duration) -> Result<Finished, Error> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let file = |kind| self.settings.file("runs").join(format!("{number}.{kind}"));
        let files = OutputFiles {
            stdout: file("out"),
            stderr: file("err"),
            trace: file("trace"),
        };
        run_to_end(command, stdin, limit, &files)
    }

    fn run_with_arguments(&self, mut command: Command, arguments: &[&str]) -> Result<Finished, Error> {
        command.args(arguments);
        self.run(command, "")
    }

    /// Runs one kadmin.local query, such as `["getprinc", "alice"]`.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn kadmin_local(&self, query: &[&str]) -> Result<Finished, Error> {
        let mut command = self.command("kadmin.local");
        command.args(["-r", self.name()]);
        self.run_with_arguments(command, query)
    }

    /// Adds a principal with a password. `flags` are those of kadmin's addprinc, such as `+requires_preauth`.
    ///
    /// # Errors
    /// Those of [`Realm::run`], and [`Error::Command`] if kadmin.local refuses.
    pub fn add_principal(&self, name: &str, password: &str, flags: &[&str]) -> Result<(), Error> {
        let query = [&["addprinc", "-pw", password], flags, &[name]].concat();
        self.kadmin_local(&query)?.checked().map(drop)
    }

    /// Runs kinit with the password on a pipe.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn kinit(&self, principal: &str, password: &str, arguments: &[&str]) -> Result<Finished, Error> {
        self.run_kinit(self.command("kinit"), principal, password, arguments)
    }

    /// Runs kinit as [`Realm::stock_client_command`] would.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn stock_kinit(
        &self,
        principal: &str,
        password: &str,
        arguments: &[&str],
    ) -> Result<Finished, Error> {
        self.run_kinit(self.stock_client_command("kinit"), principal, password, arguments)
    }

    fn run_kinit(
        &self,
        mut kinit: Command,
        principal: &str,
        password: &str,
        arguments: &[&str],
    ) -> Result<Finished, Error> {
        kinit.args(arguments).arg(principal);
        self.run(kinit, &format!("{password}\n"))
    }

    /// Runs klist.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn klist(&self, arguments: &[&str]) -> Result<Finished, Error> {
        self.run_with_arguments(self.command("klist"), arguments)
    }

    /// Runs kdestroy.
    ///
    /// # Errors
    /// Those of [`Realm::run`].
    pub fn kdestroy(&self) -> Result<Finished, Error> {
        self.run(self.command("kdestroy"), "")
    }

    /// Runs `kdb5_fido -r REALM` with these arguments.
    ///
    /// # Errors
    /// Those of [`Realm::run`] and of [`Artifacts::locate`].
    pub fn kdb5_fido(&self, arguments: &[&str]) -> Result<Finished, Error> {
        let mut command = self.command(Artifacts::locate()?.kdb5_fido());
        command.args(["-r", self.name()]);
        self.run_with_arguments(command, arguments)
    }

    /// Runs `kfido` with these arguments, and nothing on standard input.
    ///
    /// # Errors
    /// Those of [`Realm::run`] and of [`Artifacts::locate`].
    pub fn kfido(&self, arguments: &[&str]) -> Result<Finished, Error> {
        self.run_with_arguments(self.command(Artifacts::locate()?.kfido()), arguments)
    }

    /// Starts a software key that keeps its credentials in the directory `name` below the realm's and listens on
    /// `name`.sock beside it. To be dropped before the realm.
    ///
    /// # Errors
    /// [`Error::SoftkeyStart`] with its output when it does not get ready, [`Error::SoftkeyName`] and
    /// [`Error::SocketPath`] for a name that cannot be used, those of [`Artifacts::locate`].
    pub fn softkey(&self, name: &str, presence: Presence) -> Result<SoftKey, Error> {
        self.softkey_with(name, presence, &[])
    }

    /// Like [`Realm::softkey`] with further options of `softkey run`, such as `--u2f-only`.
    ///
    /// # Errors
    /// Those of [`Realm::softkey`].
    pub fn softkey_with(&self, name: &str, presence: Presence, options: &[&str]) -> Result<SoftKey, Error> {
        SoftKey::start(
            &Artifacts::locate()?.softkey(),
            name,
            presence,
            options,
            &self.env(),
            self.dir(),
        )
    }

    /// Starts a further KDC of the realm with these modules: over the same database, with the relations of kdc.conf as they
    /// are now, on a port of its own that clients are not told of. To be dropped before the realm.
    ///
    /// # Errors
    /// [`Error::KdcStart`] with what it logged, [`Error::NoFreePorts`], those of [`Artifacts::locate`].
    pub fn second_kdc(&self, modules: Modules) -> Result<SecondKdc, Error> {
        SecondKdc::start(&self.settings, modules)
    }

    /// All that the KDC has logged.
    pub fn kdc_log(&self) -> String {
        self.kdc_log_since(LogMark(0))
    }

    /// The end of the KDC's log as it is now.
    pub fn kdc_log_mark(&self) -> LogMark {
        LogMark(fs::metadata(self.settings.file(KDC_LOG)).map_or(0, |metadata| metadata.len()))
    }

    /// What the KDC has logged since `mark`.
    pub fn kdc_log_since(&self, mark: LogMark) -> String {
        read_text_from(&self.settings.file(KDC_LOG), mark.0)
    }

    /// All that kadmind, and kadmin.local, have logged.
    pub fn kadmind_log(&self) -> String {
        read_text(&self.settings.file(KADMIND_LOG))
    }

    /// The KDC's process id, the supervisor's if it has workers. `None` while it is stopped.
    pub fn kdc_pid(&self) -> Option<u32> {
        self.kdc.as_ref().map(Daemon::id)
    }

    /// Whether the KDC runs: it may have ended by itself.
    pub fn kdc_is_running(&self) -> bool {
        self.kdc.as_ref().and_then(Daemon::process).is_some()
    }

    /// kadmind's process id, if it runs.
    pub fn kadmind_pid(&self) -> Option<u32> {
        self.kadmind.as_ref().map(Daemon::id)
    }

    /// Ends the KDC and waits for it.
    pub fn stop_kdc(&mut self) {
        self.kdc = None;
    }

    /// Ends the KDC if it runs, and starts it on the same ports.
    ///
    /// # Errors
    /// [`Error::KdcStart`] with what it logged. The KDC is stopped then.
    pub fn restart_kdc(&mut self) -> Result<(), Error> {
        self.stop_kdc();
        let mark = self.kdc_log_mark();
        let workers = self.launch.workers.to_string();
        let pid_file = self.settings.file("krb5kdc.pid");
        let mut arguments: Vec<&OsStr> = ["-n", "-r", self.name(), "-P"].map(OsStr::new).into();
        arguments.push(pid_file.as_os_str());
        for name in &self.further_realms {
            arguments.extend(["-r", name].map(OsStr::new));
        }
        if self.launch.workers > 0 {
            arguments.extend(["-w", &workers].map(OsStr::new));
        }
        let krb5kdc = find_program("krb5kdc")?;
        let mut command: Vec<&OsStr> = self.launch.wrapper.iter().map(OsStr::new).collect();
        command.push(krb5kdc.as_os_str());
        command.append(&mut arguments);
        let mut daemon = self.start_daemon("krb5kdc", &command)?;
        match daemon.await_ready(KDC_READY, self.launch.workers.max(1)) {
            Ok(()) => {
                self.kdc = Some(daemon);
                Ok(())
            }
            Err(end) => {
                let log = self.kdc_log_since(mark) + &daemon.output();
                Err(Error::KdcStart(StartFailure { end, log }))
            }
        }
    }

    fn start_kadmind(&mut self) -> Result<(), Error> {
        let [pid_file, dump, kprop] = ["kadmind.pid", "dump", KPROP].map(|name| self.settings.file(name));
        let mut arguments: Vec<&OsStr> = ["-nofork", "-r", self.name(), "-P"].map(OsStr::new).into();
        // What a replica is sent as a whole is dumped here instead of the KDC's state directory.
        arguments.extend([pid_file.as_os_str(), "-F".as_ref(), dump.as_os_str()]);
        arguments.extend(["-K".as_ref(), kprop.as_os_str()]);
        let kadmind = find_program("kadmind")?;
        arguments.insert(0, kadmind.as_os_str());
        let mut daemon = self.start_daemon("kadmind", &arguments)?;
        match daemon.await_ready("kadmind: starting...\n", 1) {
            Ok(()) => {
                self.kadmind = Some(daemon);
                Ok(())
            }
            Err(end) => {
                let log = self.kadmind_log() + &daemon.output();
                Err(Error::KadmindStart(StartFailure { end, log }))
            }
        }
    }

    fn start_daemon(&self, name: &str, command: &[&OsStr]) -> Result<Daemon, Error> {
        let environment = self.settings.environment(Krb5Conf::Daemon);
        let output = self.settings.file(name).with_added_extension("out");
        Daemon::start(command, &environment, self.dir(), output)
    }

    /// Makes a further realm that the same KDC serves on the same ports, and restarts the KDC. Clients find it.
    /// Commands are told by its name that it is meant, as in `kadmin.local -r NAME`; kadmind does not serve it.
    ///
    /// # Errors
    /// [`Error::RealmName`], [`Error::Command`] for one that is there and in LDAP, and those of [`Realm::restart_kdc`].
    pub fn serve_also(&mut self, name: &str) -> Result<(), Error> {
        self.settings.add_realm(name)?;
        self.settings.write()?;
        self.create_database(name)?;
        self.further_realms.push(name.into());
        self.restart_kdc()
    }

    fn create_database(&self, name: &str) -> Result<(), Error> {
        let arguments = ["-r", name, "create", "-s", "-P", "throwaway"];
        self.run_with_arguments(self.command("kdb5_util"), &arguments)?
            .checked()
            .map(drop)
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let outputs = [&self.kdc, &self.kadmind].map(|daemon| daemon.as_ref().map(Daemon::output));
        let [kdc, kadmind] = outputs.map(Option::unwrap_or_default);
        eprintln!("--- kdc.log of {}\n{}{kdc}", self.name(), self.kdc_log());
        eprintln!(
            "--- kadmind.log of {}\n{}{kadmind}---",
            self.name(),
            self.kadmind_log()
        );
    }
}
