//! A set-uid program: krb5 reads /etc/krb5.conf alone, and the helper gets nothing of its caller's environment.

use krb5_fido_tests::{Enrolled, MarkedHelper, PASSWORD};
use krb5_testrealm::Realm;

use crate::{TOUCH, enrolled, in_namespaces, login_program};

/// Runs the program with this mode, for this user, with variables of each kind that the helper may be given and others.
const SCRIPT: &str = r#"
configuration=$1/krb5.conf program=$2 password=$3 mode=$4 user=$5 named=$6
mount -t tmpfs tmpfs /mnt
cp "$program" /mnt/login
chmod "$mode" /mnt/login
mount --bind "$configuration" /etc/krb5.conf
cd /
exec setpriv --reuid "$user" --regid "$user" --clear-groups \
    env -i KRB5_CONFIG="$named" HOME=/home/user LANG=C PATH=/usr/bin SECRET=1 XDG_RUNTIME_DIR=/run/user \
    https_proxy=http://proxy/ /mnt/login plain "$password" alice
"#;

/// The ids of nobody and nogroup.
const NOBODY: &str = "65534";

fn log_in(realm: &Realm, mode: &str, user: &str, configuration: &str) {
    let program = login_program().to_str().unwrap();
    let arguments = [program, PASSWORD, mode, user, configuration];
    let login = in_namespaces(realm, SCRIPT, &arguments, "");
    assert!(login.success() && login.stderr.is_empty(), "{login}");
    assert_eq!(login.stdout, format!("alice: {TOUCH}alice: ticket with a key\n"));
}

#[test]
fn helper_gets_an_empty_environment() {
    let Enrolled { mut realm, key: _key } = enrolled();
    let helper = MarkedHelper::install(&mut realm);
    log_in(&realm, "4755", NOBODY, "/nonexistent/krb5.conf");
    assert_eq!(helper.environment(), Some(Vec::new()));
}

/// The same program for nobody but its own user, and with the configuration that he names.
#[test]
fn without_set_uid_the_helper_gets_its_part_of_the_environment() {
    let Enrolled { mut realm, key: _key } = enrolled();
    let helper = MarkedHelper::install(&mut realm);
    let configuration = realm.dir().join("krb5.conf");
    log_in(&realm, "755", "0", configuration.to_str().unwrap());
    let expected = [
        "HOME=/home/user",
        "LANG=C",
        "XDG_RUNTIME_DIR=/run/user",
        "https_proxy=http://proxy/",
    ];
    assert_eq!(helper.environment(), Some(expected.map(str::to_owned).into()));
}
