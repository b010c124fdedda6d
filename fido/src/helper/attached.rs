//! Which keys are there, what they hold, and the wait for one that will do.

use std::{
    sync::mpsc::{Sender, channel},
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use krb5_fido_keys::{Canceller, Capabilities, DeviceInfo, DeviceSpec, Identity, Watch, discover};
use krb5_fido_protocol::helper::{Failure, Message};

use crate::{
    deadline::Deadline,
    key_thread::{Holding, KeyThread, Order, Report},
    link::{Event, Link, Stop},
    party::Party,
};

/// How often to look for keys that come and go.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long after a change to look once more: what libudev tells of a device may come a little later than the device.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How long to wait for the other keys once one is known to hold a credential.
const GATHER_TIME: Duration = Duration::from_secs(2);

/// After how long a key that could not be opened is tried again: udev may grant access a little later than it shows the
/// device, and another program may be done with it.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How long a key may fail to open before its user is told.
const OPEN_PATIENCE: Duration = Duration::from_secs(1);

/// Whether there is a key to ask, which is left alone.
pub(crate) fn is_attached(devices: &[String]) -> Result<bool, Failure> {
    let specs = parse_devices(devices)?;
    let found = discover(&specs).map_err(|_| Failure::Internal)?;
    Ok(!found.is_empty())
}

/// The values of `fido_device`; `auto` if there are none.
pub(crate) fn parse_devices(devices: &[String]) -> Result<Vec<DeviceSpec>, Failure> {
    if devices.is_empty() {
        return Ok(vec![DeviceSpec::Auto]);
    }
    let parse = |value: &String| {
        DeviceSpec::parse(value).map_err(|_| Failure::InvalidConfiguration {
            relation: "fido_device".to_owned(),
            value: value.clone(),
        })
    };
    devices.iter().map(parse).collect()
}

/// Keys that will do.
pub(crate) enum Found {
    /// They hold a credential.
    Holders(Vec<usize>),
    /// None is known to hold one, but these tell a verified user only.
    Secretive(Vec<usize>),
}

/// The attached keys, each with its thread.
pub(crate) struct Keys<'scope, 'env> {
    starter: Starter<'scope, 'env>,
    specs: Vec<DeviceSpec>,
    watch: Watch,
    look_again: Option<Instant>,
    listed: Vec<DeviceInfo>,
    keys: Vec<Key<'scope>>,
    /// What the user was told.
    announced: Vec<Failure>,
}

struct Key<'scope> {
    info: DeviceInfo,
    identity: Identity,
    /// When it was first seen.
    since: Instant,
    running: Running<'scope>,
    state: State,
    /// Why it could not be used when it was tried last.
    failure: Option<Failure>,
}

/// The thread of a key.
struct Running<'scope> {
    /// That its reports come with.
    number: usize,
    canceller: Canceller,
    orders: Sender<Order>,
    thread: ScopedJoinHandle<'scope, ()>,
}

/// Starts the threads of keys.
struct Starter<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    parties: &'env [Party<'env>],
    link: &'env Link,
    started: usize,
}

