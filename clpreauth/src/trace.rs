//! Lines for KRB5_TRACE. Those of SPAKE are letter for letter those of MIT krb5's own module, but for the SPAKE result.

use krb5_fido_protocol::spake::Event;
use krb5_plugin::{Context, KeyBlock, trace};

pub(crate) fn unknown_group(context: Context<'_>, name: &str) {
    trace::string(context, c"Unrecognized SPAKE group name: ", name);
}

pub(crate) fn support_sent(context: Context<'_>) {
    trace::text(context, c"Sending SPAKE support message");
}

pub(crate) fn challenge_received(context: Context<'_>, group: i32, public: &[u8]) {
    trace::number_bytes(
        context,
        c"SPAKE challenge received with group ",
        group,
        c", pubkey ",
        public,
    );
}

pub(crate) fn challenge_rejected(context: Context<'_>, group: i32) {
    trace::number_between(context, c"SPAKE challenge with group ", group, c" rejected");
}

pub(crate) fn response_sent(context: Context<'_>) {
    trace::text(context, c"Sending SPAKE response");
}

pub(crate) fn observed(context: Context<'_>, event: &Event<'_, KeyBlock>) {
    krb5_plugin::spake::trace_event(context, event);
}

pub(crate) fn fido_chosen(context: Context<'_>) {
    trace::text(context, c"SPAKE second factor: SF-FIDO");
}

pub(crate) fn fido_challenge_received(context: Context<'_>, parties: usize, credentials: usize) {
    trace::string(
        context,
        c"SF-FIDO challenge received: ",
        &format!("{parties} relying parties, {credentials} credentials"),
    );
}

pub(crate) fn no_key(context: Context<'_>, cause: &str) {
    trace::string(context, c"SF-FIDO not chosen: ", cause);
}

pub(crate) fn party_skipped(context: Context<'_>, rp_id: &str) {
    let shown = rp_id.escape_default().to_string();
    trace::string(context, c"SF-FIDO relying party not accepted: ", &shown);
}

pub(crate) fn facets_unused(context: Context<'_>, reason: &str) {
    trace::string(context, c"SF-FIDO facet list not used: ", reason);
}

pub(crate) fn not_repeated(context: Context<'_>) {
    trace::text(context, c"SF-FIDO login was refused: it is not repeated");
}

pub(crate) fn key_awaited(context: Context<'_>, cause: &str) {
    trace::string(context, c"SF-FIDO waits for a key: ", cause);
}

pub(crate) fn fido_assertion_sent(context: Context<'_>) {
    trace::text(context, c"Sending SF-FIDO assertion");
}

pub(crate) fn fido_ended(context: Context<'_>, text: &str) {
    trace::string(context, c"SF-FIDO ended: ", text);
}
