//! Who touches a key that has no button.

use crate::Request;

/// What is known of the touch that a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The user touched the key.
    Given,
    /// The user declined: the command ends with CTAP2_ERR_OPERATION_DENIED (0x27), or with 0x6986 in U2F.
    Refused,
    /// Nothing yet: the client is kept alive and asked again, for 30 s at most.
    Awaited,
}

/// Answers for the user when a command needs a test of user presence: authenticatorMakeCredential,
/// authenticatorGetAssertion, authenticatorReset and authenticatorSelection (CTAP 2.1 sections 6.1, 6.2, 6.6, 6.9), and
/// the registration and authentication of U2F. One question is open at a time: [`Presence::ask`], [`Presence::poll`] until
/// it is settled, [`Presence::dismiss`]. None of these may block: clients are served between the calls.
pub trait Presence {
    /// A touch is wanted for `request`.
    fn ask(&mut self, _request: &Request) {}

    /// Called after [`Presence::ask`], and again every 100 ms or sooner while the answer is [`Touch::Awaited`].
    fn poll(&mut self) -> Touch;

    /// The question is over: answered, cancelled, timed out, or its client is gone. An answer that comes later counts
    /// for nothing.
    fn dismiss(&mut self) {}
}

/// Touches the key at once, whoever asks.
pub struct AlwaysGiven;

impl Presence for AlwaysGiven {
    fn poll(&mut self) -> Touch {
        Touch::Given
    }
}

/// Declines every touch.
pub struct AlwaysRefused;

impl Presence for AlwaysRefused {
    fn poll(&mut self) -> Touch {
        Touch::Refused
    }
}

/// Never touches the key: whoever asks waits until the key gives up, after 30 s, or until it gives up itself.
pub struct NeverGiven;

impl Presence for NeverGiven {
    fn poll(&mut self) -> Touch {
        Touch::Awaited
    }
}
