//! kdb5_fido import: what a document has brought to whom.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use krb5_fido_tools::{
    Console, Document, Error, ImportMode, Imported, Terminal,
    describe::{describe_flags, flags_set},
    format::{object, printable},
    print,
};
use serde_json::{Value, json};

use crate::commands::{Site, read};

/// The longest document, in bytes.
const DOCUMENT_MAX: u64 = 64 * 1024 * 1024;

/// How often somebody who waits is told how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(site: &Site<'_>, file: &Path, mode: ImportMode, any_realm: bool) -> Result<(), Error> {
    let document = read_document(site, file, any_realm)?;
    let mut progress = Progress::new(document.principals.len());
    let results = site
        .keys
        .import(&document.principals, mode, || progress.advance())?;
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
            names: printable(&failed.join(", ")),
        }),
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

/// Tells how far it is, on standard error.
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

    fn advance(&mut self) {
        self.done = self.done.saturating_add(1);
        if self.told.elapsed() >= PATIENCE {
            Console.show(&format!("{} of {} principals", self.done, self.all));
            self.told = Instant::now();
        }
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
        let mut members = object([
            ("principal", json!(self.principal)),
            ("added", names(|imported| &imported.added)),
            ("same", names(|imported| &imported.same)),
            ("replaced", names(|imported| &imported.replaced)),
            ("removed", names(|imported| &imported.removed)),
            (
                "error",
                json!(self.result.as_ref().err().map(ToString::to_string)),
            ),
        ]);
        if let Some(imported) = imported {
            members.extend(describe_flags(imported.flags_after));
        }
        Value::Object(members)
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
