//! The command line.

use clap::{Args, Parser, Subcommand};

/// Tells what this machine, its security keys and a realm have to do with each other.
///
/// It reads krb5.conf as a login does, needs no rights of its own, and changes nothing. Data goes to standard output;
/// questions, warnings and errors go to standard error.
#[derive(Parser)]
#[command(name = "kfido", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The realm; the default realm of krb5.conf if it is not given
    #[arg(short, long, value_name = "REALM", global = true)]
    pub(crate) realm: Option<String>,

    /// Print JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
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

#[derive(Args)]
pub(crate) struct Check {
    /// Who logs in; by default the principal of the default credential cache, else the local user
    #[arg(value_name = "PRINC")]
    pub(crate) principal: Option<String>,
    /// An option for preauthentication modules, as with kinit: fido_device=DEV or fido_timeout=TIME; repeatable
    #[arg(short = 'X', value_name = "ATTRIBUTE[=VALUE]", value_parser = parse_option)]
    pub(crate) option: Vec<(String, String)>,
    /// The service to get a ticket for, instead of a ticket-granting ticket
    #[arg(short = 'S', value_name = "SERVICE")]
    pub(crate) service: Option<String>,
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
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
