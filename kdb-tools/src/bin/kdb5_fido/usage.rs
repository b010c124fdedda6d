//! kdb5_fido usage: when each key was used last.

use krb5_fido_protocol::fido::{label::Label, record::CredentialRecord};
use krb5_fido_tools::{
    Error, Listed, StoreCopy, Stores, Usage,
    format::{object, utc_time},
    print,
};
use serde_json::{Value, json};
use time::{Duration, UtcDateTime};

use crate::commands::Site;

pub(crate) fn run(
    site: &Site<'_>,
    principal: Option<&str>,
    copies: &[StoreCopy],
    unused_since: Option<u32>,
) -> Result<(), Error> {
    let listed = site.list(principal)?;
    let stores = Stores::open(&site.realm.state_dir, copies)?;
    let since =
        unused_since.map(|seconds| UtcDateTime::now().saturating_sub(Duration::seconds(i64::from(seconds))));
    let mut keys = Vec::new();
    for listed in &listed {
        keys.extend(find_keys(listed, &stores)?);
    }
    keys.retain(|key| since.is_none_or(|since| key.newest() < since));
    let text = match site.as_json {
        true => format!("{}\n", keys.iter().map(Key::describe).collect::<Value>()),
        false => tell(&keys),
    };
    print(&text).map_err(Error::Output)
}

/// A key and its last use.
struct Key<'a> {
    principal: &'a str,
    label: &'a Label,
    record: &'a CredentialRecord,
    usage: Option<Usage<'a>>,
}

fn find_keys<'a>(listed: &'a Listed, stores: &'a Stores) -> Result<Vec<Key<'a>>, Error> {
    let records = listed.enrolment.credentials().iter();
    records
        .map(|(label, record)| {
            Ok(Key {
                principal: &listed.principal,
                label,
                record,
                usage: stores.find(record)?,
            })
        })
        .collect()
}

fn tell(keys: &[Key<'_>]) -> String {
    let mut text = String::new();
    for of_principal in keys.chunk_by(|left, right| left.principal == right.principal) {
        let name = of_principal.first().map(|key| key.principal);
        text += &format!("{}\n", name.unwrap_or_default());
        text.extend(of_principal.iter().map(Key::tell));
    }
    text
}

impl Key<'_> {
    /// When it was used or, if never, registered.
    fn newest(&self) -> UtcDateTime {
        let created = self.record.created();
        self.usage
            .as_ref()
            .map_or(created, |usage| usage.last.time.max(created))
    }

    fn tell(&self) -> String {
        let label = self.label.to_string();
        match &self.usage {
            Some(usage) => {
                let counted = match usage.last_kdc == usage.counter_kdc {
                    true => format!("counter {}", usage.counter),
                    false => format!("counter {} at {}", usage.counter, usage.counter_kdc),
                };
                format!(
                    "    {label:<12} {}  at {}  {counted}\n",
                    utc_time(usage.last.time),
                    usage.last_kdc
                )
            }
            None => {
                let created = utc_time(self.record.created());
                format!("    {label:<12} never used; registered {created}\n")
            }
        }
    }

    fn describe(&self) -> Value {
        let usage = self.usage.as_ref();
        Value::Object(object([
            ("principal", json!(self.principal)),
            ("label", json!(self.label.to_string())),
            ("created", json!(utc_time(self.record.created()))),
            ("last_used", json!(usage.map(|usage| utc_time(usage.last.time)))),
            ("last_kdc", json!(usage.map(|usage| usage.last_kdc))),
            (
                "user_verified",
                json!(usage.map(|usage| usage.last.user_verified)),
            ),
            ("counter", json!(usage.map(|usage| usage.counter))),
            ("counter_kdc", json!(usage.map(|usage| usage.counter_kdc))),
        ]))
    }
}
