//! `krb5-testrealm run` and `krb5-testrealm shell`.

use std::{
    env,
    error::Error,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    process::{Child, ExitCode, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use krb5_testrealm::{Artifacts, Modules, Presence, Realm, SoftKey};
use rustix::{
    process::{Pid, Signal, getpgrp, kill_process},
    termios::tcgetpgrp,
};

use crate::{RealmOptions, signals::Signals};

/// How often the command is asked whether it has ended.
const POLL: Duration = Duration::from_millis(10);
/// How long the command may take to end after a signal that was passed on.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The relation that names keys.
const DEVICE: &str = "fido_device";

/// The shell of whoever has not said which.
const DEFAULT_SHELL: &str = "/bin/sh";

/// Runs a shell in a realm, and says what there is to play with.
pub(crate) fn shell(options: &RealmOptions) -> Result<ExitCode, Box<dyn Error>> {
    let shell = env::var_os("SHELL").unwrap_or_else(|| DEFAULT_SHELL.into());
    run_prepared(options, &[shell], |realm| welcome(options, realm))
}

/// Runs the command in a realm. The realm is gone when this returns.
pub(crate) fn run(options: &RealmOptions, command: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    run_prepared(options, command, |_| Ok(None))
}

/// Starts a security key for whoever can log in with one, and says so.
fn welcome(options: &RealmOptions, realm: &mut Realm) -> Result<Option<SoftKey>, krb5_testrealm::Error> {
    let key = match options.stock || options.stock_client || options.stock_kdc {
        true => None,
        false => Some(realm.softkey("key", Presence::Auto)?),
    };
    let name = realm.name();
    let (with_key, steps) = match &key {
        Some(key) => (
            ", and a security key in software that touches itself",
            format!(
                "    kdb5_fido enroll alice --device {}\n    kinit alice; klist -f\n",
                key.device()
            ),
        ),
        None => ("", String::new()),
    };
    eprintln!(
        "A realm {name} of your own{with_key}. For a start:\n    \
         kadmin.local addprinc -pw secret +requires_preauth alice\n    \
         kinit alice; klist -f\n{steps}\
         KRB5_CONFIG and KRB5_KDC_PROFILE name its configuration. It is gone when you leave this shell."
    );
    let is_set = options.client.iter().any(|(name, _)| name == DEVICE);
    if let Some(key) = key.as_ref().filter(|_| !is_set) {
        realm.set_client_relation(DEVICE, &["auto", &key.device()])?;
    }
    Ok(key)
}

/// The same, with a key that runs meanwhile.
fn run_prepared(
    options: &RealmOptions,
    command: &[OsString],
    prepare: impl FnOnce(&mut Realm) -> Result<Option<SoftKey>, krb5_testrealm::Error>,
) -> Result<ExitCode, Box<dyn Error>> {
    let signals = Signals::note()?;
    let mut realm = start_realm(options)?;
    if let Some(signal) = signals.take() {
        return Ok(exit_code_of_signal(signal.as_raw()));
    }
    let Some((program, arguments)) = command.split_first() else {
        return Err("no command".into());
    };
    let _key = prepare(&mut realm)?;
    let mut command = realm.command(program);
    match command.args(arguments).env("PATH", path(&realm)?).spawn() {
        Ok(mut child) => Ok(exit_code(wait(&mut child, &signals)?)),
        Err(error) => {
            eprintln!("krb5-testrealm: cannot start {}: {error}", program.display());
            Ok(ExitCode::from(if error.kind() == io::ErrorKind::NotFound {
                127
            } else {
                126
            }))
        }
    }
}

/// The realm's PATH, with our programs first if they are built.
fn path(realm: &Realm) -> Result<OsString, env::JoinPathsError> {
    let variables = realm.env();
    let usual = variables.iter().find(|(name, _)| *name == "PATH");
    let usual = usual.map(|(_, value)| value.clone()).unwrap_or_default();
    let ours = Artifacts::locate().ok();
    let ours = ours.iter().map(|artifacts| artifacts.directory().to_owned());
    env::join_paths(ours.chain(env::split_paths(&usual)))
}

fn start_realm(options: &RealmOptions) -> Result<Realm, krb5_testrealm::Error> {
    let mut builder = Realm::builder().realm(&options.realm);
    if let Some(directory) = &options.dir {
        builder = builder.dir(directory).keep_dir(false);
    }
    if options.stock || options.stock_client {
        builder = builder.client_modules(Modules::Stock);
    }
    if options.stock || options.stock_kdc {
        builder = builder.kdc_modules(Modules::Stock);
    }
    for (address, value) in &options.kdc {
        builder = builder.kdc_relation(address, value);
    }
    for (address, value) in &options.client {
        builder = builder.client_relation(address, value);
    }
    builder.start()
}

/// Waits for the command, passing signals on.
fn wait(child: &mut Child, signals: &Signals) -> io::Result<ExitStatus> {
    let mut deadline = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match signals.take() {
            Some(Signal::INT) if terminal_signals_us() => {}
            Some(signal) => {
                // It has not been waited for, so that its id is still its own.
                kill_process(Pid::from_child(child), signal)?;
                if signal != Signal::INT {
                    deadline.get_or_insert(Instant::now() + STOP_LIMIT);
                }
            }
            None => {}
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            child.kill()?;
        }
        thread::sleep(POLL);
    }
}

/// Whether an interrupt typed at the terminal reaches our process group, and with it the command, by itself.
fn terminal_signals_us() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp())
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match (code, status.signal()) {
        (Some(code), _) => ExitCode::from(code),
        (None, Some(signal)) => exit_code_of_signal(signal),
        (None, None) => ExitCode::FAILURE,
    }
}

fn exit_code_of_signal(signal: i32) -> ExitCode {
    u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from)
}
