//! The command krb5-testrealm.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test program; a failure in a helper is the test's"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use common::{eventually, is_alive, read_pid};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_krb5-testrealm"));
    command.stdin(Stdio::null());
    command
}

/// Runs a shell script in a realm of stock modules.
fn run_script(arguments: &[&str], script: &str) -> Output {
    program()
        .args(["run", "--stock"])
        .args(arguments)
        .args(["--", "sh", "-c", script])
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running `run`, and a directory that its realm makes.
struct Running {
    child: Child,
    directory: PathBuf,
    daemons: [u32; 2],
    _parent: TempDir,
}

/// Starts a script in a realm and waits until it has made the file `started` in the realm's directory.
fn start_script(script: &str) -> Running {
    start_prepared_script("true", script)
}

/// The same with something that is done before the command counts as started.
fn start_prepared_script(preparation: &str, script: &str) -> Running {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("realm");
    let started = directory.join("started");
    let script = format!("{preparation}; touch {}; {script}", started.display());
    let mut command = program();
    command
        .args(["run", "--stock", "--dir"])
        .arg(&directory)
        .args(["--", "sh", "-c", &script]);
    let child = command.spawn().unwrap();
    assert!(eventually(|| started.exists()));
    let daemons = ["krb5kdc.pid", "kadmind.pid"].map(|file| read_pid(&directory.join(file)));
    Running {
        child,
        directory,
        daemons,
        _parent: parent,
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn daemons_live(&self) -> bool {
        self.daemons.iter().any(|pid| is_alive(*pid))
    }
}

#[test]
fn exit_code_is_passed_through() {
    assert_eq!(run_script(&[], "exit 7").status.code(), Some(7));
    assert_eq!(run_script(&[], "true").status.code(), Some(0));
    assert_eq!(run_script(&[], "kill -9 $$").status.code(), Some(128 + 9));
}

#[test]
fn command_can_use_clients_and_kdc_tools() {
    let script = "kadmin.local addprinc -pw secret alice/admin && echo secret | kinit alice/admin && klist && \
                  kadmin -p alice/admin -w secret listprincs && echo dir $HOME";
    let output = run_script(&["--realm", "SHELL.TEST"], script);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("Default principal: alice/admin@SHELL.TEST"),
        "{text}"
    );
    let home = text.lines().find_map(|line| line.strip_prefix("dir ")).unwrap();
    assert!(!Path::new(home).parent().unwrap().exists(), "{home} is left");
}

#[test]
fn relations_reach_both_files() {
    let relations = [
        "--kdc",
        "max_life=2h",
        "--kdc",
        "kdcdefaults:x=a=b",
        "--client",
        "libdefaults:clockskew=7",
    ];
    let output = run_script(&relations, "cat $KRB5_KDC_PROFILE; echo ====; cat $KRB5_CONFIG");
    let text = stdout(&output);
    let (kdc, client) = text.split_once("====").unwrap();
    assert!(
        kdc.contains("  max_life = 2h\n") && kdc.contains("[kdcdefaults]\n x = a=b\n"),
        "{kdc}"
    );
    assert!(client.contains(" clockskew = 7\n"), "{client}");
}

#[test]
fn malformed_relations_are_refused() {
    let output = run_script(&["--kdc", "max_life"], "true");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no '='"), "{}", stderr(&output));
    let output = run_script(&["--client", "a b=1"], "true");
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("\"a b\""), "{}", stderr(&output));
}

#[test]
fn kdc_that_does_not_start_is_reported_with_its_log() {
    let output = run_script(&["--kdc", "kdc_listen=127.0.0.1:not-a-port"], "true");
    assert_eq!(output.status.code(), Some(125));
    assert!(
        stderr(&output).contains("krb5kdc did not start"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn missing_command_is_127_and_unusable_one_126() {
    let run = |command: &str| {
        program()
            .args(["run", "--stock", "--", command])
            .output()
            .unwrap()
    };
    let output = run("no-such-command");
    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).contains("no-such-command"), "{}", stderr(&output));
    assert_eq!(run("/").status.code(), Some(126));
}

#[test]
fn new_directory_is_removed_and_an_empty_one_emptied() {
    let parent = tempfile::tempdir().unwrap();
    let new = parent.path().join("new");
    let output = run_script(&["--dir", new.to_str().unwrap()], "touch $HOME/../mine");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!new.exists());
    let output = run_script(&["--dir", parent.path().to_str().unwrap()], "touch $HOME/../mine");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn directory_with_something_in_it_is_refused_and_untouched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mine"), "").unwrap();
    let output = run_script(&["--dir", directory.path().to_str().unwrap()], "true");
    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains("is not empty"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn termination_reaches_the_command_and_the_realm_is_removed() {
    let mut running = start_script("exec sleep 600");
    assert!(running.daemons_live());
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(128 + 15));
    assert!(!running.directory.exists() && !running.daemons_live());
}

#[test]
fn interrupt_without_a_terminal_reaches_the_command_and_the_realm_is_removed() {
    let mut running = start_script("exec sleep 600");
    running.signal(Signal::INT);
    assert_eq!(running.child.wait().unwrap().code(), Some(128 + 2));
    assert!(!running.directory.exists() && !running.daemons_live());
}

#[test]
fn command_that_ignores_termination_is_killed() {
    let mut running = start_prepared_script("trap '' TERM", "while :; do sleep 1; done");
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(128 + 9));
    assert!(!running.directory.exists() && !running.daemons_live());
}

