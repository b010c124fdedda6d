//! `krb5-testrealm demo`: one login with a software security key, and the logins that must fail.
//!
//! Each step shows commands with their output and then requires what its text says.

use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use krb5_testrealm::{Finished, Presence, Realm, SoftKey};

use crate::signals::Signals;

/// For logins that wait for a key that does not come.
const BRIEFLY: &str = "fido_timeout=1s";

const PASSWORD: &str = "correct horse";
/// KDC_ERR_PREAUTH_FAILED (24) as libkrb5 traces it.
const PREAUTH_FAILED: &str = "Received error from KDC: -1765328360/";

type Outcome = Result<(), Box<dyn Error>>;

/// A step that did not go as told.
#[derive(Debug, thiserror::Error)]
#[error("step {number} ({title}): not as told: {requirement}")]
struct NotAsTold {
    number: usize,
    title: &'static str,
    requirement: &'static str,
}

/// Plays all steps, until one is not as told.
pub(crate) fn demo() -> Outcome {
    let signals = Signals::note()?;
    say("A realm is being made: its database, krb5kdc, kadmind.");
    // A refusal must not wait a minute for a better key.
    let realm = Realm::builder().client_relation("fido_timeout", "10s").start()?;
    let mut demo = Demo {
        realm,
        signals,
        number: 0,
        title: "",
    };
    let outcome = demo.play();
    if outcome.is_err() {
        eprint!("--- kdc.log\n{}---\n", demo.realm.kdc_log());
    }
    outcome?;
    drop(demo);
    say("\nEverything went as told. The realm, its processes and its directory are gone.");
    Ok(())
}

struct Demo {
    realm: Realm,
    signals: Signals,
    number: usize,
    title: &'static str,
}

impl Demo {
    fn play(&mut self) -> Outcome {
        self.show_realm()?;
        self.add_principals()?;
        let key = self.start_key()?;
        self.enrol(&key)?;
        self.log_in(&key)?;
        self.log_in_without_key()?;
        self.log_in_with_wrong_password(&key)?;
        self.log_in_with_foreign_key()?;
        self.log_in_untouched(key)?;
        self.log_in_with_stock_client()?;
        self.log_in_without_credential()
    }

    fn show_realm(&mut self) -> Outcome {
        self.begin("the realm")?;
        say(&format!(
            "krb5kdc and kadmind of this machine now serve {} on 127.0.0.1, ports {} to {}. Everything lies in {}; \
             nothing outside of it is read for configuration or written.",
            self.realm.name(),
            self.realm.kdc_port(),
            self.realm.iprop_port(),
            self.realm.dir().display(),
        ));
        say("Clients load our module under the stock module's name, by krb5.conf:");
        let client = self.show_plugins("krb5.conf")?;
        self.require(
            client.stdout.contains("spake:"),
            "krb5.conf loads the client module",
        )?;
        say("The KDC loads its two by kdc.conf:");
        let kdc = self.show_plugins("kdc.conf")?;
        let both = kdc.stdout.contains("spake:") && kdc.stdout.contains("fido:");
        self.require(
            both,
            "kdc.conf loads the pre-authentication and the policy module",
        )
    }

    fn show_plugins(&self, file: &str) -> Result<Finished, Box<dyn Error>> {
        let mut command = self.realm.command("sed");
        command
            .args(["-n", "/plugins/,$p"])
            .arg(self.realm.dir().join(file));
        Ok(show("", self.realm.run(command, "")?))
    }

    fn add_principals(&mut self) -> Outcome {
        self.begin("two principals")?;
        say("alice will have a key, bob will not.");
        for name in ["alice", "bob"] {
            let added = self.kadmin_local(&["addprinc", "-pw", PASSWORD, "+requires_preauth", name])?;
            self.require(added.success(), "the principal is added")?;
        }
        Ok(())
    }

    fn start_key(&mut self) -> Result<SoftKey, Box<dyn Error>> {
        self.begin("a security key in software")?;
        say("It listens on a socket and touches itself. A key on USB would need no configuration.");
        let key = self.start_softkey("key", Presence::Auto)?;
        self.realm.set_client_relation("fido_device", &[&key.device()])?;
        say(&format!("krb5.conf now says: fido_device = {}", key.device()));
        Ok(key)
    }

    fn start_softkey(&self, name: &str, presence: Presence) -> Result<SoftKey, Box<dyn Error>> {
        let key = self.realm.softkey(name, presence)?;
        print!("$ {} &\n{}", key.command_line(), key.output());
        Ok(key)
    }

    fn enrol(&mut self, key: &SoftKey) -> Outcome {
        self.begin("enrolment")?;
        say("The administrator enrols the key for alice, on the KDC.");
        let arguments = ["enroll", "alice", "--device", &key.device(), "--name", "blue"];
        let enrolled = show("", self.realm.kdb5_fido(&arguments)?);
        self.require(enrolled.success(), "the key is enrolled")?;
        say("The credential is a string attribute of the principal: a public key, nothing secret.");
        let attributes = self.kadmin_local(&["getstrs", "alice"])?;
        self.require(
            attributes.stdout.contains("fido:blue"),
            "the attribute fido:blue is there",
        )
    }

    fn log_in(&mut self, key: &SoftKey) -> Outcome {
        self.begin("password and key")?;
        say("alice logs in with her password and a touch.");
        let before = read_files(key.directory())?;
        let login = self.kinit(&[], PASSWORD, "alice")?;
        self.require(login.success(), "the login succeeds")?;
        self.require(
            read_files(key.directory())? != before,
            "the key has counted a signature",
        )?;
        say("The ticket has the flags H, hardware authentication, and A, pre-authentication.");
        let flags = self.ticket_flags()?;
        self.require(
            flags.contains('H') && flags.contains('A'),
            "the ticket has the flags H and A",
        )?;
        self.destroy_ticket()
    }

