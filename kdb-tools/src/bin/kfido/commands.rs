//! Which command is run, and in which realm.

use std::process::ExitCode;

use krb5_fido_tools::{
    ClientRealm, Error,
    command_line::kfido::{Administration, Arguments, Command},
};
use krb5_plugin::OwnedContext;

use crate::{
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
    if let Some(realm) = named.or(arguments.common.realm.as_ref()) {
        context.set_default_realm(realm).map_err(unusable)?;
    }
    let realm = || {
        let name = context.default_realm().map_err(unusable)?;
        ClientRealm::read(context.get(), &name)
    };
    match &arguments.command {
        Command::RpId { .. } => rp_id::run(&realm()?, arguments.common.json),
        Command::Devices { device } => devices::run(&realm()?, device, arguments.common.json),
        Command::Check(wanted) => check::run(
            &context,
            wanted,
            arguments.common.realm.as_deref(),
            arguments.common.json,
        ),
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
        Command::Administer(what) => administer(&context, arguments, what).map(|()| ExitCode::SUCCESS),
    }
}

/// The commands that work through kadmind.
fn administer(context: &OwnedContext, arguments: &Arguments, what: &Administration) -> Result<(), Error> {
    let session = |principal: &Option<String>, body: &dyn Fn(&mut Session<'_>) -> Result<(), Error>| {
        Session::run(context, arguments, principal.as_deref(), body)
    };
    match what {
        Administration::Enroll {
            principal,
            name,
            registration,
            ..
        } => session(principal, &|session| {
            enroll::run(session, name.as_deref(), registration)
        }),
        Administration::List { principal, .. } => session(principal, &|session| keys::list(session)),
        Administration::Show { label, principal, .. } => {
            session(principal, &|session| show::run(session, label))
        }
        Administration::Rename {
            old, new, principal, ..
        } => session(principal, &|session| keys::rename(session, old, new)),
        Administration::Remove {
            label,
            principal,
            yes,
            ..
        } => session(principal, &|session| keys::remove(session, label, *yes)),
    }
}

fn unusable(error: krb5_plugin::Error) -> Error {
    Error::ClientConfiguration { text: error.text() }
}
