//! Which command is run, and in which realm.

use std::process::ExitCode;

use krb5_fido_tools::{ClientRealm, Error};
use krb5_plugin::OwnedContext;

use crate::{
    arguments::{Arguments, Command},
    check, devices,
    enroll::{self, Output},
    keys, rp_id,
    session::Session,
    show,
};

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let context = OwnedContext::new().map_err(unusable)?;
    let named = match &arguments.command {
        Command::RpId { name } => name.as_ref(),
        _ => None,
    };
    if let Some(realm) = named.or(arguments.realm.as_ref()) {
        context.set_default_realm(realm).map_err(unusable)?;
    }
    let realm = || {
        let name = context.default_realm().map_err(unusable)?;
        ClientRealm::read(context.get(), &name)
    };
    match &arguments.command {
        Command::RpId { .. } => rp_id::run(&realm()?, arguments.json),
        Command::Devices { device } => devices::run(&realm()?, device, arguments.json),
        Command::Check(wanted) => check::run(&context, wanted, arguments.realm.as_deref(), arguments.json),
        Command::Register {
            principal,
            out,
            force,
            registration,
        } => {
            let out = Output {
                path: out,
                force: *force,
            };
            enroll::run_offline(&context, principal, registration, &out).map(|()| ExitCode::SUCCESS)
        }
        _ => administer(&context, arguments).map(|()| ExitCode::SUCCESS),
    }
}

/// The commands that work through kadmind.
fn administer(context: &OwnedContext, arguments: &Arguments) -> Result<(), Error> {
    let session = |principal: &Option<String>, body: &dyn Fn(&mut Session<'_>) -> Result<(), Error>| {
        Session::run(context, arguments, principal.as_deref(), body)
    };
    match &arguments.command {
        Command::Enroll {
            principal,
            name,
            registration,
        } => session(principal, &|session| {
            enroll::run(session, name.as_deref(), registration)
        }),
        Command::List { principal } => session(principal, &|session| keys::list(session)),
        Command::Show { label, principal } => session(principal, &|session| show::run(session, label)),
        Command::Rename { old, new, principal } => {
            session(principal, &|session| keys::rename(session, old, new))
        }
        Command::Remove {
            label,
            principal,
            yes,
        } => session(principal, &|session| keys::remove(session, label, *yes)),
        // Done before.
        Command::RpId { .. } | Command::Devices { .. } | Command::Check(_) | Command::Register { .. } => {
            Ok(())
        }
    }
}

fn unusable(error: krb5_plugin::Error) -> Error {
    Error::ClientConfiguration { text: error.text() }
}
