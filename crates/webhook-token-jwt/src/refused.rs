//! Why a token was refused, for the log: an operator who connects an issuer needs to know, a client does not.

/// One reason. None holds anything of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is too long")]
    TooLong,
    #[error("its header cannot be read, or its alg is unknown")]
    Head,
    #[error("its header has a key, or says where one is")]
    BringsKey,
    #[error("its header asks for an extension that is not supported (crit, enc, zip, b64)")]
    NotUnderstood,
    #[error("its typ is neither JWT nor at+jwt")]
    OtherType,
    #[error("it names no key of the set")]
    UnknownKey,
    #[error(
        "its algorithm, signature, iss or aud is wrong, or a claim is missing, twice there or of another type"
    )]
    NotValid,
    #[error("its iss is not the configured issuer")]
    Issuer,
    #[error("its exp is not a valid time")]
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
