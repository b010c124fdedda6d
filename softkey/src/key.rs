//! One key, and the clients it serves at the same time.

use std::{io, os::unix::net::UnixStream, path::Path, time::Instant};

use opensk::ctap::{
    CtapState,
    apdu::ApduStatusCode,
    hid::{CtapHidCommand, Message},
    main_hid::MainHid,
};

use crate::{
    Error, Presence, Protocols, Socket, Touch,
    directory::Directory,
    environment::Environment,
    hid::{Hid, Source, Step, split_message},
    link::{ConnectionId, Event, Link, Report},
    request::U2fRequest,
    store::Store,
};

/// The key in one directory.
pub struct Key {
    environment: Environment,
    /// The one authenticator that all connections share.
    authenticator: CtapState<Environment>,
    commands: MainHid<Environment>,
}

impl Key {
    /// Opens the key in `directory`, which is made if it is missing, and locks it. `presence` answers for the user;
    /// when `stop` becomes readable or is closed at the other end, [`Key::serve`] returns.
    ///
    /// # Errors
    /// The directory or its files are damaged, not private, in use, or cannot be read or made; U2F alone is to be spoken,
    /// and the key has turned it off.
    pub fn open(
        directory: &Path,
        protocols: Protocols,
        presence: Box<dyn Presence>,
        stop: UnixStream,
    ) -> Result<Self, Error> {
        let store = Store::open(Directory::open(directory)?)?;
        let mut environment = Environment::new(store, presence, Link::new(stop), Hid::new(protocols));
        let authenticator = CtapState::new(&mut environment);
        if protocols == Protocols::U2fOnly && authenticator.allows_ctap1(&mut environment) != Ok(true) {
            return Err(Error::U2fDisabled {
                path: directory.into(),
            });
        }
        Ok(Self {
            environment,
            authenticator,
            commands: MainHid::default(),
        })
    }

    /// Serves the clients of `socket`, 64 at a time, until asked to stop. They share the key as programs share one on USB:
    /// each has channels of its own, and a command that is being processed makes the others wait (CTAP 2.1 section
    /// 11.2.5).
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
        let listener = socket.listener().try_clone().map_err(accept_error)?;
        self.environment.link.listen(listener);
        loop {
            match self.receive().map_err(accept_error)? {
                Event::Report(connection, report) => self.process_report(connection, &report),
                Event::Gone(connection) => self.environment.forget(connection),
                Event::TimedOut => (),
                Event::Stopped => break,
            }
        }
        self.environment.withdraw_u2f();
        self.environment.link.close();
        Ok(())
    }

    /// What comes next, while no command is being processed.
    fn receive(&mut self) -> io::Result<Event> {
        let to_watch = self.environment.watch_u2f();
        let Some((sender, end)) = self.environment.hid.sender(Instant::now()) else {
            return self.environment.link.receive(to_watch, None);
        };
        let deadline = to_watch.map_or(end, |to_watch| to_watch.min(end));
        self.environment.link.receive(Some(deadline), Some(sender))
    }

    fn process_report(&mut self, connection: ConnectionId, report: &Report) {
        match self.environment.hid.receive(connection, report, Instant::now()) {
            Step::Nothing => (),
            Step::Reply(message) => self.environment.link.send(connection, split_message(message)),
            Step::Process(message) => self.process_message(connection, message),
        }
    }

    fn process_message(&mut self, connection: ConnectionId, message: Message) {
        let source = Source {
            connection,
            channel: message.cid,
        };
        self.environment.start_serving(source);
        let answer = match (message.cmd, U2fRequest::parse(&message.payload)) {
            (CtapHidCommand::Msg, Some(request)) => self.process_u2f(source, request, message),
            _ => {
                self.environment.withdraw_u2f();
                self.execute(message)
            }
        };
        match self.environment.end_serving() {
            None => self.environment.link.send(connection, split_message(answer)),
            // The client has given the command up, and awaits the answer to this.
            Some(init) => self.process_report(connection, &init),
        }
    }

    /// A touch is worth one request: opensk is told of it only when the request it was given for comes again, and that
    /// request uses it up at once.
    fn process_u2f(&mut self, source: Source, request: U2fRequest, message: Message) -> Message {
        if matches!(request, U2fRequest::Registration(_)) {
            self.environment.provide_attestation();
        }
        let answer = self.execute(message.clone());
        if answer.payload != status_word(ApduStatusCode::SW_COND_USE_NOT_SATISFIED) {
            self.environment.withdraw_u2f();
            return answer;
        }
        match self.environment.poll_u2f(source, request, &message) {
            Touch::Given => {
                self.authenticator.u2f_grant_user_presence(&mut self.environment);
                self.execute(message)
            }
            // U2F has no code for this. A client takes what it does not know for a general error (U2F raw message formats
            // 1.2 section 3.3) and stops asking.
            Touch::Refused => Message {
                payload: status_word(ApduStatusCode::SW_COMMAND_NOT_ALLOWED),
                ..answer
            },
            Touch::Awaited => answer,
        }
    }

    fn execute(&mut self, message: Message) -> Message {
        self.commands
            .process_message(&mut self.environment, message, &mut self.authenticator)
    }
}

fn status_word(code: ApduStatusCode) -> Vec<u8> {
    u16::from(code).to_be_bytes().to_vec()
}
