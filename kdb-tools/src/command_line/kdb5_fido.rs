//! The command line of kdb5_fido.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use krb5_fido_protocol::{
    Error,
    fido::{
        factor::UserVerification,
        policy::{Policy, parse_indicators},
    },
};
use krb5_plugin::parse_duration;

use super::{CommonOptions, Manual, RegistrationOptions};
use crate::{Overrides, Setting, StoreCopy};

/// What ends the help.
pub const MANUAL: Manual = Manual {
    section: "8",
    title: "System administration",
    exit_status: &[
        ("0", "it is done"),
        (
            "1",
            "it is not done, or not for all; a message on standard error says why",
        ),
        ("2", "a mistake in the command line"),
        ("3", "check-config: there are warnings, and no error"),
    ],
    files: &[
        (
            "/etc/krb5kdc/kdc.conf",
            "the database of the realm, and the relations that krb5-fido(5) tells of",
        ),
        (
            "/etc/krb5.conf",
            "the same, where kdc.conf says nothing, and for which names clients sign",
        ),
        (
            "/var/lib/krb5kdc/fido",
            "counters and last uses of keys at this KDC, unless fido_state_dir names another directory",
        ),
    ],
    see_also: &[
        ("krb5-fido", "7"),
        ("krb5-fido", "5"),
        ("kfido", "1"),
        ("kadmin.local", "8"),
        ("kdb5_util", "8"),
        ("krb5kdc", "8"),
        ("kdc.conf", "5"),
    ],
};

/// Manages the security keys of principals in the local Kerberos database.
///
/// It runs on the KDC, as whoever may write the database, like kdb5_util and kadmin.local. A key is a string attribute
/// "fido:LABEL" of its principal; kadmin's setstr, getstrs and delstr work with the same records.
#[derive(Parser)]
#[command(name = "kdb5_fido", version, max_term_width = 100, after_long_help = MANUAL.to_string())]
pub struct Arguments {
    /// What both programs take.
    #[command(flatten)]
    pub common: CommonOptions,

    /// The database; that of kdc.conf if it is not given
    ///
    /// As with kadmin.local, changes to another database go to the realm's update log too where iprop is on.
    #[arg(short, long, value_name = "DBNAME", global = true, display_order = 100)]
    database: Option<PathBuf>,

    /// An argument for the database module, as with kadmin.local; repeatable
    #[arg(short = 'x', value_name = "ARG", global = true, display_order = 100)]
    module_arguments: Vec<String>,

    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Subcommand)]
