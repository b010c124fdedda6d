//! Everything this program tells people while it runs. Never a secret, never what a client sent.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::{Answer, Error};

/// The one line on standard output, for scripts to wait for.
pub(crate) fn ready(socket: &Path) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "softkey: ready on {}", socket.display())?;
    output.flush()
}

/// Says at start what becomes of touches.
pub(crate) fn presence(answer: Answer) {
    complain(match answer {
        Answer::Auto => {
            "WARNING: --presence auto: this key touches itself. Every program that reaches its socket gets \
             signatures, and nobody is asked. For tests only."
        }
        Answer::Deny => "--presence deny: every touch is declined",
    });
}

/// A directory without a state file got one.
pub(crate) fn new_key(state: &Path) {
    complain(&format!("made a new, empty key in {}", state.display()));
}

/// A change was not made durable; the client gets CTAP2_ERR_VENDOR_HARDWARE_FAILURE (0xF3).
pub(crate) fn change_lost(error: &Error) {
    complain(&error.to_string());
}

fn complain(text: &str) {
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(io::stderr(), "softkey: {text}");
}
