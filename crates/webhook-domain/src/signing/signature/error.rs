//! Why a delivery is not taken for genuine.

/// A delivery could not be verified. What was received is not repeated: it is not trusted, and not for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// A header that its family needs is not there. With neither family there, the one that is named is
    /// `webhook-signature`.
    #[error("the delivery has no header {0}")]
    MissingHeader(&'static str),
    /// A header's value is not what such a header holds.
    #[error("the header {0} cannot be read")]
    MalformedHeader(&'static str),
    /// More signatures than any sender has keys.
    #[error("the delivery has more signatures than {} of a kind", super::MAX_SIGNATURES)]
    TooManySignatures,
    /// Signed longer ago than the tolerance: sent again by somebody who recorded it, or the clocks differ.
    #[error("the delivery was signed too long ago")]
    TooOld,
    /// Signed further in the future than the tolerance: the clocks differ.
    #[error("the delivery was signed too far in the future")]
    TooNew,
    /// No signature is that of one of the secrets over this timestamp, id and body.
    #[error("no signature matches: another secret signed the delivery, or it was changed on its way")]
    NoMatch,
}
