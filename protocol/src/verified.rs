//! The proof that a second factor was verified.

/// What a KDC derives `K'[0]` from, and what the HW-AUTH flag and the authentication indicators come out of. Only the code
/// that checks a factor can make one: SF-NONE in [`crate::spake::kdc`], SF-FIDO in [`crate::fido::verify`].
pub struct VerifiedFactor(Factor);

enum Factor {
    None,
    #[cfg_attr(not(feature = "verify"), expect(dead_code, reason = "only a KDC makes one"))]
    Fido {
        user_verified: bool,
    },
}

impl VerifiedFactor {
    /// SF-NONE: the password alone.
    pub(crate) const fn none() -> Self {
        Self(Factor::None)
    }

    /// SF-FIDO: an assertion with user presence was verified.
    #[cfg(feature = "verify")]
    pub(crate) const fn fido(user_verified: bool) -> Self {
        Self(Factor::Fido { user_verified })
    }

    /// Whether a security key was touched: what TKT_FLG_HW_AUTH says (RFC 4120 section 2.1).
    pub const fn is_hardware(&self) -> bool {
        matches!(self.0, Factor::Fido { .. })
    }

    /// Whether the key verified its user, by PIN or fingerprint.
    pub const fn is_user_verified(&self) -> bool {
        matches!(self.0, Factor::Fido { user_verified: true })
    }
}
