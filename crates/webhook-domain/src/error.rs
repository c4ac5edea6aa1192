//! What can go wrong, in the domain's words.
//!
//! Three kinds, kept apart because their readers differ. An [`InvalidValue`] tells whoever typed a value
//! what would be right. A [`Refusal`] is a rule saying no: nothing was changed and asking again gives the
//! same answer. A [`StoreError`] is the machinery failing: it says whether anything may have been changed.
//! No message here repeats a value that could be a secret.

mod invalid_value;

use std::borrow::Cow;
use std::time::Duration;

pub use self::invalid_value::InvalidValue;

use crate::access::permission::Permission;
use crate::access::quota::OverQuota;
use crate::delivery::key_check::Crowded;
use crate::id::RotationId;
use crate::time::Instant;

/// A rule of the domain said no. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such thing on this platform; what belongs to another platform counts as absent.
    #[error("there is no such {resource} on this platform")]
    NotFound {
        /// What was looked for, in lower case: `webhook`, `API key`.
        resource: &'static str,
    },
    /// A field that must have a value has none, judged on the result of the change.
    #[error("{field} {expected}")]
    MissingField {
        /// The resource's name for the field.
        field: &'static str,
        /// Completes the sentence that `field` begins.
        expected: &'static str,
    },
    /// A field has a value that is not allowed.
    #[error("{field} {problem}")]
    InvalidField {
        /// Path of the field, such as `included_actions.3`.
        field: Cow<'static, str>,
        /// What would be right.
        problem: InvalidValue,
    },
    /// Another webhook of the platform has this `reference`.
    #[error("reference is already used by another webhook of this platform; choose another, or null")]
    ReferenceTaken,
    /// The limit of keys that go on signing after their retirement is reached.
    #[error(
        "{limit} retired keys still sign, which is the maximum; the first of them expires at {next_free_at}. \
         Wait until then, or retire all older keys at once with previous_secret_expires_in: 0"
    )]
    TooManyRetiredKeys {
        /// How many retired keys may sign at a time.
        limit: usize,
        /// When the first of them stops signing.
        next_free_at: Instant,
    },
    /// There is no roll that could be undone.
    #[error(
        "there is no roll to undo: the key that the last roll retired no longer signs, or the webhook's keys have changed since; \
         to change the key, roll the secret: PATCH …/secret-key"
    )]
    NothingToRestore,
    /// The change was asked for on condition of a version that is not the stored one.
    #[error("the webhook has changed since the version in If-Match; read it again")]
    VersionMismatch,
    /// A plain update asked for another signing protocol than the webhook's.
    #[error(
        "signing_protocol can change only together with the secret; leave it as it is, or roll the secret with this \
         update: PATCH …/secret-key"
    )]
    ProtocolNeedsRoll,
    /// The last API key in force that can create API keys is not revoked from a distance.
    #[error(
        "this is the last API key of this platform, or of all (*), that can create API keys; create another with \
         API_KEY.CREATE first, or revoke this one on the command line"
    )]
    LastApiKey,
    /// A delivery that is in the queue of its webhook is not put there again.
    #[error("this event is in the webhook's queue already; it is sent after those before it")]
    StillPending,
    /// A delivery that has come to its end is not given up.
    #[error("this event is no longer in the webhook's queue; only a PENDING one can be given up")]
    NotPending,
    /// More is asked to be sent again than is at a time.
    #[error(
        "more than {limit} events would be sent again; choose a shorter period with created_before, then the next one"
    )]
    TooManyToResend {
        /// How many are sent again at a time.
        limit: usize,
    },
    /// Nothing holds the webhook's queue up.
    #[error("the webhook is not in the penalty box, so there is nothing to retry")]
    NotInPenaltyBox,
    /// Nothing is sent to a webhook that is inactive.
    #[error("the webhook is inactive, so its queue waits; set active to true to resume it")]
    Inactive,
    /// Nothing is sent, because deliveries are paused.
    #[error(
        "deliveries have been paused since {since}, so nothing is sent; an operator resumes them with \
         `webhook-server deliveries resume`"
    )]
    DeliveriesPaused {
        /// Since when.
        since: Instant,
    },
    /// The platform would have more than it may.
    #[error("{0}")]
    OverQuota(OverQuota),
    /// There is nowhere to send anything to.
    #[error("the webhook has no url; set one first")]
    NoTarget,
    /// There is no key that a receiver could be asked about.
    #[error(
        "the webhook has no current key, so there is nothing to check; roll the secret first: PATCH …/secret-key"
    )]
    NoCurrentKey,
    /// The webhook's keys are being checked.
    #[error("the keys of this webhook are being checked at this moment; try again once that check is over")]
    KeyCheckUnderWay,
    /// There are as many checks of keys as there may be.
    #[error("{}; try again in {} seconds", of.sentence(), wait.as_secs() + 1)]
    TooManyKeyChecks {
        /// Of what.
        of: Crowded,
        /// How long it takes until there may be another one.
        wait: Duration,
    },
    /// The platform has a rotation that runs.
    #[error(
        "the rotation {id} of this platform is running; wait for its end, or stop it first: POST /v1/rotations/{id}/stop"
    )]
    RotationUnderWay {
        /// Which one.
        id: RotationId,
    },
    /// The rotation does not run any more, or somebody else works at it.
    #[error("the rotation has ended")]
    RotationNotRunning,
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was already used for another request; use a new key for a new request")]
    IdempotencyKeyReused,
    /// The caller's credential lacks a permission.
    #[error("this needs the {} permission", permission.name())]
    NotPermitted {
        /// The permission that is missing.
        permission: Permission,
    },
    /// The caller's credential belongs to one platform and names another.
    #[error("this credential is valid for its own platform only; omit x-platform-id, or name that platform")]
    OtherPlatform,
}

