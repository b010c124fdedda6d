//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Manages the security keys of principals in the local Kerberos database.
///
/// It runs on the KDC, as whoever may write the database, like kdb5_util and kadmin.local. A key is a string attribute
/// "fido:LABEL" of its principal; kadmin's setstr, getstrs and delstr work with the same records.
#[derive(Parser)]
#[command(name = "kdb5_fido", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The realm; the default realm of krb5.conf if it is not given
    #[arg(short, long, value_name = "REALM", global = true)]
    pub(crate) realm: Option<String>,

    /// The database; that of kdc.conf if it is not given
    ///
    /// As with kadmin.local, changes to another database go to the realm's update log too where iprop is on.
    #[arg(short, long, value_name = "DBNAME", global = true)]
    pub(crate) database: Option<PathBuf>,

    /// Print JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Register a key that is attached to this machine
    ///
    /// Verifies what the key returns, has it make one assertion and checks that as the KDC would, stores the record and
    /// sets +requires_preauth and, unless fido_policy is permissive, +requires_hwauth.
    Enroll {
        /// The principal
        #[arg(value_name = "PRINC")]
        principal: String,
        /// The name of the key; the lowest free keyN if it is not given
        #[arg(long, value_name = "LABEL")]
        name: Option<String>,
        /// The key, as in fido_device: auto, a device path, or unix:PATH
        #[arg(long, value_name = "DEV")]
        device: Vec<String>,
        /// The relying party to register for; by default what clients of the realm sign for
        #[arg(long, value_name = "ID")]
        rp_id: Option<String>,
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
}
