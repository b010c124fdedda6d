//! An attached key: what is known of it, and its thread.

use std::{
    sync::mpsc::{Sender, channel},
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use krb5_fido_keys::{Canceller, Capabilities, DeviceInfo, Identity};
use krb5_fido_protocol::helper::Failure;

use crate::{
    deadline::Deadline,
    key_thread::{Holding, KeyThread, Order},
    link::Link,
    party::Party,
};

/// After how long a key that could not be opened is tried again: udev may grant access a little later than it shows the
/// device, and another program may be done with it.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How long a key may fail to open before its user is told.
const OPEN_PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Key<'scope> {
    pub(crate) info: DeviceInfo,
    pub(crate) identity: Identity,
    /// When it was first seen.
    pub(crate) since: Instant,
    pub(crate) running: Running<'scope>,
    pub(crate) state: State,
    /// How many wrong PINs it still takes, if it tells; known until one is tried.
    pub(crate) known_retries: Option<Option<u8>>,
    /// Why it could not be used when it was tried last.
    pub(crate) failure: Option<Failure>,
}

/// The thread of a key.
pub(crate) struct Running<'scope> {
    /// That its reports come with.
    pub(crate) number: usize,
    pub(crate) canceller: Canceller,
    pub(crate) orders: Sender<Order>,
    thread: ScopedJoinHandle<'scope, ()>,
}

/// Starts the threads of keys.
pub(crate) struct Starter<'scope, 'env> {
    pub(crate) scope: &'scope Scope<'scope, 'env>,
    pub(crate) parties: &'env [Party<'env>],
    pub(crate) link: &'env Link,
    pub(crate) started: usize,
}

impl<'scope> Starter<'scope, '_> {
    pub(crate) fn start(
        &mut self,
        info: &DeviceInfo,
        canceller: Canceller,
        deadline: Deadline,
    ) -> Result<Running<'scope>, Failure> {
        self.started = self.started.saturating_add(1);
        let (sender, orders) = channel();
        let key = KeyThread {
            number: self.started,
            info: info.clone(),
            canceller: canceller.clone(),
            parties: self.parties,
            deadline,
            reports: self.link.reports(),
        };
        let thread = thread::Builder::new()
            .spawn_scoped(self.scope, move || key.run(&orders))
            .map_err(|_| Failure::Internal)?;
        Ok(Running {
            number: self.started,
            canceller,
            orders: sender,
            thread,
        })
    }
}

pub(crate) enum State {
    Searching,
    Answered(Answer),
    /// Since when.
    Unusable(Instant),
}

/// What a key says of itself.
pub(crate) struct Answer {
    pub(crate) held: Option<Holding>,
    pub(crate) capabilities: Box<Capabilities>,
    /// To a verified user.
    pub(crate) revealed: bool,
}

impl Key<'_> {
    pub(crate) const fn held(&self) -> Option<&Holding> {
        match &self.state {
            State::Answered(answer) => answer.held.as_ref(),
            State::Searching | State::Unusable(_) => None,
        }
    }

    /// Whether it may hold a credential that it shows to a verified user only.
    pub(crate) fn is_secretive(&self) -> bool {
        matches!(&self.state, State::Answered(answer) if answer.held.is_none()
            && !answer.revealed
            && answer.capabilities.credential_protection
            && answer.capabilities.pin_set)
    }

    /// Whether it would be a pity to start anew with it.
    pub(crate) const fn is_in_use(&self) -> bool {
        matches!(self.state, State::Searching) || self.held().is_some()
    }

    pub(crate) fn is_to_retry(&self) -> bool {
        let is_unavailable = matches!(self.failure, Some(Failure::DeviceUnavailable { .. }));
        matches!(self.state, State::Unusable(at) if is_unavailable && at.elapsed() >= RETRY_INTERVAL)
    }

    pub(crate) const fn is_searching(&self) -> bool {
        matches!(self.state, State::Searching) && self.failure.is_none()
    }

    /// Why it will not do.
    pub(crate) fn complaint(&self) -> Option<Failure> {
        match &self.state {
            State::Answered(answer) if answer.held.is_none() && !self.is_secretive() => {
                Some(Failure::WrongKey {
                    product: self.info.product().to_owned(),
                })
            }
            _ => self.failure.clone(),
        }
    }

    /// Whether its user need not be told yet.
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self.failure, Some(Failure::DeviceUnavailable { .. }))
            && self.since.elapsed() < OPEN_PATIENCE
    }
}

/// Cancels keys, and waits until they are closed: whoever wants to use one next finds it ready.
pub(crate) fn close<'scope>(keys: impl IntoIterator<Item = Key<'scope>>) {
    let running: Vec<Running<'scope>> = keys.into_iter().map(|key| key.running).collect();
    for key in &running {
        key.canceller.cancel();
    }
    for Running { orders, thread, .. } in running {
        drop(orders);
        // It ends without a word if it panicked.
        let _ended = thread.join();
    }
}

/// Which failure helps the user most, when several keys failed.
pub(crate) const fn closeness(failure: &Failure) -> u8 {
    match failure {
        Failure::NoKey => 0,
        Failure::DeviceUnavailable { .. } => 1,
        Failure::WrongKey { .. } => 3,
        _ => 2,
    }
}
