//! What a principal's string attributes say in place of its realm's settings.

use krb5_fido_protocol::{
    fido::{factor::UserVerification, policy::Policy},
    registry::{ATTRIBUTE_INDICATOR, ATTRIBUTE_POLICY, ATTRIBUTE_USER_VERIFICATION},
};

use crate::{
    Error, Keys,
    entry::{Change, State},
};

/// What happens to one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is removed: the realm's holds.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T> Setting<T> {
    fn apply(&self, before: Option<&String>, write: impl FnOnce(&T) -> String) -> Option<String> {
        match self {
            Self::Keep => before.cloned(),
            Self::Clear => None,
            Self::Set(value) => Some(write(value)),
        }
    }
}

/// What happens to the settings of a principal.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `fido_policy`.
    pub policy: Setting<Policy>,
    /// `fido_uv`.
    pub uv: Setting<UserVerification>,
    /// `fido_indicator`: at least one.
    pub indicators: Setting<Vec<String>>,
}

/// The string attributes, in this order.
const ATTRIBUTES: [&str; 3] = [ATTRIBUTE_POLICY, ATTRIBUTE_USER_VERIFICATION, ATTRIBUTE_INDICATOR];

/// What the string attributes are, readable or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSettings {
    /// `fido_policy`.
    pub policy: Option<String>,
    /// `fido_uv`.
    pub uv: Option<String>,
    /// `fido_indicator`.
    pub indicators: Option<String>,
}

impl OwnSettings {
    fn of(state: &State) -> Self {
        let value = |place: usize| state.values.get(place).cloned().flatten();
        Self {
            policy: value(0),
            uv: value(1),
            indicators: value(2),
        }
    }
}

impl Overrides {
    /// Whether everything stays as it is.
    pub fn is_none(&self) -> bool {
        matches!(
            self,
            Self {
                policy: Setting::Keep,
                uv: Setting::Keep,
                indicators: Setting::Keep,
            }
        )
    }

    fn apply(&self, before: &State) -> State {
        let own = OwnSettings::of(before);
        State {
            values: vec![
                self.policy
                    .apply(own.policy.as_ref(), |policy| policy.as_str().to_owned()),
                self.uv.apply(own.uv.as_ref(), |uv| uv.as_str().to_owned()),
                self.indicators
                    .apply(own.indicators.as_ref(), |words| words.join(" ")),
            ],
            flags: before.flags,
        }
    }
}

impl Keys<'_> {
    /// The settings of a principal.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Database`].
    pub fn own_settings(&self, principal: &str) -> Result<OwnSettings, Error> {
        let state = self.entry(principal)?.state(&ATTRIBUTES.map(str::to_owned))?;
        Ok(OwnSettings::of(&state))
    }

    /// Changes the settings of a principal, all of them or none.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::AttributesFull`], [`Error::UpdateLogFull`], [`Error::NotStored`],
    /// [`Error::Database`]. Nothing has changed then, except with [`Error::NotUndone`].
    pub fn set_overrides(&self, principal: &str, overrides: &Overrides) -> Result<(), Error> {
        let entry = self.entry(principal)?;
        self.persist(&entry, || {
            let doing = "changing the settings";
            let lock = self.lock(&entry, doing)?;
            let attributes = ATTRIBUTES.map(str::to_owned).to_vec();
            let before = entry.state(&attributes)?;
            let change = Change {
                attributes,
                after: overrides.apply(&before),
                before,
                doing,
            };
            self.make(&entry, lock, &change)?;
            Ok(((), change))
        })
    }
}
