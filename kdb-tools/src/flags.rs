//! The flags that keep closed what a policy module which does not load would leave open.

use krb5_fido_protocol::fido::policy::{Enrolment, Policy, Settings};
use krb5_plugin::kadm5::Flags;

use crate::{Error, Keys, Listed};

/// Whether the policy lets a principal log in without a key. A setting that cannot be read closes the password.
pub(crate) fn is_permissive(enrolment: &Enrolment, settings: &Settings) -> bool {
    let policy = enrolment.own_policy().unwrap_or(settings.policy);
    enrolment.refusal().is_none() && policy == Policy::Permissive
}

/// The flags of a principal with a key: +requires_preauth and, unless the policy is permissive, +requires_hwauth.
pub(crate) fn closing_flags(before: Flags, enrolment: &Enrolment, settings: &Settings) -> Flags {
    Flags {
        requires_preauth: true,
        requires_hwauth: before.requires_hwauth || !is_permissive(enrolment, settings),
    }
}

/// The flags of a principal that may have a key.
pub(crate) fn mended_flags(listed: &Listed, before: Flags, settings: &Settings) -> Flags {
    match listed.enrolment.is_enrolled() {
        true => closing_flags(before, &listed.enrolment, settings),
        false => before,
    }
}

/// What mending the flags of a principal has changed.
pub struct Mended {
    /// Its flags before.
    pub before: Flags,
    /// And after.
    pub after: Flags,
}

impl Keys<'_> {
    /// Clears requires_hwauth of a principal that has no key any more: kadmind changes one thing at a time.
    ///
    /// # Errors
    /// Those of [`Self::mend_flags`].
    pub fn release_flags(&self, principal: &str) -> Result<Mended, Error> {
        self.change_flags(principal, |listed, flags| Flags {
            requires_hwauth: flags.requires_hwauth && listed.enrolment.is_enrolled(),
            ..flags
        })
    }

    /// Sets the flags that enrolment would set and that are missing: requires_preauth and, unless the policy is permissive,
    /// requires_hwauth. A principal without a key is left alone.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::NotStored`], [`Error::Database`]. Nothing has changed then, except with
    /// [`Error::NotUndone`].
    pub fn mend_flags(&self, principal: &str) -> Result<Mended, Error> {
        let settings = self.settings()?;
        self.change_flags(principal, |listed, flags| mended_flags(listed, flags, &settings))
    }

    fn change_flags(
        &self,
        principal: &str,
        wanted: impl Fn(&Listed, Flags) -> Flags,
    ) -> Result<Mended, Error> {
        let entry = self.entry(principal)?;
        self.persist(&entry, || {
            let doing = "setting the flags";
            let lock = self.lock(&entry, doing)?;
            let listed = Listed::read(&entry)?;
            let change = entry.plan(doing, Vec::new(), Vec::new(), |flags| wanted(&listed, flags))?;
            self.make(&entry, lock, &change)?;
            let mended = Mended {
                before: change.before.flags,
                after: change.after.flags,
            };
            Ok((mended, change))
        })
    }
}
