//! A test double of krb5-fido-helper, for what a software key cannot be made to do: a key without a fingerprint sensor
//! recognizes nobody, one on a socket is never found by itself, and the real helper does not hang.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

use krb5_fido_protocol::helper::{
    Assert, Failure, Message, PinReason, PinWanted, decode, decode_length, encode,
};
use krb5_fido_tests::{Enrolled, Statement, script_helper, sign};

use super::{KEY, Played};

/// What the module is told in its helper's place.
pub(crate) struct Double<'a> {
    module: TcpStream,
    enrolled: &'a Enrolled,
    request: Assert,
}

impl Double<'_> {
    pub(crate) fn send(&mut self, message: &Message) {
        self.module.write_all(encode(message).unwrap().expose()).unwrap();
    }

    /// Asks for a PIN, and takes whatever is answered.
    pub(crate) fn ask_pin(&mut self, retries: Option<u8>, reason: PinReason) {
        self.send(&Message::PinWanted(PinWanted {
            product: KEY.to_owned(),
            retries,
            reason,
        }));
        assert!(matches!(receive(&mut self.module), Some(Message::Pin(_))));
    }

    /// The same, where nobody can be asked.
    pub(crate) fn ask_pin_in_vain(&mut self, retries: Option<u8>) {
        self.send(&Message::PinWanted(PinWanted {
            product: KEY.to_owned(),
            retries,
            reason: PinReason::WrongPin,
        }));
        assert!(receive(&mut self.module).is_none());
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.send(&Message::Failed(failure));
    }

    /// Has the key sign, after a touch.
    pub(crate) fn sign(&mut self) {
        self.send(&Message::TouchNow(vec![KEY.to_owned()]));
        let (request, party) = (&self.request, &self.request.parties[0]);
        let statement = Statement {
            credential_id: party.credentials[0].id.clone(),
            rp_id: party.rp_id.clone(),
            principal: String::from_utf8(request.principal.clone()).unwrap(),
            nonce: request.nonce,
            transcript: request.transcript.clone(),
            request_hash: request.request_hash,
        };
        let assertion = sign(&self.enrolled.key, &statement);
        self.send(&Message::Assertion(assertion));
    }
}

/// Plays `login`, in which the module is told what `script` says once it has sent what is to be signed.
pub(crate) fn play(
    login: impl FnOnce(&Enrolled) -> Played,
    script: impl FnOnce(&mut Double<'_>) + Send,
) -> Played {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut enrolled = super::enrolled();
    let port = address.port();
    let relay = format!("exec 4<>/dev/tcp/127.0.0.1/{port}\ncat <&3 >&4 &\nexec cat <&4 >&3");
    script_helper(&mut enrolled.realm, &relay);
    let enrolled = &enrolled;
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut module, _) = listener.accept().unwrap();
            let Some(Message::Assert(request)) = receive(&mut module) else {
                return;
            };
            let mut double = Double {
                module,
                enrolled,
                request: *request,
            };
            double.send(&Message::Attached(Vec::new()));
            assert!(matches!(receive(&mut double.module), Some(Message::Choose(_))));
            script(&mut double);
        });
        let played = login(enrolled);
        // Wakes the double up if nobody has started it.
        drop(TcpStream::connect(address));
        played
    })
}

/// `None` if the module has hung up.
fn receive(module: &mut TcpStream) -> Option<Message> {
    let mut prefix = [0; 4];
    module.read_exact(&mut prefix).ok()?;
    let mut body = vec![0; decode_length(prefix).unwrap()];
    module.read_exact(&mut body).ok()?;
    Some(decode(&body).unwrap())
}
