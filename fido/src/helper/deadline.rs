//! fido_timeout.

use std::time::{Duration, Instant};

use krb5_fido_protocol::helper::Failure;

/// When the user has had enough time for key and touch.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// What is left, or the failure when nothing is.
    pub(crate) fn left(self) -> Result<Duration, Failure> {
        let Some(deadline) = self.0 else {
            return Ok(Duration::MAX);
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Failure::TimedOut),
            left => Ok(left),
        }
    }

    /// Gives back the time that the user spent on typing.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.0 = self.0.and_then(|deadline| deadline.checked_add(by));
    }

    /// The moment itself, or that after `pause` if it comes first.
    pub(crate) fn or_after(self, pause: Duration) -> Option<Instant> {
        let paused = Instant::now().checked_add(pause);
        self.0.into_iter().chain(paused).min()
    }
}
