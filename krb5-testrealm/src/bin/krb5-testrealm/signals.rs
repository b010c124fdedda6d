//! Signals that would end the program before the realm is gone.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::Signal;

/// Notes hangup, interrupt and termination instead of dying of them.
pub(crate) struct Signals {
    noted: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Signals {
    pub(crate) fn note() -> io::Result<Self> {
        let noted = [Signal::HUP, Signal::INT, Signal::TERM].map(|signal| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal.as_raw(), flag.clone()).map(|_| (signal, flag))
        });
        Ok(Signals {
            noted: noted.into_iter().collect::<io::Result<_>>()?,
        })
    }

    /// A signal that came since the last call.
    pub(crate) fn take(&self) -> Option<Signal> {
        self.noted
            .iter()
            .find(|(_, flag)| flag.swap(false, Ordering::Relaxed))
            .map(|(signal, _)| *signal)
    }
}
