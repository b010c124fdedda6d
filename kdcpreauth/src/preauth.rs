//! What the KDC calls for preauthentication: decodes and dispatches.

use core::ffi::CStr;

use krb5_fido_protocol::{
    Error as Cause,
    fido::kdc_settings::KdcConfiguration,
    registry::PA_SPAKE,
    spake::{
        Group,
        kdc::select_group,
        message::PaSpake,
        settings::{SpakeFault, SpakeSettings},
    },
};
use krb5_plugin::{
    Context, Error, Failure, Profile,
    kdcpreauth::{Exchange, Module, RequestId, Verdict},
};

use crate::{
    config::read_configuration,
    marks,
    passes::{self, refuse},
    states::States,
    trace,
};

/// The module's data: one per KDC process, for all its realms.
pub(crate) struct SpakeKdc {
    pub(crate) groups: Vec<Group>,
    optimistic: Option<Group>,
    pub(crate) configuration: KdcConfiguration,
    pub(crate) states: States,
}

impl Module for SpakeKdc {
    const NAME: &'static CStr = c"spake";
    const PA_TYPES: &'static [i32; 2] = &[PA_SPAKE, 0];

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let profile = Profile::of(context)?;
        let spake = SpakeSettings::read(&profile)?;
        let unknown = match &spake {
            Ok(SpakeSettings { unknown, .. }) | Err(SpakeFault::NoGroup { unknown }) => unknown.as_slice(),
            Err(_) => &[],
        };
        unknown
            .iter()
            .for_each(|name| trace::unknown_group(context, name));
        let spake = spake.map_err(|fault| Failure::new(Error::NOT_SUPPORTED, fault.to_string()))?;
        Ok(Self {
            groups: spake.groups,
            optimistic: spake.optimistic,
            configuration: read_configuration(&profile)?,
            states: States::default(),
        })
    }

    /// Names PA-SPAKE in the hint, with an optimistic challenge if the KDC is configured to send one.
    fn hint(&self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
        if exchange.client_key().is_none() {
            return Err(Error::ETYPE_NOSUPP.into());
        }
        match self.optimistic {
            Some(group) => passes::send_challenge(self, exchange, group, &[]),
            None => Ok(Vec::new()),
        }
    }

    fn verify(&self, exchange: &Exchange<'_>, message: &[u8]) -> Result<Verdict, Failure> {
        let request = exchange.request();
        marks::erase(request.id());
        if request.count_pa_data(PA_SPAKE) != 1 {
            return Err(refuse(Cause::SeveralMessages));
        }
        match PaSpake::decode(message).map_err(refuse)? {
            PaSpake::Support { groups } => {
                let Some(group) = select_group(&groups, &self.groups) else {
                    trace::support_rejected(exchange.context());
                    return Err(refuse(Cause::NoGroup));
                };
                trace::support_received(exchange.context(), group);
                passes::send_challenge(self, exchange, group, message).map(Verdict::More)
            }
            PaSpake::Response { public, factor } => passes::verify_response(self, exchange, &public, &factor),
            PaSpake::EncData(factor) => passes::verify_factor(self, exchange, &factor),
            PaSpake::Challenge { .. } => Err(refuse(Cause::UnexpectedMessage)),
        }
    }

    fn finish(&self, request: RequestId) {
        marks::erase(request);
    }
}
