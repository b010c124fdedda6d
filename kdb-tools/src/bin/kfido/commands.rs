//! Which command is run, and in which realm.

use std::process::ExitCode;

use krb5_fido_tools::{ClientRealm, Error};
use krb5_plugin::OwnedContext;

use crate::{
    arguments::{Arguments, Command},
    check, devices, rp_id,
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
    }
}

fn unusable(error: krb5_plugin::Error) -> Error {
    Error::ClientConfiguration { text: error.text() }
}
