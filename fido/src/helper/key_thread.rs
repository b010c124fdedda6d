//! The thread of one key: opens it, asks it silently what it holds, and then does what the main thread orders. A
//! [`Device`] never leaves it.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    time::Duration,
};

use krb5_fido_keys::{
    AssertionRequest, Canceller, Capabilities, Device, DeviceInfo, Error, Pin, Verification,
};
use krb5_fido_protocol::{
    fido::factor::{FidoAssertion, UserVerification},
    helper::Failure,
};

use crate::{deadline::Deadline, failure::explain, link::Event, party::Party};

/// A key that gave up waiting is asked again if there is at least this much time left.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// What the main thread wants of a key. Each order is answered by the report that its name suggests, or by
/// [`Report::Refused`].
pub(crate) enum Order {
    /// Say anew what it holds, to a verified user.
    Search(Arc<Pin>, Deadline),
    /// Say how many wrong PINs it still takes.
    CountRetries,
    /// Check the PIN, with a silent question for what it is known to hold.
    CheckPin(Arc<Pin>, Holding, Deadline),
    /// Wait for a touch that signs nothing.
    AwaitTouch(Deadline),
    Sign(Holding, Verify, Deadline),
}

/// How a key verifies its user.
#[derive(Clone)]
pub(crate) enum Verify {
    Not,
    BuiltIn,
    Pin(Arc<Pin>),
}

impl Verify {
    fn verification(&self) -> Verification<'_> {
        match self {
            Self::Not => Verification::None,
            Self::BuiltIn => Verification::BuiltIn,
            Self::Pin(pin) => Verification::Pin(pin),
        }
    }
}

/// A credential that a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Which of the accepted parties it belongs to.
    pub(crate) party: usize,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) uv: UserVerification,
}

/// What a key did.
pub(crate) enum Report {
    /// It could not be opened, or did not say what it holds. Its last report.
    Unusable(Failure),
    Searched(Option<Holding>, Box<Capabilities>),
    /// How many wrong PINs it still takes, if it tells.
    Retries(Option<u8>),
    PinChecked,
    Touched,
    Signed(FidoAssertion),
    Refused(Refusal),
}

/// Why a key did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It does if it gets its PIN.
    PinHelps,
    PinWrong,
    Final(Failure),
}

/// What the thread of a key is started with.
pub(crate) struct KeyThread<'a> {
    pub(crate) number: usize,
    pub(crate) info: DeviceInfo,
    pub(crate) canceller: Canceller,
    pub(crate) parties: &'a [Party<'a>],
    pub(crate) deadline: Deadline,
    pub(crate) reports: Sender<Event>,
}

