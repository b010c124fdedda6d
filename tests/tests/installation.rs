//! The README's real-realm part, followed to the letter, on this machine's own paths: in a mount namespace of its own, so
//! that the machine itself is not touched.
#![allow(missing_docs, reason = "a test program")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure in one is the test's"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Everything that the steps write lies on a layer over the machine's files, which goes away with the namespace.
const SCRIPT: &str = r#"
set -eu
layers=$1 sources=$2
mount -t tmpfs tmpfs "$layers"
for directory in /etc /usr/local "$PLUGINDIR" /var/lib/krb5kdc; do
    mkdir -p "$directory"
    layer=$layers/$(echo "$directory" | tr / _)
    mkdir "$layer" "$layer/upper" "$layer/work"
    mount -t overlay overlay -o "lowerdir=$directory,upperdir=$layer/upper,workdir=$layer/work" "$directory"
done
ip link set lo up
listing() { find /usr/local "$PLUGINDIR" ! -type d | sort; }
listing > "$layers/before"

cd "$sources"
make -s install CARGO=false

cat > /etc/krb5.conf <<X
[libdefaults]
    default_realm = EXAMPLE.COM
    dns_lookup_kdc = false
    rdns = false
[realms]
    EXAMPLE.COM = {
        kdc = 127.0.0.1
    }
