//! One try to deliver: when, how long, signed with which keys, and how it ended.
//!
//! Whether an answer is a success is decided here alone ([`AttemptOutcome::of_answer`]): any 2xx is, nothing else is. A
//! redirect is not followed, so it is a failure like any other status.

mod response_body;

use std::fmt;
use std::time::Duration;

pub use response_body::{BodyStart, Confidential, ResponseBody};

use crate::error::InvalidValue;
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// The status of an HTTP answer: 100 to 999 (RFC 9110 §15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// The receiver wants no more deliveries.
    pub const GONE: Self = Self(410);
    /// The receiver wants fewer deliveries.
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// The receiver is not available.
    pub const UNAVAILABLE: Self = Self(503);

    /// The status of that number.
    ///
    /// # Errors
    /// When it has not three digits.
    pub fn new(code: u16) -> Result<Self, InvalidValue> {
        if (100..=999).contains(&code) {
            Ok(Self(code))
        } else {
            Err(InvalidValue::new("must be a status code from 100 to 999"))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    fn is_success(self) -> bool {
        (200..=299).contains(&self.0)
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCause {
    /// The receiver answered with another status than 2xx.
    Status(StatusCode),
    /// There was no whole answer in time.
    Timeout,
    /// The receiver's name has no address.
    NameResolution,
    /// The receiver's address may not be delivered to; no connection was made.
    ForbiddenAddress,
    /// The connection was refused or broke.
    Connection,
    /// The rules of the deployment's egress proxy do not allow a connection to the receiver.
    EgressProxy,
    /// The connection could not be encrypted.
    Tls(TlsFailure),
    /// What came back is not HTTP.
    MalformedAnswer,
    /// A newer release has stored why, under a name that this one does not know.
    Other,
}

/// Why a connection could not be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The receiver's certificate was in force until some time ago.
    Expired,
    /// The receiver's certificate is not in force yet.
    NotYetValid,
    /// The receiver's certificate is for other names.
    NameMismatch,
    /// Nobody who is trusted has issued the receiver's certificate.
    UnknownIssuer {
        /// Whether it came alone, so that one between it and its issuer may be missing. Not kept by stores.
        sent_one_alone: bool,
    },
    /// The receiver's certificate is not meant for servers.
    WrongUsage,
    /// The receiver wants a certificate of its clients, and was given none.
    ClientCertificateRequired,
    /// The receiver speaks no version of TLS that is safe: neither 1.2 nor 1.3.
    Version,
    /// Anything else.
    Other,
}

impl FailureCause {
    /// The causes that are said by their names alone.
    const NAMED: [Self; 14] = [
        Self::Timeout,
        Self::NameResolution,
        Self::ForbiddenAddress,
        Self::Connection,
        Self::EgressProxy,
        Self::Tls(TlsFailure::Expired),
        Self::Tls(TlsFailure::NotYetValid),
        Self::Tls(TlsFailure::NameMismatch),
        Self::Tls(TlsFailure::UnknownIssuer {
            sent_one_alone: false,
        }),
        Self::Tls(TlsFailure::WrongUsage),
        Self::Tls(TlsFailure::ClientCertificateRequired),
        Self::Tls(TlsFailure::Version),
        Self::Tls(TlsFailure::Other),
        Self::MalformedAnswer,
    ];

    /// The names of all causes.
    pub const NAMES: [&'static str; Self::NAMED.len() + 2] = {
        let mut names = ["STATUS_CODE"; Self::NAMED.len() + 2];
        let mut place = 0;
        while place < Self::NAMED.len() {
            names[place + 1] = Self::NAMED[place].name();
            place += 1;
        }
        names[Self::NAMED.len() + 1] = Self::Other.name();
        names
    };

    /// The name clients see. The status itself is told beside it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "STATUS_CODE",
            Self::Timeout => "TIMEOUT",
            Self::NameResolution => "NAME_RESOLUTION",
            Self::ForbiddenAddress => "FORBIDDEN_ADDRESS",
            Self::Connection => "CONNECTION",
            Self::EgressProxy => "EGRESS_PROXY",
            Self::Tls(failure) => failure.name(),
            Self::MalformedAnswer => "MALFORMED_ANSWER",
            Self::Other => "OTHER",
        }
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub const fn status(self) -> Option<StatusCode> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the receiver wants no more deliveries.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.status() == Some(StatusCode::GONE)
    }

    /// The cause as a store kept it: its name, and the status if there was one. A name that is not known is one of a newer release,
    /// which works on the same database.
    ///
    /// # Errors
    /// When there is a status with another name than `STATUS_CODE`, or none with that.
    pub fn restore(name: &str, status: Option<StatusCode>) -> Result<Self, InvalidValue> {
        let of_status = name == "STATUS_CODE";
        match status {
            Some(status) if of_status => Ok(Self::Status(status)),
            None if !of_status => Ok(Self::NAMED
                .into_iter()
                .find(|cause| cause.name() == name)
                .unwrap_or(Self::Other)),
            _ => Err(InvalidValue::new(
                "must be the cause of a failure, with a status exactly if it is STATUS_CODE",
            )),
        }
    }
}

