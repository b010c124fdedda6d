//! Stopping a key from another thread.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Stops what a [`crate::Device`] is doing, from any thread, and everything that it is asked for later, be it that it is
/// opened. It does not keep the device open.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<OwnedFd>);

impl Canceller {
    /// One that no device has yet: see [`crate::Device::open_with`].
    ///
    /// # Errors
    /// Those of eventfd(2): no descriptors or no memory left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?)))
    }

    /// Ends the request under way, and refuses every later one, with [`crate::Error::Cancelled`]. For good, and at once:
    /// whether the key answers makes no difference.
    pub fn cancel(&self) {
        // Fails only when the counter is full, after 2^64 - 2 cancellations.
        let _written = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Whether [`Self::cancel`] was called.
    pub(crate) fn is_cancelled(&self) -> bool {
        let mut descriptors = [PollFd::new(&*self.0, PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// Readable once cancelled.
impl AsFd for Canceller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellation_is_for_good_and_for_all_clones() {
        let canceller = Canceller::new().unwrap();
        let other = canceller.clone();
        assert!(!other.is_cancelled());
        for _ in 0..3 {
            canceller.cancel();
            assert!(other.is_cancelled() && canceller.is_cancelled());
        }
    }
}
