//! The admin guide's procedures for more than one KDC, followed to the letter on two machines with Debian's own paths: mount and UTS
//! namespaces over one network of their own, so that the machine itself is not touched.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use krb5_testrealm::{Artifacts, library_directory, packaged};

/// Two machines, each with layers over the machine's files, and an address. kdc1 has a realm with the modules, in which alice
/// has a key. scp, systemctl and the daemons' places are all that is not real.
const MACHINES: &str = r#"
layers=$1
mount -t tmpfs tmpfs "$layers"
ip link set lo up
for number in 1 2; do ip addr add 10.88.0.$number/32 dev lo; done
mkdir "$layers/bin" "$layers/slapd"
PATH=$layers/bin:$artifacts:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH layers

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
mkdir /run/slapd
mount --bind "$layers/slapd" /run/slapd
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
[dbmodules]
    db_module_dir = $kdb_modules
Y
sed '/ kdc = kdc1/d' /etc/krb5.conf > /etc/krb5-here.conf
echo $$ > "$layers/$1"
exec sleep infinity
X
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
'
softkey run --dir "$layers/key" --socket "$layers/key.sock" --presence auto > "$layers/softkey" 2>&1 &
until grep -q ready "$layers/softkey"; do sleep 0.01; done
enroll() { on kdc1 kdb5_fido enroll alice --device unix:"$layers/key.sock" --name blue; }
# At kdc2 alone.
log_in() {
    name=${1-alice}
    export name
    follow kdc2 '
    export KRB5_CONFIG=/etc/krb5-here.conf KRB5CCNAME=FILE:$layers/cache
    echo secret | kinit "$name"
    klist -f | grep -o "Flags: .*"
    '
}
there() { on kdc2 kadmin.local "$@" 2> "$layers/errors"; }
await() { until "$@"; do sleep 0.02; done; }
add_alice='kadmin.local addprinc -pw secret +requires_preauth alice > /dev/null; systemctl restart krb5-kdc'
"#;

const IN_FILES: &str = r#"
follow kdc1 'kdb5_util create -s -P master > /dev/null'
follow kdc1 "$add_alice"
"#;

/// A directory that both machines reach, with an entry for the KDCs, who may do everything. It is made as krb5's manual has it.
const IN_LDAP: &str = r#"
mkdir "$layers/ldap"
gzip -dc "$schema" > "$layers/kerberos.schema"
cat > "$layers/slapd.conf" <<X
include $slapd_schema/core.schema
include $layers/kerberos.schema
modulepath $slapd_modules
moduleload back_mdb
database mdb
suffix dc=example,dc=com
rootdn cn=krb5,dc=example,dc=com
rootpw directory
directory $layers/ldap
X
LD_LIBRARY_PATH=$slapd_libraries on kdc1 "$slapd" -d 0 -h ldapi:/// -f "$layers/slapd.conf" 2> /dev/null &
export LD_LIBRARY_PATH=$kdb_libraries
as_administrator='-D cn=krb5,dc=example,dc=com -w directory -H ldapi:///'
await on kdc1 ldapsearch -x $as_administrator -s base -b "" > /dev/null 2>&1
printf 'dn: dc=example,dc=com\nobjectClass: organization\nobjectClass: dcObject\no: example\ndc: example\n' | on kdc1 ldapadd -x $as_administrator > /dev/null
on kdc1 "$kdb5_ldap_util" $as_administrator create -r EXAMPLE.COM -s -P master > /dev/null
printf 'directory\ndirectory\n' |
    on kdc1 "$kdb5_ldap_util" stashsrvpw -f /etc/krb5kdc/ldap.passwords cn=krb5,dc=example,dc=com > /dev/null
follow kdc1 "$add_alice"
"#;

/// Changes that both KDCs see at once.
const SEEN: &str = r#"
log_in
enroll
log_in
echo "$alias" | on kdc1 ldapmodify -x $as_administrator > /dev/null
log_in ally
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

