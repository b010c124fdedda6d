//! kfido check: whether a login with a security key works.

mod hints;
mod installed;
mod report;
mod screen;

use std::process::ExitCode;

use krb5_fido_tools::{Console, Error, Terminal, print};
use krb5_plugin::{
    Context, OwnedContext, OwnedPrincipal, default_cache_principal, local_user_name,
    login::{Login, log_in},
};

use crate::{PROGRAM, arguments::Check};
use installed::Installed;
use report::Report;
use screen::Screen;

pub(crate) fn run(
    context: &OwnedContext,
    wanted: &Check,
    realm: Option<&str>,
    as_json: bool,
) -> Result<ExitCode, Error> {
    let client = match &wanted.principal {
        Some(name) => parse(context.get(), name)?,
        None => find_myself(context.get(), realm)?,
    };
    let principal = client.get().unparse().map_err(unnamed)?;
    let realm = String::from_utf8_lossy(client.get().realm()).into_owned();
    let installed = Installed::look(context.get(), &realm, &wanted.option);
    if !as_json {
        print(&installed.tell()).map_err(Error::Output)?;
    }

    let screen = Screen::open();
    let login = Login {
        client: &client,
        service: wanted.service.as_deref(),
        options: &wanted.option,
    };
    let report = Report {
        principal: String::from_utf8_lossy(&principal).into_owned(),
        attempt: log_in(context, &login, &screen),
        module: screen.module(),
        installed,
    };
    if let Some(message) = report.error_message() {
        Console.show(&format!("{PROGRAM}: {message} while getting initial credentials"));
    }
    print(&report.print(as_json)).map_err(Error::Output)?;
    report.hint().iter().for_each(|hint| Console.show(hint));
    Ok(ExitCode::from(report.verdict().exit_status()))
}

fn parse<'a>(context: Context<'a>, name: &str) -> Result<OwnedPrincipal<'a>, Error> {
    OwnedPrincipal::parse(context, name).map_err(|error| Error::MalformedPrincipal {
        principal: name.to_owned(),
        text: error.text(),
    })
}

/// Whom kinit takes; with a realm, somebody in it.
fn find_myself<'a>(context: Context<'a>, realm: Option<&str>) -> Result<OwnedPrincipal<'a>, Error> {
    let is_meant = |principal: &OwnedPrincipal<'_>| {
        realm.is_none_or(|realm| principal.get().realm() == realm.as_bytes())
    };
    match default_cache_principal(context).filter(is_meant) {
        Some(principal) => Ok(principal),
        None => parse(context, &local_user_name().ok_or(Error::NoPrincipal)?),
    }
}

fn unnamed(error: krb5_plugin::Error) -> Error {
    Error::ClientConfiguration { text: error.text() }
}
