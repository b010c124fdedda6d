//! One login: find the keys, choose one by touch, verify its user, sign.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use krb5_fido_keys::{Error, Pin};
use krb5_fido_protocol::{
    fido::factor::FidoAssertion,
    helper::{Assert, Choice, Failure, Message, PinReason, PinWanted},
    secret::SecretBytes,
};

use crate::{
    attached::{Found, Keys, parse_devices},
    deadline::Deadline,
    failure::explain,
    key_thread::{Order, Refusal, Report, Verify},
    link::{Link, Stop},
    party::accept_parties,
    plan::{Plan, plan_verification},
};

/// How often a program may answer with what no key has as its PIN: such answers cost no try.
const IMPOSSIBLE_PINS_MAX: u8 = 5;

pub(crate) fn sign_in(request: &Assert, link: &Link) -> Result<FidoAssertion, Stop> {
    let specs = parse_devices(&request.settings.devices)?;
    let deadline = Deadline::after(Duration::from_secs(request.timeout_seconds.into()));
    let parties = accept_parties(request, link, deadline)?;
    // Returns when every key is closed.
    thread::scope(|scope| {
        let mut login = Login {
            keys: Keys::new(scope, specs, &parties, link),
            link,
            deadline,
            offered: None,
        };
        let outcome = login.run();
        login.keys.give_up();
        outcome
    })
}

struct Login<'scope, 'env> {
    keys: Keys<'scope, 'env>,
    link: &'env Link,
    deadline: Deadline,
    /// A PIN that the program gave before one was wanted.
    offered: Option<SecretBytes>,
}

/// The key that signs, and how its user is verified.
struct Chosen {
    number: usize,
    plan: Plan,
    /// Why its PIN is asked for.
    reason: PinReason,
    /// That was given already.
    pin: Option<Arc<Pin>>,
}

/// What came of a race between keys.
enum Race {
    Signed(FidoAssertion),
    /// This one was touched, and wants its PIN, for this reason.
    Won(usize, PinReason),
}

impl Login<'_, '_> {
    fn run(&mut self) -> Result<FidoAssertion, Stop> {
        self.let_choose()?;
        loop {
            match self.keys.find(self.deadline)? {
                Found::Holders(holders) => return self.sign_with_one_of(&holders),
                Found::Secretive(keys) => {
                    if let Some(chosen) = self.reveal(&keys)? {
                        return self.sign_with(chosen);
                    }
                }
            }
        }
    }

    /// Tells the module which keys are there, and lets its program choose.
    fn let_choose(&mut self) -> Result<(), Stop> {
        let attached = self.keys.survey(self.deadline)?;
        let Message::Choose(Choice { device, pin }) = self.ask_module(&Message::Attached(attached))? else {
            return Err(Failure::Internal.into());
        };
        if let Some(device) = device {
            self.keys.restrict(&device)?;
        }
        self.offered = pin;
        Ok(())
    }

    /// What the module answers, whose user's time does not count.
    fn ask_module(&mut self, question: &Message) -> Result<Message, Stop> {
        let asked = Instant::now();
        self.link.send(question)?;
        let answer = self.keys.receive()?;
        self.deadline.extend(asked.elapsed());
        Ok(answer)
    }

    /// Has one of several keys say what it holds, for which it wants its PIN.
    fn reveal(&mut self, keys: &[usize]) -> Result<Option<Chosen>, Stop> {
        let number = match keys {
            [only] => *only,
            several => {
                let several: Vec<(usize, Plan)> = several.iter().map(|number| (*number, Plan::Pin)).collect();
                match self.race(&several)? {
                    Race::Won(number, _) => number,
                    Race::Signed(_) => return Err(Failure::Internal.into()),
                }
            }
        };
        let search = |pin: &Arc<Pin>, deadline| Order::Search(Arc::clone(pin), deadline);
        let (pin, report) = match self.verify_pin(number, PinReason::Hidden, search) {
            Ok(verified) => verified,
            Err(Stop::Failed(failure @ (Failure::PinBlocked { .. } | Failure::PinAuthBlocked { .. }))) => {
                self.keys.set_unusable(number, failure);
                return Ok(None);
            }
            Err(stop) => return Err(stop),
        };
        self.keys.set_revealed(number, report);
        Ok(self.keys.holder(number).is_ok().then_some(Chosen {
            number,
            plan: Plan::Pin,
            reason: PinReason::Hidden,
            pin: Some(pin),
        }))
    }

    fn sign_with_one_of(&mut self, holders: &[usize]) -> Result<FidoAssertion, Stop> {
        let mut able = Vec::new();
        let mut unable = None;
        for number in holders {
            let (holding, capabilities) = self.keys.holder(*number)?;
            match plan_verification(holding.uv, capabilities, &self.keys.product(*number)?) {
                Ok(plan) => able.push((*number, plan)),
                Err(failure) => unable = unable.or(Some(failure)),
            }
        }
        let chosen = |number, plan, reason| Chosen {
            number,
            plan,
            reason,
            pin: None,
        };
        match able.as_slice() {
            [] => Err(unable.unwrap_or(Failure::Internal).into()),
            [(number, plan)] => self.sign_with(chosen(*number, *plan, PinReason::Demanded)),
            several => match self.race(several)? {
                Race::Signed(assertion) => Ok(assertion),
                Race::Won(number, reason) => self.sign_with(chosen(number, Plan::Pin, reason)),
            },
        }
    }