    fn log_in_without_key(&mut self) -> Outcome {
        self.begin("no key")?;
        say(
            "The same without the key: fido_device names a socket where nobody listens. kinit waits for it, here a second.",
        );
        let nowhere = format!(
            "fido_device=unix:{}",
            self.realm.dir().join("nobody.sock").display()
        );
        let login = self.kinit(&["-X", &nowhere, "-X", BRIEFLY], PASSWORD, "alice")?;
        self.require_refusal(&login)?;
        let explained = !login.stderr.contains("Generic preauthentication failure");
        self.require(explained, "the message is about the key")
    }

    fn log_in_with_wrong_password(&mut self, key: &SoftKey) -> Outcome {
        self.begin("wrong password")?;
        say("With a wrong password the KDC ends the exchange before the key is asked: it signs nothing.");
        let before = read_files(key.directory())?;
        let login = self.kinit(&[], "incorrect horse", "alice")?;
        self.require_refusal(&login)?;
        self.require(
            login.trace.contains(PREAUTH_FAILED),
            "the KDC answers KDC_ERR_PREAUTH_FAILED",
        )?;
        self.require(read_files(key.directory())? == before, "the key is not asked")
    }

    fn log_in_with_foreign_key(&mut self) -> Outcome {
        self.begin("somebody else's key")?;
        say("Another key, which alice never enrolled, does not help.");
        let other = self.start_softkey("other", Presence::Auto)?;
        let device = format!("fido_device={}", other.device());
        let login = self.kinit(&["-X", &device, "-X", BRIEFLY], PASSWORD, "alice")?;
        self.require_refusal(&login)
    }

    fn log_in_untouched(&mut self, key: SoftKey) -> Outcome {
        self.begin("no touch")?;
        say("The right key again, but this time it is not touched.");
        drop(key);
        let key = self.start_softkey("key", Presence::Deny)?;
        let login = self.kinit(&[], PASSWORD, "alice")?;
        self.require_refusal(&login)?;
        drop(key);
        Ok(())
    }

    fn log_in_with_stock_client(&mut self) -> Outcome {
        self.begin("a client without the module")?;
        say("A machine that has only stock krb5 gets no ticket for alice.");
        let login = self.realm.stock_kinit("alice", PASSWORD, &[])?;
        self.require_refusal(&show("KRB5_CONFIG=krb5-stock.conf ", login))
    }

    fn log_in_without_credential(&mut self) -> Outcome {
        self.begin("a principal without a key")?;
        say("bob has no key and the realm demands none of him: his password is enough. His ticket has no H.");
        let login = self.kinit(&[], PASSWORD, "bob")?;
        self.require(login.success(), "the login succeeds")?;
        let flags = self.ticket_flags()?;
        self.require(
            flags.contains('A') && !flags.contains('H'),
            "the ticket has the flag A and not H",
        )
    }

    /// Starts a step. A signal that came in the one before ends the play here.
    fn begin(&mut self, title: &'static str) -> Outcome {
        if self.signals.take().is_some() {
            return Err("interrupted".into());
        }
        self.number += 1;
        self.title = title;
        say(&format!("\n{}. {title}", self.number));
        Ok(())
    }

    fn require(&self, met: bool, requirement: &'static str) -> Outcome {
        if met {
            return Ok(());
        }
        Err(NotAsTold {
            number: self.number,
            title: self.title,
            requirement,
        }
        .into())
    }

    fn require_refusal(&self, login: &Finished) -> Outcome {
        self.require(login.code() == Some(1), "kinit exits with 1")?;
        self.require(!login.stderr.is_empty(), "kinit says why")?;
        let ticket = self.realm.klist(&["-s"])?;
        self.require(!ticket.success(), "there is no ticket")
    }

    fn kadmin_local(&self, query: &[&str]) -> Result<Finished, Box<dyn Error>> {
        Ok(show("", self.realm.kadmin_local(query)?))
    }

    fn kinit(&self, arguments: &[&str], password: &str, name: &str) -> Result<Finished, Box<dyn Error>> {
        Ok(show(
            &format!("echo '{password}' | "),
            self.realm.kinit(name, password, arguments)?,
        ))
    }

    fn ticket_flags(&self) -> Result<String, Box<dyn Error>> {
        let listing = show("", self.realm.klist(&["-f"])?);
        let flags = listing
            .stdout
            .split_once("Flags: ")
            .map(|(_, rest)| rest.lines().next().unwrap_or(""));
        Ok(flags.unwrap_or("").into())
    }

    fn destroy_ticket(&self) -> Outcome {
        let destroyed = show("", self.realm.kdestroy()?);
        self.require(destroyed.success(), "the ticket is destroyed")
    }
}

fn say(text: &str) {
    println!("{text}");
}

/// Prints a command as typed, after `before`, with what it printed.
fn show(before: &str, finished: Finished) -> Finished {
    println!("$ {before}{}", finished.command);
    // As on a terminal: standard error has the way to a success, or the last word on a failure.
    let (stdout, stderr) = (&finished.stdout, &finished.stderr);
    let output = match finished.success() {
        true => [stderr.as_str(), stdout],
        false => [stdout.as_str(), stderr],
    }
    .concat();
    print!(
        "{output}{}",
        if output.is_empty() || output.ends_with('\n') {
            ""
        } else {
            "\n"
        }
    );
    if let Some(code) = finished.code().filter(|code| *code != 0) {
        println!("(exit status {code})");
    }
    finished
}

/// All files of a directory with their contents.
fn read_files(directory: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    let files = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_file());
    files
        .map(|path| fs::read(&path).map(|content| (path, content)))
        .collect()
}
