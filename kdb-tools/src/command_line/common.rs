//! What both programs take with each command.

use clap::Args;

/// What both programs take with each command.
#[derive(Args)]
pub struct CommonOptions {
    /// The realm; the default realm of krb5.conf if it is not given
    #[arg(short, long, value_name = "REALM", global = true, display_order = 100)]
    pub realm: Option<String>,

    /// Print JSON on standard output
    #[arg(long, global = true, display_order = 101)]
    pub json: bool,
}
