//! kdb5_fido status: what holds for a principal, and why. What the KDC would do is asked of its own code.

use krb5_fido_protocol::{
    Error as Cause,
    fido::{
        factor::{NoticeCode, UserVerification},
        kdc_settings::KdcSettings,
        policy::{Decision, Origin, Policy, Subject, decide, policy_in_force, requires_factor},
    },
};
use krb5_fido_tools::{
    Console, Error, Listed, Stores, Terminal,
    format::{line, object, utc_time, words},
    print,
};
use serde_json::{Map, Value, json};
use time::UtcDateTime;

use crate::{PROGRAM, commands::Site};

mod enrolment;
pub(crate) mod keys;

use keys::Key;

pub(crate) fn run(site: &Site<'_>, principal: Option<&str>) -> Result<(), Error> {
    let listed = site.list(principal)?;
    let stores = open_stores(site.realm);
    let now = UtcDateTime::now();
    let all = listed
        .iter()
        .map(|listed| Status::find(listed, site.realm, stores.as_ref(), now));
    let all: Vec<Status<'_>> = all.collect();
    let text = match (principal, site.as_json) {
        (Some(_), true) => {
            let objects: String = all.iter().map(|status| status.describe().to_string()).collect();
            format!("{objects}\n")
        }
        (Some(_), false) => all.iter().map(Status::tell).collect(),
        (None, true) => format!("{}\n", describe_realm(site, &all)),
        (None, false) => tell_realm(site, &all),
    };
    print(&text).map_err(Error::Output)
}

/// The stores of last uses of this KDC, as far as they can be read.
pub(crate) fn open_stores(realm: &KdcSettings) -> Option<Stores> {
    warn_unless_read(Stores::open(&realm.state_dir, &[]))
}

/// What a store says, if it can be read; everything else is told without it.
fn warn_unless_read<T>(read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| Console.show(&format!("{PROGRAM}: warning: {error}")))
        .ok()
}

/// All about one principal.
struct Status<'a> {
    listed: &'a Listed,
    realm: &'a KdcSettings,
    now: UtcDateTime,
    /// For a ticket-granting ticket.
    login: Case<'a>,
    /// For kadmin/*.
    administration: Case<'a>,
    keys: Vec<Key<'a>>,
}

/// What the KDC does about one kind of service.
struct Case<'a> {
    policy: Result<(Policy, Origin), Cause>,
    requires_factor: bool,
    decision: Decision<'a>,
}

impl<'a> Status<'a> {
    fn find(
        listed: &'a Listed,
        realm: &'a KdcSettings,
        stores: Option<&'a Stores>,
        now: UtcDateTime,
    ) -> Self {
        let case = |for_kadmin| {
            let subject = listed.subject(&realm.settings, for_kadmin, now);
            Case {
                policy: policy_in_force(&subject),
                // A setting that cannot be read refuses.
                requires_factor: requires_factor(&subject).unwrap_or(true),
                decision: decide(&subject),
            }
        };
        Self {
            listed,
            realm,
            now,
            login: case(false),
            administration: case(true),
            keys: keys::find(listed, realm, stores, now),
        }
    }

