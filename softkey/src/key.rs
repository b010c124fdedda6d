//! One key, and the clients it serves one after the other.

use std::{io, os::unix::net::UnixStream, path::Path};

use opensk::{Ctap, Transport};

use crate::{
    Error, Presence, Socket,
    directory::Directory,
    environment::Environment,
    link::{Event, Link, REPORT_LENGTH},
    store::Store,
};

/// The key in one directory.
pub struct Key {
    ctap: Ctap<Environment>,
}

impl Key {
    /// Opens the key in `directory`, which is made if it is missing, and locks it. `presence` answers for the user;
    /// when `stop` becomes readable or is closed at the other end, [`Key::serve`] returns.
    ///
    /// # Errors
    /// The directory or its files are damaged, not private, in use, or cannot be read or made.
    pub fn open(directory: &Path, presence: Box<dyn Presence>, stop: UnixStream) -> Result<Self, Error> {
        let store = Store::open(Directory::open(directory)?)?;
        let environment = Environment::new(store, presence, Link::new(stop));
        Ok(Self {
            ctap: Ctap::new(environment),
        })
    }

    /// Serves clients of `socket` one at a time until asked to stop. Those who come in between wait, for as long as the
    /// one before stays connected.
    ///
    /// A panic in opensk is not caught: its memory is unknown then, while the state on the disk is whole, so that the
    /// program had better end.
    ///
    /// # Errors
    /// No more connections can be accepted. What one client does ends its own connection only.
    pub fn serve(&mut self, socket: &Socket) -> Result<(), Error> {
        let accept_error = |source| Error::Accept {
            path: socket.path().into(),
            source,
        };
        while self
            .ctap
            .env()
            .link
            .wait_for_client(socket.listener())
            .map_err(accept_error)?
        {
            if let Some(stream) = socket.accept()? {
                self.serve_client(stream);
            }
        }
        Ok(())
    }

    fn serve_client(&mut self, stream: UnixStream) {
        if self.ctap.env().link.connect(stream).is_err() {
            return;
        }
        self.ctap.env().clock.start_connection();
        while let Event::Report(report) = self.ctap.env().link.receive(None) {
            if self.process_report(&report).is_err() {
                break;
            }
        }
        self.ctap.env().link.disconnect();
    }

    fn process_report(&mut self, report: &[u8; REPORT_LENGTH]) -> io::Result<()> {
        let answers = self.ctap.process_hid_packet(report, Transport::MainHid);
        for answer in answers {
            self.ctap.env().link.send(&answer)?;
        }
        Ok(())
    }
}
