//! sshd. With GSSAPI, a host that demands the key takes the ticket of a login with it, and nobody gets a ticket for it
//! without. With a password, which PAM checks, it is the server that needs the key.

use krb5_fido_tests::{Enrolled, MarkedHelper, PASSWORD, add_user};
use krb5_testrealm::{Finished, Realm, packaged};

use crate::{
    TOUCH, add_guarded_service, enrolled, in_namespaces, ticket, waiting, write_accounts, write_pam_service,
};

/// A host with accounts, PAM and Kerberos of its own, whose sshd keeps no record of who was there. sshd clears the environment
/// of the process that asks PAM.
const SERVER: &str = r#"
cd "$1"
sshd=$2 port=$3 settings=$4
mount --bind passwd /etc/passwd
mount --bind krb5.conf /etc/krb5.conf
mount --bind pam.d /etc/pam.d
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir /run/sshd
ssh-keygen -q -t ed25519 -N '' -f hostkey
echo "[localhost]:$port $(cat hostkey.pub)" > known_hosts
cat > sshd_config <<X
Port $port
ListenAddress 127.0.0.1
HostKey $PWD/hostkey
PidFile none
PubkeyAuthentication no
$settings
X
cat > ssh_config <<X
Port $port
UserKnownHostsFile $PWD/known_hosts
GlobalKnownHostsFile none
GSSAPIAuthentication yes
NumberOfPasswordPrompts 1
X
"$sshd" -D -e -f "$PWD/sshd_config" 2> sshd.log &
until grep -qs listening sshd.log; do sleep 0.01; done
"#;

const WITH_TICKETS: &str = r#"
for user in alice bob; do
    KRB5CCNAME=FILE:$user.cache ssh -v -F ssh_config -o PreferredAuthentications=gssapi-with-mic \
        "$user@localhost" id -un || echo "exit $?"
done
"#;

/// Once without the key, and once with one that is plugged in when the server has long been waiting for it.
const WITH_PASSWORDS: &str = r#"
cat > askpass <<X
#!/bin/sh
echo '$5'
X
chmod +x askpass
export SSH_ASKPASS="$PWD/askpass" SSH_ASKPASS_REQUIRE=force
log_in() { ssh -F ssh_config -o PreferredAuthentications="$1" alice@localhost id -un > shown 2>&1; }
mv key.sock drawer.sock
for method in keyboard-interactive password; do
    echo "-- $method"
    log_in $method || tr -d '\r' < shown
done
sed 's/fido_timeout = .*/fido_timeout = 60s/' krb5.conf > patient.conf
cat patient.conf > krb5.conf
for method in keyboard-interactive password; do
    echo "-- $method, waiting"
    rm helper.mark
    log_in $method &
    until [ -e helper.mark ]; do sleep 0.01; done
    sleep 0.3
    cat shown
    echo '-- plugged in'
    mv drawer.sock key.sock
    wait $!
    tr -d '\r' < shown
    mv key.sock drawer.sock
done
"#;

fn run(realm: &Realm, settings: &str, clients: &str) -> Finished {
    write_accounts(realm);
    write_pam_service(realm, "sshd");
    // The port of kadmind, which does not run.
    let port = realm.kadmind_port().to_string();
    let sshd = packaged("openssh-server", "usr/sbin/sshd").unwrap();
    let arguments = [sshd.to_str().unwrap(), &port, settings, PASSWORD];
    in_namespaces(realm, &format!("{SERVER}{clients}"), &arguments, "")
}

#[test]
fn host_that_demands_the_key() {
    let Enrolled { realm, key: _key } = enrolled();
    add_user(&realm, "bob");
    add_guarded_service(&realm, "host/localhost");
    for user in ["alice", "bob"] {
        ticket(&realm, user);
    }
    let settings = "GSSAPIAuthentication yes\nGSSAPIStrictAcceptorCheck no\n\
                    PasswordAuthentication no\nKbdInteractiveAuthentication no";
    let logins = run(&realm, settings, WITH_TICKETS);
    assert_eq!(logins.stdout, "alice\nexit 255\n", "{logins}");
    let refused =
        "Unspecified GSS failure.  Minor code may provide more information\nKDC policy rejects request\n";
    let log = logins.stderr.replace('\r', "");
    assert_eq!(log.matches(refused).count(), 1, "{log}");
    assert!(log.contains("\nbob@localhost: Permission denied ("), "{log}");
}

/// sshd keeps banners to itself until the login is over, and with one method those of a refused one for good. With the other
/// method OpenSSH 10.6 shows them at once.
#[test]
fn banners_come_when_the_login_is_over() {
    let Enrolled { mut realm, key } = enrolled();
    realm.set_client_relation("fido_timeout", &["1s"]).unwrap();
    MarkedHelper::install(&mut realm);
    let settings = "UsePAM yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes";
    let logins = run(&realm, settings, WITH_PASSWORDS);
    let waiting = waiting(&key.device());
    let denied = "alice@localhost: Permission denied (password,keyboard-interactive).\n";
    let plugged_in = format!("-- plugged in\n{waiting}{TOUCH}alice\n");
    let shown = ["", &waiting].map(|at_once| {
        format!(
            "-- keyboard-interactive\n{waiting}{denied}-- password\n{denied}\
             -- keyboard-interactive, waiting\n{at_once}{plugged_in}-- password, waiting\n{plugged_in}"
        )
    });
    // Older ones show an empty line besides.
    assert!(shown.contains(&logins.stdout.replace("\n\n", "\n")), "{logins}");
}
