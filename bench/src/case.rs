//! What is measured: which login, where, and what it cost.

use krb5_fido_protocol::spake::Group;

use crate::statistics::Summary;

/// A kind of login at a kind of KDC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Password only, at the stock module: what everything else is compared to.
    Stock,
    /// Password only, at ours.
    Password,
    /// Password and key, `fido_challenge = encrypted`.
    Encrypted,
    /// Password and key, `fido_challenge = clear`.
    Clear,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Stock, Self::Password, Self::Encrypted, Self::Clear];

    /// As tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock, password only",
            Self::Password => "ours, password only",
            Self::Encrypted => "ours, key, `encrypted`",
            Self::Clear => "ours, key, `clear`",
        }
    }
}

/// One line of a table of costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) group: Group,
    /// Enrolled credentials; 0 without a key.
    pub(crate) credentials: usize,
    /// Worker processes of the KDC.
    pub(crate) workers: usize,
}

/// What a login costs the KDC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) case: Case,
    /// Microseconds, or instructions.
    pub(crate) amount: Summary,
    /// Of that to the amount of [`Kind::Stock`] in the same group, on as many workers.
    pub(crate) ratio: Summary,
    /// The part of the amount that is spent in the module, where that is known.
    pub(crate) module: Option<f64>,
}

/// The cost of a case, if it was measured.
pub(crate) fn find(costs: &[Cost], case: Case) -> Option<&Cost> {
    costs.iter().find(|cost| cost.case == case)
}

impl Case {
    /// A login with one credential, or none, at a KDC of one process.
    pub(crate) const fn simple(kind: Kind, group: Group) -> Self {
        Self {
            kind,
            group,
            credentials: match kind {
                Kind::Stock | Kind::Password => 0,
                Kind::Encrypted | Kind::Clear => 1,
            },
            workers: 1,
        }
    }
}
