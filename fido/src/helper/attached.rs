//! Which keys are there, what they hold, and the wait for one that will do.

use std::{
    thread::Scope,
    time::{Duration, Instant},
};

use krb5_fido_keys::{Canceller, Capabilities, DeviceInfo, DeviceSpec, Identity, Watch, discover};
use krb5_fido_protocol::helper::{AttachedKey, Failure, KeyState, Message};

use crate::{
    deadline::Deadline,
    key::{Answer, Key, Starter, State, close, closeness},
    key_thread::{Holding, Order, Refusal, Report},
    link::{Event, Link, Stop},
    party::Party,
};

/// How often to look for keys that come and go.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long after a change to look once more: what libudev tells of a device may come a little later than the device.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How long to wait for the other keys once one is known to hold a credential.
const GATHER_TIME: Duration = Duration::from_secs(2);

/// Which keys there are to ask. All are left alone.
pub(crate) fn list(devices: &[String]) -> Result<Vec<AttachedKey>, Failure> {
    let specs = parse_devices(devices)?;
    let found = discover(&specs).map_err(|_| Failure::Internal)?;
    Ok(found.iter().map(|info| describe(info, None)).collect())
}

fn describe(info: &DeviceInfo, state: Option<KeyState>) -> AttachedKey {
    AttachedKey {
        path: info.device(),
        product: info.product().to_owned(),
        state,
    }
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
    /// When the keys that have not answered yet are not waited for any longer, since one is known to hold a credential.
    gathered_at: Option<Instant>,
    /// What the user was told.
    announced: Vec<Failure>,
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
            gathered_at: None,
            announced: Vec::new(),
        }
    }

    /// Those that can be used, once all have answered or were given the time to.
    pub(crate) fn survey(&mut self, deadline: Deadline) -> Result<Vec<AttachedKey>, Stop> {
        deadline.left()?;
        let until = deadline.or_after(GATHER_TIME);
        loop {
            self.look(deadline)?;
            let is_over = until.is_some_and(|moment| moment <= Instant::now());
            if is_over || !self.keys.iter().any(Key::is_searching) {
                break;
            }
            self.take_next(deadline)?;
        }
        let numbers = self.numbers(|key| matches!(key.state, State::Answered(_)));
        let states = numbers.into_iter().map(|number| self.tell_state(number));
        states.filter_map(Result::transpose).collect()
    }

    /// What a key says of itself; `None` if it takes no PIN any more.
    fn tell_state(&mut self, number: usize) -> Result<Option<AttachedKey>, Stop> {
        let State::Answered(answer) = &self.key(number)?.state else {
            return Ok(None);
        };
        let (pin_set, builtin_uv) = (answer.capabilities.pin_set, answer.capabilities.uv_configured);
        let pin_retries = match pin_set
            .then(|| self.ask(number, Order::CountRetries))
            .transpose()?
        {
            None => None,
            Some(Report::Retries(retries)) => retries,
            Some(_) => return Ok(None),
        };
        let key = self.key_mut(number)?;
        key.known_retries = pin_set.then_some(pin_retries);
        let state = KeyState {
            pin_set,
            pin_retries,
            builtin_uv,
        };
        Ok(Some(describe(&key.info, Some(state))))
    }

    /// A PIN is about to be tried.
    pub(crate) fn forget_retries(&mut self, number: usize) -> Result<(), Stop> {
        self.key_mut(number)?.known_retries = None;
        Ok(())
    }

    /// How many wrong PINs a key still takes, if it tells.
    pub(crate) fn count_retries(&mut self, number: usize) -> Result<Option<u8>, Stop> {
        if let Some(retries) = self.key(number)?.known_retries {
            return Ok(retries);
        }
        match self.ask(number, Order::CountRetries)? {
            Report::Retries(retries) => Ok(retries),
            Report::Refused(Refusal::Final(failure)) => Err(failure.into()),
            _ => Err(Failure::Internal.into()),
        }
    }

    /// From now on no other keys count than those that `device` means, a value of `fido_device`.
    pub(crate) fn restrict(&mut self, device: &str) -> Result<(), Failure> {
        self.specs = parse_devices(&[device.to_owned()])?;
        self.watch = Watch::new(&self.specs);
        self.gathered_at = None;
        if let [DeviceSpec::Path(_) | DeviceSpec::Unix(_)] = self.specs.as_slice() {
            close(self.keys.extract_if(.., |key| key.info.device() != device));
        }
        Ok(())
    }

    /// Waits until there are keys that will do. When time is over, the failure of the key that came closest.
    pub(crate) fn find(&mut self, deadline: Deadline) -> Result<Found, Stop> {
        if self.specs.iter().all(|spec| *spec == DeviceSpec::None) {
            return Err(Failure::NoKey.into());
        }
        deadline.left()?;
        loop {
            self.look(deadline)?;
            let holders = self.numbers(|key| key.held().is_some());
            let is_gathered = self.gathered_at.is_some_and(|moment| moment <= Instant::now());
            let is_searching = self.keys.iter().any(Key::is_searching);
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
            self.take_next(deadline)?;
        }
    }

    /// Takes in what a key reports, or lets it be time to look again.
    fn take_next(&mut self, deadline: Deadline) -> Result<(), Stop> {
        match self.starter.link.next(deadline.or_after(LOOK_INTERVAL))? {
            Some(Event::Key(number, report)) => self.take(number, report),
            Some(Event::Message(_) | Event::Fetched(_) | Event::Ended(_)) => Err(Failure::Internal.into()),
            None => Ok(()),
        }
    }

    /// The next message of the module, however long it takes.
    pub(crate) fn receive(&mut self) -> Result<Message, Stop> {
        loop {
            match self.starter.link.next(None)? {
                Some(Event::Message(message)) => return Ok(message),
                Some(Event::Key(number, report)) => self.take(number, report)?,
                Some(Event::Fetched(_) | Event::Ended(_)) | None => return Err(Failure::Internal.into()),
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
                        known_retries: None,
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
                if held.is_some() && self.gathered_at.is_none() {
                    self.gathered_at = Instant::now().checked_add(GATHER_TIME);
                }
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

    fn key_mut(&mut self, number: usize) -> Result<&mut Key<'scope>, Stop> {
        let mut keys = self.keys.iter_mut();
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

    /// The next report of one of these keys. What others report meanwhile is taken in.
    pub(crate) fn report_of(&mut self, numbers: &[usize]) -> Result<(usize, Report), Stop> {
        loop {
            match self.starter.link.next(None)? {
                Some(Event::Key(number, report)) if numbers.contains(&number) => return Ok((number, report)),
                Some(Event::Key(number, report)) => self.take(number, report)?,
                Some(Event::Message(_) | Event::Fetched(_) | Event::Ended(_)) => {
                    return Err(Failure::Internal.into());
                }
                None => {}
            }
        }
    }

    /// The report that answers an order.
    pub(crate) fn ask(&mut self, number: usize, order: Order) -> Result<Report, Stop> {
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
