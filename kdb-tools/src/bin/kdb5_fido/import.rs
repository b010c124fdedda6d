//! kdb5_fido import: what a document has brought to whom.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use krb5_fido_tools::{
    Console, Document, Error, ImportMode, Imported, Terminal,
    describe::flags_set,
    format::{object, printable},
    print,
};
use krb5_plugin::kadm5::Flags;
use serde_json::{Value, json};

use crate::commands::{Site, read};

/// The longest document, in bytes.
const DOCUMENT_MAX: u64 = 64 * 1024 * 1024;

/// How many names stand in the last message.
const NAMES_MAX: usize = 10;

/// How often somebody who waits is told how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(site: &Site<'_>, file: &Path, mode: ImportMode, any_realm: bool) -> Result<(), Error> {
    let document = read_document(site, file, any_realm)?;
    let mut progress = Progress::new(document.principals.len());
    let results = site.keys.import(&document.principals, mode, || {
        if let Some(line) = progress.advance(Instant::now()) {
            Console.show(&line);
        }
    })?;
    let names = document.principals.iter().map(|entry| entry.principal.clone());
    let outcomes: Vec<Outcome> = names
        .zip(results)
        .map(|(principal, result)| Outcome { principal, result })
        .collect();
    let text = match site.as_json {
        true => format!("{}\n", describe(site, &outcomes, mode)),
        false => tell(&outcomes, mode),
    };
    let has_changed = !mode.dry_run && outcomes.iter().any(Outcome::has_changed);
    print(&text).map_err(match has_changed {
        true => Error::OutputAfterChange,
        false => Error::Output,
    })?;
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .map(|outcome| outcome.principal.as_str())
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::ImportIncomplete {
            failed: failed.len(),
            all: outcomes.len(),
            names: tell_names(&failed),
        }),
    }
}

/// Some names, for a message: all of them stand in the report.
fn tell_names(names: &[&str]) -> String {
    let told: Vec<&str> = names.iter().copied().take(NAMES_MAX).collect();
    let told = printable(&told.join(", "));
    match names.len().saturating_sub(NAMES_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn read_document(site: &Site<'_>, file: &Path, any_realm: bool) -> Result<Document, Error> {
    let text = read(file, DOCUMENT_MAX.saturating_add(1))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > DOCUMENT_MAX) {
        return Err(Error::DocumentTooLong {
            path: file.to_owned(),
            max: DOCUMENT_MAX,
        });
    }
    let parsed = Document::parse(&text).map_err(|cause| Error::MalformedDocument {
        path: file.to_owned(),
        cause,
    });
    let mut document = parsed?;
    let realm = site.store.realm();
    if document.realm != realm {
        if !any_realm {
            return Err(Error::ForeignDocument {
                document: document.realm,
                realm: realm.to_owned(),
            });
        }
        document.move_to(realm);
    }
    Ok(document)
}

/// How far it is, for somebody who waits.
struct Progress {
    all: usize,
    done: usize,
    told: Instant,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self {
            all,
            done: 0,
            told: Instant::now(),
        }
    }

    /// One more is done: a line, if it is time for one.
    fn advance(&mut self, now: Instant) -> Option<String> {
        self.done = self.done.saturating_add(1);
        if now.saturating_duration_since(self.told) < PATIENCE {
            return None;
        }
        self.told = now;
        Some(format!("{} of {} principals", self.done, self.all))
    }
}

/// What has become of one principal.
struct Outcome {
    /// As the document names it.
    principal: String,
    result: Result<Imported, Error>,
}

impl Outcome {
    fn has_changed(&self) -> bool {
        self.result.as_ref().is_ok_and(|imported| !imported.is_same())
    }

    fn tell(&self) -> String {
        let told = match &self.result {
            Err(error) => format!("failed: {error}"),
            Ok(imported) => tell_imported(imported),
        };
        printable(&format!("{}: {told}", self.principal)) + "\n"
    }

    fn describe(&self) -> Value {
        let imported = self.result.as_ref().ok();
        let names = |of: fn(&Imported) -> &Vec<String>| json!(imported.map_or(&Vec::new(), of));
        let flag = |of: fn(Flags) -> bool| json!(imported.map(|imported| of(imported.flags_after)));
        Value::Object(object([
            ("principal", json!(self.principal)),
            ("added", names(|imported| &imported.added)),
            ("same", names(|imported| &imported.same)),
            ("replaced", names(|imported| &imported.replaced)),
            ("removed", names(|imported| &imported.removed)),
            (
                "error",
                json!(self.result.as_ref().err().map(ToString::to_string)),
            ),
            ("requires_preauth", flag(|flags| flags.requires_preauth)),
            ("requires_hwauth", flag(|flags| flags.requires_hwauth)),
        ]))
    }
}

fn tell_imported(imported: &Imported) -> String {
    let parts = [
        ("added", &imported.added),
        ("replaced", &imported.replaced),
        ("removed", &imported.removed),
        ("same", &imported.same),
    ];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let mut told: Vec<String> = parts
        .map(|(word, names)| format!("{word} {}", names.join(" ")))
        .collect();
    let set = flags_set(imported.flags_before, imported.flags_after);
    if !set.is_empty() {
        told.push(format!("set {}", set.join(" ")));
    }
    match told.as_slice() {
        [] => "nothing in the document".to_owned(),
        told => told.join("; "),
    }
}

/// How many principals have changed, were so already, and have failed.
fn count(outcomes: &[Outcome]) -> (usize, usize, usize) {
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    let changed = outcomes.iter().filter(|outcome| outcome.has_changed()).count();
    let same = outcomes.len().saturating_sub(failed).saturating_sub(changed);
    (changed, same, failed)
}

fn tell(outcomes: &[Outcome], mode: ImportMode) -> String {
    let mut text: String = outcomes.iter().map(Outcome::tell).collect();
    let (changed, same, failed) = count(outcomes);
    text += &format!("{changed} changed, {same} the same, {failed} failed\n");
    if mode.dry_run {
        text += "Nothing was written: --dry-run.\n";
    }
    text
}

fn describe(site: &Site<'_>, outcomes: &[Outcome], mode: ImportMode) -> Value {
    let (changed, same, failed) = count(outcomes);
    Value::Object(object([
        ("realm", json!(site.store.realm())),
        ("dry_run", json!(mode.dry_run)),
        ("changed", json!(changed)),
        ("same", json!(same)),
        ("failed", json!(failed)),
        (
            "principals",
            outcomes.iter().map(Outcome::describe).collect::<Value>(),
        ),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_every_two_seconds() {
        let mut progress = Progress::new(5);
        let begun = progress.told;
        let mut advance = |seconds| progress.advance(begun + Duration::from_secs(seconds));
        assert_eq!(advance(0), None);
        assert_eq!(advance(1), None);
        assert_eq!(advance(2), Some("3 of 5 principals".to_owned()));
        assert_eq!(advance(3), None);
        assert_eq!(advance(9), Some("5 of 5 principals".to_owned()));
    }

    #[test]
    fn ten_names_are_told() {
        assert_eq!(tell_names(&["a\u{1b}", "b"]), "a\\u{1b}, b");
        assert_eq!(tell_names(&["a"; 10]), ["a"; 10].join(", "));
        assert!(tell_names(&["a"; 11]).ends_with("a, a and 1 more"));
    }
}
