//! A rotation: the secrets of many webhooks of one platform rolled, one after the other.
//!
//! Which webhooks it is about is fixed when it begins. Each of them is rolled once, by the same rule as a single roll, or
//! [skipped](SkipReason) when it is its turn, or has [failed](FailReason). What became of it is written in the transaction of its roll: so
//! a roll and its outcome never come apart, whichever process does it and wherever that one is cut off.
//!
//! A rotation runs until all its webhooks have an outcome, or until it is [stopped](StopReason). One that was stopped does not go on;
//! another one with `rolled_before` does what it has left.

mod announcement;
mod filter;
mod judgement;
mod pace;
mod step;

pub use announcement::{DescribeRotation, RotationAnnouncement};
pub use filter::{ReferencePrefix, RotationFilter};
pub use step::{
    FailReason, KeyBefore, NAMES_OF_OUTCOMES, NAMES_OF_REASONS, RotationStep, RotationWebhook, Settled,
    SkipReason,
};

use std::time::Duration;

use crate::access::caller::Credential;
use crate::error::{InvalidValue, Refusal};
use crate::id::{PlatformId, ProcessId, RequestId, RotationId};
use crate::signing::key_ring::WantedOverlap;
use crate::time::Instant;

/// How long a process may go without saying that it still works at a rotation before another one does.
pub const LEASE: Duration = Duration::from_secs(3);

/// For how long a rotation is kept after its end, with what became of its webhooks: a year. What it did is in audit records, which stay.
pub const KEPT_FOR: Duration = Duration::from_secs(365 * 86_400);

/// How its webhooks are rolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationOrders {
    /// What they meet, when it begins and when it is their turn.
    pub filter: RotationFilter,
    /// How long the key before goes on signing. The deployment's default is that of when it began.
    pub overlap: WantedOverlap,
    /// Whether it goes on beyond that until the receiver was shown to verify with the new one.
    pub keeps_previous_until_adopted: bool,
    /// Over how long they are spread.
    pub spread: Spread,
    /// With how many failures it stops; with none, however many there are.
    pub stop_after_failures: Option<u32>,
}

/// Over how long the webhooks of a rotation are spread: 0 to 604,800 seconds (7 days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread(u32);

impl Spread {
    /// The longest, in seconds.
    pub const MAX_SECONDS: u32 = 604_800;

    /// So many seconds.
    ///
    /// # Errors
    /// When there are more than [`MAX_SECONDS`](Self::MAX_SECONDS).
    pub fn from_seconds(seconds: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(seconds) {
            Ok(seconds) if seconds <= Self::MAX_SECONDS => Ok(Self(seconds)),
            _ => Err(Self::invalid()),
        }
    }

    /// What would be right, for a value that is no such number.
    #[must_use]
    pub const fn invalid() -> InvalidValue {
        InvalidValue::new("must be a whole number of seconds from 0 to 604800")
    }

    /// The spread in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0
    }
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RotationStatus {
    /// Some of its webhooks have no outcome yet.
    Running,
    /// It ended before all of them had one.
    Stopped,
    /// All of them have one.
    Done,
}

impl RotationStatus {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Running, Self::Stopped, Self::Done];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Done => "DONE",
        }
    }
}

impl std::str::FromStr for RotationStatus {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|status| status.name() == text);
        named.ok_or(InvalidValue::new("must be RUNNING, STOPPED or DONE"))
    }
}

/// Why a rotation ended before all its webhooks had an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// Somebody asked for it.
    Requested,
    /// The API key that began it was revoked, or has expired.
    CredentialRevoked,
    /// As many of its webhooks have failed as may.
    TooManyFailures,
}

impl StopReason {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Requested, Self::CredentialRevoked, Self::TooManyFailures];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::CredentialRevoked => "CREDENTIAL_REVOKED",
            Self::TooManyFailures => "TOO_MANY_FAILURES",
        }
    }
}

impl std::str::FromStr for StopReason {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|reason| reason.name() == text);
        named.ok_or(InvalidValue::new(
            "must be REQUESTED, CREDENTIAL_REVOKED or TOO_MANY_FAILURES",
        ))
    }
}

