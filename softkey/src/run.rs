//! `softkey run`.

use std::{os::unix::net::UnixStream, path::PathBuf};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};

use crate::{
    AlwaysGiven, AlwaysRefused, Error, Key, NeverGiven, Presence, Protocols, Socket, Terminal, messages,
};

/// What `softkey run` is told on its command line.
#[derive(clap::Args)]
pub struct Options {
    /// Directory that holds the key; made with mode 0700 if it is missing
    #[arg(long = "dir", value_name = "DIR")]
    pub directory: PathBuf,
    /// Unix socket to listen on, for this user only; several programs may use it at the same time
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// What becomes of a touch
    #[arg(long, value_enum, default_value_t = Answer::Ask)]
    pub presence: Answer,
    /// Speak U2F alone, as keys from before FIDO2 do
    #[arg(long)]
    pub u2f_only: bool,
}

/// The answer to every touch.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Answer {
    /// Asked for on the terminal, with the names of the relying party and, where known, of the user
    Ask,
    /// The key touches itself: for tests only
    Auto,
    /// Every touch is declined
    Deny,
    /// Nobody touches the key: for tests only
    Never,
}

/// Serves the key until SIGINT or SIGTERM, which end a command that waits for a touch and let any other finish.
///
/// # Errors
/// The key cannot be opened or served, or there is no terminal to ask on; the socket is removed then, too.
pub fn run(options: &Options) -> Result<(), Error> {
    let stop = catch_signals().map_err(Error::Signals)?;
    let presence: Box<dyn Presence> = match options.presence {
        Answer::Ask => Box::new(Terminal::open()?),
        Answer::Auto => Box::new(AlwaysGiven),
        Answer::Deny => Box::new(AlwaysRefused),
        Answer::Never => Box::new(NeverGiven),
    };
    let protocols = if options.u2f_only {
        Protocols::U2fOnly
    } else {
        Protocols::All
    };
    let mut key = Key::open(&options.directory, protocols, presence, stop)?;
    let socket = Socket::bind(&options.socket)?;
    messages::presence(options.presence);
    messages::ready(socket.path()).map_err(Error::Announce)?;
    key.serve(&socket)
}

/// A descriptor that becomes readable with the first signal.
fn catch_signals() -> std::io::Result<UnixStream> {
    let (stop, signalled) = UnixStream::pair()?;
    pipe::register(SIGINT, signalled.try_clone()?)?;
    pipe::register(SIGTERM, signalled)?;
    Ok(stop)
}
