//! krb5-fido-helper: signs with a security key for the Kerberos client module.
//!
//! The module starts it with one end of a socket pair as file descriptor 3 and sends one
//! [`Assert`](krb5_fido_protocol::helper::Assert); the helper names the parties that it skips, tells which keys are there,
//! lets the module choose, tells what it waits for, asks for a PIN and announces the touch on the same socket, and ends with
//! an assertion or a failure. Or the module sends one
//! [`Message::Probe`](krb5_fido_protocol::helper::Message::Probe), and the helper ends with its answer. It keeps nothing,
//! prints nothing, and ends when its socket closes.

#![forbid(unsafe_code)]

mod attached;
mod deadline;
mod facets;
mod failure;
mod key;
mod key_thread;
mod link;
mod login;
mod party;
mod plan;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    serve::answer_module()
}
