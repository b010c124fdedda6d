//! What the KDC asks before it issues a ticket.

use core::{ffi::CStr, num::NonZeroU32};

use krb5_fido_protocol::{
    fido::{
        kdc_settings::KdcConfiguration,
        policy::{exempts, is_kadmin, without_realm},
    },
    registry::{ADMINISTRATION_LIFE, ADMINISTRATION_LIFE_WITH_KEY},
};
use krb5_plugin::{
    Context, Error, Failure, Profile,
    kdb::Entry,
    kdcpolicy::{Limits, Module, Presented},
    kdcpreauth::Request,
};

use crate::{client::Client, config::read_configuration, log, marks};

/// Refuses any ticket that needs a verified factor and did not come out of one, and limits the lives of those that need none and
/// of kadmin's.
pub(crate) struct FidoPolicy(KdcConfiguration);

impl Module for FidoPolicy {
    const NAME: &'static CStr = c"fido";
    const REFUSED: &'static CStr = c"FIDO_REQUIRED";

    /// The one init function whose error keeps the KDC from starting: the configuration is checked here.
    fn init(context: Context<'_>) -> Result<Self, Failure> {
        read_configuration(&Profile::of(context)?).map(Self)
    }

    fn check_as(
        &self,
        _: Context<'_>,
        request: Request<'_>,
        client: Option<Entry<'_>>,
        server: Option<Entry<'_>>,
    ) -> Result<Limits, Failure> {
        // Taken in any case: a mark is worth one answer.
        let is_verified = marks::take(request);
        let entry = client.ok_or(Error::POLICY)?;
        // A fault of the KDC's own: no ticket either.
        let client = Client::read(&self.0, request, entry, server)
            .map_err(|error| Failure::new(Error::POLICY, error.text()))?;
        let required = client.requires_factor().map_err(|cause| {
            log::setting_refused(request, cause);
            Failure::new(Error::POLICY, cause.to_string())
        })?;
        if required && !is_verified {
            log::ticket_refused(request);
            return Err(Failure::new(
                Error::POLICY,
                "a security key is required, and was not used",
            ));
        }
        let limits = match is_verified || client.is_exempt() {
            true => Limits::default(),
            false => Limits {
                life: client.realm.max_life,
                renewable_life: client.realm.max_renewable_life,
            },
        };
        if !client.limits_administration() {
            return Ok(limits);
        }
        if request.is_postdated() {
            log::ticket_refused(request);
            return Err(Failure::new(
                Error::POLICY,
                "a ticket for kadmin begins now or not at all",
            ));
        }
        let life = match is_verified {
            true => ADMINISTRATION_LIFE_WITH_KEY,
            false => ADMINISTRATION_LIFE,
        };
        let shortest =
            |limit: Option<NonZeroU32>| NonZeroU32::new(limit.map_or(life, |limit| limit.get().min(life)));
        Ok(Limits {
            life: shortest(limits.life),
            renewable_life: shortest(limits.renewable_life),
        })
    }

    /// kadmind takes a ticket for any `kadmin/*`, however it was got. One by a ticket-granting ticket could be from long before
    /// the first key, or from a key that was lost: krb5 gives none unless its administrators have it do so.
    fn check_tgs(&self, _: Context<'_>, presented: &Presented<'_>, server: Entry<'_>) -> Result<(), Failure> {
        let service = server.principal();
        if !is_kadmin(&service.unparse()?) {
            return Ok(());
        }
        let client = presented.client.unparse()?;
        let is_foreign = presented.client.realm() != service.realm();
        let exempt = || {
            let settings = &self.0.realm(service.realm()).settings;
            exempts(settings, without_realm(&client))
        };
        if !presented.is_delegation && (is_foreign || exempt()) {
            return Ok(());
        }
        log::administration_refused(&client);
        Err(Failure::new(
            Error::POLICY,
            "a ticket for kadmin takes a login of its own",
        ))
    }
}
