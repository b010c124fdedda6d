//! The command line of kfido.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, error::ErrorKind};

use super::{CommonOptions, Manual, RegistrationOptions};

/// Heads the options of a login to kadmind in the help.
const KADMIND: &str = "Options for kadmind";

/// What ends the help.
pub const MANUAL: Manual = Manual {
    section: "1",
    title: "User commands",
    exit_status: &[
        ("0", "it is done"),
        ("1", "it is not done; a message on standard error says why"),
        ("2", "a mistake in the command line"),
        ("3", "check: the KDC gave a ticket for the password alone"),
    ],
    files: &[
        (
            "/etc/krb5.conf",
            "realms, and the relations that krb5-fido(5) tells of",
        ),
        (
            "$XDG_CACHE_HOME/krb5-fido",
            "facet lists; without that variable $HOME/.cache/krb5-fido",
        ),
    ],
    see_also: &[
        ("krb5-fido", "7"),
        ("krb5-fido", "5"),
        ("kdb5_fido", "8"),
        ("kinit", "1"),
        ("kadmin", "1"),
        ("krb5.conf", "5"),
    ],
};

/// Security keys and Kerberos: manages the keys of a principal, and tells what this machine has to do with them.
///
/// enroll, list, show, rename and remove work through kadmind, as kadmin does, with one's own keys or, for whom kadmind lets,
/// with those of others: PRINC names them, and -p who asks. register needs no kadmind, nor do check, devices and rp-id, which
/// change nothing. All read krb5.conf as a login does. Data goes to standard output; questions, warnings and errors go to
/// standard error.
///
/// For kadmind one logs in: with a password, and a touch of the key if the KDC asks for it; with -k or -c without either.
/// Where standard input is no terminal, the password, and PINs after it, are lines of it.
#[derive(Parser)]
#[command(name = "kfido", version, max_term_width = 100, after_long_help = MANUAL.to_string())]
pub struct Arguments {
    /// What both programs take.
    #[command(flatten)]
    pub common: CommonOptions,

    /// Who logs in to kadmind, and how; from before the command or behind it, which wins.
    #[command(flatten)]
    pub kadmind: KadmindOptions,

    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// A login to kadmind.
#[derive(Args, Clone, Default)]
pub struct KadmindOptions {
    /// Who logs in to kadmind; without it the principal of CACHE with -c, the host with -k, else PRINC if that is given, else
    /// the principal of the default credential cache, else the local user
    // Another name than PRINC has in the commands: clap would take one for the other.
    #[arg(short = 'p', long = "principal", value_name = "PRINCIPAL", help_heading = KADMIND)]
    pub client: Option<String>,

    /// Log in to kadmind with a key table instead of a password
    #[arg(short = 'k', action = ArgAction::SetTrue, help_heading = KADMIND)]
    pub use_keytab: bool,

    /// The key table for -k; the default one if it is not given
    #[arg(short = 't', value_name = "KEYTAB", help_heading = KADMIND)]
    pub keytab: Option<String>,

    /// Use the ticket for kadmin/admin in this credential cache, such as kinit -S kadmin/admin gets
    #[arg(short = 'c', value_name = "CACHE", help_heading = KADMIND)]
    pub cache: Option<String>,

