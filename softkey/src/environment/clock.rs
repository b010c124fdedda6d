//! A clock whose timers end with the connection that started them.
//!
//! One opensk instance serves all connections: what it counts in memory (PIN attempts until the key is plugged in again,
//! the time since it was) must not start anew with each. But a PIN token or a list being enumerated must not outlive the
//! client that left it. opensk keeps a timer on each of these, so that it is enough to let them run out.

use std::{collections::BTreeSet, time::Instant};

use opensk::api::clock::Clock;

use super::milliseconds;
use crate::link::ConnectionId;

/// Tells the time, and which connections there are.
#[derive(Default)]
pub(crate) struct ConnectionClock {
    /// The connection whose message is being processed.
    serving: Option<ConnectionId>,
    /// Those that were served and are not gone.
    open: BTreeSet<ConnectionId>,
}

impl ConnectionClock {
    /// Timers made from now on are those of `connection`.
    pub(crate) fn start_serving(&mut self, connection: ConnectionId) {
        self.serving = Some(connection);
        self.open.insert(connection);
    }

    /// A connection is gone: its timers run out.
    pub(crate) fn end_connection(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
    }
}

/// Runs out at a time, or when its connection is over. The default one has run out.
#[derive(Default)]
pub(crate) struct Timer {
    end: Option<Instant>,
    /// None for the timers that opensk makes at its start.
    connection: Option<ConnectionId>,
}

impl Clock for ConnectionClock {
    type Timer = Timer;

    fn make_timer(&mut self, count: usize) -> Timer {
        Timer {
            end: Instant::now().checked_add(milliseconds(count)),
            connection: self.serving,
        }
    }

    fn is_elapsed(&mut self, timer: &Timer) -> bool {
        let over = timer
            .connection
            .is_some_and(|connection| !self.open.contains(&connection));
        over || timer.end.is_none_or(|end| Instant::now() >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: ConnectionId = ConnectionId(1);
    const SECOND: ConnectionId = ConnectionId(2);

    /// A clock and a timer of the first of two connections.
    fn timer_of_the_first() -> (ConnectionClock, Timer) {
        let mut clock = ConnectionClock::default();
        clock.start_serving(FIRST);
        let timer = clock.make_timer(30_000);
        clock.start_serving(SECOND);
        (clock, timer)
    }

    #[test]
    fn a_default_timer_has_run_out() {
        assert!(ConnectionClock::default().is_elapsed(&Timer::default()));
    }

    #[test]
    fn a_timer_runs_while_another_connection_is_served() {
        let (mut clock, timer) = timer_of_the_first();
        assert!(!clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_runs_out_with_its_connection() {
        let (mut clock, timer) = timer_of_the_first();
        clock.end_connection(FIRST);
        assert!(clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_outlives_another_connection() {
        let (mut clock, timer) = timer_of_the_first();
        clock.end_connection(SECOND);
        assert!(!clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_of_the_start_outlives_connections() {
        let mut clock = ConnectionClock::default();
        let timer = clock.make_timer(10_000);
        clock.start_serving(FIRST);
        clock.end_connection(FIRST);
        assert!(!clock.is_elapsed(&timer));
    }

    #[test]
    fn a_timer_runs_out_in_time() {
        let mut clock = ConnectionClock::default();
        let timer = Timer {
            end: Some(Instant::now()),
            connection: None,
        };
        assert!(clock.is_elapsed(&timer));
    }
}