    fn tell(&self) -> String {
        let flags = self.listed.flags;
        let flags = [
            (flags.requires_preauth, "requires_preauth"),
            (flags.requires_hwauth, "requires_hwauth"),
            (!self.listed.allows_tickets, "-allow_tix"),
        ];
        let set: Vec<&str> = flags
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, flag)| *flag)
            .collect();
        let mut text = format!("{}\n", self.listed.principal);
        text += &line("policy", &self.login.tell_policy());
        text += &line("flags", &words(&set, "none"));
        text += &line("must use a key", self.tell_demand());
        text += &line("is offered", &self.login.tell_offer());
        text += &line("for kadmin/*", &self.tell_administration());
        text += &line("indicators", &self.tell_indicators());
        text += &line("registers keys", &enrolment::tell(&self.subject()));
        text.extend(self.keys.iter().map(Key::tell));
        text.extend(self.listed.enrolment.garbled().iter().map(|garbled| {
            let name = garbled.attribute.escape_ascii().to_string();
            line(&name, &format!("garbled: {}", garbled.error))
        }));
        if self.listed.count() == 0 {
            text += &line("keys", "none");
        }
        text
    }

    /// The two that can: the policy module, and krb5 itself.
    fn tell_demand(&self) -> &'static str {
        match (self.login.requires_factor, self.listed.flags.requires_hwauth) {
            (true, true) => "yes, by the policy and by requires_hwauth",
            (true, false) => "yes, by the policy alone",
            (false, true) => "yes, by requires_hwauth alone",
            (false, false) => "no",
        }
    }

    fn tell_administration(&self) -> String {
        let origin = match self.administration.policy {
            Ok((_, Origin::Administration)) => " (permissive is read as enrolled)",
            _ => "",
        };
        format!("{}{origin}", self.administration.tell_offer())
    }

    fn indicators(&self, is_touched: bool, is_user_verified: bool) -> Vec<&str> {
        let words = self
            .realm
            .indicators_for(&self.listed.enrolment, is_touched, is_user_verified);
        words.collect()
    }

    fn tell_indicators(&self) -> String {
        format!(
            "{} after a touch, {} after PIN or fingerprint",
            words(&self.indicators(true, false), "none"),
            words(&self.indicators(true, true), "none")
        )
    }

    fn subject(&self) -> Subject<'_> {
        self.listed.subject(&self.realm.settings, true, self.now)
    }

    fn count_usable(&self) -> usize {
        self.keys.iter().filter(|key| key.is_usable()).count()
    }

    /// No ticket, whatever is used.
    const fn is_shut_out(&self) -> bool {
        matches!(
            self.login.decision,
            Decision::OfferFidoThenNotice(_) | Decision::Refuse(_)
        )
    }

    fn summary(&self) -> String {
        let newest = self.keys.iter().filter_map(Key::last_used).max();
        let used = newest.map_or_else(
            || "never used".to_owned(),
            |time| format!("used {}", utc_time(time)),
        );
        format!(
            "{:<32} {} keys, {} usable  {}  {used}\n",
            self.listed.principal,
            self.listed.count(),
            self.count_usable(),
            self.login.tell_offer(),
        )
    }

    fn describe(&self) -> Value {
        let garbled = self.listed.enrolment.garbled().iter().map(|garbled| {
            json!({
                "attribute": String::from_utf8_lossy(&garbled.attribute),
                "state": "garbled",
                "error": garbled.error.to_string(),
            })
        });
        let keys = self.keys.iter().map(Key::describe).chain(garbled);
        Value::Object(object([
            ("principal", json!(self.listed.principal)),
            ("requires_preauth", json!(self.listed.flags.requires_preauth)),
            ("requires_hwauth", json!(self.listed.flags.requires_hwauth)),
            ("allow_tix", json!(self.listed.allows_tickets)),
            ("login", Value::Object(self.login.describe())),
            ("kadmin", Value::Object(self.administration.describe())),
            (
                "indicators",
                json!({
                    "touch": self.indicators(true, false),
                    "user_verified": self.indicators(true, true),
                }),
            ),
            ("enrolment", enrolment::describe(&self.subject())),
            ("keys", keys.collect()),
        ]))
    }
}

