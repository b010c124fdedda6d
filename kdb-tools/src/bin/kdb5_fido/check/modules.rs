//! The KDC's modules: krb5 says nothing about one that it cannot load, and does without.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use krb5_fido_protocol::{
    fido::kdc_settings::KdcSettings,
    spake::settings::{SpakeFault, SpakeSettings},
};
use krb5_fido_tools::{Interface, KADMIND_MODULE, KDC_MODULE, Loading, Module, POLICY_MODULE, Plugin};
use krb5_plugin::{Profile, check_loadable};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::finding::{Findings, Severity};

/// What the KDC loads.
pub(super) struct Installed {
    path: PathBuf,
    sha256: String,
}

impl Installed {
    fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let digest = Sha256::digest(bytes);
        Some(Self {
            path: path.to_owned(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    pub(super) fn tell(&self) -> String {
        format!("{} has the SHA-256 {}\n", self.path.display(), self.sha256)
    }

    pub(super) fn describe(&self) -> Value {
        json!({"path": self.path.display().to_string(), "sha256": self.sha256})
    }
}

/// What is demanded of new keys makes kadmind's module a must.
pub(super) fn check(
    profile: &Profile,
    settings: Option<&KdcSettings>,
    findings: &mut Findings,
) -> krb5_plugin::Result<Option<Installed>> {
    let preauth = check_module(KDC_MODULE, Severity::Error, profile, findings)?;
    let policy = check_module(POLICY_MODULE, Severity::Error, profile, findings)?;
    let admission = settings.map(|settings| &settings.admission);
    let vouched =
        admission.is_some_and(|wanted| !(wanted.attestation_roots.is_empty() && wanted.aaguids.is_empty()));
    let severity = match vouched {
        true => Severity::Error,
        false => Severity::Warning,
    };
    check_module(KADMIND_MODULE, severity, profile, findings)?;
    if let (Some(preauth), Some(policy)) = (&preauth, &policy)
        && !is_same_file(preauth, policy)
    {
        findings.error(
            "modules_differ",
            "kdc.conf, [plugins]",
            format!(
                "kdcpreauth loads {}, and kdcpolicy {}, which does not learn of the keys that the first one verifies: \
                 nobody gets a ticket with a key",
                preauth.display(),
                policy.display()
            ),
            "Name one file in both",
        );
    }
    check_oracles(profile, findings)?;
    check_groups(profile, findings)?;
    Ok(preauth.as_deref().and_then(Installed::read))
}

/// The file of one module, if the KDC loads ours.
fn check_module(
    plugin: Plugin,
    severity: Severity,
    profile: &Profile,
    findings: &mut Findings,
) -> krb5_plugin::Result<Option<PathBuf>> {
    let interface = Interface::read(profile, plugin.interface)?;
    let module = Module::find_in(plugin, profile)?;
    check_specifications(plugin, &interface, module.path(), findings);
    let identifier = |what: &str| format!("{}_{what}", plugin.interface);
    let Loading::Loadable(path) = &module.state else {
        findings.add(
            severity,
            identifier(module.identifier()),
            place(plugin),
            format!(
                "{}: {}",
                module.problem().unwrap_or_default(),
                consequence(plugin)
            ),
            put_into(plugin),
        );
        return Ok(None);
    };
    if !is_ours(path) {
        findings.add(
            severity,
            identifier("foreign"),
            place(plugin),
            format!(
                "{} is another module, which knows no security keys: {}",
                path.display(),
                consequence(plugin)
            ),
            put_into(plugin),
        );
        return Ok(None);
    }
    Ok(Some(path.clone()))
}

/// What else stands in the section.
fn check_specifications(
    plugin: Plugin,
    interface: &Interface,
    loaded: Option<&Path>,
    findings: &mut Findings,
) {
    let malformed = interface.modules.iter().filter(|module| !module.contains(':'));
    for module in malformed {
        findings.error(
            format!("{}_malformed", plugin.interface),
            place(plugin),
            format!(
                "module = {module} has no colon: krb5 loads no module of this section, and {} may not start",
                program(plugin)
            ),
            "Write a name, a colon and a path, or remove it",
        );
    }
    let repeated = interface.named().filter(|(name, _)| *name == plugin.name);
    if repeated.count() > 1 {
        findings.warn(
            format!("{}_repeated", plugin.interface),
            place(plugin),
            format!("{} stands more than once, and the first one counts", plugin.name),
            "Remove the others",
        );
    }
    for (name, path) in interface.named().filter(|(name, _)| *name != plugin.name) {
        if is_ours(&path) {
            let severity = match loaded {
                Some(_) => Severity::Warning,
                None => Severity::Error,
            };
            findings.add(
                severity,
                format!("{}_other_name", plugin.interface),
                place(plugin),
                format!(
                    "{} is loaded under the name {name}: krb5 finds nothing of that name in it, and does without",
                    path.display()
                ),
                format!("Its name here is {}", plugin.name),
            );
        }
    }
}

/// Encrypted timestamp and encrypted challenge tell anybody whether a password is right.
fn check_oracles(profile: &Profile, findings: &mut Findings) -> krb5_plugin::Result<()> {
    let interface = Interface::read(profile, KDC_MODULE.interface)?;
    for mechanism in ["encrypted_timestamp", "encrypted_challenge"] {
        if !interface.disables(mechanism) {
            findings.warn(
                mechanism,
                place(KDC_MODULE),
                format!("{mechanism} is on, and tells whoever asks whether a password is right, key or not"),
                format!("Once every client speaks SPAKE: disable = {mechanism}"),
            );
        }
    }
    Ok(())
}

/// Without a group that it may offer the module is left out.
fn check_groups(profile: &Profile, findings: &mut Findings) -> krb5_plugin::Result<()> {
    let unknown = match SpakeSettings::read(profile)? {
        Ok(settings) => settings.unknown,
        Err(fault) => {
            let place = match fault {
                SpakeFault::ChallengeNotPermitted { .. } => "spake_preauth_kdc_challenge",
                _ => "spake_preauth_groups",
            };
            findings.error(
                place,
                format!("kdc.conf, {place}"),
                format!(
                    "preauth spake failed to initialize: {fault}: {}",
                    consequence(KDC_MODULE)
                ),
                "Name edwards25519, P-256, P-384 or P-521, and a challenge among them",
            );
            return Ok(());
        }
    };
    if !unknown.is_empty() {
        findings.warn(
            "spake_preauth_groups",
            "kdc.conf, spake_preauth_groups",
            format!("There is no group {}", unknown.join(", ")),
            "Correct or remove it",
        );
    }
    Ok(())
}

/// No other project's file has both functions.
fn is_ours(path: &Path) -> bool {
    let has = |plugin: Plugin| check_loadable(path, plugin.initvt).is_ok();
    path.is_file() && has(KDC_MODULE) && has(POLICY_MODULE)
}

/// The loader takes two copies of a file for two modules.
fn is_same_file(left: &Path, right: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    identity(left) == identity(right)
}

fn place(plugin: Plugin) -> String {
    format!("kdc.conf, [plugins] {}", plugin.interface)
}

fn consequence(plugin: Plugin) -> &'static str {
    match plugin.interface {
        "kdcpolicy" => {
            "whoever has a key, and no requires_hwauth, gets tickets with the password alone; krb5kdc starts without a word, \
             and does not check fido_ relations"
        }
        "kadm5_auth" => {
            "where kadmind runs, nobody registers keys of his own, and administrators store any record: fido_max_credentials, \
             fido_attestation_roots and fido_aaguids do not hold through kadmind"
        }
        _ => "nobody logs in with a key; krb5kdc starts all the same",
    }
}

/// Who loads it.
fn program(plugin: Plugin) -> &'static str {
    match plugin == KADMIND_MODULE {
        true => "kadmind",
        false => "krb5kdc",
    }
}

fn put_into(plugin: Plugin) -> String {
    format!(
        "Put module = {}:PATH/fido_kdc.so into {} of [plugins] in kdc.conf, and start {} anew",
        plugin.name,
        plugin.interface,
        program(plugin)
    )
}
