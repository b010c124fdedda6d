//! What both SPAKE modules trace of an exchange, in the words of MIT krb5's own module. The one place of this crate that
//! knows of SPAKE, so that the words are here once.

use core::ffi::CStr;

use krb5_fido_protocol::spake::Event;

use crate::{Context, KeyBlock, trace};

/// The line for a result. The stock module shows K itself; this one does not.
const RESULT: &CStr = c"SPAKE algorithm result: (hidden)";

/// How that line begins, whoever writes it.
const RESULT_BEGINNING: &str = "SPAKE algorithm result: ";

/// Whose module has agreed on a key with the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// One of this project.
    Ours,
    /// Another, such as that of MIT krb5.
    Other,
}

/// Whose module wrote this line of a trace, if it is the one for a result: each exchange that gets that far has one.
pub fn find_author(line: &str) -> Option<Module> {
    let is_ours = RESULT
        .to_str()
        .is_ok_and(|result| line.trim_end().ends_with(result));
    line.contains(RESULT_BEGINNING).then_some(match is_ours {
        true => Module::Ours,
        false => Module::Other,
    })
}

/// Traces what happened within a pass.
pub fn trace_event(context: Context<'_>, event: &Event<'_, KeyBlock>) {
    match event {
        Event::PublicKey(public) => trace::bytes(context, c"SPAKE key generated with pubkey ", public),
        Event::Result => trace::text(context, RESULT),
        Event::Transcript(hash) => trace::bytes(context, c"SPAKE final transcript hash: ", hash),
        // The stock module knows a line for derived keys, and never writes it.
        Event::Key { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_a_result_tells_whose_it_is() {
        let ours = "[1] 2.3: SPAKE algorithm result: (hidden)\n";
        assert_eq!(find_author(ours), Some(Module::Ours));
        let stock = "[1] 2.3: SPAKE algorithm result: 0123456789ABCDEF\n";
        assert_eq!(find_author(stock), Some(Module::Other));
        assert_eq!(find_author("[1] 2.3: Sending SPAKE response\n"), None);
    }
}
