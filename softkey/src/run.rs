//! `softkey run`.

use std::{os::unix::net::UnixStream, path::PathBuf};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};

use crate::{AlwaysGiven, AlwaysRefused, Error, Key, Presence, Socket, messages};

/// What `softkey run` is told on its command line.
#[derive(clap::Args)]
pub struct Options {
    /// Directory that holds the key; made with mode 0700 if it is missing
    #[arg(long = "dir", value_name = "DIR")]
    pub directory: PathBuf,
    /// Unix socket to listen on, for this user only
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// What becomes of a touch
    #[arg(long, value_enum, default_value_t = Answer::Deny)]
    pub presence: Answer,
}

/// The answer to every touch.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Answer {
    /// The key touches itself: for tests only
    Auto,
    /// Every touch is declined
    Deny,
}

/// Serves the key until SIGINT or SIGTERM, which end a command that waits for a touch and let any other finish.
///
/// # Errors
/// The key cannot be opened or served; the socket is removed then, too.
pub fn run(options: &Options) -> Result<(), Error> {
    let stop = catch_signals().map_err(Error::Signals)?;
    let presence: Box<dyn Presence> = match options.presence {
        Answer::Auto => Box::new(AlwaysGiven),
        Answer::Deny => Box::new(AlwaysRefused),
    };
    let mut key = Key::open(&options.directory, presence, stop)?;
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
