//! Manual pages and completions, as `make build` leaves them.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use krb5_testrealm::Artifacts;

/// The programs, and the sections that their pages are in.
const PROGRAMS: [(&str, &str); 2] = [("kfido", "1"), ("kdb5_fido", "8")];

/// Completes the last word of a line in bash, as a press of the tabulator would: the words are the file that bash-completion
/// would have sourced, and those of the line.
const COMPLETE: &str = r#"
set -u
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
registered=$(complete -p "$1")
[[ $registered =~ -F\ ([^ ]+) ]]
"${BASH_REMATCH[1]}" "$1" "${@: -1}" "${@: -2:1}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manual() -> PathBuf {
    Artifacts::locate().unwrap().directory().join("manual")
}

fn page(program: &str, section: &str) -> PathBuf {
    manual().join(format!("{program}.{section}"))
}

fn groff(options: &[&str], page: &Path) -> Output {
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tutf8", "-ww"]).args(options).arg(page);
    groff.output().unwrap()
}

/// What man would show, without hyphenation and on lines that are long enough for every paragraph.
fn rendered(page: &Path) -> String {
    let options = ["-P-cbou", "-rHY=0", "-rLL=4000n", "-dAD=l"];
    String::from_utf8(groff(&options, page).stdout).unwrap()
}

fn help(program: &str, arguments: &[&str]) -> String {
    let program = Artifacts::locate().unwrap().directory().join(program);
    let output = Command::new(program)
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What stands first in the lines of a list of the help, below this heading.
fn entries(help: &str, heading: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Every option that a help names.
fn options(help: &str) -> Vec<String> {
    help.lines()
        .filter(|line| line.trim_start().starts_with('-') && line.starts_with("  "))
        .flat_map(|line| line.split_whitespace().take_while(|word| word.starts_with('-')))
        .map(|word| word.trim_end_matches(',').to_owned())
        .filter(|word| !["-h", "--help", "-V", "--version"].contains(&word.as_str()))
        .collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_four_pages_are_rendered_without_a_warning() {
    let written = ["krb5-fido.5", "krb5-fido.7"].map(|page| repository().join("docs/man").join(page));
    let generated = PROGRAMS.map(|(program, section)| page(program, section));
    for page in written.iter().chain(&generated) {
        let output = groff(&[], page);
        let warnings = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*warnings), (Some(0), ""), "{page:?}");
        assert!(output.stdout.len() > 4000, "{page:?}");
    }
}

#[test]
fn the_pages_have_each_command_and_option_in_the_words_of_the_help() {
    for (program, section) in PROGRAMS {
        let text = rendered(&page(program, section));
        let squeezed = words(&text);
        let whole = help(program, &[]);
        let commands = entries(&whole, "Commands:");
        assert!(commands.len() > 9, "{program}: {commands:?}");
        for option in options(&whole) {
            assert!(squeezed.contains(&option), "{program}: {option}");
        }
        for command in commands.iter().filter(|command| *command != "help") {
            let help = help(program, &[command]);
            for option in options(&help) {
                assert!(squeezed.contains(&option), "{program} {command}: {option}");
            }
            let usage = help
                .lines()
                .find_map(|line| line.strip_prefix("Usage: "))
                .unwrap();
            assert!(text.matches(usage).count() > 1, "{usage}");
            let (about, _) = help.split_once("\n\nUsage: ").unwrap();
            for paragraph in about.split("\n\n") {
                assert!(squeezed.contains(&words(paragraph)), "{paragraph}");
            }
        }
    }
}

#[test]
fn the_pages_refer_to_pages_that_there_are() {
    let ours = ["kfido(1)", "kdb5_fido(8)", "krb5-fido(5)", "krb5-fido(7)"];
    for (program, section) in PROGRAMS {
        let text = rendered(&page(program, section));
        let (_, references) = text.split_once("SEE ALSO").unwrap();
        for other in ours
            .iter()
            .filter(|page| !page.starts_with(&format!("{program}(")))
        {
            assert!(references.contains(other), "{program}: {other}");
        }
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    for (line, expected) in [
        (&["kdb5_fido", "inv"][..], &["invite"][..]),
        (&["kdb5_fido", "check"], &["check-config"]),
        (&["kdb5_fido", "invite", "--rep"], &["--replace"]),
        (&["kfido", "-p", "admin/admin", "en"], &["enroll"]),
        (
            &["kfido", "enroll", "alice", "--algorithm", ""],
            &["ES256", "EdDSA"],
        ),
        (&["kfido", "check", "--princ"], &[""]),
    ] {
        let script = manual().join(format!("{}.bash", line.first().unwrap()));
        let output = Command::new("bash")
            .args(["-c", COMPLETE, "bash"])
            .arg(script)
            .args(line)
            .output()
            .unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line:?} {:?}", output.stderr);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{line:?}");
    }
}

#[test]
fn zsh_and_fish_are_told_of_each_command() {
    for (program, _) in PROGRAMS {
        for file in [format!("_{program}"), format!("{program}.fish")] {
            let script = fs::read_to_string(manual().join(&file)).unwrap();
            for command in entries(&help(program, &[]), "Commands:") {
                assert!(script.contains(&command), "{file}: {command}");
            }
        }
    }
}

#[test]
fn the_program_says_what_it_wants_and_why_it_fails() {
    let program = Artifacts::locate().unwrap().directory().join("krb5-fido-manual");
    let run = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let usage = "usage: krb5-fido-manual DIRECTORY\n".to_owned();
    assert_eq!(run(&[]), (Some(2), usage.clone()));
    assert_eq!(run(&["a", "b"]), (Some(2), usage));
    let failure = "krb5-fido-manual: /dev/null/manual: Not a directory (os error 20)\n".to_owned();
    assert_eq!(run(&["/dev/null/manual"]), (Some(1), failure));
}
