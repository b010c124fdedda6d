//! ksu, which is set-uid: it takes its configuration from /etc/krb5.conf only, writes no trace, and starts the helper with
//! another user's rights than its caller's. It runs in a mount and UTS namespace of its own, so that the machine itself is
//! not touched; making one takes root.

use std::{fs, path::Path, process::Command};

use krb5_fido_tests::{Enrolled, PASSWORD, as_lines, kadmin, memory, set_pin};
use krb5_testrealm::{Finished, Realm};

use crate::{
    TOUCH, WRONG,
    sides::{Ours, Side, Stock, issued, realm_with_bob},
};

at_each_kdc! {
    password
    wrong_password
}

const HOST: &str = "host/ksu.test";

/// Becomes nobody, then by ksu root, to run id. The home of root, with its .k5login, is a throwaway one.
const SCRIPT: &str = r#"
set -eu
configuration=$1 home=$2 principal=$3
echo "$principal" > "$home/.k5login"
sed "s,^\(root:.*\):[^:]*:\([^:]*\)\$,\1:$home:\2," /etc/passwd > "$home/passwd"
mount --bind "$home/passwd" /etc/passwd
mount --bind "$configuration" /etc/krb5.conf
hostname ksu.test
cd /
exec setpriv --reuid nobody --regid nogroup --clear-groups env -i PATH=/usr/bin:/bin \
    ksu root -n "$principal" -e /usr/bin/id -u
"#;

/// The keys of this host, which ksu checks the KDC with; and the configuration of this client, which names them.
fn prepare(realm: &Realm, client: Side) -> String {
    let keytab = realm.dir().join("ksu.keytab");
    if !keytab.exists() {
        kadmin(realm, &["addprinc", "-randkey", HOST]);
        kadmin(realm, &["ktadd", "-k", keytab.to_str().unwrap(), HOST]);
    }
    let own = client.command(realm, "ksu");
    let (_, path) = own.get_envs().find(|(name, _)| *name == "KRB5_CONFIG").unwrap();
    let configuration = fs::read_to_string(Path::new(path.unwrap())).unwrap();
    let keytab = format!(
        "[libdefaults]\n default_keytab_name = FILE:{}\n",
        keytab.display()
    );
    let path = realm.dir().join("ksu.conf");
    fs::write(&path, configuration.replacen("[libdefaults]\n", &keytab, 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn ksu(client: Side, realm: &Realm, principal: &str, password: &str) -> Finished {
    let configuration = prepare(realm, client);
    let principal = format!("{principal}@{}", realm.name());
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "--uts", "sh", "-c", SCRIPT, "sh", &configuration])
        .arg(realm.dir().join("home"))
        .arg(&principal);
    realm.run(unshare, &format!("{password}\n")).unwrap()
}

/// The command was run as root.
fn assert_became_root(ksu: &Finished) {
    // Behind what id prints may stand the end of the line of the prompt.
    assert!(ksu.success() && ksu.stdout.trim_end().ends_with('0'), "{ksu}");
    assert!(ksu.stderr.contains("Changing uid to root (0)\n"), "{ksu}");
}

fn assert_refused(ksu: &Finished) {
    assert_eq!(ksu.code(), Some(1), "{ksu}");
    assert!(ksu.stderr.contains("Authentication failed."), "{ksu}");
}

fn password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        assert_became_root(&ksu(client, &realm, "bob", PASSWORD));
        assert_eq!(as_lines(&realm.kdc_log_since(mark)), issued());
    }
}

fn wrong_password(kdc: Side) {
    let realm = realm_with_bob(kdc, Realm::builder());
    for client in [Ours, Stock] {
        let mark = realm.kdc_log_mark();
        assert_refused(&ksu(client, &realm, "bob", WRONG));
        assert_eq!(as_lines(&realm.kdc_log_since(mark)), kdc.refused());
    }
}

#[test]
fn password_and_key() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    let before = memory(&key);
    assert_refused(&ksu(Ours, &realm, "alice", WRONG));
    assert_eq!(memory(&key), before);

    let become_root = ksu(Ours, &realm, "alice", PASSWORD);
    assert_became_root(&become_root);
    assert!(become_root.stdout.contains(TOUCH), "{become_root}");
    assert_ne!(memory(&key), before);

    assert_refused(&ksu(Stock, &realm, "alice", PASSWORD));
}

#[test]
fn password_pin_and_key() {
    let Enrolled { realm, key } = Enrolled::start(Realm::builder());
    set_pin(&key, "1234");
    let become_root = ksu(Ours, &realm, "alice", &format!("{PASSWORD}\n1234"));
    assert_became_root(&become_root);
    let shown = format!("PIN for software key (8 attempts left): \n{TOUCH}");
    assert!(become_root.stdout.contains(&shown), "{become_root}");
}
