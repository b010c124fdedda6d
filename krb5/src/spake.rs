//! What both SPAKE modules trace of an exchange, in the words of MIT krb5's own module. The one place of this crate that
//! knows of SPAKE, so that the words are here once.

use krb5_fido_protocol::spake::Event;

use crate::{Context, KeyBlock, trace};

/// Traces what happened within a pass. The stock module shows K itself; this one does not.
pub fn trace_event(context: Context<'_>, event: &Event<'_, KeyBlock>) {
    match event {
        Event::PublicKey(public) => trace::bytes(context, c"SPAKE key generated with pubkey ", public),
        Event::Result => trace::text(context, c"SPAKE algorithm result: (hidden)"),
        Event::Transcript(hash) => trace::bytes(context, c"SPAKE final transcript hash: ", hash),
        // The stock module knows a line for derived keys, and never writes it.
        Event::Key { .. } => {}
    }
}