pub enum Command {
    /// Register a key that is attached to this machine
    ///
    /// Shows what is about to be registered, and asks whether it is meant where there is a terminal. Then the key is touched
    /// twice: to register, and to make one assertion, which is checked as the KDC would. The record is stored last: whoever
    /// gives up before has changed nothing. Of several attached keys it takes the only one that is not registered yet.
    ///
    /// With the record it sets +requires_preauth and, unless fido_policy is permissive, +requires_hwauth.
    Enroll {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key; the lowest free keyN if it is not given
        #[arg(long, value_name = "LABEL")]
        name: Option<String>,
        /// Which key, and what is wanted of it.
        #[command(flatten)]
        registration: RegistrationOptions,
    },
    /// Store a record that was made elsewhere
    Add {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key; the lowest free keyN if it is not given
        #[arg(long, value_name = "LABEL")]
        name: Option<String>,
        /// The record, one JSON object; - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List the keys of a principal, or of all
    List {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
    },
    /// Show everything about a key, or about all keys of a principal
    ///
    /// Tells what the record says, whether the key may be used, its last use at this KDC, and which members of the record
    /// are unknown here. Records that cannot be read are told with the reason.
    Show {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key; all if it is not given
        label: Option<String>,
    },
    /// Give a key another name
    ///
    /// Its record stays as it is, and so do the flags. A record that cannot be read can be renamed, too.
    Rename {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name that the key has
        old: String,
        /// The name that it gets
        new: String,
    },
    /// Have a key not accepted any more, and keep it
    ///
    /// The principal stays enrolled: without another key, fido_policy decides as if the key were still in use, and unless
    /// it is permissive there is no ticket. The flags stay. enable takes it back.
    Disable {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        label: Option<String>,
        /// All keys of the principal at once
        #[arg(long)]
        all: bool,
    },
    /// Have a key accepted again that was disabled
    Enable {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key
        label: String,
    },
    /// Write keys and settings of principals into a document
    ///
    /// The document is JSON: all fido:LABEL attributes, readable or not, and fido_policy, fido_uv and fido_indicator. Flags
    /// are not in it, nor is fido_invite, which is good in one database alone. It holds no secrets, but tells who uses which
    /// key: FILE may be read by its owner alone. Bytes that are not UTF-8 are replaced.
    Export {
        /// The principals; all that have keys or settings of their own if none is given
        #[arg(value_name = "PRINC")]
        principals: Vec<String>,
        /// Where to write it; - for standard output, as without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace FILE if it is there
        #[arg(long, requires = "out")]
        force: bool,
    },
    /// Give principals the keys and settings that a document has
    ///
    /// Adds what is missing, leaves what is the same, and refuses what differs: a label that another record has, a key that is
    /// registered under another label, a setting with another value. Where keys change, it sets +requires_preauth and, unless
    /// fido_policy is permissive, +requires_hwauth. Each principal is changed as a whole or not at all; one that fails is
    /// named, and the others are imported. Principals must exist. What the document does not name stays.
    ///
    /// Exit status: 0 if all principals are as the document says, or would be without --dry-run; 1 if one is not, or the
    /// document is none; 2 for a mistake in the command line.
    Import {
        /// The document, at most 64 MiB; - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace what differs by what the document says, and move keys to the labels that they have there
        #[arg(long)]
        replace: bool,
        /// Tell what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Take a document of another realm too, and its principals for those of this realm
        ///
        /// Records keep the relying party that their keys were registered for: clients must sign for it in this realm.
        #[arg(long)]
        any_realm: bool,
    },
    /// Remove a key
    ///
    /// Removing the last one asks first, and clears requires_hwauth; requires_preauth stays.
    Remove {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key
        label: String,
        /// Do not ask whether the last key is meant
        #[arg(long)]
        yes: bool,
    },
    /// Let a principal register a key with its password alone, once
    ///
    /// Until the invitation ends, or a key is registered under it, the password alone gets a ticket for kadmin/*, and for
    /// nothing else: kfido enroll registers the key. The id of the invitation stays in the record, and an invitation is worth
    /// one record. Whoever is invited has no key that may be used: where the keys are lost, --replace disables them.
    ///
    /// It takes the place of any earlier invitation, sets requires_preauth and clears requires_hwauth, which nothing but a key
    /// satisfies: kdb5_fido check-config --fix sets it again when the key is there, and so does the next kdb5_fido enroll.
    ///
    /// fido_self_enrol of kdc.conf must not be no, and fido_exempt must not name the principal.
    Invite(InviteOptions),
    /// Show what is demanded of a principal itself, or change that
    ///
    /// Without options it prints the principal's own settings, which hold in place of the realm's: the string attributes
    /// fido_policy, fido_uv and fido_indicator. kadmin's setstr, getstrs and delstr work with the same attributes. The flags
    /// of the principal stay as they are: requires_hwauth demands the key whatever the policy says.
    ///
    /// A running krb5kdc follows a change at the next login.
    Policy(PolicyChange),
    /// Tell what holds for a principal, and why
    ///
    /// Tells the policy in force and where it comes from, what the KDC offers for a ticket-granting ticket and for
    /// kadmin/*, the state of each key with what it must do to verify its user, its last use at this KDC, and the
    /// authentication indicators of a login. Without PRINC: a line for each principal with a key, and the realm.
    Status {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
    },
    /// Tell when each key was used last, and at which KDC
    ///
    /// Each KDC keeps last uses and counters in a store of its own, fido_state_dir. This command reads that of this KDC,
    /// under the name local, and copies of others, and tells for each key the newest use and the highest counter of all.
    /// A key that no store knows was never used at these KDCs since their stores were made.
    Usage {
        /// The principal; all that have keys if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// A copy of another KDC's store: NAME=PATH or a path, to its directory or its data.mdb; repeatable
        ///
        /// It must not be written to while it is read: copy the file of a KDC that runs, and read the copy.
        #[arg(long, value_name = "[NAME=]PATH", value_parser = parse_copy)]
        from: Vec<StoreCopy>,
        /// Only keys that were not used, nor registered, for so long: 90d, 12h
        #[arg(long, value_name = "DURATION", value_parser = parse_seconds)]
        unused_since: Option<u32>,
    },
    /// Find what keeps the KDC from starting, makes the factor void, or locks people out
    ///
    /// Reads kdc.conf and krb5.conf as krb5kdc does, loads the modules that they name, and looks through the database and
    /// this KDC's store of last uses. Impossible values are told for all realms, in the words of krb5kdc; everything else
    /// for the realm. Nothing is changed without --fix, and krb5kdc may run meanwhile. Principals with -allow_tix are passed
    /// over.
    ///
    /// Each KDC that krb5.conf names for the realm is asked over TCP, for the first principal with a key that may be used,
    /// as a client would begin: that needs no password and counts as no attempt. So a KDC shows that has no module, has not
    /// been started since, has another database, or other settings than the rest. One that does not answer is told, and is
    /// no finding. The rest of a KDC's configuration is seen on its own machine alone; the SHA-256 of the module is printed,
    /// and is to be the same on all of them.
    ///
    /// Exit status: 0 if nothing was found; 1 if there is an error; 2 for a mistake in the command line; 3 if there are
    /// warnings alone. What --fix has set does not count.
    CheckConfig {
        /// Set requires_preauth and requires_hwauth where they are missing, and nothing else
        #[arg(long)]
        fix: bool,
    },
}

impl Arguments {
    /// What the database module is told.
    pub fn database_arguments(&self) -> Vec<String> {
        let name = self
            .database
            .iter()
            .map(|path| format!("dbname={}", path.display()));
        name.chain(self.module_arguments.iter().cloned()).collect()
    }
}

/// How somebody is invited.
#[derive(Args)]
pub struct InviteOptions {
    /// The principal
    #[arg(value_name = "PRINC")]
    pub principal: String,
    /// For how long it is open: 24h, 7d
    #[arg(long = "for", value_name = "DURATION", default_value = "24h", value_parser = parse_lasting)]
    pub lasts: u32,
    /// Ask for a code besides the password: 128 random bits, which are printed once
    #[arg(long)]
    pub code: bool,
    /// Disable the keys that are there: they are lost
    #[arg(long)]
    pub replace: bool,
    /// End the invitation instead, and set requires_hwauth again where there are keys
    #[arg(long, conflicts_with_all = ["lasts", "code", "replace"])]
    pub close: bool,
}

/// What is demanded of a principal from now on.
#[derive(Args)]
pub struct PolicyChange {
    /// The principal
    #[arg(value_name = "PRINC")]
    pub principal: String,
    /// Whether it must use a key: permissive, enrolled or required
    #[arg(long, value_name = "POLICY", value_parser = Policy::parse)]
    policy: Option<Policy>,
    /// Whether its keys verify their user by PIN or fingerprint: discouraged, preferred or required
    #[arg(long, value_name = "UV", value_parser = UserVerification::parse)]
    uv: Option<UserVerification>,
    /// An authentication indicator that it gets after a touch, in place of those of the realm; repeatable
    #[arg(long, value_name = "WORD", value_parser = parse_indicator)]
    indicator: Vec<String>,
    /// Remove its own setting, so that the realm's holds; before others are set; repeatable
    #[arg(long, value_name = "SETTING")]
    clear: Vec<Cleared>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cleared {
    Policy,
    Uv,
    Indicator,
    All,
}

impl PolicyChange {
    /// The settings that it asks for.
    pub fn overrides(&self) -> Overrides {
        let indicators = (!self.indicator.is_empty()).then(|| self.indicator.clone());
        Overrides {
            policy: self.setting(Cleared::Policy, self.policy),
            uv: self.setting(Cleared::Uv, self.uv),
            indicators: self.setting(Cleared::Indicator, indicators),
        }
    }