impl Case<'_> {
    fn tell_policy(&self) -> String {
        match self.policy {
            Err(cause) => cause.to_string(),
            Ok((policy, origin)) => {
                let origin = match origin {
                    Origin::Realm => "fido_policy of the realm",
                    Origin::Principal => "its own fido_policy",
                    Origin::Exemption => "required leaves it alone: fido_exempt",
                    Origin::Administration => "permissive is read so for kadmin/*",
                };
                format!("{}: {origin}", policy.as_str())
            }
        }
    }

    fn tell_offer(&self) -> String {
        match &self.decision {
            Decision::OfferNone => "SF-NONE: the password alone".to_owned(),
            Decision::OfferFido(_) => "SF-FIDO: a key".to_owned(),
            Decision::OfferFidoOrNone(_) => "SF-FIDO and SF-NONE: a key, or the password alone".to_owned(),
            Decision::OfferFidoThenNotice(NoticeCode::EnrolRequired) => {
                "SF-FIDO, then a notice: no key is registered".to_owned()
            }
            Decision::OfferFidoThenNotice(NoticeCode::NoneUsable) => {
                "SF-FIDO, then a notice: no registered key may be used".to_owned()
            }
            Decision::Refuse(cause) => format!("nothing: {cause}"),
        }
    }

    fn describe(&self) -> Map<String, Value> {
        let (factors, notice): (&[&str], _) = match &self.decision {
            Decision::OfferNone => (&["SF-NONE"], None),
            Decision::OfferFido(_) => (&["SF-FIDO"], None),
            Decision::OfferFidoOrNone(usable) => (
                &["SF-FIDO", "SF-NONE"],
                usable.is_empty().then_some(NoticeCode::NoneUsable),
            ),
            Decision::OfferFidoThenNotice(code) => (&["SF-FIDO"], Some(*code)),
            Decision::Refuse(_) => (&[], None),
        };
        let notice = notice.map(|code| match code {
            NoticeCode::EnrolRequired => "enrolRequired",
            NoticeCode::NoneUsable => "noneUsable",
        });
        let origin = |origin| match origin {
            Origin::Realm => "realm",
            Origin::Principal => "principal",
            Origin::Exemption => "exemption",
            Origin::Administration => "kadmin",
        };
        let policy = self.policy.ok();
        object([
            ("policy", json!(policy.map(|(policy, _)| policy.as_str()))),
            ("origin", json!(policy.map(|(_, from)| origin(from)))),
            ("error", json!(self.policy.err().map(|cause| cause.to_string()))),
            ("requires_factor", json!(self.requires_factor)),
            ("factors", json!(factors)),
            ("notice", json!(notice)),
        ])
    }
}

fn tell_realm(site: &Site<'_>, all: &[Status<'_>]) -> String {
    let settings = &site.realm.settings;
    let mut text: String = all.iter().map(Status::summary).collect();
    text += &format!("{}\n", site.store.realm());
    text += &line("fido_policy", settings.policy.as_str());
    text += &line("fido_uv", settings.uv.as_str());
    text += &line("fido_self_enrol", settings.self_enrol.as_str());
    text += &line("enrolled", &all.len().to_string());
    text += &line(
        "cannot log in",
        &all.iter()
            .filter(|status| status.is_shut_out())
            .count()
            .to_string(),
    );
    text += &line("state store", &site.realm.state_dir.display().to_string());
    text
}

fn describe_realm(site: &Site<'_>, all: &[Status<'_>]) -> Value {
    let settings = &site.realm.settings;
    json!({
        "realm": {
            "name": site.store.realm(),
            "fido_policy": settings.policy.as_str(),
            "fido_uv": settings.uv.as_str(),
            "fido_self_enrol": settings.self_enrol.as_str(),
            "state_dir": site.realm.state_dir.display().to_string(),
            "enrolled": all.len(),
            "shut_out": all.iter().filter(|status| status.is_shut_out()).count(),
        },
        "principals": all.iter().map(Status::describe).collect::<Value>(),
    })
}

/// A word for people.
const fn tell_uv(uv: UserVerification) -> &'static str {
    match uv {
        UserVerification::Discouraged => "PIN or fingerprint discouraged",
        UserVerification::Preferred => "PIN or fingerprint preferred",
        UserVerification::Required => "PIN or fingerprint required",
    }
}
