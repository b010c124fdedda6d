//! This machine as a client of the realm, by krb5.conf alone.

use krb5_fido_tools::{CLIENT_MODULE, Module};
use krb5_plugin::{OwnedContext, Profile};

use super::finding::Findings;

/// What krb5 takes for true.
const TRUE: [&str; 6] = ["y", "yes", "true", "t", "1", "on"];

pub(super) fn check(context: &OwnedContext, realm: &str, findings: &mut Findings) {
    let module = Module::find(CLIENT_MODULE, context.get());
    if let Some(problem) = module.problem() {
        findings.warn(
            format!("client_module_{}", module.identifier()),
            "krb5.conf, [plugins] clpreauth",
            format!("{problem}: nobody logs in with a key from this machine"),
            "Load the client module, or pass over this if nobody logs in from here",
        );
    }
    let disables = |profile: Profile| {
        let value = profile.value(&["realms", realm, "disable_encrypted_timestamp"])?;
        Ok(value.is_some_and(|value| TRUE.contains(&value.to_ascii_lowercase().as_str())))
    };
    let read: krb5_plugin::Result<bool> = Profile::of(context.get()).and_then(disables);
    if !read.unwrap_or(true) {
        findings.warn(
            "client_encrypted_timestamp",
            format!("krb5.conf, [realms] {realm}"),
            "disable_encrypted_timestamp is not set: whoever is between this machine and the KDC can have it send what \
             passwords can be tried on",
            "Once every KDC offers SPAKE: disable_encrypted_timestamp = true, on every client",
        );
    }
}
