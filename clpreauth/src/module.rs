//! What libkrb5 calls: decodes and dispatches.

use core::{cell::RefCell, ffi::CStr};
use std::time::Instant;

use krb5_fido_protocol::{
    helper::{AttachedKey, Choice},
    registry::{PA_ETYPE_INFO2, PA_SPAKE},
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

use crate::{
    config::Options,
    passes::{self, Opened},
    refusal::{LastRefusal, Wanted},
    texts, trace,
};

/// The module's data: one per krb5_context.
pub(crate) struct SpakeClient {
    groups: Vec<Group>,
    /// Shared with a prompter that calls libkrb5 again: borrowed for as long as a copy takes.
    options: RefCell<Options>,
    refusal: LastRefusal,
}

/// How far one request for tickets has come.
pub(crate) struct Request {
    begun: Instant,
    /// Whether it repeats a login that was refused, once that is known.
    is_repetition: Option<bool>,
    /// The support message as sent, empty if none was.
    pub(crate) support: Vec<u8>,
    /// The keys that are attached, if the challenge leaves something to choose; or why nothing can be chosen.
    pub(crate) found: Option<Result<Vec<AttachedKey>, Failure>>,
    /// What a responder chose so far.
    pub(crate) choice: Choice,
    /// Set with the response; taken by the factor's message.
    pub(crate) responded: Option<Responded<KeyBlock>>,
    /// The factor's message, or a text for the user, of why it will not be answered.
    pub(crate) opened: Option<Result<Opened, String>>,
    /// A response was sent: the challenge is not taken a second time.
    pub(crate) has_responded: bool,
    /// With SF-FIDO: from here on nothing but our own text may end the login on this side.
    pub(crate) chose_fido: bool,
    /// What was wanted with the last request, which a key has signed.
    pub(crate) last_word: Option<Wanted>,
    /// The KDC has answered that with an error.
    was_refused: bool,
    /// The KDC has answered that with a ticket.
    has_ticket: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            is_repetition: None,
            support: Vec::new(),
            found: None,
            choice: Choice::default(),
            responded: None,
            opened: None,
            has_responded: false,
            chose_fido: false,
            last_word: None,
            was_refused: false,
            has_ticket: false,
        }
    }
}

impl Module for SpakeClient {
    const NAME: &'static CStr = c"spake";
    // The KDC sends PA-ETYPE-INFO2 along with a ticket (RFC 4120 section 5.2.7.5): that tells that there is one.
    const PA_TYPES: &'static [i32] = &[PA_SPAKE, PA_ETYPE_INFO2, 0];
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
            refusal: LastRefusal::default(),
        })
    }

    fn take_option(&self, _: Context<'_>, attribute: &str, value: &str) -> Result<(), Failure> {
        self.options.borrow_mut().take(attribute, value)
    }

    fn prepare_questions(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<(), Failure> {
        if exchange.pa_type() != PA_SPAKE {
            return Ok(());
        }
        // A ticket comes without PA-SPAKE. After an error a later libkrb5 goes through its mechanisms once more.
        request.was_refused |= request.last_word.is_some();
        if self.is_repetition(request, exchange) {
            trace::not_repeated(exchange.context());
            return Err(Failure::new(Error::KDC_UNREACHABLE, texts::NOT_REPEATED));
        }
        let options = self.options.borrow().clone();
        match PaSpake::decode(exchange.message()) {
            Ok(PaSpake::Challenge { group, factors, .. }) if self.permits(group) => {
                passes::prepare_challenge(request, exchange, &factors, &options);
            }
            Ok(PaSpake::EncData(factor)) => passes::prepare_factor(request, exchange, &factor, &options),
            _ => {}
        }
        Ok(())
    }

    fn process(&self, request: &mut Request, exchange: &Exchange<'_>) -> Result<Option<Vec<u8>>, Failure> {
        if exchange.pa_type() != PA_SPAKE {
            request.has_ticket = request.last_word.is_some() && !request.was_refused;
            return Ok(None);
        }
        let answer = self.dispatch(request, exchange);
        let answer = if request.chose_fido {
            answer.map_err(end_login)
        } else {
            answer
        };
        answer.map(Some)
    }

    fn end(&self, request: Request) {
        if let Some(wanted) = request.last_word.filter(|_| !request.has_ticket) {
            self.refusal.remember(wanted);
        }
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

    fn is_repetition(&self, request: &mut Request, exchange: &Exchange<'_>) -> bool {
        let begun = request.begun;
        *request.is_repetition.get_or_insert_with(|| {
            let wanted = Wanted::of(exchange);
            wanted.is_ok_and(|wanted| self.refusal.is_repeated_by(&wanted, begun))
        })
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
