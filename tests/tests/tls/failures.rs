//! Why a receiver is not believed, as it is told to clients and operators.

/// The cause that clients see, and the sentence that `send-test` answers with and the log has.
pub(crate) type Failure = (&'static str, &'static str);

pub(crate) const EXPIRED: Failure = (
    "TLS_CERTIFICATE_EXPIRED",
    "the receiver's certificate has expired",
);
pub(crate) const NOT_YET_VALID: Failure = (
    "TLS_CERTIFICATE_NOT_YET_VALID",
    "the receiver's certificate is not valid yet",
);
pub(crate) const ANOTHER_NAME: Failure = (
    "TLS_NAME_MISMATCH",
    "the receiver's certificate is for another name",
);
pub(crate) const UNKNOWN_ISSUER: Failure = (
    "TLS_UNKNOWN_ISSUER",
    "the receiver's certificate comes from an issuer that is not trusted",
);
pub(crate) const MISSING_INTERMEDIATE: Failure = (
    "TLS_UNKNOWN_ISSUER",
    "the receiver's certificate comes from an issuer that is not trusted; an intermediate may be missing, since the \
     receiver sends no certificate beside its own",
);
pub(crate) const WRONG_USAGE: Failure = (
    "TLS_WRONG_USAGE",
    "the receiver's certificate is not meant for servers",
);
pub(crate) const CLIENT_CERTIFICATE: Failure = (
    "TLS_CLIENT_CERTIFICATE_REQUIRED",
    "the receiver requires a client certificate",
);
pub(crate) const VERSION: Failure = ("TLS_VERSION", "the receiver speaks neither TLS 1.2 nor TLS 1.3");
pub(crate) const OTHER: Failure = ("TLS", "the receiver could not be reached over TLS");