    /// Where kadmind runs; admin_server of krb5.conf if it is not given
    #[arg(short, long, value_name = "HOST[:PORT]", help_heading = KADMIND)]
    pub server: Option<String>,
}

/// What is to be done.
#[derive(Subcommand)]
pub enum Command {
    /// Something with the keys in the database.
    #[command(flatten)]
    Administer(Administration),
    /// Register a key without kadmind, and write its record to a file
    ///
    /// The record is one JSON object, which kdb5_fido add stores, or setstr of kadmin as the string attribute fido:LABEL. It
    /// holds no secret. It is good for this principal alone, by the name that its entry in the database has: not an alias.
    /// Which keys are registered already is not known here.
    ///
    /// Exit status: 0 if the record is written, 1 if it is not, 2 for a mistake in the command line.
    Register {
        /// Whose key it is
        #[arg(value_name = "PRINC")]
        principal: String,
        /// Where the record goes, a file that its owner alone may read; - for standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace FILE if it is there
        #[arg(long)]
        force: bool,
        /// Which key, and what is wanted of it.
        #[command(flatten)]
        registration: RegistrationOptions,
    },
    /// Show for which names this machine signs in a realm
    ///
    /// Lists each name with the rule that allows it, in the order of the rules: fido_rp_id, or else the facet list of
    /// fido_facets_url, the registrable domain of the realm, and the realm's own name. A key is registered for the first
    /// one. Facet lists are fetched; one that counts for nothing is told on standard error.
    ///
    /// Exit status: 0, also if a facet list could not be had; 1 if krb5.conf cannot be used; 2 for a mistake in the
    /// command line.
    RpId {
        /// The realm, as with -r
        #[arg(value_name = "REALM", conflicts_with = "realm")]
        name: Option<String>,
    },
    /// List the security keys that are attached
    ///
    /// Looks where fido_device says, and asks each key what it can do: no touch and no PIN is needed. A key that cannot be
    /// opened is listed with the reason.
    ///
    /// Exit status: 0 if a key answers, 1 if none does, 2 for a mistake in the command line.
    Devices {
        /// A key, as in fido_device, instead of those of krb5.conf: auto, a device path, or unix:PATH; repeatable
        #[arg(long, value_name = "DEV")]
        device: Vec<String>,
    },
    /// Try whether a login with a security key works
    ///
    /// First tells what is installed and attached here; then asks for the password, and logs in as kinit would, through
    /// the installed client module, with a touch of the key if the KDC asks for it. The ticket is not kept: no credential
    /// cache is touched, and an expired password is not changed. Where standard input is no terminal, the password, and
    /// the PIN after it, are lines of it.
    ///
    /// Exit status: 0 if a login with a key works; 1 if there is no ticket; 2 for a mistake in the command line; 3 if the
    /// KDC gave a ticket for the password alone.
    Check(Check),
}

/// What is done through kadmind.
#[derive(Subcommand)]
pub enum Administration {
    /// Register a key that is attached to this machine
    ///
    /// Logs in to kadmind first and reads which keys there are; shows what is about to be registered, and asks whether it is
    /// meant where there is a terminal. Then the key is touched twice: to register, and to make one assertion, which is checked
    /// as the KDC would. The record is stored last: whoever gives up before has changed nothing. Of several attached keys it
    /// takes the only one that is not registered yet.
    ///
    /// For somebody else +requires_preauth is set, too, and +requires_hwauth unless the principal's own fido_policy is
    /// permissive; if kadmind does not allow that, there is a warning. One's own flags stay as they are.
    ///
    /// Exit status: 0 if the key is registered, 1 if it is not, 2 for a mistake in the command line.
    Enroll {
        /// Whose key it is; who logs in if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// The name of the key; the lowest free keyN if it is not given
        #[arg(long, value_name = "LABEL")]
        name: Option<String>,
        /// Which key, and what is wanted of it.
        #[command(flatten)]
        registration: RegistrationOptions,
        /// Who logs in, and how.
        #[command(flatten)]
        kadmind: KadmindOptions,
    },
    /// List the keys of a principal
    ///
    /// Whether a key is usable is said as far as its record tells: what the realm demands of keys, only the KDC knows.
    ///
    /// Exit status: 0, also if there are none; 1 if kadmind does not tell; 2 for a mistake in the command line.
    List {
        /// Whose keys; those of who logs in if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// Who logs in, and how.
        #[command(flatten)]
        kadmind: KadmindOptions,
    },
    /// Show everything about a key
    ///
    /// Exit status: 0; 1 if there is no such key, or kadmind does not tell; 2 for a mistake in the command line.
    Show {
        /// The name of the key
        #[arg(value_name = "LABEL")]
        label: String,
        /// Whose key; that of who logs in if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// Who logs in, and how.
        #[command(flatten)]
        kadmind: KadmindOptions,
    },
    /// Give a key another name
    ///
    /// Its record stays as it is.
    ///
    /// Exit status: 0 if it has the new name, 1 if it has not, 2 for a mistake in the command line.
    Rename {
        /// The name that the key has
        #[arg(value_name = "OLD")]
        old: String,
        /// The name that it gets
        #[arg(value_name = "NEW")]
        new: String,
        /// Whose key; that of who logs in if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// Who logs in, and how.
        #[command(flatten)]
        kadmind: KadmindOptions,
    },
    /// Remove a key
    ///
    /// Removing the last one asks first. For somebody else requires_hwauth is cleared with the last one, if kadmind allows
    /// that; else there is a warning. One's own flags stay as they are.
    ///
    /// Exit status: 0 if the key is removed, 1 if it is not, 2 for a mistake in the command line.
    Remove {
        /// The name of the key
        #[arg(value_name = "LABEL")]
        label: String,
        /// Whose key; that of who logs in if it is not given
        #[arg(value_name = "PRINC")]
        principal: Option<String>,
        /// Do not ask whether the last key is meant
        #[arg(long)]
        yes: bool,
        /// Who logs in, and how.
        #[command(flatten)]
        kadmind: KadmindOptions,
    },
}

impl Administration {
    const fn kadmind(&self) -> &KadmindOptions {
        match self {
            Self::Enroll { kadmind, .. }
            | Self::List { kadmind, .. }
            | Self::Show { kadmind, .. }
            | Self::Rename { kadmind, .. }
            | Self::Remove { kadmind, .. } => kadmind,
        }
    }
}

impl KadmindOptions {
    /// These, and where they say nothing, the `earlier` ones.
    fn or(&self, earlier: &Self) -> Self {
        let either =
            |own: &Option<String>, earlier: &Option<String>| own.as_ref().or(earlier.as_ref()).cloned();
        Self {
            client: either(&self.client, &earlier.client),
            use_keytab: self.use_keytab || earlier.use_keytab,
            keytab: either(&self.keytab, &earlier.keytab),
            cache: either(&self.cache, &earlier.cache),
            server: either(&self.server, &earlier.server),
        }
    }

