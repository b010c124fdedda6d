//! The admin guide's procedures for replicas, followed to the letter on two machines with Debian's own paths: mount and UTS
//! namespaces over one network of their own, so that the machine itself is not touched.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{fs, path::Path, process::Command};

use krb5_testrealm::{Artifacts, packaged};

/// Two machines, each with layers over the machine's files, and an address. kdc1 has a realm with the modules, in which alice
/// has a key. scp, systemctl and the daemons' places are all that is not real.
const MACHINES: &str = r#"
layers=$1 artifacts=$2 kpropd=$3
mount -t tmpfs tmpfs "$layers"
ip link set lo up
for number in 1 2; do ip addr add 10.88.0.$number/32 dev lo; done
mkdir "$layers/bin"
PATH=$layers/bin:$artifacts:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH layers kpropd

# As far as the guide uses them.
cat > "$layers/bin/scp" <<'X'
#!/bin/sh
set -eu
nsenter -t "$(cat "$layers/${2%%.*}")" --mount sh -c "cat > ${2#*:}" < "$1"
X
cat > "$layers/bin/systemctl" <<'X'
#!/bin/sh
set -eu
[ "$1" = restart ]
pid=/run/$2.pid
if [ -e $pid ]; then
    kill "$(cat $pid)"
    while kill -0 "$(cat $pid)" 2> /dev/null; do sleep 0.01; done
    rm $pid
fi
case $2 in
    krb5-kdc) krb5kdc -P $pid ;;
    krb5-admin-server) kadmind -P $pid ;;
    krb5-kpropd) "$kpropd" --pid-file=$pid ;;
esac
until [ -s $pid ]; do sleep 0.01; done
X
chmod +x "$layers/bin/"*

cat > "$layers/boot" <<'X'
set -eu
for directory in /etc /var/lib/krb5kdc; do
    mkdir -p "$directory"
    layer=$layers/$1-$(echo "$directory" | tr / _)
    mkdir "$layer" "$layer/upper" "$layer/work"
    mount -t overlay overlay -o "lowerdir=$directory,upperdir=$layer/upper,workdir=$layer/work" "$directory"
