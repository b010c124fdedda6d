//! A replica of a realm: another machine with a database of its own, which it gets from the primary.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};

use crate::{
    Artifacts, Error, Modules, Realm, StartFailure,
    builder::{Directory, module_path},
    daemon::Daemon,
    host::{host_name, on_host},
    packages::packaged,
    ports::Ports,
    realm::KdcLaunch,
    settings::{Krb5Conf, Primary, Settings},
};

/// How long changes may take to a replica.
const LIMIT: Duration = Duration::from_secs(30);
/// How long kpropd is left alone between two reminders to ask.
const PAUSE: Duration = Duration::from_millis(50);

/// How changes come to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// The primary dumps its database and sends the whole with kprop.
    Kprop,
    /// kpropd asks the primary's kadmind for what has changed.
    Iprop,
}

/// A replica of a realm: kpropd, and a KDC over what kpropd gets, in a directory of its own below that of the primary. To be
/// dropped before the primary. Drop ends kpropd and the KDC.
///
/// kpropd listens on all addresses of this machine, since it cannot be told otherwise; it takes a database only from who has
/// the primary's keys.
#[derive(Debug)]
pub struct Replica {
    // Before the directory of its files.
    kpropd: Option<Daemon>,
    propagation: Propagation,
    host: String,
    realm: Realm,
}

impl Replica {
    /// The realm as it is here: with this KDC and this database, and clients that know no other. They find keys where those of
    /// the primary do as it was when the replica was started. What administers the realm goes to the primary.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The same, to be changed: its KDC stopped, or its configuration.
    pub fn realm_mut(&mut self) -> &mut Realm {
        &mut self.realm
    }

    /// What kpropd has printed.
    pub fn kpropd_output(&self) -> String {
        self.kpropd.as_ref().map(Daemon::output).unwrap_or_default()
    }

    /// kpropd's process id, if it runs.
    pub fn kpropd_pid(&self) -> Option<u32> {
        self.kpropd.as_ref().map(Daemon::id)
    }

    /// The port on which kpropd takes a database.
    pub fn kpropd_port(&self) -> u16 {
        self.realm.settings.ports.iprop()
    }

    /// Ends kpropd and waits for it.
    pub fn stop_kpropd(&mut self) {
        self.kpropd = None;
    }

    /// Ends kpropd if it runs, and starts it.
    ///
    /// # Errors
    /// [`Error::KpropdStart`] with what it printed, [`Error::PackageMissing`].
    pub fn restart_kpropd(&mut self) -> Result<(), Error> {
        self.stop_kpropd();
        let settings = &self.realm.settings;
        let kpropd = packaged("krb5-kpropd", "usr/sbin/kpropd")?;
        let port = settings.ports.iprop().to_string();
        let [keytab, received, acl] =
            ["machine.keytab", "received", "kpropd.acl"].map(|name| settings.file(name));
        let primary = settings.directory.parent().unwrap_or(&settings.directory);
        let prefix = on_host(&self.host, primary);
        let mut command: Vec<&OsStr> = prefix.iter().map(AsRef::as_ref).collect();
        command.push(kpropd.as_os_str());
        // It stays in the foreground, and says what it does.
        command.extend(["-d", "-r", &settings.realm, "-P", &port].map(OsStr::new));
        for (option, path) in [("-s", &keytab), ("-f", &received), ("-a", &acl)] {
            command.extend([option.as_ref(), path.as_os_str()]);
        }
        let environment = settings.environment(Krb5Conf::Daemon);
        let output = settings.file("kpropd.out");
        let mut daemon = Daemon::start(&command, &environment, &settings.directory, output)?;
        match daemon.await_ready("waiting for a kprop connection\n", 1) {
            Ok(()) => {
                self.kpropd = Some(daemon);
                Ok(())
            }
            Err(end) => {
                let log = daemon.output();
                Err(Error::KpropdStart(StartFailure { end, log }))
            }
        }
    }

    /// Has kpropd ask for updates until it has all of them.
    fn catch_up(&self, primary: &Realm) -> Result<(), Error> {
        let deadline = Instant::now() + LIMIT;
        let wanted = primary.last_change()?;
        while self.realm.last_change()? != wanted {
            if Instant::now() >= deadline {
                return Err(Error::Propagation {
                    log: self.kpropd_output(),
                    limit: LIMIT,
                });
            }
            if let Some(kpropd) = self.kpropd.as_ref().and_then(Daemon::process) {
                // It asks by itself every two minutes. Where it cannot be reminded, it has ended.
                let _ = kill_process(kpropd, Signal::USR1);
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Realm {
    /// Adds a replica with these modules, in which everything is as it is here now.
    ///
    /// # Errors
    /// [`Error::KpropdStart`], [`Error::KdcStart`], [`Error::PackageMissing`], and those of [`Realm::propagate`].
    pub fn replica(&self, propagation: Propagation, modules: Modules) -> Result<Replica, Error> {
        self.become_primary()?;
        let number = self.replicas.fetch_add(1, Ordering::Relaxed) + 2;
        let host = host_name(self.name(), number);
        let directory = self.dir().join(format!("kdc{number}"));
        fs::create_dir(&directory).map_err(Error::file("create directory", &directory))?;
        let settings = self.settings_of_replica(propagation, modules, &directory)?;
        let stash = settings.file("stash");
        self.add_machine(&host, &settings.file("machine.keytab"))?;
        self.register_replica(&host, settings.ports.iprop())?;
        fs::copy(self.settings.file("stash"), &stash).map_err(Error::file("write", stash))?;
        let acl = settings.file("kpropd.acl");
        let primary = format!("host/{}@{}\n", host_name(self.name(), 1), self.name());
        fs::write(&acl, primary).map_err(Error::file("write", acl))?;

        let realm = Realm::prepare(settings, Directory::Kept(directory), KdcLaunch::default())?;
        let mut replica = Replica {
            kpropd: None,
            propagation,
            host,
            realm,
        };
        replica.restart_kpropd()?;
        self.propagate(&replica)?;
        replica.realm.restart_kdc()?;
        Ok(replica)
    }

    fn settings_of_replica(
        &self,
        propagation: Propagation,
        modules: Modules,
        directory: &Path,
    ) -> Result<Settings, Error> {
        let own = &self.settings;
        let primary = Primary {
            host: host_name(self.name(), 1),
            kdc: own.ports.kdc(),
            kadmind: own.ports.kadmind(),
            kpasswd: own.ports.kpasswd(),
            iprop: own.ports.iprop(),
            is_asked: propagation == Propagation::Iprop,
        };
        Ok(Settings {
            realm: own.realm.clone(),
            directory: directory.into(),
            ports: Ports::claim()?,
            primary: Some(primary),
            backend: own.backend.clone(),
            client_module: own.client_module.clone(),
            helper: own.helper.clone(),
            kdc_module: module_path(modules, Artifacts::kdc_module)?,
            client_relations: own.client_relations.clone(),
            kdc_relations: own.kdc_relations.clone(),
        })
    }

    /// Brings a replica to where this realm is: sends it the database, or waits until it has asked for all updates.
    ///
    /// # Errors
    /// [`Error::Command`] with what kprop says, [`Error::Propagation`] with what kpropd says.
    pub fn propagate(&self, replica: &Replica) -> Result<(), Error> {
        match replica.propagation {
            Propagation::Kprop => self.send_database(&replica.host),
            Propagation::Iprop => replica.catch_up(self),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- kpropd on {}\n{}", self.host, self.kpropd_output());
        }
    }
}