    /// All blink; the touched one counts, the others are cancelled. A key that wants its PIN is touched once to choose it,
    /// and once more to sign.
    fn race(&mut self, keys: &[(usize, Plan)]) -> Result<Race, Stop> {
        let mut running = Vec::new();
        let mut products = Vec::new();
        for (number, _) in keys {
            running.push(*number);
            products.push(self.keys.product(*number)?);
        }
        self.link.send(&Message::TouchNow(products))?;
        for (number, plan) in keys {
            let sign = |verify| {
                let holding = self.keys.holder(*number)?.0.clone();
                Ok::<_, Stop>(Order::Sign(holding, verify, self.deadline))
            };
            let order = match plan {
                Plan::Pin => Order::AwaitTouch(self.deadline),
                Plan::TouchOnly => sign(Verify::Not)?,
                Plan::BuiltIn => sign(Verify::BuiltIn)?,
            };
            self.keys.order(*number, order)?;
        }
        let plan_of = |number| {
            let mut plans = keys.iter();
            plans.find(|(other, _)| *other == number).map(|(_, plan)| *plan)
        };
        loop {
            let (number, report) = self.keys.report_of(&running)?;
            let won = match report {
                Report::Signed(assertion) => Race::Signed(assertion),
                Report::Touched => Race::Won(number, PinReason::Demanded),
                Report::Refused(Refusal::PinHelps) => Race::Won(number, reason_after(plan_of(number))),
                Report::Refused(Refusal::Final(failure)) if running.len() == 1 => return Err(failure.into()),
                Report::Refused(Refusal::Final(_)) => {
                    running.retain(|other| *other != number);
                    continue;
                }
                _ => return Err(Failure::Internal.into()),
            };
            self.keys.give_up_others(number);
            return Ok(won);
        }
    }

    fn sign_with(&mut self, mut chosen: Chosen) -> Result<FidoAssertion, Stop> {
        let number = chosen.number;
        self.keys.give_up_others(number);
        let product = self.keys.product(number)?;
        loop {
            let holding = self.keys.holder(number)?.0.clone();
            let verify = match (chosen.plan, chosen.pin.take()) {
                (Plan::TouchOnly, _) => Verify::Not,
                (Plan::BuiltIn, _) => Verify::BuiltIn,
                (Plan::Pin, Some(pin)) => Verify::Pin(pin),
                (Plan::Pin, None) => {
                    let check = |pin: &Arc<Pin>, deadline| {
                        Order::CheckPin(Arc::clone(pin), holding.clone(), deadline)
                    };
                    Verify::Pin(self.verify_pin(number, chosen.reason, check)?.0)
                }
            };
            self.link.send(&Message::TouchNow(vec![product.clone()]))?;
            match self
                .keys
                .ask(number, Order::Sign(holding, verify, self.deadline))?
            {
                Report::Signed(assertion) => return Ok(assertion),
                Report::Refused(Refusal::PinHelps) if chosen.plan != Plan::Pin => {
                    chosen.reason = reason_after(Some(chosen.plan));
                    chosen.plan = Plan::Pin;
                }
                Report::Refused(Refusal::PinWrong) if chosen.plan == Plan::Pin => {
                    chosen.reason = PinReason::WrongPin;
                }
                Report::Refused(Refusal::PinHelps) => {
                    return Err(explain(Error::PinRequired, &product).into());
                }
                Report::Refused(Refusal::Final(failure)) => return Err(failure.into()),
                _ => return Err(Failure::Internal.into()),
            }
        }
    }

    /// Asks for the PIN until the key takes it, which `order` finds out, or takes no more.
    fn verify_pin(
        &mut self,
        number: usize,
        reason: PinReason,
        order: impl Fn(&Arc<Pin>, Deadline) -> Order,
    ) -> Result<(Arc<Pin>, Report), Stop> {
        let mut reason = reason;
        loop {
            let pin = Arc::new(self.ask_pin(number, reason)?);
            self.keys.forget_retries(number)?;
            match self.keys.ask(number, order(&pin, self.deadline))? {
                Report::Refused(Refusal::PinWrong) => reason = PinReason::WrongPin,
                Report::Refused(Refusal::Final(failure)) => return Err(failure.into()),
                Report::Refused(Refusal::PinHelps) => return Err(Failure::Internal.into()),
                report => return Ok((pin, report)),
            }
        }
    }

    /// Asks for something that can be a PIN.
    fn ask_pin(&mut self, number: usize, reason: PinReason) -> Result<Pin, Stop> {
        let mut reason = reason;
        if let Some(offered) = self.offered.take() {
            match Pin::new(offered.expose()) {
                Ok(pin) => return Ok(pin),
                Err(_) => reason = PinReason::WrongPin,
            }
        }
        let product = self.keys.product(number)?;
        let retries = self.keys.count_retries(number)?;
        for _ in 0..IMPOSSIBLE_PINS_MAX {
            let wanted = Message::PinWanted(PinWanted {
                product: product.clone(),
                retries,
                reason,
            });
            let Message::Pin(pin) = self.ask_module(&wanted)? else {
                return Err(Failure::Internal.into());
            };
            match Pin::new(pin.expose()) {
                Ok(pin) => return Ok(pin),
                Err(_) => reason = PinReason::WrongPin,
            }
        }
        Err(Failure::PinInvalid { product, retries }.into())
    }
}

/// Why the PIN is asked for when this did not do.
const fn reason_after(plan: Option<Plan>) -> PinReason {
    match plan {
        Some(Plan::BuiltIn) => PinReason::NotRecognized,
        Some(Plan::TouchOnly | Plan::Pin) | None => PinReason::Demanded,
    }
}
