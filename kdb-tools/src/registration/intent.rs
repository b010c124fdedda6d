//! What is about to be registered, before anybody is asked to touch a key.

use core::fmt;

use krb5_fido_protocol::fido::rp_id::Rule;

use super::{ChosenKey, KeyRequest};
use crate::format::line;

/// What is about to be registered.
pub struct Intent<'a> {
    /// Which key, and for whom.
    pub request: &'a KeyRequest<'a>,
    /// The rule that lets clients sign for the rpId.
    pub rule: Rule,
    /// The key.
    pub key: &'a ChosenKey,
}

impl fmt::Display for Intent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, rule, key } = self;
        let model = key.aaguid().map(|aaguid| format!(", AAGUID {aaguid}"));
        let place = format!(
            "{} ({}){}",
            key.product(),
            key.device(),
            model.unwrap_or_default()
        );
        let mut text = String::from("About to register a security key:\n");
        text += &line("realm", request.realm);
        text += &line("principal", request.principal);
        text += &line("relying party", &format!("{} ({rule})", request.rp_id));
        text += &line("security key", &place);
        if request.wishes.resident {
            text += &line("kept", "by the key itself, in one of its places for credentials");
        }
        text += &line("registered by", request.by);
        formatter.write_str(text.trim_end())
    }
}
