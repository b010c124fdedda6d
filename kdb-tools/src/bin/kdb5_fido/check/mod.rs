//! kdb5_fido check-config: what keeps the KDC from starting, makes the factor void, or locks people out.

mod client;
mod finding;
mod kdcs;
mod modules;
mod principals;
mod realm;

use std::process::ExitCode;

use krb5_fido_protocol::fido::kdc_settings::KdcSettings;
use krb5_fido_tools::{Error, Store, print};
use krb5_plugin::OwnedContext;
use serde_json::{Value, json};

use finding::{Finding, Findings, Severity};
use kdcs::Asked;
use modules::Installed;
use principals::{Checked, Mended};

pub(crate) fn run(store: &Store, database: &[String], fix: bool, as_json: bool) -> Result<ExitCode, Error> {
    let report = Report::make(store, database, fix)?;
    let text = match as_json {
        true => format!("{}\n", report.describe()),
        false => report.tell(),
    };
    print(&text).map_err(match report.mended.is_empty() {
        true => Error::Output,
        false => Error::OutputAfterChange,
    })?;
    Ok(ExitCode::from(report.exit_status()))
}

/// All that was found.
struct Report {
    realm: String,
    installed: Option<Installed>,
    findings: Vec<Finding>,
    mended: Vec<Mended>,
    asked: Vec<Asked>,
}

impl Report {
    fn make(store: &Store, database: &[String], fix: bool) -> Result<Self, Error> {
        let profile = store.profile()?;
        let mut findings = Findings::default();
        let settings = realm::check_values(store, &profile, &mut findings)?;
        let installed =
            modules::check(&profile, settings.as_ref(), &mut findings).map_err(Error::from_profile)?;
        let mut checked = Checked::default();
        match &settings {
            Some(settings) => {
                realm::check(store.realm(), settings, &mut findings);
                checked = check_database(store, database, settings, fix, &mut findings)?;
            }
            None => findings.warn(
                "not_checked",
                store.realm(),
                "The principals and the store of last uses were not looked at: what holds for the realm is not known",
                "Correct the impossible values first",
            ),
        }
        let mut asked = Vec::new();
        // What cannot be read was told of the KDC's configuration, which holds krb5.conf too.
        if let Ok(context) = OwnedContext::new() {
            client::check(&context, store.realm(), &mut findings);
            if let Some(principal) = &checked.with_key {
                asked = kdcs::check(&context, store.realm(), principal, &mut findings);
            }
        }
        Ok(Self {
            realm: store.realm().to_owned(),
            installed,
            findings: findings.into_sorted(),
            mended: checked.mended,
            asked,
        })
    }

    fn count(&self, severity: Severity) -> usize {
        let of_severity = self
            .findings
            .iter()
            .filter(|finding| finding.severity == severity);
        of_severity.count()
    }

    fn exit_status(&self) -> u8 {
        match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => 0,
            (0, _) => 3,
            _ => 1,
        }
    }

    fn tell(&self) -> String {
        let mut text: String = self.findings.iter().map(Finding::tell).collect();
        text.extend(self.mended.iter().map(Mended::tell));
        text.extend(self.asked.iter().map(Asked::tell));
        if let Some(installed) = &self.installed {
            text += &installed.tell();
        }
        text += &format!(
            "{}: {} errors, {} warnings\n",
            self.realm,
            self.count(Severity::Error),
            self.count(Severity::Warning)
        );
        text
    }

    fn describe(&self) -> Value {
        json!({
            "realm": self.realm,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "findings": self.findings.iter().map(Finding::describe).collect::<Value>(),
            "mended": self.mended.iter().map(Mended::describe).collect::<Value>(),
            "kdcs": self.asked.iter().map(Asked::describe).collect::<Value>(),
            "module": self.installed.as_ref().map(Installed::describe),
        })
    }
}

/// Looks through the database; one that cannot be opened is a finding, too.
fn check_database(
    store: &Store,
    database: &[String],
    settings: &KdcSettings,
    fix: bool,
    findings: &mut Findings,
) -> Result<Checked, Error> {
    match store.open(database) {
        Ok(keys) => principals::check(&keys, settings, fix, findings),
        Err(error) => {
            findings.error(
                "database_unavailable",
                store.realm(),
                error.to_string(),
                "Run this command on a KDC of the realm, as its administrator",
            );
            Ok(Checked::default())
        }
    }
}
