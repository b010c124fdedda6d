//! What libkrb5 calls: decodes and dispatches.

use core::{cell::RefCell, ffi::CStr};

use krb5_fido_protocol::{
    registry::PA_SPAKE,
    spake::{
        Group,
        client::{Responded, encode_support},
        message::PaSpake,
        parse_groups,
    },
};
use krb5_plugin::{
    Context, Error, Failure, KeyBlock, Profile,
    clpreauth::{Exchange, Module},
};

use crate::{config::Options, passes, texts, trace};

/// The module's data: one per krb5_context.
pub(crate) struct SpakeClient {
    groups: Vec<Group>,
    /// Shared with a prompter that calls libkrb5 again: borrowed for as long as a copy takes.
    options: RefCell<Options>,
}

/// How far one request for tickets has come.
#[derive(Default)]
pub(crate) struct Request {
    /// The support message as sent, empty if none was.
    pub(crate) support: Vec<u8>,
    /// Set with the response; taken by the factor's answer.
    pub(crate) responded: Option<Responded<KeyBlock>>,
    /// A response was sent: the challenge is not taken a second time.
    pub(crate) has_responded: bool,
    /// With SF-FIDO: from here on nothing but our own text may end the login on this side.
    pub(crate) chose_fido: bool,
}

impl Module for SpakeClient {
    const NAME: &'static CStr = c"spake";
    const PA_TYPES: &'static [i32; 2] = &[PA_SPAKE, 0];
    const ON_PANIC: Error = Error::PASSWORD_INTERRUPTED;
    type Request = Request;

    fn init(context: Context<'_>) -> Result<Self, Failure> {
        let configured = Profile::of(context)?.value(&["libdefaults", "spake_preauth_groups"])?;
        let (groups, unknown) = match configured.as_deref() {
            Some(list) => parse_groups(list),
            None => (vec![Group::Edwards25519], Vec::new()),
        };
        unknown
            .into_iter()
            .for_each(|name| trace::unknown_group(context, name));
        if groups.is_empty() {
            return Err(Failure::new(
                Error::NOT_SUPPORTED,
                "No SPAKE preauth groups configured",
            ));
        }
        Ok(Self {
            groups,
            options: RefCell::default(),
        })
    }

    fn take_option(&self, _: Context<'_>, attribute: &str, value: &str) -> Result<(), Failure> {
        self.options.borrow_mut().take(attribute, value)
    }

    fn prepare_questions(&self, _: &mut Request, exchange: &Exchange<'_>) {
        if let Ok(PaSpake::Challenge { group, factors, .. }) = PaSpake::decode(exchange.message())
            && self.permits(group)
            && passes::can_respond(&factors)
        {
            exchange.need_reply_key();
        }
    }

    fn process(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let answer = self.dispatch(request, exchange);
        let answer = if request.chose_fido {
            answer.map_err(end_login)
        } else {
            answer
        };
        answer.map(Some)
    }
}

/// After this error libkrb5 tries no other mechanism, and no other KDC.
fn end_login(failure: Failure) -> Failure {
    if failure.error == Error::PASSWORD_INTERRUPTED {
        return failure;
    }
    Failure::new(Error::PASSWORD_INTERRUPTED, texts::UNINTELLIGIBLE)
}

impl SpakeClient {
    fn dispatch(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
        let options = self.options.borrow().clone();
        let message = exchange.message();
        if message.is_empty() {
            return self.send_support(request, exchange);
        }
        match PaSpake::decode(message).map_err(|_| Error::PREAUTH_FAILED)? {
            PaSpake::Challenge { group, .. } if !self.permits(group) => {
                trace::challenge_rejected(exchange.context(), group);
                self.send_support(request, exchange)
            }
            PaSpake::Challenge {
                group,
                public,
                factors,
            } => {
                trace::challenge_received(exchange.context(), group, &public);
                passes::process_challenge(request, exchange, &factors, &options)
            }
            PaSpake::EncData(factor) => passes::process_factor(request, exchange, &factor, &options),
            PaSpake::Support { .. } | PaSpake::Response { .. } => Err(Error::PREAUTH_FAILED.into()),
        }
    }

    fn permits(&self, group: i32) -> bool {
        self.groups.iter().any(|permitted| permitted.id() == group)
    }

    /// The support message (RFC 9588 section 4.1), once: a KDC that answers with a group that is not in it does not get a
    /// second one.
    fn send_support(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
        if !request.support.is_empty() || request.has_responded {
            return Err(Error::PREAUTH_FAILED.into());
        }
        let support = encode_support(&self.groups).map_err(|_| Error::INTERNAL)?;
        request.support.clone_from(&support);
        trace::support_sent(exchange.context());
        Ok(support)
    }
}
