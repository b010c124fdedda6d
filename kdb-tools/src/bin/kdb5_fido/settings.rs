//! kdb5_fido policy: what is demanded of a principal itself.

use krb5_fido_protocol::fido::kdc_settings::KdcSettings;
use krb5_fido_tools::{
    Error, Listed, OwnSettings,
    command_line::kdb5_fido::PolicyChange,
    format::{line, object, words},
    print,
};
use serde_json::{Value, json};

use crate::commands::Site;

pub(crate) fn run(site: &Site<'_>, change: &PolicyChange) -> Result<(), Error> {
    let overrides = change.overrides();
    if !overrides.is_none() {
        site.keys.set_overrides(&change.principal, &overrides)?;
    }
    let listed = site.keys.list(&change.principal)?;
    let own = site.keys.own_settings(&change.principal)?;
    let text = match site.as_json {
        true => format!("{}\n", describe(&listed, &own, site.realm)),
        false => tell(&listed, &own, site.realm),
    };
    print(&text).map_err(match overrides.is_none() {
        true => Error::Output,
        false => Error::OutputAfterChange,
    })
}

/// What holds where the principal says nothing: the values of the realm.
fn in_force(listed: &Listed, realm: &KdcSettings) -> (&'static str, &'static str, Vec<String>) {
    let (enrolment, settings) = (&listed.enrolment, &realm.settings);
    let policy = enrolment.own_policy().unwrap_or(settings.policy);
    let uv = enrolment.own_uv().unwrap_or(settings.uv);
    let indicators = enrolment.indicators().unwrap_or(&realm.indicators).to_vec();
    (policy.as_str(), uv.as_str(), indicators)
}

fn tell(listed: &Listed, own: &OwnSettings, realm: &KdcSettings) -> String {
    let (policy, uv, indicators) = in_force(listed, realm);
    let indicators = words(&indicators, "none");
    let setting = |own: &Option<String>, in_force: &str| match own {
        // Only known words can be read.
        Some(value) => value.escape_debug().to_string(),
        None => format!("not set: {in_force}, as in the realm"),
    };
    let mut text = format!("{}\n", listed.principal);
    text += &line("fido_policy", &setting(&own.policy, policy));
    text += &line("fido_uv", &setting(&own.uv, uv));
    text += &line("fido_indicator", &setting(&own.indicators, &indicators));
    if let Some(cause) = listed.enrolment.refusal() {
        text += &line("error", &format!("{cause}: no ticket until it is corrected"));
    }
    if listed.flags.requires_hwauth {
        text += &line(
            "requires_hwauth",
            "set: the key is demanded whatever the policy says",
        );
    }
    text
}

fn describe(listed: &Listed, own: &OwnSettings, realm: &KdcSettings) -> Value {
    let (policy, uv, indicators) = in_force(listed, realm);
    Value::Object(object([
        ("principal", json!(listed.principal)),
        ("fido_policy", json!(own.policy)),
        ("fido_uv", json!(own.uv)),
        ("fido_indicator", json!(own.indicators)),
        (
            "error",
            json!(listed.enrolment.refusal().map(|cause| cause.to_string())),
        ),
        (
            "in_force",
            json!({"policy": policy, "uv": uv, "indicators": indicators}),
        ),
        ("requires_preauth", json!(listed.flags.requires_preauth)),
        ("requires_hwauth", json!(listed.flags.requires_hwauth)),
    ]))
}
