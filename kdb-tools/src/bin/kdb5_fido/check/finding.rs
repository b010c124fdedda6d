//! One thing that is wrong: what, where, and what to do.

use krb5_fido_tools::format::object;
use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// The KDC does not start, a factor that is demanded is void, or somebody cannot log in who should.
    Error,
    /// It weakens the factor, or may be meant so.
    Warning,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// A word for it that stays, for programs.
    identifier: String,
    place: String,
    what: String,
    action: String,
}

impl Finding {
    pub(super) fn tell(&self) -> String {
        format!(
            "{}: {} ({})\n    {}.\n    {}.\n",
            self.severity.as_str(),
            self.place,
            self.identifier,
            self.what,
            self.action
        )
    }

    pub(super) fn describe(&self) -> Value {
        Value::Object(object([
            ("severity", json!(self.severity.as_str())),
            ("id", json!(self.identifier)),
            ("where", json!(self.place)),
            ("what", json!(self.what)),
            ("action", json!(self.action)),
        ]))
    }
}

/// Everything that is wrong.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(
        &mut self,
        identifier: impl Into<String>,
        place: impl Into<String>,
        what: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(Severity::Error, identifier, place, what, action);
    }

    pub(super) fn warn(
        &mut self,
        identifier: impl Into<String>,
        place: impl Into<String>,
        what: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(Severity::Warning, identifier, place, what, action);
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        identifier: impl Into<String>,
        place: impl Into<String>,
        what: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.0.push(Finding {
            severity,
            identifier: identifier.into(),
            place: place.into(),
            what: what.into(),
            action: action.into(),
        });
    }

    /// Errors first, each kind in the order in which it was found.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }
}
