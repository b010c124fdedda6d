#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use serde_json::{Value, json};

use super::*;
use crate::fido::{
    invite::tests::{self as invitations, id as invitation_id},
    policy::{SelfEnrol, Settings},
    record::tests::{NOW, record_json},
};

mod everybody;
mod first_key;
mod further_keys;
mod held;
mod registrations;
mod removals;

const PRINCIPAL: &str = "alice@R.ORG";

/// What clocks may be apart in these tests.
const SKEW: Duration = Duration::minutes(5);

/// A realm, alice's attributes, and who knocks.
struct Scene {
    realm: KdcSettings,
    attestation: AttestationPolicy,
    attributes: Vec<(String, String)>,
    requires_hwauth: bool,
    principal: &'static str,
}

impl Scene {
    fn new() -> Self {
        Self {
            realm: KdcSettings::default(),
            attestation: AttestationPolicy::default(),
            attributes: Vec::new(),
            requires_hwauth: false,
            principal: PRINCIPAL,
        }
    }

    /// With a key, number `number`, that was registered long ago.
    fn with_key(self, label: &str, number: u8) -> Self {
        self.with(
            &format!("fido:{label}"),
            &record(number, json!({"created": LONG_AGO})),
        )
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    fn with_policy(mut self, policy: Policy) -> Self {
        self.realm.settings.policy = policy;
        self
    }

    fn with_self_enrol(mut self, self_enrol: SelfEnrol) -> Self {
        self.realm.settings.self_enrol = self_enrol;
        self
    }

    /// What kadmind asks for somebody else.
    fn ask(&self, name: &str, value: Option<&str>) -> Result<(), Refusal> {
        self.knock(|door| door.check(name.as_bytes(), value.map(str::as_bytes)).map(drop))
    }

    /// What kadmind asks for alice herself.
    fn ask_own(&self, name: &str, value: Option<&str>) -> Result<(), Refusal> {
        self.knock(|door| {
            let stored = door.check(name.as_bytes(), value.map(str::as_bytes))?;
            door.check_own(self.principal.as_bytes(), name.as_bytes(), stored.as_ref())?;
            Ok(())
        })
    }

    fn knock<T>(&self, ask: impl FnOnce(&Door<'_>) -> T) -> T {
        let enrolment = Enrolment::from_attributes(
            self.attributes
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        ask(&Door {
            realm: &self.realm,
            attestation: &self.attestation,
            enrolment: &enrolment,
            principal: self.principal.as_bytes(),
            requires_hwauth: self.requires_hwauth,
            now: NOW,
            skew: SKEW,
        })
    }
}

const LONG_AGO: &str = "2026-01-01T00:00:00Z";

/// A record of key number `number` that alice makes now, with these members besides or instead.
fn record(number: u8, more: Value) -> String {
    let mut members = json!({"by": PRINCIPAL});
    members
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    record_json("r.org", &[number], &members)
}

fn new(number: u8) -> String {
    record(number, json!({}))
}

fn own(refusal: own::Refusal) -> Result<(), Refusal> {
    Err(Refusal::Own(refusal))
}

/// An invitation, number 1, that ends so many seconds from now.
fn invitation(seconds: i64) -> String {
    invitations::until(NOW + Duration::seconds(seconds))
}