/// What the machines are told of the places of files, on the one that they all are.
fn places() -> Vec<(&'static str, PathBuf)> {
    const LDAP: &str = "krb5-kdc-ldap";
    let libraries = library_directory();
    let find = |package, path: &str| packaged(package, path).unwrap();
    let krb5 = |path| find(LDAP, &format!("{libraries}/krb5/{path}"));
    let slapd = find("slapd", "usr/sbin/slapd");
    let root = slapd.ancestors().nth(3).unwrap().to_owned();
    vec![
        ("artifacts", Artifacts::locate().unwrap().directory().to_owned()),
        ("kpropd", find("krb5-kpropd", "usr/sbin/kpropd")),
        ("kdb5_ldap_util", find(LDAP, "usr/sbin/kdb5_ldap_util")),
        (
            "schema",
            find(LDAP, "usr/share/doc/krb5-kdc-ldap/kerberos.schema.gz"),
        ),
        ("kdb_libraries", krb5("libkdb_ldap.so.1").with_file_name("")),
        ("slapd_schema", find("slapd", "etc/ldap/schema")),
        ("slapd_modules", find("slapd", "usr/lib/ldap")),
        ("slapd_libraries", root.join(libraries.as_str())),
        ("slapd", slapd),
    ]
}

/// Where krb5 finds its databases: those of krb5-kdc-ldap may lie elsewhere.
fn database_modules(database: &str) -> PathBuf {
    let path = format!("{}/krb5/plugins/kdb", library_directory());
    match database {
        IN_LDAP => packaged("krb5-kdc-ldap", &path).unwrap(),
        _ => Path::new("/").join(path),
    }
}

/// Runs a script on the two machines, with a realm in such a database, and gives what was printed.
fn run(database: &str, script: &str) -> String {
    let layers = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--uts", "--pid", "--fork", "--kill-child"])
        .args(["--map-root-user", "--mount-proc", "sh", "-euc"])
        .args([&format!("{MACHINES}{script}"), "sh"])
        .arg(layers.path())
        .envs(places())
        .env("kdb_modules", database_modules(database))
        .env_remove("KRB5_CONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn scripts(steps: &[Step]) -> String {
    steps.iter().map(Step::script).collect()
}

/// Appends relations to kdc.conf of a machine.
fn configure(machine: &str, relations: &str) -> String {
    let text = format!("cat >> /etc/krb5kdc/kdc.conf <<X{relations}X\n");
    format!("follow {machine} {}\n", quoted(&text))
}

/// alice logs in with the password first, and with her key once kdc2 knows of it.
fn assert_logins(text: &str, expected: &[&str]) {
    let flags = text.lines().filter_map(|line| line.strip_prefix("Flags: "));
    assert_eq!(flags.collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn replica_with_kprop() {
    let (steps, _) = section("Replicas with kprop");
    let send = &steps[2];
    assert!(send.text.contains("kprop kdc2"), "{}", send.text);
    let (followed, send) = (scripts(&steps), quoted(&send.text));
    let text = run(IN_FILES, &format!("{IN_FILES}{followed}send={send}\n{SENT}"));
    assert_logins(&text, &["IA", "IHA"]);
}

#[test]
fn replica_with_iprop() {
    let (kprop, _) = section("Replicas with kprop");
    let (iprop, relations) = section("Replicas with iprop");
    // All but the dump, and the KDC of the replica at the end.
    let (before, iprop) = (scripts(&kprop[..2]), scripts(&iprop));
    let configured = ["kdc1", "kdc2"]
        .map(|machine| configure(machine, &relations[0]))
        .concat();
    let start = quoted(&kprop[3].text);
    let followed = format!("{IN_FILES}{before}{configured}{iprop}start={start}\n{ASKED}");
    assert_logins(&run(IN_FILES, &followed), &["IA", "IHA"]);
}

#[test]
fn second_kdc_on_one_directory() {
    let (steps, others) = section("KDCs on one directory");
    let [relations, alias] = &others[..] else {
        panic!("{others:?}")
    };
    let (configured, followed) = (configure("kdc1", relations), scripts(&steps));
    let alias = quoted(alias.trim());
    let script = format!("{configured}{IN_LDAP}{followed}alias={alias}\n{SEEN}");
    assert_logins(&run(IN_LDAP, &script), &["IA", "IHA", "IHA"]);
}
