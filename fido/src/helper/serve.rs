//! The one request of the client module, from its socket to its answer.

use std::process::ExitCode;

use krb5_fido_keys::inherited_socket;
use krb5_fido_protocol::helper::{Failure, Message};

use crate::{
    attached,
    link::{End, Link, Stop},
    login,
};

const USAGE: &str = "\
krb5-fido-helper: not a command for people
The Kerberos client module starts it when a login needs a security key, with a stream socket as file descriptor 3.
File descriptor 3 is no such socket.";

/// Exit status when the helper was not started by the module.
const EXIT_USAGE: u8 = 2;

/// All that the helper does.
pub(crate) fn answer_module() -> ExitCode {
    let Some(socket) = inherited_socket() else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    match Link::start(socket) {
        Ok(link) => serve(&link),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Answers the one request. Whatever ends the link overrides what became of the request.
fn serve(link: &Link) -> ExitCode {
    let outcome = match link.receive() {
        Ok(Message::Assert(request)) => login::sign_in(&request, link).map(Message::Assertion),
        Ok(Message::Probe(devices)) => attached::list(&devices)
            .map(Message::Attached)
            .map_err(Stop::Failed),
        Ok(_) => Err(Stop::Failed(Failure::Internal)),
        Err(end) => Err(Stop::Ended(end)),
    };
    let last = match (outcome, link.end()) {
        (Ok(answer), _) => answer,
        (Err(Stop::Ended(end)), _) | (Err(Stop::Failed(_)), Some(end)) => match end {
            End::Closed => return ExitCode::SUCCESS,
            End::Interrupted => Message::Failed(Failure::Cancelled),
            End::Malformed => Message::Failed(Failure::Internal),
        },
        (Err(Stop::Failed(failure)), None) => Message::Failed(failure),
    };
    match (link.send(&last), last) {
        (Err(_), _) | (_, Message::Failed(Failure::Internal)) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
