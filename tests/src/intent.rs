//! What both programs show before a key is registered.

use krb5_testrealm::SoftKey;

/// The model of the software key.
pub const AAGUID: &str = "7ff419a9-b01a-4cbd-84e9-ead7753e8e60";

/// What is shown before the first touch: `principal` and `by` are in the realm KRBTEST.COM, `party` is the relying party and
/// its rule.
pub fn intent(key: &SoftKey, principal: &str, party: &str, by: &str) -> String {
    format!(
        "About to register a security key:
    realm               KRBTEST.COM
    principal           {principal}@KRBTEST.COM
    relying party       {party}
    security key        software key ({}), AAGUID {AAGUID}
    registered by       {by}@KRBTEST.COM
",
        key.device()
    )
}

/// The relying party of KRBTEST.COM, where nothing is configured, and its rule.
pub const PARTY: &str = "krbtest.com (the registrable domain of the realm)";
