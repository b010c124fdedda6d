//! What each command does and prints.

use std::{
    fs::File,
    io::{Read, stdin},
    path::Path,
    process::ExitCode,
};

use krb5_fido_protocol::fido::{kdc_settings::KdcSettings, policy::Settings, record::CredentialRecord};
use krb5_fido_tools::{
    Added, Console, Error, ImportMode, Keys, Listed, Store, Which, Whose,
    command_line::{
        RegistrationOptions,
        kdb5_fido::{Arguments, Command},
    },
    confirm, register_attached,
};

use crate::{
    PROGRAM, check, disable, export, import, invite,
    output::{print_added, print_list, print_removed},
    rename, settings, show, status, usage,
};

/// More than a record has, in bytes.
const READ_MAX: u64 = 128 * 1024;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let store = Store::new(arguments.common.realm.as_deref())?;
    // The one command that goes on with an impossible value.
    let database = arguments.database_arguments();
    if let Command::CheckConfig { fix } = arguments.command {
        return check::run(&store, &database, fix, arguments.common.json);
    }
    let realm = store.settings()?;
    let keys = store.open(&database)?;
    let site = Site {
        store: &store,
        realm: &realm,
        keys: &keys,
        as_json: arguments.common.json,
    };
    site.run(&arguments.command)?;
    Ok(ExitCode::SUCCESS)
}

/// The realm and its open database.
pub(crate) struct Site<'a> {
    pub(crate) store: &'a Store,
    pub(crate) realm: &'a KdcSettings,
    pub(crate) keys: &'a Keys<'a>,
    pub(crate) as_json: bool,
}

impl Site<'_> {
    fn run(&self, command: &Command) -> Result<(), Error> {
        let settings = &self.realm.settings;
        match command {
            Command::Enroll {
                principal,
                name,
                registration,
            } => {
                let target = self.target(principal, name.as_ref());
                let record = enroll(self.store, settings, &target, registration)?;
                self.add(&target, &record)
            }
            Command::Add {
                principal,
                name,
                file,
            } => self.add(&self.target(principal, name.as_ref()), &read_record(file)?),
            Command::List { principal } => {
                print_list(&self.list(principal.as_deref())?, settings, self.as_json)
            }
            Command::Remove {
                principal,
                label,
                yes,
            } => remove(self.keys, principal, label, *yes, self.as_json),
            Command::Show { principal, label } => show::run(self, principal, label.as_deref()),
            Command::Rename { principal, old, new } => rename::run(self, principal, old, new),
            Command::Disable { principal, label, .. } => disable::run(
                self,
                principal,
                label.as_ref().map_or(Which::All, |label| Which::Labelled(label)),
                true,
            ),
            Command::Enable { principal, label } => {
                disable::run(self, principal, Which::Labelled(label), false)
            }
            Command::Export {
                principals,
                out,
                force,
            } => export::run(self, principals, out.as_deref(), *force),
            Command::Import {
                file,
                replace,
                dry_run,
                any_realm,
            } => {
                let mode = ImportMode {
                    replace: *replace,
                    dry_run: *dry_run,
                };
                import::run(self, file, mode, *any_realm)
            }
            Command::Invite(options) => invite::run(self, options),
            Command::Policy(change) => settings::run(self, change),
            Command::Status { principal } => status::run(self, principal.as_deref()),
            Command::Usage {
                principal,
                from,
                unused_since,
            } => usage::run(self, principal.as_deref(), from, *unused_since),
            // Done before.
            Command::CheckConfig { .. } => Ok(()),
        }
    }

    fn target<'a>(&'a self, principal: &'a str, name: Option<&'a String>) -> Target<'a> {
        Target {
            keys: self.keys,
            principal,
            name: name.map(String::as_str),
        }
    }

    fn add(&self, target: &Target<'_>, record: &CredentialRecord) -> Result<(), Error> {
        print_added(&target.add(record)?, record, &self.realm.settings, self.as_json)
    }

    /// One principal, or all that have keys.
    pub(crate) fn list(&self, principal: Option<&str>) -> Result<Vec<Listed>, Error> {
        match principal {
            Some(principal) => Ok(vec![self.keys.list(principal)?]),
            None => self.keys.list_all(),
        }
    }
}

/// Where a new key goes.
struct Target<'a> {
    keys: &'a Keys<'a>,
    principal: &'a str,
    name: Option<&'a str>,
}

impl Target<'_> {
    fn add(&self, record: &CredentialRecord) -> Result<Added, Error> {
        self.keys.add(self.principal, self.name, record)
    }
}

fn enroll(
    store: &Store,
    settings: &Settings,
    target: &Target<'_>,
    registration: &RegistrationOptions,
) -> Result<CredentialRecord, Error> {
    let listed = target.keys.list(target.principal)?;
    // Before anybody touches a key: the name must be free.
    Keys::choose_label(&listed, target.name)?;
    let whose = Whose {
        principal: &listed.principal,
        enrolment: &listed.enrolment,
        settings,
        by: &store.administrator(),
    };
    let client = store.as_client()?;
    let registered = register_attached(PROGRAM, &client, &whose, registration, &Console)?;
    Ok(registered.record)
}

fn read_record(file: &Path) -> Result<CredentialRecord, Error> {
    CredentialRecord::parse(read(file, READ_MAX)?.trim()).map_err(|cause| Error::MalformedRecord {
        path: file.to_owned(),
        cause,
    })
}

/// Reads a file, - for standard input, or as many bytes of it as show that it is too long.
pub(crate) fn read(file: &Path, max: u64) -> Result<String, Error> {
    let mut text = String::new();
    let done = if file == Path::new("-") {
        stdin().take(max).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|opened| opened.take(max).read_to_string(&mut text))
    };
    done.map(|_| text).map_err(|source| Error::UnreadableFile {
        path: file.to_owned(),
        source,
    })
}

fn remove(keys: &Keys<'_>, principal: &str, label: &str, yes: bool, as_json: bool) -> Result<(), Error> {
    let removed = keys.remove(principal, label, |listed| {
        let question = format!(
            "{label} is the last key of {}: fido_policy decides whether the password alone will do from now on. Remove it?",
            listed.principal
        );
        if yes { Ok(true) } else { confirm(&question) }
    })?;
    print_removed(&removed, label, as_json)
}
