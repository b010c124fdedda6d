//! kfido check: whether a login with a security key works.

mod hints;
mod installed;
mod report;

use std::process::ExitCode;

use krb5_fido_tools::{Console, Error, Terminal, command_line::kfido::Check, print};
use krb5_plugin::{
    OwnedContext,
    login::{Login, log_in},
};

use crate::{
    PROGRAM,
    screen::Screen,
    somebody::{find_myself, name_of, parse, realm_of},
};
use installed::Installed;
use report::Report;

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
    let principal = name_of(&client)?;
    let realm = realm_of(&client);
    let installed = Installed::look(context.get(), &realm, &wanted.option);
    if !as_json {
        print(&installed.tell()).map_err(Error::Output)?;
    }

    let screen = Screen::open();
    let login = Login {
        client: &client,
        service: wanted.service.as_deref(),
        options: &wanted.option,
        cache: None,
    };
    let report = Report {
        principal,
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
