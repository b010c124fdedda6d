//! krb5-testrealm: a throwaway Kerberos realm for people.

#![forbid(unsafe_code)]

mod demo;
mod run;
mod signals;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Exit code for failures that are the realm's, not the command's; `env` and `timeout` use the same.
const REALM_FAILED: u8 = 125;

/// A throwaway Kerberos realm with the installed krb5kdc and kadmind.
///
/// The realm listens on 127.0.0.1 only, on free ports, and keeps everything in one directory. It reads neither
/// /etc/krb5.conf nor /etc/krb5kdc, needs no privileges, and leaves nothing behind.
#[derive(Parser)]
#[command(name = "krb5-testrealm", version, after_long_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a command inside a new realm
    ///
    /// krb5kdc and kadmind are up when the command starts. Its environment is PATH with kdb5_fido, kfido and softkey if they are
    /// built, /usr/sbin and /sbin, TERM, LANG=C, a HOME inside the realm's directory, and the variables that point clients and KDC tools to the realm
    /// (KRB5_CONFIG, KRB5_KDC_PROFILE, KRB5CCNAME, KRB5_KTNAME, KRB5_CLIENT_KTNAME, KRB5RCACHENAME, KRB5RCACHEDIR).
    /// Other variables are given with `env NAME=VALUE COMMAND`. Principals */admin may do everything in kadmin.
    ///
    /// SIGTERM and SIGHUP are passed on to the command, which is killed when it does not end within five seconds.
    /// Interrupts from the terminal reach the command by themselves.
    ///
    /// Exit status: the command's; 128 + N if signal N ended it; 125 if the realm failed, 126 if the command could not
    /// be started, 127 if it was not found.
    #[command(after_long_help = EXAMPLES)]
    Run(RunOptions),

    /// Start a shell inside a new realm
    ///
    /// As `run` with the shell that SHELL names, /bin/sh without it; it is told what there is to play with. Where clients
    /// and KDC have our modules, that is a software security key, too, which touches itself and which krb5.conf names in
    /// `fido_device`. All is gone when the shell ends.
    #[command(after_long_help = EXAMPLES)]
    Shell(RealmOptions),

    /// Play a login with a software security key, and all the ways in which it must fail
    ///
    /// Prints each command with its real output. Needs what `make build` builds. Exit status: 0 if everything went as
    /// told, 1 with the name of the step otherwise.
    Demo,
}

#[derive(Args)]
struct RunOptions {
    #[command(flatten)]
    realm: RealmOptions,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Args)]
struct RealmOptions {
    /// Name of the realm
    #[arg(long, value_name = "REALM", default_value = "KRBTEST.COM")]
    realm: String,

    /// Keep the realm's files in DIR, which must be empty or new, instead of a temporary directory. What is in it is
    /// removed at the end, and DIR itself if it was new
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Use the modules of the installed krb5 only, in clients and KDC
    #[arg(long)]
    stock: bool,

    /// Use the modules of the installed krb5 in clients
    #[arg(long)]
    stock_client: bool,

    /// Use the modules of the installed krb5 in the KDC
    #[arg(long)]
    stock_kdc: bool,

    /// A relation for kdc.conf: NAME=VALUE for [realms] REALM, SECTION:NAME=VALUE for another section,
    /// SECTION/SUBSECTION:NAME=VALUE for one below. Repeatable, values of the same relation add up
    #[arg(long, value_name = "RELATION=VALUE", value_parser = parse_relation)]
    kdc: Vec<(String, String)>,

    /// A relation for krb5.conf, in the same form. krb5kdc and kadmind do not read it
    #[arg(long, value_name = "RELATION=VALUE", value_parser = parse_relation)]
    client: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  A shell in a realm:
    krb5-testrealm shell

  Our KDC, and clients without our module:
    krb5-testrealm shell --stock-client

  One principal, one login:
    krb5-testrealm run --stock -- sh -c '
      kadmin.local addprinc -pw secret alice && echo secret | kinit alice && klist'

  Another policy, a larger ticket lifetime and a group for everybody:
    krb5-testrealm run --kdc fido_policy=required --kdc max_life=2d \\
      --kdc spake_preauth_groups=P-256 --client spake_preauth_groups=P-256 -- bash

  KDC replies over TCP only, encrypted timestamp off:
    krb5-testrealm run --kdc kdcdefaults:kdc_max_dgram_reply_size=1400 \\
      --kdc plugins/kdcpreauth:disable=encrypted_timestamp -- bash

  The whole story, step by step:
    krb5-testrealm demo

Environment:
  KRB5_FIDO_ARTIFACTS  directory of the built modules and programs; by default
                       this program's own, else `release` beside it
  TMPDIR               where the temporary directory is made
";

fn parse_relation(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((address, value)) => Ok((address.into(), value.into())),
        None => Err("no '=' after the relation's name".into()),
    }
}

fn main() -> ExitCode {
    let (result, failed) = match CommandLine::parse().action {
        Action::Run(options) => (run::run(&options.realm, &options.command), REALM_FAILED),
        Action::Shell(options) => (run::shell(&options), REALM_FAILED),
        Action::Demo => (demo::demo().map(|()| ExitCode::SUCCESS), 1),
    };
    result.unwrap_or_else(|error| {
        eprintln!("krb5-testrealm: {error}");
        ExitCode::from(failed)
    })
}
