//! What a login came to.

use krb5_fido_tools::format::{line, object, time};
use krb5_plugin::{
    login::{Attempt, Ticket},
    spake::Module,
};
use serde_json::{Value, json};

use super::{hints, installed::Installed};
use crate::screen::failure_text;

/// All that is known at the end.
pub(crate) struct Report {
    pub(crate) principal: String,
    pub(crate) installed: Installed,
    pub(crate) attempt: Attempt,
    /// Whose SPAKE module has agreed on a key with the KDC, if one has.
    pub(crate) module: Option<Module>,
}

/// What scripts tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A ticket, and the key counted.
    Key,
    /// A ticket for the password alone.
    Password,
    /// No ticket.
    Failed,
}

impl Verdict {
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Key => 0,
            Self::Failed => 1,
            Self::Password => 3,
        }
    }

    const fn identifier(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Password => "password",
            Self::Failed => "failed",
        }
    }
}

impl Report {
    pub(crate) const fn verdict(&self) -> Verdict {
        match &self.attempt.outcome {
            Ok(ticket) if ticket.hardware => Verdict::Key,
            Ok(_) => Verdict::Password,
            Err(_) => Verdict::Failed,
        }
    }

    /// What kinit would say of the failure, if there was one.
    pub(crate) fn error_message(&self) -> Option<String> {
        let failure = self.attempt.outcome.as_ref().err()?;
        Some(failure_text(failure, self.attempt.password_asked))
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match &self.attempt.outcome {
            Ok(ticket) if ticket.hardware => None,
            Ok(_) => Some(hints::password_alone(self)),
            Err(failure) => hints::failed(self, failure.error),
        }
    }

    /// For standard output.
    pub(crate) fn print(&self, as_json: bool) -> String {
        if as_json {
            return format!("{}\n", self.describe());
        }
        self.attempt.outcome.as_ref().map(Self::tell).unwrap_or_default()
    }

    fn tell(ticket: &Ticket) -> String {
        let renewable = ticket.renewable_until.map(time);
        let key = match ticket.hardware {
            true => "used",
            false => "not used: the password alone was enough",
        };
        let mut text = format!("{}\n", ticket.client);
        text += &line("ticket for", &ticket.server);
        text += &line("ends", &time(ticket.ends));
        text += &line("renewable until", renewable.as_deref().unwrap_or("not renewable"));
        text += &line("security key", key);
        text
    }

    fn describe(&self) -> Value {
        let outcome = self.attempt.outcome.as_ref();
        let ticket = outcome.ok().map(|ticket| {
            json!({
                "client": ticket.client,
                "server": ticket.server,
                "ends": time(ticket.ends),
                "renewable_until": ticket.renewable_until.map(time),
            })
        });
        let error = outcome
            .err()
            .map(|failure| json!({"code": failure.error.code(), "message": self.error_message()}));
        let mut members = object([
            ("principal", json!(self.principal)),
            ("result", json!(self.verdict().identifier())),
        ]);
        members.extend(self.installed.describe());
        members.extend(object([
            ("module_used", json!(self.module == Some(Module::Ours))),
            ("ticket", json!(ticket)),
            ("error", json!(error)),
            ("hint", json!(self.hint())),
        ]));
        Value::Object(members)
    }
}
