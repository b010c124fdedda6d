//! What to do about a login that did not do what was hoped for.

use krb5_plugin::{Error, spake::Module};

use super::report::Report;

/// What is wrong with a module that can be loaded, and is not ours.
const ANOTHER: &str = "the one in krb5.conf is another, which knows no security keys";

/// There is a ticket, and no key counted.
pub(crate) fn password_alone(report: &Report) -> String {
    let principal = &report.principal;
    if let Some(problem) = report.installed.module.problem() {
        return need_module(&problem);
    }
    match report.module {
        Some(Module::Ours) => format!(
            "Either no security key is registered for {principal}, or fido_policy of the realm lets the password do where \
             no key is attached."
        ),
        Some(Module::Other) => need_module(ANOTHER),
        None => "The client module took no part: the KDC did not offer SPAKE, or not in a group of \
                 spake_preauth_groups."
            .to_owned(),
    }
}

/// There is no ticket.
pub(crate) fn failed(report: &Report, error: Error) -> Option<String> {
    let realm_hint = "See kdc in [realms] of krb5.conf, or the DNS records of the realm.";
    match error {
        Error::KDC_UNREACHABLE => Some(format!("Does a KDC run there? {realm_hint}")),
        Error::REALM_UNKNOWN | Error::REALM_CANNOT_RESOLVE => Some(realm_hint.to_owned()),
        Error::CLIENT_UNKNOWN => Some("Is the name right, and the realm?".to_owned()),
        Error::CLOCK_SKEW => Some("Set the clock of this machine.".to_owned()),
        Error::PASSWORD_EXPIRED => Some("Set a new password, with kinit or kpasswd.".to_owned()),
        Error::CLIENT_REVOKED => Some(
            "Locked after too many wrong passwords, expired, or disabled: ask your administrator.".to_owned(),
        ),
        _ => of_this_machine(report).or_else(|| of_the_kdc(error)),
    }
}

/// What is wrong here explains more than what the KDC says.
fn of_this_machine(report: &Report) -> Option<String> {
    if let Some(problem) = report.installed.module.problem() {
        return Some(need_module(&problem));
    }
    if report.module == Some(Module::Other) {
        return Some(need_module(ANOTHER));
    }
    let problem = report.installed.helper_problem()?;
    Some(format!(
        "Logins with a security key need krb5-fido-helper, which cannot be started: {problem}."
    ))
}

fn of_the_kdc(error: Error) -> Option<String> {
    match error {
        Error::PREAUTH_FAILED | Error::BAD_INTEGRITY => Some(
            "A wrong password, or a key that the KDC did not accept: the log of the KDC says which."
                .to_owned(),
        ),
        Error::POLICY => Some("The log of the KDC says why.".to_owned()),
        _ => None,
    }
}

fn need_module(problem: &str) -> String {
    format!("Logins with a security key need the client module: {problem}.")
}