/// How many of its webhooks have which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RotationTotals {
    /// How many it is about.
    pub total: u64,
    /// How many were rolled.
    pub rolled: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// How many have failed.
    pub failed: u64,
    /// Of how many the receiver was shown to verify with the key of this rotation.
    pub adopted: u64,
}

impl RotationTotals {
    /// How many have no outcome yet.
    #[must_use]
    pub const fn left(&self) -> u64 {
        let settled = self.rolled + self.skipped + self.failed;
        self.total.saturating_sub(settled)
    }

    /// The totals after one more webhook has this outcome.
    #[must_use]
    pub const fn with(mut self, settled: Settled) -> Self {
        match settled {
            Settled::Rolled(_) => self.rolled += 1,
            Settled::Skipped(_) => self.skipped += 1,
            Settled::Failed(_) => self.failed += 1,
        }
        self
    }
}

/// A rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Which one.
    pub id: RotationId,
    /// Whose.
    pub platform: PlatformId,
    /// How its webhooks are rolled.
    pub orders: RotationOrders,
    /// How far it is.
    pub status: RotationStatus,
    /// Why it was stopped, if it was.
    pub stop_reason: Option<StopReason>,
    /// How many have which outcome.
    pub totals: RotationTotals,
    /// Who began it: the rolls are audited as theirs.
    pub begun_by: Credential,
    /// The request with which they did.
    pub request: RequestId,
    /// When it began.
    pub created_at: Instant,
    /// When it ended, if it has.
    pub finished_at: Option<Instant>,
}

impl Rotation {
    /// The rotation once it has ended at `now`: for `reason`, or, without one, because all its webhooks have an outcome.
    ///
    /// # Errors
    /// [`Refusal::RotationNotRunning`] when it has ended already, or some have none.
    pub fn finished(self, reason: Option<StopReason>, now: Instant) -> Result<Self, Refusal> {
        let is_unfinished = reason.is_none() && self.totals.left() > 0;
        if self.status != RotationStatus::Running || is_unfinished {
            return Err(Refusal::RotationNotRunning);
        }
        Ok(Self {
            status: match reason {
                Some(_) => RotationStatus::Stopped,
                None => RotationStatus::Done,
            },
            stop_reason: reason,
            finished_at: Some(now.max(self.created_at)),
            ..self
        })
    }

    /// Refuses to begin if it is about another number of webhooks than was confirmed.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`], saying how many there are.
    pub fn confirm(&self, total: Option<u64>) -> Result<(), Refusal> {
        let counted = self.totals.total;
        match total {
            Some(confirmed) if confirmed != counted => {
                let problem = format!("must be {counted}, which is how many webhooks meet the filter");
                Err(Refusal::invalid("confirm_total", InvalidValue(problem.into())))
            }
            _ => Ok(()),
        }
    }

    /// Whether it stops because so many of its webhooks have failed.
    #[must_use]
    pub fn has_too_many_failures(&self, failed: u64) -> bool {
        let most = self.orders.stop_after_failures;
        most.is_some_and(|most| failed >= u64::from(most))
    }
}

/// Who works at a running rotation. Its epoch rises with each change of that; what is done under another one than the present is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationClaim {
    /// Who, if anybody did yet.
    pub runner: Option<ProcessId>,
    /// How often that has changed.
    pub epoch: u64,
    /// From when on it is anybody's.
    pub until: Instant,
}

impl RotationClaim {
    /// Nobody's yet.
    pub const NOBODYS: Self = Self {
        runner: None,
        epoch: 0,
        until: Instant::from_milliseconds(0),
    };

    /// What becomes of it when `process` would work at the rotation from `now` on; none while it is somebody else's.
    #[must_use]
    pub fn taken_by(self, process: ProcessId, now: Instant) -> Option<Self> {
        let is_own = self.runner == Some(process);
        // One that lies further ahead than a claim can was made by a clock that was ahead.
        let is_free = self.until <= now || self.until > now.plus(LEASE * 2);
        (is_own || is_free).then(|| Self {
            runner: Some(process),
            epoch: self.epoch + u64::from(!is_own),
            until: now.plus(LEASE),
        })
    }
}