    fn setting<T>(&self, which: Cleared, value: Option<T>) -> Setting<T> {
        let is_cleared = self.clear.contains(&which) || self.clear.contains(&Cleared::All);
        match value {
            Some(value) => Setting::Set(value),
            None if is_cleared => Setting::Clear,
            None => Setting::Keep,
        }
    }
}

fn parse_indicator(text: &str) -> Result<String, Error> {
    match parse_indicators(text)?.as_slice() {
        [word] if word == text => Ok(text.to_owned()),
        _ => Err(Error::MalformedIndicator),
    }
}

fn parse_copy(text: &str) -> Result<StoreCopy, &'static str> {
    match text {
        "" => Err("a path"),
        text => Ok(StoreCopy::parse(text)),
    }
}

fn parse_seconds(text: &str) -> Result<u32, &'static str> {
    parse_duration(text).map_err(|_| "a duration, such as 90d")
}

fn parse_lasting(text: &str) -> Result<u32, &'static str> {
    let seconds = parse_duration(text).ok().filter(|seconds| *seconds > 0);
    seconds.ok_or("a duration of at least a second, such as 24h")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn indicators_are_single_words() {
        assert_eq!(parse_indicator("fido"), Ok("fido".to_owned()));
        for text in ["", " ", "a b", " a", "a\u{1b}"] {
            assert_eq!(parse_indicator(text), Err(Error::MalformedIndicator), "{text:?}");
        }
    }

    #[test]
    fn what_is_set_wins_over_what_is_cleared() {
        let overrides = |arguments: &[&str]| {
            let all = [&["kdb5_fido", "policy", "alice"], arguments].concat();
            match Arguments::try_parse_from(all).unwrap().command {
                Command::Policy(change) => change.overrides(),
                _ => unreachable!(),
            }
        };
        assert!(overrides(&[]).is_none());
        let all = overrides(&["--clear", "all", "--policy", "required"]);
        assert_eq!(all.policy, Setting::Set(Policy::Required));
        assert_eq!((all.uv, all.indicators), (Setting::Clear, Setting::Clear));
        let two = overrides(&["--clear", "uv", "--indicator", "a", "--indicator", "b"]);
        assert_eq!((two.policy, two.uv), (Setting::Keep, Setting::Clear));
        assert_eq!(two.indicators, Setting::Set(vec!["a".to_owned(), "b".to_owned()]));
    }
}