    fn is_none(&self) -> bool {
        let words = [&self.client, &self.keytab, &self.cache, &self.server];
        !self.use_keytab && words.into_iter().all(Option::is_none)
    }
}

impl Arguments {
    /// Reads the words of a command line, of which the first is the program's name.
    ///
    /// # Errors
    /// What is wrong, or the help that was asked for.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let read = Self::from_arg_matches(&matches).and_then(Self::with_kadmind);
        read.map_err(|mistake| mistake.format(&mut command))
    }

    /// The same with all options of a login, which may stand before the command or behind it.
    fn with_kadmind(self) -> Result<Self, clap::Error> {
        let conflict = |text: &str| Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        let kadmind = match &self.command {
            Command::Administer(administration) => administration.kadmind().or(&self.kadmind),
            _ if self.kadmind.is_none() => return Ok(self),
            _ => return conflict("-p, -k, -t, -c and -s are for commands that talk to kadmind"),
        };
        if kadmind.use_keytab && kadmind.cache.is_some() {
            return conflict("-k and -c cannot be used together");
        }
        if kadmind.keytab.is_some() && !kadmind.use_keytab {
            return conflict("-t needs -k");
        }
        Ok(Self { kadmind, ..self })
    }
}

/// A trial of a login.
#[derive(Args)]
pub struct Check {
    /// Who logs in; by default the principal of the default credential cache, else the local user
    #[arg(value_name = "PRINC")]
    pub principal: Option<String>,
    /// An option for preauthentication modules, as with kinit: fido_device=DEV or fido_timeout=TIME; repeatable
    #[arg(short = 'X', value_name = "ATTRIBUTE[=VALUE]", value_parser = parse_option)]
    pub option: Vec<(String, String)>,
    /// The service to get a ticket for, instead of a ticket-granting ticket
    #[arg(short = 'S', value_name = "SERVICE")]
    pub service: Option<String>,
}

/// An attribute without a value means yes, as with kinit.
fn parse_option(text: &str) -> Result<(String, String), &'static str> {
    let (attribute, value) = text.split_once('=').unwrap_or((text, "yes"));
    match attribute {
        "" => Err("an attribute has a name"),
        attribute => Ok((attribute.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::read(["kfido"].into_iter().chain(line.split(' ')).map(OsString::from))
    }

    #[test]
    fn a_login_to_kadmind_is_told_before_the_command_or_behind_it() {
        for sound in [
            "-k -t tab list",
            "list -k -t tab",
            "-k list -t tab",
            "-p admin remove blue alice -s host:1",
            "list -c FILE:x",
        ] {
            assert!(read(sound).is_ok(), "{sound}");
        }
        for wrong in [
            "-t tab list",
            "-k list -c FILE:x",
            "-p alice check",
            "rp-id -k",
            "register alice --out x -c FILE:x",
            "devices -s host",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_logs_in_to_kadmind_takes_its_options() {
        let mut program = Arguments::command();
        program.build();
        let takes = program.get_subcommands().filter(|command| {
            let mut arguments = command.get_arguments();
            arguments.any(|argument| argument.get_help_heading() == Some(KADMIND))
        });
        let names: Vec<&str> = takes.map(clap::Command::get_name).collect();
        assert_eq!(names, ["enroll", "list", "show", "rename", "remove"]);
    }

    #[test]
    fn who_logs_in_is_not_whose_keys_are_meant() {
        for line in [
            "-p bob list alice",
            "list alice -p bob",
            "-p eve list alice -p bob",
        ] {
            let arguments = read(line).unwrap();
            assert_eq!(arguments.kadmind.client.as_deref(), Some("bob"), "{line}");
            let Command::Administer(Administration::List { principal, .. }) = arguments.command else {
                unreachable!()
            };
            assert_eq!(principal.as_deref(), Some("alice"), "{line}");
        }
    }

    #[test]
    fn options_are_those_of_kinit() {
        let pair = |attribute: &str, value: &str| Ok((attribute.to_owned(), value.to_owned()));
        assert_eq!(parse_option("fido_timeout=1s"), pair("fido_timeout", "1s"));
        assert_eq!(parse_option("a=b=c"), pair("a", "b=c"));
        assert_eq!(parse_option("a="), pair("a", ""));
        assert_eq!(parse_option("a"), pair("a", "yes"));
        assert!(parse_option("").is_err() && parse_option("=b").is_err());
    }
}
