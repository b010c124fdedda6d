//! Logins for kadmin/* and what follows them: changed passwords and administration.

use krb5_fido_tests::{Enrolled, PASSWORD, add_user, assert_ticket, kadmin, module_lines, sent_types};
use krb5_testrealm::{Realm, RealmBuilder};

use crate::{
    COOKIE_AND_SPAKE, LOGIN, LOGIN_WITH_KEY, PROMPT, TOUCH, WRONG,
    sides::{Ours, Side, alike, issued},
};

at_each_kdc! {
    expired_password_is_changed_at_login
    kpasswd
    kpasswd_with_a_wrong_password
    kadmin_with_a_password
}

const NEW: &str = "battery staple";
const EXPIRED: &str = "Password expired.  You must change it now.\nEnter new password: \nEnter it again: \n";
const PRIVILEGES: &str = "current privileges: INQUIRE ADD MODIFY DELETE\n";

fn realm_with_bob(kdc: Side, builder: RealmBuilder) -> Realm {
    let realm = builder.kdc_modules(kdc.modules()).start().unwrap();
    add_user(&realm, "bob");
    realm
}

fn reset_password(realm: &Realm, principal: &str) {
    kadmin(realm, &["cpw", "-pw", PASSWORD, principal]);
}

/// The lines of a login, and those of the login with the new password.
fn twice<'l>(lines: &[&'l str]) -> Vec<&'l str> {
    [lines, lines].concat()
}

fn expired_password_is_changed_at_login(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let answers = format!("{PASSWORD}\n{NEW}\n{NEW}\n");
    let (login, _) = alike(&realm, |client| {
        reset_password(&realm, "bob");
        kadmin(&realm, &["modprinc", "+needchange", "bob"]);
        let login = client.run(&realm, &["kinit", "bob"], &answers);
        assert_ticket(&realm, &login, "IA");
        login
    });
    assert_eq!(login.stdout, format!("Password for bob@KRBTEST.COM: \n{EXPIRED}"));
    assert_eq!(module_lines(&login.trace), twice(&LOGIN));
    assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 4]);
    assert_ticket(&realm, &Ours.kinit(&realm, "bob", NEW, &[]), "IA");
}

fn kpasswd(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let answers = format!("{PASSWORD}\n{NEW}\n{NEW}\n");
    let (changed, log) = alike(&realm, |client| {
        reset_password(&realm, "bob");
        client.run(&realm, &["kpasswd", "bob"], &answers)
    });
    assert!(changed.success(), "{changed}{}", changed.trace);
    assert!(changed.stdout.ends_with("Password changed.\n"), "{changed}");
    assert_eq!(module_lines(&changed.trace), LOGIN);
    assert_eq!(sent_types(&changed.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(log, issued());
    assert_ticket(&realm, &Ours.kinit(&realm, "bob", NEW, &[]), "IA");
}

fn kpasswd_with_a_wrong_password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let (refused, log) = alike(&realm, |client| {
        client.run(&realm, &["kpasswd", "bob"], &format!("{WRONG}\n"))
    });
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert_eq!(module_lines(&refused.trace), LOGIN);
    assert_eq!(log, kdc.refused());
}

fn kadmin_with_a_password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    let query = ["kadmin", "-p", "bob", "getprivs"];
    let (asked, log) = alike(&realm, |client| {
        client.run(&realm, &query, &format!("{PASSWORD}\n"))
    });
    assert!(asked.success(), "{asked}{}", asked.trace);
    assert!(asked.stdout.ends_with(PRIVILEGES), "{asked}");
    assert_eq!(module_lines(&asked.trace), LOGIN);
    assert_eq!(sent_types(&asked.trace), [COOKIE_AND_SPAKE; 2]);
    assert_eq!(log, issued());

    let (refused, log) = alike(&realm, |client| client.run(&realm, &query, &format!("{WRONG}\n")));
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert_eq!(module_lines(&refused.trace), LOGIN);
    assert_eq!(log, kdc.refused());
}

mod with_a_key {
    use super::*;

    fn enrolled() -> Enrolled {
        Enrolled::in_realm(Realm::builder().start().unwrap())
    }

    /// The old password and the new one each need a touch.
    #[test]
    fn expired_password_is_changed_at_login() {
        let Enrolled { realm, key: _key } = enrolled();
        kadmin(&realm, &["modprinc", "+needchange", "alice"]);
        let answers = format!("{PASSWORD}\n{NEW}\n{NEW}\n");
        let login = Ours.run(&realm, &["kinit", "alice"], &answers);
        assert_ticket(&realm, &login, "IHA");
        assert_eq!(login.stdout, format!("{PROMPT}{TOUCH}{EXPIRED}{TOUCH}"));
        assert_eq!(module_lines(&login.trace), twice(&LOGIN_WITH_KEY));
        assert_eq!(sent_types(&login.trace), [COOKIE_AND_SPAKE; 6]);
    }

    #[test]
    fn kpasswd() {
        let Enrolled { realm, key: _key } = enrolled();
        let answers = format!("{PASSWORD}\n{NEW}\n{NEW}\n");
        let changed = Ours.run(&realm, &["kpasswd", "alice"], &answers);
        assert!(changed.success(), "{changed}{}", changed.trace);
        assert!(
            changed.stdout.starts_with(&format!("{PROMPT}{TOUCH}")),
            "{changed}"
        );
        assert!(changed.stdout.ends_with("Password changed.\n"), "{changed}");
        assert_eq!(module_lines(&changed.trace), LOGIN_WITH_KEY);
        assert_ticket(&realm, &Ours.kinit(&realm, "alice", NEW, &[]), "IHA");
    }

    #[test]
    fn kadmin_with_a_password() {
        let Enrolled { realm, key: _key } = enrolled();
        let query = ["kadmin", "-p", "alice", "getprivs"];
        let asked = Ours.run(&realm, &query, &format!("{PASSWORD}\n"));
        assert!(asked.success(), "{asked}{}", asked.trace);
        assert!(
            asked.stdout.contains(TOUCH) && asked.stdout.ends_with(PRIVILEGES),
            "{asked}"
        );
        assert_eq!(module_lines(&asked.trace), LOGIN_WITH_KEY);
        assert_eq!(sent_types(&asked.trace), [COOKIE_AND_SPAKE; 3]);
    }
}
