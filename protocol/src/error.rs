//! Why a message, a record or an assertion was refused.

/// One variant per cause. None carries secret or unbounded data: the texts go into the KDC's log.
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
}
