//! What the KDC calls for preauthentication: decodes and dispatches.

use core::ffi::CStr;

use krb5_fido_protocol::{
    Error as Cause,
    registry::PA_SPAKE,
    spake::{Group, kdc::select_group, message::PaSpake, parse_groups},
};
use krb5_plugin::{
    Context, Error, Failure, Profile,
    kdcpreauth::{Exchange, Module, RequestId, Verdict},
};

use crate::{
    config::Configuration,
    marks,
    passes::{self, refuse},
    states::States,
    trace,
};

/// The module's data: one per KDC process, for all its realms.
pub(crate) struct SpakeKdc {
    pub(crate) groups: Vec<Group>,
    optimistic: Option<Group>,
    pub(crate) configuration: Configuration,
    pub(crate) states: States,
}

impl Module for SpakeKdc {
    const NAME: &'static CStr = c"spake";
    const PA_TYPES: &'static [i32; 2] = &[PA_SPAKE, 0];

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let profile = Profile::of(context)?;
        let groups = configured_groups(context, &profile)?;
        let optimistic = configured_challenge(&profile, &groups)?;
        let configuration = Configuration::read(&profile)?;
        Ok(Self {
            groups,
            optimistic,
            configuration,
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

/// spake_preauth_groups; edwards25519 where it is unset, since whoever loads this module wants SPAKE.
fn configured_groups(context: Context<'_>, profile: &Profile) -> Result<Vec<Group>, Failure> {
    let Some(list) = profile.value(&["libdefaults", "spake_preauth_groups"])? else {
        return Ok(vec![Group::Edwards25519]);
    };
    let (groups, unknown) = parse_groups(&list);
    unknown
        .into_iter()
        .for_each(|name| trace::unknown_group(context, name));
    if groups.is_empty() {
        return Err(Failure::new(
            Error::NOT_SUPPORTED,
            "No SPAKE preauth groups configured",
        ));
    }
    Ok(groups)
}

/// spake_preauth_kdc_challenge: the group of an optimistic challenge.
fn configured_challenge(profile: &Profile, groups: &[Group]) -> Result<Option<Group>, Failure> {
    let Some(name) = profile.value(&["kdcdefaults", "spake_preauth_kdc_challenge"])? else {
        return Ok(None);
    };
    match Group::from_name(&name).filter(|group| groups.contains(group)) {
        Some(group) => Ok(Some(group)),
        None => Err(Failure::new(
            Error::NOT_SUPPORTED,
            format!("SPAKE challenge group not a permitted group: {name}"),
        )),
    }
}
