//! Registering a key that is attached here, as both programs do.

use krb5_fido_protocol::fido::policy::{Enrolment, Settings};

use super::{Intent, KeyRequest, Registered, Terminal, choose_key};
use crate::{
    ClientRealm, Error, choose_rp_id, command_line::RegistrationOptions, terminal::agree, warn_of_unused,
};

/// Whose key is registered, and by whom.
pub struct Whose<'a> {
    /// The principal, by the name that it has in the database.
    pub principal: &'a str,
    /// The keys it has.
    pub enrolment: &'a Enrolment,
    /// What the realm demands of keys.
    pub settings: &'a Settings,
    /// Who registers it: goes into the record.
    pub by: &'a str,
}

/// Registers an attached key for a program of this name: shows what is about to be registered, and asks whether it is meant.
///
/// # Errors
/// [`Error::NotConfirmed`]; those of [`ClientRealm::rules`], [`choose_rp_id`], [`ClientRealm::find_keys`], [`choose_key`] and
/// [`ChosenKey::register`](super::ChosenKey::register).
pub fn register_attached(
    program: &str,
    realm: &ClientRealm,
    whose: &Whose<'_>,
    options: &RegistrationOptions,
    terminal: &dyn Terminal,
) -> Result<Registered, Error> {
    let names = realm.rules()?;
    warn_of_unused(program, &names.unused);
    let (rp_id, rule) = choose_rp_id(realm.name(), &names.rules, options.rp_id.as_deref())?;
    let request = KeyRequest {
        principal: whose.principal,
        enrolment: whose.enrolment,
        rp_id,
        realm: realm.name(),
        found: realm.find_keys(&options.device)?,
        settings: whose.settings,
        wishes: options.wishes(),
        by: whose.by,
    };
    let key = choose_key(&request)?;
    let intent = Intent {
        request: &request,
        rule,
        key: &key,
    };
    terminal.show(&intent.to_string());
    if !options.yes && !agree("Is that meant?")? {
        return Err(Error::NotConfirmed);
    }
    let registered = key.register(&request, terminal)?;
    terminal.show(&format!("{} works.", registered.product));
    Ok(registered)
}
