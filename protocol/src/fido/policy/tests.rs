#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use serde_json::{Value, json};

use time::Duration;

use super::*;
use crate::fido::{
    invite::tests::{self as invitations, id as invitation_id},
    record::tests::{NOW, record_json},
};

mod attributes;
mod table;

const POLICIES: [Policy; 3] = [Policy::Permissive, Policy::Enrolled, Policy::Required];

/// What the records of a principal are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Keys {
    None,
    Usable,
    Disabled,
    Garbled,
}

const KEYS: [Keys; 4] = [Keys::None, Keys::Usable, Keys::Disabled, Keys::Garbled];

impl Keys {
    /// Attributes to read them from.
    fn attributes(self) -> Vec<(String, String)> {
        let value = match self {
            Self::None => return Vec::new(),
            Self::Usable => record(json!({})),
            Self::Disabled => record(json!({"disabled": true})),
            Self::Garbled => "garbled".to_owned(),
        };
        vec![("fido:a".to_owned(), value)]
    }

    fn enrolment(self) -> Enrolment {
        Enrolment::from_attributes(self.attributes())
    }

    fn with(self, name: &str, value: &str) -> Enrolment {
        let mut attributes = self.attributes();
        attributes.push((name.to_owned(), value.to_owned()));
        Enrolment::from_attributes(attributes)
    }
}

fn record(more: Value) -> String {
    record_json("r.org", &[1], &more)
}

/// An invitation, number 1, that ends so many seconds from now.
fn invitation(seconds: i64) -> String {
    invitations::until(NOW + Duration::seconds(seconds))
}

fn enrolment(attributes: &[(&str, &str)]) -> Enrolment {
    Enrolment::from_attributes(attributes.iter().copied())
}

fn realm(policy: Policy) -> Settings {
    Settings {
        policy,
        ..Settings::default()
    }
}

/// `alice`, who asks for a service other than kadmin/*.
fn alice<'a>(settings: &'a Settings, enrolment: &'a Enrolment) -> Subject<'a> {
    Subject {
        settings,
        enrolment,
        name: b"alice",
        for_kadmin: false,
        requires_hwauth: false,
        now: NOW,
    }
}

/// A decision without the credentials in it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Offer {
    None,
    Fido,
    FidoOrNone(usize),
    EnrolRequired,
    NoneUsable,
    Refuse(Error),
}

fn offer(subject: &Subject<'_>) -> Offer {
    match decide(subject) {
        Decision::OfferNone => Offer::None,
        Decision::OfferFido(usable) => {
            assert!(!usable.is_empty());
            Offer::Fido
        }
        Decision::OfferFidoOrNone(usable) => Offer::FidoOrNone(usable.len()),
        Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired) => Offer::EnrolRequired,
        Decision::OfferFidoThenNotice(NoticeCode::NoneUsable) => Offer::NoneUsable,
        Decision::Refuse(cause) => Offer::Refuse(cause),
    }
}