impl<'scope> Starter<'scope, '_> {
    fn start(
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

enum State {
    Searching,
    Answered(Answer),
    /// Since when.
    Unusable(Instant),
}

/// What a key says of itself.
struct Answer {
    held: Option<Holding>,
    capabilities: Box<Capabilities>,
    /// To a verified user.
    revealed: bool,
}

impl Key<'_> {
    const fn held(&self) -> Option<&Holding> {
        match &self.state {
            State::Answered(answer) => answer.held.as_ref(),
            State::Searching | State::Unusable(_) => None,
        }
    }

    /// Whether it may hold a credential that it shows to a verified user only.
    fn is_secretive(&self) -> bool {
        matches!(&self.state, State::Answered(answer) if answer.held.is_none()
            && !answer.revealed
            && answer.capabilities.credential_protection
            && answer.capabilities.pin_set)
    }

    /// Whether it would be a pity to start anew with it.
    const fn is_in_use(&self) -> bool {
        matches!(self.state, State::Searching) || self.held().is_some()
    }

    fn is_to_retry(&self) -> bool {
        let is_unavailable = matches!(self.failure, Some(Failure::DeviceUnavailable { .. }));
        matches!(self.state, State::Unusable(at) if is_unavailable && at.elapsed() >= RETRY_INTERVAL)
    }

    /// Why it will not do.
    fn complaint(&self) -> Option<Failure> {
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
    fn is_patient(&self) -> bool {
        matches!(self.failure, Some(Failure::DeviceUnavailable { .. }))
            && self.since.elapsed() < OPEN_PATIENCE
    }
}

impl<'scope, 'env> Keys<'scope, 'env> {
    pub(crate) fn new(
        scope: &'scope Scope<'scope, 'env>,
        specs: Vec<DeviceSpec>,
        parties: &'env [Party<'env>],
        link: &'env Link,
    ) -> Self {
        Self {
            starter: Starter {
                scope,
                parties,
                link,
                started: 0,
            },
            watch: Watch::new(&specs),
            look_again: None,
            specs,
            listed: Vec::new(),
            keys: Vec::new(),
            announced: Vec::new(),
        }
    }

    /// Waits until there are keys that will do. When time is over, the failure of the key that came closest.
    pub(crate) fn find(&mut self, deadline: Deadline) -> Result<Found, Stop> {
        if self.specs.iter().all(|spec| *spec == DeviceSpec::None) {
            return Err(Failure::NoKey.into());
        }
        deadline.left()?;
        let mut gathered_at = None;
        loop {
            self.look(deadline)?;
            let holders = self.numbers(|key| key.held().is_some());
            if !holders.is_empty() && gathered_at.is_none() {
                gathered_at = Instant::now().checked_add(GATHER_TIME);
            }
            let is_gathered = gathered_at.is_some_and(|moment| moment <= Instant::now());
            let is_searching = self
                .keys
                .iter()
                .any(|key| matches!(key.state, State::Searching) && key.failure.is_none());
            if !is_searching || is_gathered {
                if !holders.is_empty() {
                    return Ok(Found::Holders(holders));
                }
                let secretive = self.numbers(|key| key.is_secretive());
                if !secretive.is_empty() {
                    return Ok(Found::Secretive(secretive));
                }
                self.announce()?;
            }
            if deadline.left().is_err() {
                return Err(match is_searching {
                    true => Failure::TimedOut.into(),
                    false => self.closest_failure().into(),
                });
            }
            match self.starter.link.next(deadline.or_after(LOOK_INTERVAL))? {
                Some(Event::Key(number, report)) => self.take(number, report)?,
                Some(Event::Message(_) | Event::Ended(_)) => return Err(Failure::Internal.into()),
                None => {}
            }
        }
    }

    fn numbers(&self, which: impl Fn(&Key<'_>) -> bool) -> Vec<usize> {
        let chosen = self.keys.iter().filter(|key| which(key));
        chosen.map(|key| key.running.number).collect()
    }

    /// Finds what has come, gone or should be tried again.
    fn look(&mut self, deadline: Deadline) -> Result<(), Stop> {
        self.list()?;
        let there: Vec<(DeviceInfo, Identity)> = self
            .listed
            .iter()
            .filter_map(|info| Some((info.clone(), info.identity().ok()?)))
            .collect();
        self.keys.retain(|key| {
            let stays = there.iter().any(|(info, identity)| {
                info.device() == key.info.device() && (key.identity == *identity || key.is_in_use())
            });
            if !stays {
                key.running.canceller.cancel();
            }
            stays
        });
        for (info, identity) in there {
            let known = self
                .keys
                .iter_mut()
                .find(|key| key.info.device() == info.device());
            match known {
                Some(key) if key.is_to_retry() => {
                    let canceller = key.running.canceller.clone();
                    key.running = self.starter.start(&info, canceller, deadline)?;
                    key.state = State::Searching;
                }
                Some(_) => {}
                None => {
                    let canceller = Canceller::new().map_err(|_| Failure::Internal)?;
                    self.starter.link.attach(canceller.clone())?;
                    let running = self.starter.start(&info, canceller, deadline)?;
                    self.keys.push(Key {
                        info,
                        identity,
                        since: Instant::now(),
                        running,
                        state: State::Searching,
                        failure: None,
                    });
                }
            }
        }
        Ok(())
    }

    /// Asks libfido2 for keys, when it can be worth it.
    fn list(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let has_changed = self.watch.has_changed();
        if has_changed || self.look_again.is_some_and(|moment| moment <= now) {
            self.look_again = now.checked_add(SETTLE_TIME).filter(|_| has_changed);
            self.listed = discover(&self.specs).map_err(|_| Failure::Internal)?;
        }
        Ok(())
    }

    fn take(&mut self, number: usize, report: Report) -> Result<(), Stop> {
        let Some(key) = self.keys.iter_mut().find(|key| key.running.number == number) else {
            return Ok(());
        };
        match report {
            Report::Unusable(Failure::Internal) => return Err(Failure::Internal.into()),
            Report::Unusable(failure) => {
                key.failure = Some(failure);
                key.state = State::Unusable(Instant::now());
            }
            Report::Searched(held, capabilities) => {
                key.failure = None;
                key.state = State::Answered(Answer {
                    held,
                    capabilities,
                    revealed: false,
                });
            }
            // Of a key that was given up.
            Report::Retries(_)
            | Report::PinChecked
            | Report::Touched
            | Report::Signed(_)
            | Report::Refused(_) => {}
        }
        Ok(())
    }

    /// Tells the user what is missing, each cause once.
    fn announce(&mut self) -> Result<(), Stop> {
        let complaints: Vec<Failure> = match self.keys.as_slice() {
            [] => vec![self.closest_failure()],
            keys => keys
                .iter()
                .filter(|key| !key.is_patient())
                .filter_map(Key::complaint)
                .collect(),
        };
        for complaint in complaints {
            if !self.announced.contains(&complaint) {
                self.starter.link.send(&Message::Waiting(complaint.clone()))?;
                self.announced.push(complaint);
            }
        }
        Ok(())
    }

    fn closest_failure(&self) -> Failure {
        let absent = self.listed.iter().filter_map(|info| {
            info.identity().err().map(|reason| Failure::DeviceUnavailable {
                device: info.device(),
                reason: reason.to_string(),
            })
        });
        let complaints = self.keys.iter().filter_map(Key::complaint);
        // The first of several that come equally close.
        absent.chain(complaints).fold(Failure::NoKey, |closest, failure| {
            match closeness(&failure) > closeness(&closest) {
                true => failure,
                false => closest,
            }
        })
    }

    fn key(&self, number: usize) -> Result<&Key<'scope>, Stop> {
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.running.number == number);
        key.ok_or(Stop::Failed(Failure::Internal))
    }

    pub(crate) fn product(&self, number: usize) -> Result<String, Stop> {
        self.key(number).map(|key| key.info.product().to_owned())
    }

    /// What a holder holds, and what it can do.
    pub(crate) fn holder(&self, number: usize) -> Result<(&Holding, &Capabilities), Stop> {
        match &self.key(number)?.state {
            State::Answered(Answer {
                held: Some(held),
                capabilities,
                ..
            }) => Ok((held, capabilities)),
            _ => Err(Failure::Internal.into()),
        }
    }

    /// Gives an order that is answered by a report.
    pub(crate) fn order(&self, number: usize, order: Order) -> Result<(), Stop> {
        let sent = self.key(number)?.running.orders.send(order);
        sent.map_err(|_| Failure::Internal.into())
    }

    /// The next report of one of these keys.
    pub(crate) fn report_of(&self, numbers: &[usize]) -> Result<(usize, Report), Stop> {
        loop {
            match self.starter.link.next(None)? {
                Some(Event::Key(number, report)) if numbers.contains(&number) => return Ok((number, report)),
                Some(Event::Message(_) | Event::Ended(_)) => return Err(Failure::Internal.into()),
                // Of a key that was given up.
                Some(Event::Key(..)) | None => {}
            }
        }
    }

    /// The report that answers an order.
    pub(crate) fn ask(&self, number: usize, order: Order) -> Result<Report, Stop> {
        self.order(number, order)?;
        self.report_of(&[number]).map(|(_, report)| report)
    }

    /// Cancels and closes all keys.
    pub(crate) fn give_up(&mut self) {
        close(self.keys.drain(..));
    }

    /// Cancels and closes all keys but this one.
    pub(crate) fn give_up_others(&mut self, number: usize) {
        close(self.keys.extract_if(.., |key| key.running.number != number));
    }

    /// Takes in what a key holds that has verified its user.
    pub(crate) fn set_revealed(&mut self, number: usize, report: Report) {
        let key = self.keys.iter_mut().find(|key| key.running.number == number);
        if let (Some(key), Report::Searched(held, capabilities)) = (key, report) {
            key.state = State::Answered(Answer {
                held,
                capabilities,
                revealed: true,
            });
        }
    }

    /// This key will not do, for a cause that was found out when its user was to be verified.
    pub(crate) fn set_unusable(&mut self, number: usize, failure: Failure) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.running.number == number) {
            key.failure = Some(failure);
            key.state = State::Unusable(Instant::now());
        }
    }
}

/// Cancels keys, and waits until they are closed: whoever wants to use one next finds it ready.
fn close<'scope>(keys: impl IntoIterator<Item = Key<'scope>>) {
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
const fn closeness(failure: &Failure) -> u8 {
    match failure {
        Failure::NoKey => 0,
        Failure::DeviceUnavailable { .. } => 1,
        Failure::WrongKey { .. } => 3,
        _ => 2,
    }
}
