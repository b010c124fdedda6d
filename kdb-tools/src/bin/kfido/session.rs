//! What is done through kadmind.

use krb5_fido_protocol::fido::policy::Settings;
use krb5_fido_tools::{
    Attempted, Console, Error, KadmindError, Keys, Listed, OwnKeys, Terminal, command_line::kfido::Arguments,
};
use krb5_plugin::OwnedContext;

use crate::{
    PROGRAM,
    access::Access,
    somebody::{name_of, parse},
};

/// A connection to kadmind, for the keys of one principal.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a OwnedContext,
    pub(crate) access: &'a Access<'a>,
    pub(crate) keys: Keys<'a>,
    /// Whose keys are meant, by the name that kadmind is asked with: an alias, perhaps, as in the ticket.
    asked: String,
    /// Whoever logs in is concerned with his own keys, by whatever name.
    is_own: bool,
    /// The principal and its keys, as they were when the session began.
    pub(crate) listed: Listed,
    /// What the realm demands is not known here.
    pub(crate) settings: Settings,
    pub(crate) as_json: bool,
}

impl Session<'_> {
    /// Logs in, reads the keys of `principal`, or of who logs in, and does something with them.
    pub(crate) fn run(
        context: &OwnedContext,
        arguments: &Arguments,
        principal: Option<&str>,
        body: impl FnOnce(&mut Session<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let access = Access::get(context, arguments, principal)?;
        let keys = access.connect()?;
        let listed = keys.list(principal.unwrap_or_else(|| access.client()))?;
        let asked = match principal {
            Some(name) => name_of(&parse(context.get(), name)?)?,
            None => access.client().to_owned(),
        };
        body(&mut Session {
            context,
            access: &access,
            is_own: asked == access.client() || listed.principal == access.client(),
            asked,
            keys,
            listed,
            settings: Settings::default(),
            as_json: arguments.common.json,
        })
    }

    /// Connects anew: kadmind ends connections that wait when others want theirs.
    pub(crate) fn reconnect(&mut self) -> Result<(), Error> {
        self.keys = self.access.connect()?;
        Ok(())
    }

    /// Whose keys are meant, by the name that kadmind is to be asked with.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    /// Whose keys are meant, by the name in the database.
    pub(crate) fn principal(&self) -> &str {
        &self.listed.principal
    }

    /// What kadmind lets whoever logs in do with his own keys.
    pub(crate) fn own_keys(&self) -> Result<OwnKeys<'_>, Error> {
        OwnKeys::of(&self.listed, self.access.client(), self.context.get())
    }

    /// The same with a reason, if kadmind refuses something to whoever logs in for himself.
    pub(crate) fn explained(&self, error: Error, attempted: Attempted<'_>) -> Error {
        match self.own_keys() {
            Ok(own) if self.is_own() => error.explained(|| own.explain(attempted)),
            _ => error,
        }
    }

    /// Whether somebody manages his own keys.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }
}

/// What could not be done besides.
pub(crate) fn warn(error: &KadmindError) {
    Console.show(&format!("{PROGRAM}: warning: {error}"));
}
