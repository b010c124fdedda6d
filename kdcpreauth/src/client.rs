//! A client as both modules see it: what the database and the configuration say of it now, for one request.

use std::{ffi::CString, sync::Arc};

use krb5_fido_protocol::{
    Error as Cause, VerifiedFactor,
    fido::{
        kdc_settings::{KdcConfiguration, KdcSettings},
        policy::{
            Decision, Enrolment, Subject, decide, is_exempt, is_kadmin, limits_administration,
            requires_factor, without_realm,
        },
        record::Requirements,
    },
};
use krb5_plugin::{Result, kdb::Entry, kdcpreauth::Request};
use time::UtcDateTime;

use crate::{enrolments, log};

/// What is decided about.
pub(crate) struct Client<'m> {
    pub(crate) realm: &'m KdcSettings,
    pub(crate) enrolment: Arc<Enrolment>,
    pub(crate) now: UtcDateTime,
    name: Vec<u8>,
    for_kadmin: bool,
    requires_hwauth: bool,
}

impl<'m> Client<'m> {
    /// Reads the client's entry. The realm is that of the entry: the one whose database this is. The service is named by its
    /// entry where that is known, since a request may use an alias; the policy module, which has the last word, knows it.
    pub(crate) fn read(
        configuration: &'m KdcConfiguration,
        request: Request<'_>,
        entry: Entry<'_>,
        server: Option<Entry<'_>>,
    ) -> Result<Self> {
        let principal = entry.principal();
        let name = principal.unparse()?;
        let service = server.map_or(request.server(), |server| server.principal());
        Ok(Self {
            realm: configuration.realm(principal.realm()),
            enrolment: enrolments::read(entry, &name)?,
            now: UtcDateTime::now(),
            name: without_realm(&name).to_vec(),
            for_kadmin: is_kadmin(&service.unparse()?),
            requires_hwauth: entry.requires_hardware(),
        })
    }

    /// What it is offered.
    pub(crate) fn decide(&self) -> Decision<'_> {
        decide(&self.subject())
    }

    /// Whether `required` leaves it alone.
    pub(crate) fn is_exempt(&self) -> bool {
        is_exempt(&self.subject())
    }

    /// Whether a ticket without a factor is for administration, and so for minutes.
    pub(crate) fn limits_administration(&self) -> bool {
        limits_administration(&self.subject())
    }

    /// Whether it gets a ticket only for a verified factor.
    pub(crate) fn requires_factor(&self) -> core::result::Result<bool, Cause> {
        requires_factor(&self.subject())
    }

    /// What a credential must satisfy.
    pub(crate) fn required(&self) -> Requirements<'_> {
        self.enrolment.requirements(&self.realm.settings, self.now)
    }

    /// The authentication indicators that a factor is worth.
    pub(crate) fn indicators(&self, verified: &VerifiedFactor) -> Vec<CString> {
        let words = self.realm.indicators_for(
            &self.enrolment,
            verified.is_hardware(),
            verified.is_user_verified(),
        );
        // None of them holds a NUL: it ends an attribute, and a value of kdc.conf.
        words.filter_map(|word| CString::new(word).ok()).collect()
    }

    /// Writes into the log why none of its keys may be used.
    pub(crate) fn log_unusable(&self, request: Request<'_>) {
        for garbled in self.enrolment.garbled() {
            log::record_unusable(request, &garbled.to_string());
        }
        for (label, record) in self.enrolment.credentials() {
            if let Err(cause) = record.check_usable(&self.required()) {
                log::record_unusable(request, &format!("{}: {cause}", label.attribute_name()));
            }
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            settings: &self.realm.settings,
            enrolment: &self.enrolment,
            name: &self.name,
            for_kadmin: self.for_kadmin,
            requires_hwauth: self.requires_hwauth,
            now: self.now,
        }
    }
}