#[test]
fn daemons_end_with_a_killed_program() {
    let mut running = start_script("read line");
    assert!(running.daemons_live());
    running.signal(Signal::KILL);
    running.child.wait().unwrap();
    assert!(eventually(|| !running.daemons_live()));
}

#[test]
fn missing_artifacts_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = program();
    let output = command
        .env("KRB5_FIDO_ARTIFACTS", empty.path())
        .args(["run", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    let text = stderr(&output);
    assert!(
        text.contains("libkrb5_fido_client.so is missing") && text.contains("make build"),
        "{text}"
    );
}

/// Modules that cannot be loaded, and programs that only look like the real ones.
fn false_artifacts() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    // Written by a shell: a file that this process had open for writing could not be executed while another test's
    // child, just forked, still has a copy of the descriptor.
    let script = r#"
        touch libkrb5_fido_client.so libkrb5_fido_kdc.so krb5-fido-helper kfido
        printf '#!/bin/sh\nexec kadmin.local setstr alice fido:blue {}\n' > kdb5_fido
        printf '#!/bin/sh\nmkdir -p $3\necho softkey: ready on $5\nexec sleep 600\n' > softkey
        chmod +x kdb5_fido softkey"#;
    let status = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(directory.path())
        .status();
    assert!(status.unwrap().success());
    directory
}

#[test]
fn demo_names_the_step_that_is_not_as_told() {
    let artifacts = false_artifacts();
    let output = program()
        .env("KRB5_FIDO_ARTIFACTS", artifacts.path())
        .arg("demo")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (stdout(&output), stderr(&output));
    assert!(
        out.contains("$ kdb5_fido -r KRBTEST.COM enroll alice --device unix:"),
        "{out}"
    );
    assert!(
        err.contains("step 5 (password and key): not as told: the key has counted"),
        "{out}{err}"
    );
}

/// Types a script into a shell in a realm.
fn type_into_shell(arguments: &[&str], script: &str) -> Output {
    let mut command = program();
    command
        .arg("shell")
        .args(arguments)
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped());
    let mut shell = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A realm that does not start reads nothing.
    let _ = std::io::Write::write_all(shell.stdin.as_mut().unwrap(), script.as_bytes());
    shell.wait_with_output().unwrap()
}

#[test]
fn shell_is_the_one_of_the_user_inside_a_realm() {
    let script = "kadmin.local -q 'getprinc krbtgt/KRBTEST.COM'; exit 7\n";
    let output = type_into_shell(&["--stock"], script);
    assert_eq!(output.status.code(), Some(7));
    assert!(
        stdout(&output).contains("Principal: krbtgt/KRBTEST.COM@KRBTEST.COM"),
        "{}",
        stdout(&output)
    );
    assert!(
        stderr(&output).contains("A realm KRBTEST.COM of your own. For a start:"),
        "{}",
        stderr(&output)
    );
}

/// The steps are those that the shell is told.
#[test]
fn shell_has_a_key_to_log_in_with() {
    let script = r#"
        device=$(sed -n 's/.*fido_device = \(unix:.*\)/\1/p' "$KRB5_CONFIG")
        kadmin.local addprinc -pw secret +requires_preauth alice
        kdb5_fido enroll alice --device "$device" >&2
        echo secret | kinit alice && exit 7
    "#;
    let output = type_into_shell(&[], script);
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(7), "{out}{err}");
    assert!(
        out.contains("Touch your security key (software key)"),
        "{out}{err}"
    );
    assert!(
        err.contains("    kdb5_fido enroll alice --device unix:"),
        "{out}{err}"
    );
}

#[test]
fn realm_that_does_not_start_is_not_announced() {
    let output = type_into_shell(&["--kdc", "fido_polisy=required"], "");
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert!(
        err.contains("fido_polisy = \"required\": there is no such relation") && !err.contains("of your own"),
        "{err}"
    );
}

#[test]
fn stock_modules_on_one_side_or_both() {
    let loads = |option: &str, variable: &str| {
        let output = program()
            .args(["run", option, "--", "sh", "-c", &format!("cat \"${variable}\"")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).contains("libkrb5_fido_")
    };
    assert!(!loads("--stock-client", "KRB5_CONFIG") && loads("--stock-client", "KRB5_KDC_PROFILE"));
    assert!(loads("--stock-kdc", "KRB5_CONFIG") && !loads("--stock-kdc", "KRB5_KDC_PROFILE"));
    assert!(!loads("--stock", "KRB5_CONFIG") && !loads("--stock", "KRB5_KDC_PROFILE"));
}