done
mount -t tmpfs tmpfs /run
hostname $1.example.com
rm -f /etc/krb5kdc/* /var/lib/krb5kdc/* /etc/krb5.keytab
printf '127.0.0.1 localhost\n10.88.0.1 kdc1.example.com\n10.88.0.2 kdc2.example.com\n' > /etc/hosts
cat > /etc/krb5.conf <<Y
[libdefaults]
    default_realm = EXAMPLE.COM
    dns_canonicalize_hostname = false
[realms]
    EXAMPLE.COM = {
        kdc = kdc1.example.com
        kdc = kdc2.example.com
        admin_server = kdc1.example.com
        kdc_listen = 10.88.0.${1#kdc}
        kdc_tcp_listen = 10.88.0.${1#kdc}
        fido_helper = $artifacts/krb5-fido-helper
        fido_device = unix:$layers/key.sock
    }
[plugins]
    clpreauth = {
        module = spake:$artifacts/libkrb5_fido_client.so
    }
Y
sed '/ kdc = kdc1/d' /etc/krb5.conf > /etc/krb5-here.conf
echo $$ > "$layers/$1"
exec sleep infinity
X
export artifacts
for machine in kdc1 kdc2; do
    unshare --mount --uts sh "$layers/boot" $machine &
    until [ -s "$layers/$machine" ]; do sleep 0.01; done
done
on() {
    machine=$1
    shift
    nsenter -t "$(cat "$layers/$machine")" --mount --uts "$@"
}
follow() { on "$1" sh -eu -c "$2"; }

follow kdc1 '
cat > /etc/krb5kdc/kdc.conf <<Y
[realms]
    EXAMPLE.COM = {
        database_name = /var/lib/krb5kdc/principal
        key_stash_file = /etc/krb5kdc/stash
        acl_file = /etc/krb5kdc/kadm5.acl
    }
[logging]
    default = FILE:/var/lib/krb5kdc/log
[plugins]
    kdcpreauth = {
        module = spake:$artifacts/libkrb5_fido_kdc.so
    }
    kdcpolicy = {
        module = fido:$artifacts/libkrb5_fido_kdc.so
    }
Y
kdb5_util create -s -P master > /dev/null
kadmin.local addprinc -pw secret +requires_preauth alice > /dev/null
systemctl restart krb5-kdc
'
softkey run --dir "$layers/key" --socket "$layers/key.sock" --presence auto > "$layers/softkey" 2>&1 &
until grep -q ready "$layers/softkey"; do sleep 0.01; done
enroll() { on kdc1 kdb5_fido enroll alice --device unix:"$layers/key.sock" --name blue; }
# At kdc2 alone.
log_in() {
    follow kdc2 '
    export KRB5_CONFIG=/etc/krb5-here.conf KRB5CCNAME=FILE:$layers/cache
    echo secret | kinit alice
    klist -f | grep -o "Flags: .*"
    '
}
there() { on kdc2 kadmin.local "$@" 2> "$layers/errors"; }
await() { until "$@"; do sleep 0.02; done; }
"#;

/// Changes that are sent.
const SENT: &str = r#"
log_in
enroll
follow kdc1 "$send"
log_in
"#;

/// Changes that are asked for. kpropd may not be waiting yet when it is told to ask.
const ASKED: &str = r#"
is_there() { there getprinc alice > "$layers/found"; }
await is_there
follow kdc2 "$start"
log_in
enroll
has_key() { on kdc2 pkill -USR1 -o kpropd; there getstrs alice | grep -q '^fido:blue'; }
await has_key
log_in
"#;

/// One block of shell of the guide, and the machine that it says it is for.
struct Step {
    machine: String,
    text: String,
}

impl Step {
    fn script(&self) -> String {
        format!("follow {} {}\n", self.machine, quoted(&self.text))
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A section of the admin guide: its blocks of shell, and the others.
fn section(title: &str) -> (Vec<Step>, Vec<String>) {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin-guide.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, rest) = guide.split_once(&format!("### {title}\n")).unwrap();
    let section = rest.split("\n##").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let (shell, others): (Vec<_>, Vec<_>) = blocks.partition(|block| block.starts_with("sh\n"));
    let steps = shell.into_iter().map(|block| {
        let text = block.trim_start_matches("sh\n").to_owned();
        let machine = text.trim_start_matches("# on ")[..4].to_owned();
        Step { machine, text }
    });
    (steps.collect(), others.into_iter().map(str::to_owned).collect())
}

/// Runs a script on the two machines, and gives what was printed.
fn run(script: &str) -> String {
    let layers = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--uts", "--pid", "--fork", "--kill-child"])
        .args(["--map-root-user", "--mount-proc", "sh", "-euc"])
        .args([&format!("{MACHINES}{script}"), "sh"])
        .arg(layers.path())
        .arg(Artifacts::locate().unwrap().directory())
        .arg(packaged("krb5-kpropd", "usr/sbin/kpropd").unwrap())
        .env_remove("KRB5_CONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

/// alice logs in with the password first, and with her key once the replica knows of it.
fn assert_logins(text: &str) {
    let flags: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Flags: "))
        .collect();
    assert_eq!(flags, ["IA", "IHA"], "{text}");
}

#[test]
fn replica_with_kprop() {
    let (steps, _) = section("Replicas with kprop");
    let send = &steps[2];
    assert!(send.text.contains("kprop kdc2"), "{}", send.text);
    let followed: String = steps.iter().map(Step::script).collect();
    let send = quoted(&send.text);
    assert_logins(&run(&format!("{followed}send={send}\n{SENT}")));
}

#[test]
fn replica_with_iprop() {
    let (kprop, _) = section("Replicas with kprop");
    let (iprop, relations) = section("Replicas with iprop");
    let [before, _dump, start] = [&kprop[..2], &kprop[2..3], &kprop[3..]];
    let configure = format!("cat >> /etc/krb5kdc/kdc.conf <<X{}X\n", relations[0]);
    let configured = ["kdc1", "kdc2"].map(|machine| format!("follow {machine} {}\n", quoted(&configure)));
    let scripts = |steps: &[Step]| steps.iter().map(Step::script).collect::<String>();
    let followed = format!("{}{}{}", scripts(before), configured.concat(), scripts(&iprop));
    let start = quoted(&start[0].text);
    assert_logins(&run(&format!("{followed}start={start}\n{ASKED}")));
}