impl From<OverQuota> for Refusal {
    fn from(over: OverQuota) -> Self {
        Self::OverQuota(over)
    }
}

impl Refusal {
    /// A webhook that is not there, or not this platform's.
    pub const NO_SUCH_WEBHOOK: Self = Self::NotFound { resource: "webhook" };

    /// A key that is not a retired one of the webhook's, or signs no more.
    pub const NO_SUCH_RETIRED_KEY: Self = Self::NotFound {
        resource: "retired key that still signs",
    };

    /// A signing key that no webhook of the platform has or had.
    pub const NO_SUCH_SIGNING_KEY: Self = Self::NotFound {
        resource: "signing key",
    };

    /// A webhook without a key that has a public half, or none at all.
    pub const NO_SUCH_KEY_SET: Self = Self::NotFound { resource: "key set" };

    /// A delivery that is not there, or not this platform's.
    pub const NO_SUCH_DELIVERY: Self = Self::NotFound {
        resource: "webhook event",
    };

    /// A rotation that is not there, or not this platform's.
    pub const NO_SUCH_ROTATION: Self = Self::NotFound { resource: "rotation" };

    /// An audit record that is not there, or not this platform's.
    pub const NO_SUCH_AUDIT_RECORD: Self = Self::NotFound {
        resource: "audit record",
    };

    /// An API key that is not there, or not this platform's, or revoked already.
    pub const NO_SUCH_API_KEY: Self = Self::NotFound { resource: "API key" };

    /// Refuses `field` for `problem`.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, problem: InvalidValue) -> Self {
        Self::InvalidField {
            field: field.into(),
            problem,
        }
    }
}

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too much is under way: not admitted within the time a caller waits. Nothing was done.
    #[error("the store is overloaded and did not accept the request")]
    Overloaded,
    /// The database is out of reach or refused. Nothing was done.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// The connection broke while committing: the change may or may not have happened.
    /// Asking again with the same idempotency key finds out.
    #[error("the outcome of a commit is unknown")]
    OutcomeUnknown(#[source] Cause),
    /// What is stored cannot be read: a sealed value does not open, or a row breaks a rule.
    #[error("a stored value cannot be read")]
    Corrupt(#[source] Cause),
}

/// The reason beneath a [`StoreError`], for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A change was not made, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no randomness for a new key. Nothing was done.
    #[error(transparent)]
    Entropy(#[from] crate::entropy::EntropyError),
    /// Something of this service's own was wanting, so that nothing could be sent.
    #[error(transparent)]
    Short(#[from] crate::delivery::shortage::Shortage),
}
