//! Numbers and labels from registries and from our own protocol page, each once.

use core::ffi::CStr;

/// PA-SPAKE (RFC 9588 section 12, IANA preauthentication types).
pub const PA_SPAKE: i32 = 151;

/// PA-ETYPE-INFO2 (RFC 4120 section 5.2.7.5).
pub const PA_ETYPE_INFO2: i32 = 19;

/// KEY_USAGE_SPAKE (RFC 9588 section 4.3): encryption of second factors.
pub const KEY_USAGE_SPAKE: i32 = 65;

/// SF-NONE (RFC 9588 section 12.1): no second factor.
pub const SF_NONE: i32 = 1;

/// SF-FIDO: private use, minus ASCII "FIDO" (RFC 9588 section 12.1).
pub const SF_FIDO: i32 = -1_179_206_735;

/// Label of the multiplier w (RFC 9588 section 5).
pub const LABEL_W: &[u8] = b"SPAKEsecret";

/// Label of the key derivation hash (RFC 9588 section 7).
pub const LABEL_KEY: &[u8] = b"SPAKEkey";

/// First pepper of KRB-FX-CF2 (RFC 9588 section 7).
pub const PEPPER_SPAKE: &CStr = c"SPAKE";

/// Second pepper of KRB-FX-CF2 (RFC 9588 section 7).
pub const PEPPER_KEYDERIV: &CStr = c"keyderiv";

/// The version of SF-FIDO that this crate speaks.
pub const FIDO_VERSION: u8 = 1;

/// Bytes in the KDC's nonce of SF-FIDO.
pub const FIDO_NONCE_LEN: usize = 32;

/// The longest credential id (CTAP 2.1 section 6.1 leaves it to the authenticator; ours is a 10-bit length).
pub const CREDENTIAL_ID_MAX: usize = 1023;

/// The largest DER message that is decoded, in bytes.
pub const MESSAGE_MAX: usize = 65_536;

/// Context string of client data at login.
pub const CONTEXT_ASSERTION: &str = "krb5-fido assertion v1";

/// Context string of client data at enrolment.
pub const CONTEXT_REGISTRATION: &str = "krb5-fido registration v1";

/// What precedes the realm in its own U2F or facet id.
pub const RP_ID_REALM_PREFIX: &str = "krb5realm:";

/// What precedes the label in the string attribute that holds a credential.
pub const ATTRIBUTE_PREFIX: &str = "fido:";

/// What a challenge's length is padded to a multiple of, in bytes.
pub const FIDO_CHALLENGE_MULTIPLE: usize = 1024;

/// The longest encrypted factor that is opened in mode clear, in bytes: the longest credential id, a signature of 4096 bits
/// and some extension outputs fit in.
pub const CLEAR_FACTOR_MAX: usize = 2048;

/// ES256, ECDSA over P-256 with SHA-256 (RFC 9053 section 2.1; IANA COSE algorithms).
pub const COSE_ES256: i64 = -7;

/// EdDSA (RFC 9053 section 2.2), here over Ed25519 alone.
pub const COSE_EDDSA: i64 = -8;

/// ES384, ECDSA over P-384 with SHA-384 (RFC 9053 section 2.1).
pub const COSE_ES384: i64 = -35;

/// ES512, ECDSA with SHA-512 (RFC 9053 section 2.1): known, and never allowed.
pub const COSE_ES512: i64 = -36;

/// Ed448 (RFC 9864 section 2.2): known, and never allowed.
pub const COSE_ED448: i64 = -53;

/// RS256, RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8812 section 2).
pub const COSE_RS256: i64 = -257;

/// Attestation statement format of a credential without attestation (WebAuthn Level 3 section 8.7).
pub const FORMAT_NONE: &str = "none";

/// Attestation statement format of CTAP2 keys (WebAuthn Level 3 section 8.2).
pub const FORMAT_PACKED: &str = "packed";

/// Attestation statement format of a TPM (WebAuthn Level 3 section 8.3).
pub const FORMAT_TPM: &str = "tpm";

/// Attestation statement format of a U2F key (WebAuthn Level 3 section 8.6).
pub const FORMAT_FIDO_U2F: &str = "fido-u2f";

/// The largest attestation object, in bytes.
pub const ATTESTATION_MAX: usize = 65_536;

/// The largest certificate of an attestation statement or among the roots, in bytes.
pub const CERTIFICATE_MAX: usize = 8192;

/// The most certificates of an attestation statement, the attestation certificate included.
pub const CERTIFICATES_MAX: usize = 8;

/// The largest facet list, in bytes.
pub const FACET_LIST_MAX: usize = 65_536;

/// The version of credential records that this crate reads and writes.
pub const RECORD_VERSION: u64 = 1;

/// The bytes that all string attributes of a principal share.
pub const RECORD_MAX: usize = 65_535;

/// The bytes of them that a principal may fill with records of its own.
pub const OWN_ATTRIBUTES_MAX: usize = 32_768;

/// The bytes of one such record: an attestation with a chain of certificates fits in.
pub const OWN_RECORD_MAX: usize = 12_288;

/// What the names of well-known principals begin with (RFC 6111 section 3).
pub const WELLKNOWN_PREFIX: &str = "WELLKNOWN/";

/// What the names of the administration services begin with.
pub const KADMIN_PREFIX: &str = "kadmin/";

/// `fido_exempt` where it is not set.
pub const EXEMPT_DEFAULT: &str = "host/* kiprop/* kadmin/* K/M* krbtgt/*";

/// String attribute of a principal's own policy.
pub const ATTRIBUTE_POLICY: &str = "fido_policy";

/// String attribute of a principal's own user verification.
pub const ATTRIBUTE_USER_VERIFICATION: &str = "fido_uv";

/// String attribute of a principal's own authentication indicators.
pub const ATTRIBUTE_INDICATOR: &str = "fido_indicator";

/// String attribute of an open, spent or ended invitation.
pub const ATTRIBUTE_INVITE: &str = "fido_invite";

/// The version of invitations that this crate reads and writes.
pub const INVITATION_VERSION: u64 = 1;

/// Bytes in the id of an invitation.
pub const INVITATION_ID_LEN: usize = 16;

/// Bytes in the code of an invitation.
pub const INVITATION_CODE_LEN: usize = 16;

/// What the seed of the key pair that stands for a code is hashed from, before id and code.
pub const LABEL_INVITATION_CODE: &[u8] = b"krb5-fido invitation code v1";

/// What begins the message that proves a code.
pub const LABEL_INVITATION_PROOF: &[u8] = b"krb5-fido invitation proof v1";

/// `fido_max_credentials` where it is not set.
pub const CREDENTIALS_MAX_DEFAULT: usize = 16;

/// How long a ticket for `kadmin/*` lives that came without a factor, in seconds.
pub const ADMINISTRATION_LIFE: u32 = 300;

/// How long one lives that came out of a key, in seconds: as long as krb5 makes kadmin/admin for.
pub const ADMINISTRATION_LIFE_WITH_KEY: u32 = 10_800;
