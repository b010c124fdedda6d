//! A further KDC of a realm, as realms have them that must not depend on one machine.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    thread,
};

use crate::{
    Artifacts, Error, Modules, StartFailure,
    builder::module_path,
    daemon::{Daemon, find_program},
    ports::Ports,
    process::read_text,
    realm::KDC_READY,
    settings::{KDC_PROFILE, KdcPlace, Krb5Conf, Settings},
};

/// A second krb5kdc over the database of a realm, on a port of its own on 127.0.0.1, UDP and TCP. Drop ends it; in a
/// panicking thread it prints the log to standard error first.
#[derive(Debug)]
pub struct SecondKdc {
    // Before the ports: they are free once it has ended.
    daemon: Daemon,
    ports: Ports,
    log: PathBuf,
    state: PathBuf,
}

impl SecondKdc {
    pub(crate) fn start(settings: &Settings, modules: Modules) -> Result<Self, Error> {
        let ports = Ports::claim()?;
        let module = module_path(modules, Artifacts::kdc_module)?;
        let name = format!("kdc-{}", ports.kdc());
        let (log, state) = (format!("{name}.log"), format!("{name}.fido"));
        let place = KdcPlace {
            port: ports.kdc(),
            log: &log,
            state: &state,
            module: module.as_deref(),
        };
        let profile = format!("{name}.conf");
        settings.write_kdc_conf(&profile, place)?;

        let mut environment = settings.environment(Krb5Conf::Daemon);
        environment.retain(|(variable, _)| *variable != KDC_PROFILE);
        environment.push((KDC_PROFILE, settings.file(&profile).into_os_string()));
        let krb5kdc = find_program("krb5kdc")?;
        let pid_file = settings.file(&format!("{name}.pid"));
        let mut command = vec![krb5kdc.as_os_str()];
        command.extend(["-n", "-r", &settings.realm, "-P"].map(OsStr::new));
        command.push(pid_file.as_os_str());
        let output = settings.file(&format!("{name}.out"));
        let mut kdc = SecondKdc {
            daemon: Daemon::start(&command, &environment, &settings.directory, output)?,
            ports,
            log: settings.file(&log),
            state: settings.state_directory(&state),
        };
        match kdc.daemon.await_ready(KDC_READY, 1) {
            Ok(()) => Ok(kdc),
            Err(end) => {
                let log = kdc.log() + &kdc.daemon.output();
                Err(Error::KdcStart(StartFailure { end, log }))
            }
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.kdc()
    }

    /// The value of the relation `kdc` that stands for it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The directory in which it keeps its counters: beside a DB2 database that of all its KDCs, else one of its own.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        read_text(&self.log)
    }
}

impl Drop for SecondKdc {
    fn drop(&mut self) {
        if thread::panicking() {
            let output = self.daemon.output();
            eprintln!(
                "--- log of the KDC on {}\n{}{output}---",
                self.address(),
                self.log()
            );
        }
    }
}
