//! The two sides, and what ours and the stock module must do alike.

use std::process::Command;

use krb5_fido_tests::{
    Enrolled, LogLine, PASSWORD, add_user, as_lines, assert_refused, assert_ticket, comparable_lines,
    hides_result,
};
use krb5_testrealm::{Finished, Modules, Realm, RealmBuilder};

use crate::WRONG;

/// Whose module a client or a KDC has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Ours,
    Stock,
}
pub(crate) use Side::{Ours, Stock};

impl Side {
    pub(crate) fn modules(self) -> Modules {
        match self {
            Ours => Modules::Ours,
            Stock => Modules::Stock,
        }
    }

    /// A program of this client.
    pub(crate) fn command(self, realm: &Realm, program: &str) -> Command {
        match self {
            Ours => realm.command(program),
            Stock => realm.stock_client_command(program),
        }
    }

    /// Runs a program of this client with `input` on a pipe.
    pub(crate) fn run(self, realm: &Realm, words: &[&str], input: &str) -> Finished {
        let mut command = self.command(realm, words[0]);
        command.args(&words[1..]);
        realm.run(command, input).unwrap()
    }

    pub(crate) fn kinit(
        self,
        realm: &Realm,
        principal: &str,
        password: &str,
        arguments: &[&str],
    ) -> Finished {
        let login = match self {
            Ours => realm.kinit(principal, password, arguments),
            Stock => realm.stock_kinit(principal, password, arguments),
        };
        login.unwrap()
    }

    /// What the KDC logs of a wrong password: ours names the cause.
    pub(crate) fn wrong_password(self) -> LogLine {
        LogLine::failed(match self {
            Ours => "wrong password",
            Stock => "Preauthentication failed",
        })
    }

    /// What the KDC logs of a whole login with one.
    pub(crate) fn refused(self) -> [LogLine; 3] {
        [LogLine::needed(), LogLine::more(), self.wrong_password()]
    }

    /// What the KDC logs of a client that permits none of its groups.
    pub(crate) fn no_group(self) -> LogLine {
        LogLine::failed(match self {
            Ours => "no SPAKE group permitted",
            Stock => "Preauthentication failed",
        })
    }
}

/// What a KDC logs of a login: it asks, it challenges, it issues.
pub(crate) fn issued() -> [LogLine; 3] {
    [LogLine::needed(), LogLine::more(), LogLine::issue()]
}

/// Does the same with our client and with the stock client, which must print and trace the same, and make the KDC log the
/// same. Gives what ours did and what the KDC logged of it.
pub(crate) fn alike(realm: &Realm, act: impl Fn(Side) -> Finished) -> (Finished, Vec<LogLine>) {
    let [(ours, our_log), (stock, stock_log)] = [Ours, Stock].map(|client| {
        let mark = realm.kdc_log_mark();
        let finished = act(client);
        realm.kdestroy().unwrap();
        (finished, as_lines(&realm.kdc_log_since(mark)))
    });
    assert_eq!(
        (ours.code(), &ours.stdout, &ours.stderr),
        (stock.code(), &stock.stdout, &stock.stderr)
    );
    assert_eq!(comparable_lines(&ours.trace), comparable_lines(&stock.trace));
    assert!(hides_result(&ours.trace), "{}", ours.trace);
    assert_eq!(our_log, stock_log);
    (ours, our_log)
}

/// Logs a principal without key in with both clients.
pub(crate) fn log_in(realm: &Realm, principal: &str, arguments: &[&str]) -> (Finished, Vec<LogLine>) {
    alike(realm, |client| {
        let login = client.kinit(realm, principal, PASSWORD, arguments);
        assert_ticket(realm, &login, "IA");
        login
    })
}

/// Tries to with another password.
pub(crate) fn log_in_wrongly(realm: &Realm, principal: &str, arguments: &[&str]) -> (Finished, Vec<LogLine>) {
    alike(realm, |client| {
        let login = client.kinit(realm, principal, WRONG, arguments);
        assert_refused(realm, &login, "Password incorrect");
        login
    })
}

/// A realm with bob, who has no key, at this KDC.
pub(crate) fn realm_with_bob(kdc: Side, builder: RealmBuilder) -> Realm {
    let realm = builder.kdc_modules(kdc.modules()).kadmind(false).start().unwrap();
    add_user(&realm, "bob");
    realm
}

/// Logs alice in, who has a key, with our client.
pub(crate) fn alice(enrolled: &Enrolled, arguments: &[&str]) -> Finished {
    enrolled.realm.kinit("alice", PASSWORD, arguments).unwrap()
}

/// A test for each of these functions at each KDC.
macro_rules! at_each_kdc {
    ($($function:ident)*) => {$(
        mod $function {
            use crate::sides::{Ours, Stock};

            #[test]
            fn at_our_kdc() {
                super::$function(Ours);
            }

            #[test]
            fn at_the_stock_kdc() {
                super::$function(Stock);
            }
        }
    )*};
}
