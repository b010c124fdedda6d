//! Who touches a key that has no button.

/// What is known of the touch that a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The user touched the key.
    Given,
    /// The user declined: the command ends with CTAP2_ERR_OPERATION_DENIED (0x27).
    Refused,
    /// Nothing yet: the client is kept alive and asked again, for 30 s at most.
    Awaited,
}

/// Answers for the user when a command needs a test of user presence: authenticatorMakeCredential,
/// authenticatorGetAssertion, authenticatorReset and authenticatorSelection (CTAP 2.1 sections 6.1, 6.2, 6.6, 6.9).
pub trait Presence {
    /// Called when the wait starts, and again every 100 ms or sooner while the answer is [`Touch::Awaited`]. Must not
    /// block: a CTAPHID_CANCEL is noticed between the calls.
    fn poll(&mut self) -> Touch;
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
