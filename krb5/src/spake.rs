//! What both SPAKE modules trace of an exchange, in the words of MIT krb5's own module. The one place of this crate that
//! knows of SPAKE, so that the words are here once.

use core::ffi::CStr;

use krb5_fido_protocol::spake::Event;

use crate::{Context, KeyBlock, trace};

/// The line for a result. The stock module shows K itself; this one does not.
const RESULT: &CStr = c"SPAKE algorithm result: (hidden)";

/// Whether a line of a trace is one that only modules of this project write, once in each exchange.
pub fn is_own_line(line: &str) -> bool {
    RESULT
        .to_str()
        .is_ok_and(|result| line.trim_end().ends_with(result))
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
