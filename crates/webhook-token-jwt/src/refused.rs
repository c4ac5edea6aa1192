//! Why a token was refused, for the log: an operator who connects an issuer needs to know, a client does not.

/// One reason. None holds anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is too long")]
    TooLong,
    #[error("its head cannot be read, or names no algorithm that there is")]
    Head,
    #[error("its head brings a key, or says where one is")]
    BringsKey,
    #[error("its head asks for something that is not understood (crit, enc, zip, b64)")]
    NotUnderstood,
    #[error("its typ is neither JWT nor at+jwt")]
    OtherType,
    #[error("it names no key of the set")]
    UnknownKey,
    #[error(
        "its algorithm, signature, iss or aud is wrong, or a claim is missing, twice there or of another type"
    )]
    NotValid,
    #[error("its iss is another")]
    Issuer,
    #[error("its exp is no instant")]
    NoInstant,
    #[error("it has expired")]
    Expired,
    #[error("its nbf or iat is in the future")]
    NotYet,
    #[error("its sub is not 1 to 256 characters without control characters")]
    Subject,
    #[error("its platform_id is neither a platform's nor *")]
    Platform,
}
