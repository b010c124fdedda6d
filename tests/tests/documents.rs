//! What the documents name is there.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between single backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A source file, as the threat model names it: below the tests of this package, or below the repository.
fn find_source(path: &str) -> Option<PathBuf> {
    let repository = repository();
    [repository.join("tests/tests").join(path), repository.join(path)]
        .into_iter()
        .find(|path| path.is_file())
}

/// Whether a source file has this test: as a function, or in a macro that makes one for each group.
fn has_test(source: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let generic = format!("fn {name}<");
    source
        .lines()
        .any(|line| line.contains(&function) || line.contains(&generic))
}

#[test]
fn every_test_and_file_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(repository().join("docs/threat-model.md")).unwrap();
    let mut tests = 0;
    for word in quoted(&text) {
        if let Some((path, name)) = word.split_once(".rs::") {
            let source = find_source(&format!("{path}.rs")).unwrap_or_else(|| panic!("{word}: no such file"));
            assert!(
                has_test(&fs::read_to_string(source).unwrap(), name),
                "{word}: no such test"
            );
            tests += 1;
        } else if word.ends_with(".rs") {
            assert!(find_source(word).is_some(), "{word}: no such file");
        }
    }
    assert!(tests > 40, "{tests} tests: are they still written in this way?");
}

#[test]
fn tests_that_do_not_exist_are_noticed() {
    let source = "fn there() {}\nfn in_each_group<C>(curve: &C) {}";
    assert!(has_test(source, "there") && has_test(source, "in_each_group"));
    assert!(!has_test(source, "the") && !has_test(source, "not_there"));
    assert!(find_source("documents.rs").is_some() && find_source("protocol/src/lib.rs").is_some());
    assert!(find_source("nothing.rs").is_none());
}
