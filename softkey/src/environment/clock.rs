//! A clock whose timers end with the connection that started them.
//!
//! One opensk instance serves all connections, one after the other: what it counts in memory (PIN attempts until the
//! key is plugged in again, the time since it was) must not start anew with each. But half a message, a channel
//! lock, a PIN token or a list being enumerated must not outlive the client that left it. opensk keeps a timer on each
//! of these, so that it is enough to let them run out.

use std::time::{Duration, Instant};

use opensk::api::clock::Clock;

use super::milliseconds;

/// Shortest timer. opensk gives a client 100 ms between two reports of one message, which suits a USB controller; a
/// process on a busy machine is held up for longer. All its other timers are of a second or more.
const SHORTEST: Duration = Duration::from_secs(1);

/// Tells the time, and which connection is being served.
#[derive(Default)]
pub(crate) struct ConnectionClock {
    /// 0 before the first connection.
    connection: u64,
}

impl ConnectionClock {
    /// A new connection begins: timers of the one before run out. Those made before the first connection go on.
    pub(crate) fn start_connection(&mut self) {
        self.connection = self.connection.saturating_add(1);
    }
}

/// Runs out at a time, or when its connection is over. The default one has run out.
#[derive(Default)]
pub(crate) struct Timer {
    end: Option<Instant>,
    connection: u64,
}

impl Clock for ConnectionClock {
    type Timer = Timer;

    fn make_timer(&mut self, count: usize) -> Timer {
        let end = Instant::now().checked_add(milliseconds(count).max(SHORTEST));
        Timer {
            end,
            connection: self.connection,
        }
    }

    fn is_elapsed(&mut self, timer: &Timer) -> bool {
        let over = timer.connection != 0 && timer.connection != self.connection;
        over || timer.end.is_none_or(|end| Instant::now() >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_timer_has_run_out() {
        assert!(ConnectionClock::default().is_elapsed(&Timer::default()));
    }

    #[test]
    fn a_timer_runs_within_its_connection() {
        let mut clock = ConnectionClock::default();
        clock.start_connection();
        let timer = clock.make_timer(30_000);
        assert!(!clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_runs_out_with_its_connection() {
        let mut clock = ConnectionClock::default();
        clock.start_connection();
        let timer = clock.make_timer(30_000);
        clock.start_connection();
        assert!(clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_of_the_start_outlives_connections() {
        let mut clock = ConnectionClock::default();
        let timer = clock.make_timer(10_000);
        clock.start_connection();
        clock.start_connection();
        assert!(!clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_runs_out_in_time() {
        let mut clock = ConnectionClock::default();
        let timer = Timer {
            end: Some(Instant::now()),
            connection: 0,
        };
        assert!(clock.is_elapsed(&timer));
    }
}
