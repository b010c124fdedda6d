//! Why a message, a record or an assertion was refused.

/// One variant per cause. None carries secret or unbounded data: the texts go into the KDC's log. What only tools decode is
/// not in the client module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not strict DER, or not of the expected structure (X.690 section 10).
    #[error("malformed DER")]
    MalformedDer,
    /// More bytes than a message may have.
    #[error("message too long")]
    MessageTooLong,
    /// A CHOICE alternative that this version does not know.
    #[error("unknown message type")]
    UnknownMessage,

    // SF-FIDO
    /// A message of another version than this crate speaks.
    #[error("unsupported SF-FIDO version")]
    UnsupportedFactorVersion,
    /// A length or number outside the limits that the type sets.
    #[error("value outside the limits of its type")]
    ValueOutOfRange,
    /// An ENUMERATED value that this version does not know.
    #[error("unknown enumerated value")]
    UnknownEnumerated,
    /// Not authenticator data (WebAuthn Level 3 section 6.1), or not of the ceremony it is read for.
    #[error("malformed authenticator data")]
    MalformedAuthenticatorData,
    /// Not a COSE_Key in CTAP2 canonical form (RFC 9052 section 7, CTAP 2.1 section 8).
    #[error("malformed COSE key")]
    MalformedPublicKey,
    /// An attestation object of more bytes than [`crate::registry::ATTESTATION_MAX`].
    #[cfg(feature = "verify")]
    #[error("attestation object too long")]
    AttestationTooLong,
    /// Not an attestation object (WebAuthn Level 3 section 6.5.4): other members or types, or bytes that follow it.
    #[cfg(feature = "verify")]
    #[error("malformed attestation object")]
    MalformedAttestation,
    /// An attestation object or statement with two members of one name.
    #[cfg(feature = "verify")]
    #[error("attestation object has a member twice")]
    AttestationMemberRepeated,
    /// An attestation statement that is not as its format has it.
    #[cfg(feature = "verify")]
    #[error("malformed attestation statement of format {0}")]
    MalformedStatement(&'static str),
    /// A COSE algorithm that this version does not know.
    #[error("COSE algorithm {0} is not supported by this version")]
    UnsupportedAlgorithm(i64),
    /// A COSE algorithm that is known and never allowed: ES512 or Ed448.
    #[error("{0} is never allowed")]
    ForbiddenAlgorithm(&'static str),
    /// Not an answer to the responder question (krb5_fido.h).
    #[error("malformed answer to the question fido")]
    MalformedAnswer,
    /// Not a label of a credential.
    #[error("malformed credential label")]
    MalformedLabel,
    /// A credential record that is longer than all string attributes of a principal may be.
    #[error("credential record too long")]
    RecordTooLong,
    /// A credential record that is not one JSON object.
    #[error("credential record is not a JSON object")]
    RecordNotObject,
    /// A credential record with two members of one name.
    #[error("credential record has a member twice")]
    RecordMemberRepeated,
    /// A credential record of another version.
    #[error("credential record of an unsupported version")]
    UnsupportedRecordVersion,
    /// A credential record without this member.
    #[error("credential record has no member {0}")]
    RecordMemberMissing(&'static str),
    /// A credential record whose member is of the wrong type, format or size.
    #[error("credential record has a malformed member {0}")]
    RecordMemberMalformed(&'static str),
    /// A credential record whose `alg` is not the algorithm of its key.
    #[error("credential record names another algorithm than its key")]
    RecordAlgorithmMismatch,
    /// A value of `fido_counter` that does not exist.
    #[error("unknown fido_counter value")]
    UnknownCounterPolicy,
    /// A policy value that does not exist.
    #[error("unknown fido_policy value")]
    UnknownPolicy,
    /// A user verification value that does not exist.
    #[error("unknown fido_uv value")]
    UnknownUserVerification,
    /// A principal's own indicators that are no words.
    #[error("malformed fido_indicator value")]
    MalformedIndicator,
    /// Not an invitation.
    #[error("malformed fido_invite")]
    MalformedInvitation,
    /// Not the code of an invitation.
    #[cfg(feature = "verify")]
    #[error("the code of an invitation has 32 hexadecimal digits")]
    MalformedInvitationCode,
    /// A record that does not prove the code of its invitation.
    #[cfg(feature = "verify")]
    #[error("the invitation has a code, and the record does not prove it")]
    InvitationCodeMissing,
    /// A record that proves another code, or for another key.
    #[cfg(feature = "verify")]
    #[error("the record proves another code than that of the invitation")]
    InvitationCodeWrong,
    /// A self-enrolment value that does not exist.
    #[error("unknown fido_self_enrol value")]
    UnknownSelfEnrolment,
    /// A name that is none of a COSE algorithm which can be allowed.
    #[error("unknown algorithm name")]
    UnknownAlgorithmName,
    /// A list of algorithms that names one twice.
    #[error("algorithm named twice")]
    RepeatedAlgorithm,
    /// A list of algorithms without any.
    #[error("no algorithm named")]
    NoAlgorithm,
    /// A pattern that can match no name as it was meant.
    #[error("malformed pattern: only * is special, and names have no realm here")]
    MalformedExemption,
    /// The credential does not belong to the principal.
    #[error("credential is not registered")]
    UnknownCredential,
    /// The credential was disabled by an administrator.
    #[error("credential is disabled")]
    CredentialDisabled,
    /// The credential's `not_after` has passed.
    #[error("credential is expired")]
    CredentialExpired,
    /// The credential's algorithm is not among those the realm accepts.
    #[error("credential's algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// A U2F credential that must verify its user.
    #[error("credential must verify its user and cannot")]
    CannotVerifyUser,
    /// Authenticator data for another relying party.
    #[error("assertion or registration is for another relying party")]
    RpIdMismatch,
    /// The key was not touched.
    #[error("user was not present")]
    UserNotPresent,
    /// Neither PIN nor fingerprint was checked, though demanded.
    #[error("user was not verified")]
    UserNotVerified,
    /// The signature does not verify.
    #[error("bad signature")]
    BadSignature,
    /// The signature counter went backwards or stood still: the key may have been cloned.
    #[error("signature counter did not increase")]
    CounterNotIncreased,
    /// The credential is already registered.
    #[error("credential is already registered")]
    CredentialAlreadyRegistered,
    /// A facet list of more bytes than [`crate::registry::FACET_LIST_MAX`].
    #[cfg(feature = "rp-id")]
    #[error("facet list too long")]
    FacetListTooLong,
    /// Not a facet list (FIDO AppID and Facets section 3.1).
    #[cfg(feature = "rp-id")]
    #[error("malformed facet list")]
    MalformedFacetList,
    /// A facet list with two members of one name in an object.
    #[cfg(feature = "rp-id")]
    #[error("facet list has a member twice")]
    FacetListMemberRepeated,
    /// A facet list with two entries of one version.
    #[cfg(feature = "rp-id")]
    #[error("facet list has a version twice")]
    FacetVersionRepeated,
    /// A facet list without an entry for the version that this client speaks, or an older one.
    #[cfg(feature = "rp-id")]
    #[error("facet list has no version that is supported")]
    NoSupportedFacets,

    /// A SPAKE group number outside the registry (RFC 9588 section 12.2).
    #[error("unknown SPAKE group")]
    UnknownGroup,
    /// No group to put into a support message.
    #[error("no SPAKE group permitted")]
    NoGroup,
    /// A public key of the wrong length, not in canonical form, off the curve or of small order.
    #[error("invalid SPAKE public key")]
    InvalidPublicKey,
    /// A private scalar of the wrong length or out of range.
    #[error("invalid SPAKE private scalar")]
    InvalidScalar,
    /// The random source gave no scalar in range, time after time.
    #[error("random source gives no usable SPAKE private scalar")]
    NoUsableScalar,
    /// A SPAKE computation ended in the identity element, which tells nothing of the password.
    #[error("SPAKE computation ends in the identity element")]
    IdentityElement,
    /// An encryption type whose seed is longer than 255 blocks of the group's hash.
    #[error("encryption type needs a longer seed than SPAKE derives")]
    SeedTooLong,
    /// A message of another kind than the exchange has come to.
    #[error("SPAKE message out of turn")]
    UnexpectedMessage,
    /// A second-factor type that was offered twice in one challenge.
    #[error("second factor offered twice")]
    RepeatedFactor,
    /// A second-factor type that was not offered in this exchange, or is not the one that was chosen.
    #[error("second factor was not offered in this exchange")]
    FactorNotOffered,
    /// SF-NONE with data.
    #[error("SF-NONE carries data")]
    UnexpectedFactorData,
    /// SF-FIDO without data where a message is due.
    #[error("SF-FIDO carries no data")]
    MissingFactorData,
    /// A challenge that stands in the clear and names a facet list.
    #[error("challenge in the clear names a facet list")]
    FacetsUrlInClear,
    /// A factor that says it is encrypted in another encryption type than the client key's.
    #[error("second factor encrypted in another encryption type than the client key's")]
    EnctypeMismatch,
    /// The response does not decrypt under `K'[1]`: the passwords differ.
    #[error("wrong password")]
    WrongPassword,
    /// A later factor message does not decrypt under its key.
    #[error("second factor message fails its integrity check")]
    FactorIntegrity,
    /// A factor that was not verified by the mechanism that this exchange has come to.
    #[error("verified factor is not the one of this exchange")]
    WrongVerifiedFactor,
    /// A cookie of a version that this module does not know.
    #[error("unknown SPAKE cookie version")]
    UnknownCookieVersion,
    /// A cookie of another stage than the message that came with it.
    #[error("SPAKE cookie of another stage")]
    WrongCookieStage,
    /// A cookie that is cut short, too long, or holds what its version does not allow.
    #[error("malformed SPAKE cookie")]
    MalformedCookie,
    /// More than one PA-SPAKE element in one request.
    #[error("several PA-SPAKE messages in one request")]
    SeveralMessages,
    /// A message that continues an exchange without the cookie of that exchange, or with one that has expired.
    #[error("no SPAKE cookie, or an expired one")]
    MissingCookie,
    /// The client speaks other versions of SF-FIDO.
    #[error("no common version of SF-FIDO")]
    NoCommonVersion,
    /// The client's name cannot be written out.
    #[error("unreadable client principal")]
    UnreadablePrincipal,
    /// A frame between module and helper that is not as [`crate::helper`] has it.
    #[error("malformed frame")]
    MalformedFrame,
    /// A frame of a version other than [`crate::helper::VERSION`].
    #[error("unknown frame version")]
    UnknownFrameVersion,
}
