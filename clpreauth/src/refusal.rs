//! No second touch after a refusal.
//!
//! When a KDC refuses a login, libkrb5 repeats all of it at the primary KDC, in the same call and on the same context
//! (krb5_get_init_creds_password, krb5_get_init_creds_keytab), with a touch for another refusal. So the module remembers a
//! login whose last request was sent and to which no ticket came, and ends its repetition.

use core::{cell::RefCell, time::Duration};
use std::time::Instant;

use krb5_plugin::{Result, clpreauth::Exchange};

/// How soon after its end a login begins anew if libkrb5 repeats it: at once, but that it may have to find the primary KDC
/// first. A person takes longer.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Who asks for a ticket, and for what.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Wanted {
    pub(crate) fn of(exchange: &Exchange<'_>) -> Result<Self> {
        Ok(Self {
            client: exchange.client().unparse()?,
            server: exchange.server().unparse()?,
        })
    }
}

/// The last login of a context, if it was refused.
#[derive(Default)]
pub(crate) struct LastRefusal(RefCell<Option<(Wanted, Instant)>>);

impl LastRefusal {
    /// A login that wanted this has ended without a ticket, although its last request was sent.
    pub(crate) fn remember(&self, wanted: Wanted) {
        self.0.replace(Some((wanted, Instant::now())));
    }

    /// Whether a login that began at this time repeats it. It counts for one.
    pub(crate) fn is_repeated_by(&self, wanted: &Wanted, begun: Instant) -> bool {
        let last = self.0.take();
        last.is_some_and(|(refused, ended)| {
            refused == *wanted && begun.saturating_duration_since(ended) < AT_ONCE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(client: &str, server: &str) -> Wanted {
        Wanted {
            client: client.into(),
            server: server.into(),
        }
    }

    #[test]
    fn a_repetition_is_known_once() {
        let refusal = LastRefusal::default();
        let login = wanted("alice@R", "krbtgt/R@R");
        assert!(!refusal.is_repeated_by(&login, Instant::now()));
        refusal.remember(login.clone());
        assert!(refusal.is_repeated_by(&login, Instant::now()));
        assert!(!refusal.is_repeated_by(&login, Instant::now()));
    }

    #[test]
    fn other_logins_are_none() {
        let login = wanted("alice@R", "krbtgt/R@R");
        for other in [
            wanted("bob@R", "krbtgt/R@R"),
            wanted("alice@R", "kadmin/changepw@R"),
        ] {
            let refusal = LastRefusal::default();
            refusal.remember(login.clone());
            assert!(!refusal.is_repeated_by(&other, Instant::now()));
        }
        let refusal = LastRefusal::default();
        refusal.remember(login.clone());
        assert!(!refusal.is_repeated_by(&login, Instant::now() + AT_ONCE));
    }
}