impl fmt::Display for FailureCause {
    /// A sentence for people, which completes "the delivery failed: …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the receiver answered {}", status.get()),
            Self::Timeout => f.write_str("the receiver did not answer in time"),
            Self::NameResolution => f.write_str("the receiver's name has no address"),
            Self::ForbiddenAddress => f.write_str("the receiver's address may not be delivered to"),
            Self::Connection => f.write_str("the connection was refused or broke"),
            Self::EgressProxy => f.write_str("the egress proxy did not make a connection to the receiver"),
            Self::Tls(failure) => failure.fmt(f),
            Self::MalformedAnswer => f.write_str("the receiver's answer is not HTTP"),
            Self::Other => f.write_str("the delivery failed for a reason that this release does not know"),
        }
    }
}

impl TlsFailure {
    const fn name(self) -> &'static str {
        match self {
            Self::Expired => "TLS_CERTIFICATE_EXPIRED",
            Self::NotYetValid => "TLS_CERTIFICATE_NOT_YET_VALID",
            Self::NameMismatch => "TLS_NAME_MISMATCH",
            Self::UnknownIssuer { .. } => "TLS_UNKNOWN_ISSUER",
            Self::WrongUsage => "TLS_WRONG_USAGE",
            Self::ClientCertificateRequired => "TLS_CLIENT_CERTIFICATE_REQUIRED",
            Self::Version => "TLS_VERSION",
            Self::Other => "TLS",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the receiver's certificate has expired",
            Self::NotYetValid => "the receiver's certificate is not valid yet",
            Self::NameMismatch => "the receiver's certificate is for another name",
            Self::UnknownIssuer {
                sent_one_alone: false,
            } => "the receiver's certificate comes from an issuer that is not trusted",
            Self::UnknownIssuer {
                sent_one_alone: true,
            } => {
                "the receiver's certificate comes from an issuer that is not trusted; an intermediate may be missing, since \
                 the receiver sends no certificate beside its own"
            }
            Self::WrongUsage => "the receiver's certificate is not meant for servers",
            Self::ClientCertificateRequired => "the receiver requires a client certificate",
            Self::Version => "the receiver speaks neither TLS 1.2 nor TLS 1.3",
            Self::Other => "the receiver could not be reached over TLS",
        })
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The receiver took it.
    Succeeded {
        /// The status it answered, a 2xx.
        status: StatusCode,
    },
    /// It did not.
    Failed {
        /// Why.
        cause: FailureCause,
    },
}

impl AttemptOutcome {
    /// How an attempt ended that was answered with `status`.
    #[must_use]
    pub fn of_answer(status: StatusCode) -> Self {
        if status.is_success() {
            Self::Succeeded { status }
        } else {
            Self::Failed {
                cause: FailureCause::Status(status),
            }
        }
    }

    /// How an attempt ended that came to no answer, or to one that cannot be read.
    #[must_use]
    pub const fn failed(cause: FailureCause) -> Self {
        Self::Failed { cause }
    }
}

/// With which of a webhook's credentials an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CredentialsTaken {
    /// Those that it has.
    #[default]
    Current,
    /// Those that it had before: the receiver had refused the others.
    Previous,
}

impl CredentialsTaken {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Current, Self::Previous];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "CURRENT",
            Self::Previous => "PREVIOUS",
        }
    }
}

/// One try to deliver: one request, or two if the receiver refused the webhook's credentials and was asked again with those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began, which is the instant it was signed for.
    pub at: Instant,
    /// How long it took, to the millisecond.
    pub duration: Duration,
    /// The keys it was signed with, newest first.
    pub key_fingerprints: Vec<Fingerprint>,
    /// The host of the URL that it went to, with its port if that is not the scheme's own. Releases before this field recorded none.
    pub host: Option<String>,
    /// The credentials of its last request.
    pub credentials: CredentialsTaken,
    /// How it ended, which is how its last request did.
    pub outcome: AttemptOutcome,
    /// The beginning of what the receiver answered, if it took nothing and said something.
    pub response_body: Option<ResponseBody>,
}

impl Attempt {
    /// When it was over.
    #[must_use]
    pub fn ended_at(&self) -> Instant {
        self.at.plus(self.duration)
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self.outcome {
            AttemptOutcome::Succeeded { status } => Some(status),
            AttemptOutcome::Failed { cause } => cause.status(),
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub const fn cause(&self) -> Option<FailureCause> {
        match self.outcome {
            AttemptOutcome::Succeeded { .. } => None,
            AttemptOutcome::Failed { cause } => Some(cause),
        }
    }
}

#[cfg(test)]
mod tests;