X
rm -f /etc/krb5kdc/*
cat > /etc/krb5kdc/kdc.conf <<X
[realms]
    EXAMPLE.COM = {
        database_name = /var/lib/krb5kdc/principal
        key_stash_file = /etc/krb5kdc/stash
        kdc_listen = 127.0.0.1:88
        kdc_tcp_listen = 127.0.0.1:88
    }
[logging]
    kdc = FILE:$layers/kdc.log
X
kdb5_util create -s -P 'master password' > /dev/null
kadmin.local addprinc -pw secret +requires_preauth alice
krb5kdc -P "$layers/pid"
trap 'kill $(cat "$layers/pid")' EXIT
export KRB5CCNAME=FILE:$layers/cache
echo '-- before'
echo secret | kinit alice
kdestroy

# Step 2.
cat /usr/local/share/doc/krb5-fido/examples/krb5-fido-kdc.conf >> /etc/krb5kdc/kdc.conf
kill $(cat "$layers/pid"); while kill -0 $(cat "$layers/pid") 2> /dev/null; do sleep 0.05; done
krb5kdc -P "$layers/pid"
# Step 3.
install -D -m 644 /usr/local/share/doc/krb5-fido/examples/krb5-fido-client.conf /etc/krb5.conf.d/krb5-fido.conf
sed -i '1i includedir /etc/krb5.conf.d' /etc/krb5.conf
# Step 4, with a key in software.
softkey run --dir "$layers/key" --socket "$layers/key.sock" --presence auto > "$layers/softkey.log" 2>&1 &
key=$!
while ! grep -q ready "$layers/softkey.log"; do sleep 0.05; done
echo '-- enroll'
kdb5_fido enroll alice --device unix:"$layers/key.sock"
# Step 5.
echo '-- login'
echo secret | kinit -X fido_device=unix:"$layers/key.sock" alice
klist -f
echo '-- password alone'
echo secret | kinit -X fido_device=none alice || echo "exit $?"
kill $key
echo '-- throwaway realm'
krb5-testrealm run -- sh -c 'kadmin.local addprinc -pw secret alice && echo secret | kinit alice && kdb5_fido list'

echo '-- uninstall'
make -s uninstall
listing > "$layers/after"
diff "$layers/before" "$layers/after"
echo '-- as it was'
"#;

#[test]
fn the_steps_of_the_readme_give_a_ticket_and_uninstalling_leaves_nothing() {
    let layers = tempfile::tempdir().unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let plugins = plugin_directory();
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--map-root-user",
            "sh",
            "-c",
            SCRIPT,
            "sh",
        ])
        .args([layers.path(), sources])
        .env("PLUGINDIR", plugins)
        .env_remove("KRB5_CONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let (before, rest) = text.split_once("-- enroll").unwrap();
    assert!(
        before.contains("Password for alice@EXAMPLE.COM:"),
        "{text}\n{errors}"
    );
    let (enrolment, rest) = rest.split_once("-- login").unwrap();
    assert!(
        enrolment.contains("Registered key1 for alice@EXAMPLE.COM."),
        "{text}\n{errors}"
    );
    let (login, rest) = rest.split_once("-- password alone").unwrap();
    assert!(
        login.contains("Flags: ") && login.contains("HA"),
        "{text}\n{errors}"
    );
    assert!(
        rest.contains("exit 1") && rest.contains("-- as it was"),
        "{text}\n{errors}"
    );
    assert!(errors.contains("No security key attached"), "{text}\n{errors}");
}

/// Runs `make install` with these variables, into a directory of its own.
fn install(variables: &[&str]) -> (Output, TempDir) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = tempfile::tempdir().unwrap();
    let destination = format!("DESTDIR={}", target.path().display());
    let mut make = Command::new("make");
    make.args(["-s", "install", "CARGO=false", &destination])
        .args(variables);
    (make.current_dir(sources).output().unwrap(), target)
}

#[test]
fn nothing_is_installed_that_was_not_built_for_that_place() {
    for variable in ["RELEASE=target/nonexistent", "LIBEXECDIR=/opt/libexec"] {
        let (output, target) = install(&[variable]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.starts_with("Run make build first, as yourself"),
            "{variable}: {errors}"
        );
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
    }
}

#[test]
fn installed_examples_name_the_installed_modules() {
    let (output, target) = install(&["PLUGINDIR=/opt/preauth"]);
    assert!(output.status.success(), "{output:?}");
    let examples = target.path().join("usr/local/share/doc/krb5-fido/examples");
    for (example, module) in [
        ("krb5-fido-client.conf", "spake:/opt/preauth/fido_client.so"),
        ("krb5-fido-kdc.conf", "spake:/opt/preauth/fido_kdc.so"),
        ("krb5-fido-kdc.conf", "fido:/opt/preauth/fido_kdc.so"),
    ] {
        let text = fs::read_to_string(examples.join(example)).unwrap();
        assert!(text.contains(&format!("module = {module}\n")), "{text}");
    }
}

#[test]
fn manual_pages_and_completions_are_where_man_and_the_shells_look() {
    let (output, target) = install(&["MANDIR=/opt/man"]);
    assert!(output.status.success(), "{output:?}");
    for (file, begin) in [
        ("opt/man/man1/kfido.1", ".ie "),
        ("opt/man/man5/krb5-fido.5", ".\\\" "),
        ("opt/man/man7/krb5-fido.7", ".TH KRB5-FIDO 7 "),
        ("opt/man/man8/kdb5_fido.8", ".ie "),
        ("usr/local/share/bash-completion/completions/kfido", "_kfido() {"),
        (
            "usr/local/share/bash-completion/completions/kdb5_fido",
            "_kdb5_fido() {",
        ),
        ("usr/local/share/zsh/site-functions/_kfido", "#compdef kfido\n"),
        (
            "usr/local/share/zsh/site-functions/_kdb5_fido",
            "#compdef kdb5_fido\n",
        ),
        ("usr/local/share/fish/vendor_completions.d/kfido.fish", "# Print"),
        (
            "usr/local/share/fish/vendor_completions.d/kdb5_fido.fish",
            "# Print",
        ),
    ] {
        let text = fs::read_to_string(target.path().join(file)).unwrap_or_default();
        assert!(text.starts_with(begin), "{file}: {:?}", text.lines().next());
    }
    let (output, target) = install(&[]);
    assert!(output.status.success(), "{output:?}");
    assert!(target.path().join("usr/local/share/man/man1/kfido.1").is_file());
}

/// Where krb5 looks for preauthentication modules, as the Makefile finds it.
fn plugin_directory() -> String {
    let output = Command::new("pkg-config")
        .args(["--variable=libdir", "krb5"])
        .output()
        .unwrap();
    format!(
        "{}/krb5/plugins/preauth",
        String::from_utf8(output.stdout).unwrap().trim()
    )
}
