//! Lines for KRB5_TRACE: letter for letter those of MIT krb5's own module, but for the SPAKE result.

use krb5_fido_protocol::spake::{Event, Group};
use krb5_plugin::{Context, KeyBlock, trace};

pub(crate) fn unknown_group(context: Context<'_>, name: &str) {
    trace::string(context, c"Unrecognized SPAKE group name: ", name);
}

pub(crate) fn support_received(context: Context<'_>, group: Group) {
    trace::number_between(
        context,
        c"SPAKE support message received, selected group ",
        group.id(),
        c"",
    );
}

pub(crate) fn support_rejected(context: Context<'_>) {
    trace::text(context, c"SPAKE support message rejected");
}

pub(crate) fn challenge_sent(context: Context<'_>, group: Group) {
    trace::number_between(context, c"Sending SPAKE challenge with group ", group.id(), c"");
}

pub(crate) fn response_received(context: Context<'_>, public: &[u8]) {
    trace::bytes(context, c"SPAKE response received with pubkey ", public);
}

pub(crate) fn observed(context: Context<'_>, event: &Event<'_, KeyBlock>) {
    krb5_plugin::spake::trace_event(context, event);
}

pub(crate) fn fido_challenge_sent(context: Context<'_>) {
    trace::text(context, c"Sending SF-FIDO challenge");
}

pub(crate) fn fido_challenge_in_clear(context: Context<'_>) {
    trace::text(context, c"Sending SF-FIDO challenge in the clear");
}

pub(crate) fn fido_notice_sent(context: Context<'_>) {
    trace::text(context, c"Sending SF-FIDO notice");
}

pub(crate) fn fido_assertion_verified(context: Context<'_>, label: &str) {
    trace::string(context, c"SF-FIDO assertion verified: ", label);
}