impl KeyThread<'_> {
    /// Ends when nobody can order any more.
    pub(crate) fn run(self, orders: &Receiver<Order>) {
        let opened = Device::open_with(&self.info, self.canceller.clone());
        let searched = opened.and_then(|mut device| {
            let report = self.search(&mut device, Verification::None, self.deadline)?;
            Ok((device, report))
        });
        let mut device = match searched {
            Ok((device, report)) => {
                self.report(report);
                device
            }
            Err(error) => return self.report(Report::Unusable(explain(error, self.info.product()))),
        };
        for order in orders {
            let report = match self.obey(order, &mut device) {
                Ok(report) => report,
                Err(error) => Report::Refused(self.refusal(error, device.capabilities())),
            };
            self.report(report);
        }
    }

    fn report(&self, report: Report) {
        // Nobody listens when the login is over.
        let _sent = self.reports.send(Event::Key(self.number, report));
    }

    fn obey(&self, order: Order, device: &mut Device) -> Result<Report, Error> {
        match order {
            Order::Search(pin, deadline) => self.search(device, Verification::Pin(&pin), deadline),
            Order::CountRetries => count_retries(device).map(Report::Retries),
            Order::CheckPin(pin, holding, deadline) => {
                self.check_pin(device, &pin, &holding, deadline)?;
                Ok(Report::PinChecked)
            }
            Order::AwaitTouch(deadline) => {
                persist(deadline, |left| device.await_touch(left))?;
                Ok(Report::Touched)
            }
            Order::Sign(holding, verify, deadline) => {
                persist(deadline, |left| self.sign(device, &holding, &verify, left)).map(Report::Signed)
            }
        }
    }

    /// The silent question.
    fn search(
        &self,
        device: &mut Device,
        verification: Verification<'_>,
        deadline: Deadline,
    ) -> Result<Report, Error> {
        let mut held = None;
        for (number, party) in self.parties.iter().enumerate() {
            let left = left(deadline)?;
            let id = device.find_credential(party.rp_id, &party.ids(), verification, left)?;
            let credential =
                id.and_then(|id| party.credentials.iter().find(|credential| credential.id == id));
            if let Some(credential) = credential {
                held = Some(Holding {
                    party: number,
                    credential_id: credential.id.clone(),
                    uv: credential.uv,
                });
                break;
            }
        }
        Ok(Report::Searched(held, Box::new(device.capabilities().clone())))
    }

    /// A wrong PIN is found out before the user is asked for a touch. Whatever else the key has against it, it says again
    /// when it is to sign.
    fn check_pin(
        &self,
        device: &mut Device,
        pin: &Pin,
        holding: &Holding,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let party = self.party(holding)?;
        let ids = [holding.credential_id.as_slice()];
        match device.find_credential(party.rp_id, &ids, Verification::Pin(pin), left(deadline)?) {
            Err(
                error @ (Error::PinInvalid
                | Error::PinBlocked
                | Error::PinAuthBlocked
                | Error::Disconnected
                | Error::Cancelled
                | Error::TimedOut),
            ) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn sign(
        &self,
        device: &mut Device,
        holding: &Holding,
        verify: &Verify,
        timeout: Duration,
    ) -> Result<FidoAssertion, Error> {
        let party = self.party(holding)?;
        let assertion = device.get_assertion(&AssertionRequest {
            rp_id: party.rp_id,
            client_data_hash: &party.client_data_hash,
            credential_id: &holding.credential_id,
            verification: verify.verification(),
            timeout,
        })?;
        Ok(FidoAssertion {
            credential_id: assertion.credential_id,
            authenticator_data: assertion.authenticator_data,
            signature: assertion.signature,
        })
    }

    fn party(&self, holding: &Holding) -> Result<&Party<'_>, Error> {
        self.parties.get(holding.party).ok_or(Error::InvalidArgument)
    }

    fn refusal(&self, error: Error, key: &Capabilities) -> Refusal {
        match error {
            Error::UvInvalid | Error::UvBlocked | Error::PinRequired if key.pin_set => Refusal::PinHelps,
            Error::PinInvalid => Refusal::PinWrong,
            error => Refusal::Final(explain(error, self.info.product())),
        }
    }
}

fn left(deadline: Deadline) -> Result<Duration, Error> {
    deadline.left().map_err(|_| Error::TimedOut)
}

/// Asks again when the key's own time limit is shorter than ours, and when another program has the key.
fn persist<T>(deadline: Deadline, mut request: impl FnMut(Duration) -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match request(left(deadline)?) {
            Err(Error::TimedOut | Error::NotAnswering { .. })
                if deadline.left().is_ok_and(|left| left > RETRY_MIN) => {}
            result => return result,
        }
    }
}

/// `None` from a key that does not tell.
fn count_retries(device: &mut Device) -> Result<Option<u8>, Error> {
    match device.pin_retries() {
        Ok(0) => Err(Error::PinBlocked),
        Ok(retries) => Ok(Some(retries)),
        Err(error @ (Error::Disconnected | Error::TimedOut | Error::Cancelled)) => Err(error),
        Err(_) => Ok(None),
    }
}
