//! Which of a webhook's keys its receiver verifies with, found out by asking it.
//!
//! A receiver cannot be asked directly. It can be sent something that one key alone has signed, and it answers whether it takes that. So a
//! check sends probes that differ in their id and in their key, and in nothing else ([`Plan`]): first a **control**, signed by a random key
//! that is nobody's; then the current key and the newest retired one, each alone, in random order; then a second control. What came back
//! is judged ([`Answered::judged`]), and the first row that holds is the verdict ([`Verdict::of`]):
//!
//! | | verdict |
//! |---|---|
//! | a control was accepted | `DOES_NOT_VERIFY` |
//! | a control or the current key had no answer | `UNREACHABLE` |
//! | the current key was accepted | `ADOPTED` |
//! | the previous key was accepted | `NOT_ADOPTED` |
//! | otherwise | `INCONCLUSIVE` |
//!
//! Two controls, because a receiver may change between the first probe and the last: one that is told apart only by the first is a receiver
//! that remembers bodies, or one half of several machines.
//!
//! A verdict is about whoever answered at the url in these seconds. It proves nothing of other machines behind the same name, and nothing at
//! all to somebody who does not trust the receiver's owner, since the owner chooses the answers. How many checks there may be is in
//! [`allowance`].

pub mod allowance;
mod crowded;
mod plan;

use std::str::FromStr;

pub use crowded::Crowded;
pub use plan::{Plan, PlannedProbe, Subject};

use super::attempt::{AttemptOutcome, FailureCause, StatusCode};
use crate::error::InvalidValue;
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// What a check found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The receiver accepts what no key of the webhook has signed: it verifies later, or not at all.
    DoesNotVerify,
    /// There was no answer that says yes or no.
    Unreachable,
    /// The receiver verifies with the current key.
    Adopted,
    /// The receiver verifies with the previous key, and not with the current one.
    NotAdopted,
    /// The receiver refused everything: it holds none of these keys, or refuses for another reason.
    Inconclusive,
}

impl Verdict {
    /// Every verdict there is.
    pub const ALL: [Self; 5] = [
        Self::Adopted,
        Self::NotAdopted,
        Self::DoesNotVerify,
        Self::Unreachable,
        Self::Inconclusive,
    ];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DoesNotVerify => "DOES_NOT_VERIFY",
            Self::Unreachable => "UNREACHABLE",
            Self::Adopted => "ADOPTED",
            Self::NotAdopted => "NOT_ADOPTED",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }

    /// The verdict on what was said to the controls, to the current key, and to the previous one if there is one.
    #[must_use]
    pub fn of(controls: [Judged; 2], current: Judged, previous: Option<Judged>) -> Self {
        if controls.contains(&Judged::Accepted) {
            Self::DoesNotVerify
        } else if controls.contains(&Judged::NoAnswer) || current == Judged::NoAnswer {
            Self::Unreachable
        } else if current == Judged::Accepted {
            Self::Adopted
        } else if previous == Some(Judged::Accepted) {
            Self::NotAdopted
        } else {
            Self::Inconclusive
        }
    }

    /// A sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DoesNotVerify => {
                "the receiver accepts what no key of the webhook has signed: it verifies later, or not at all"
            }
            Self::Unreachable => "the receiver gave no answer that says whether it verifies",
            Self::Adopted => "the receiver verifies with the current key",
            Self::NotAdopted => {
                "the receiver verifies with the previous key, and not yet with the current one"
            }
            Self::Inconclusive => {
                "the receiver refused everything: it holds none of the keys, or it refuses this type of event"
            }
        }
    }
}

impl FromStr for Verdict {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|verdict| verdict.name() == text);
        named.ok_or_else(|| {
            InvalidValue(format!("must be one of {}", Self::ALL.map(Self::name).join(", ")).into())
        })
    }
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// 2xx.
    Accepted,
    /// 400, 401, 403 or 422: what receivers answer to a signature that does not verify.
    Refused,
    /// Anything else, and no answer at all.
    NoAnswer,
}

/// The statuses that refuse a signature.
const REFUSALS: [u16; 4] = [400, 401, 403, 422];

/// What came of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It was sent, and ended like this.
    Sent(AttemptOutcome),
    /// It was not sent: the time was over, or the webhook had changed.
    NotSent,
}

impl Answered {
    /// What clients see as the cause of a probe that was not sent.
    pub const NOT_SENT: &'static str = "NOT_SENT";

    /// What it means.
    #[must_use]
    pub fn judged(&self) -> Judged {
        match self {
            Self::Sent(AttemptOutcome::Succeeded { .. }) => Judged::Accepted,
            Self::Sent(AttemptOutcome::Failed { cause }) => match cause.status() {
                Some(status) if REFUSALS.contains(&status.get()) => Judged::Refused,
                _ => Judged::NoAnswer,
            },
            Self::NotSent => Judged::NoAnswer,
        }
    }

    /// Whether the receiver took it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.judged() == Judged::Accepted
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Sent(AttemptOutcome::Succeeded { status }) => Some(*status),
            Self::Sent(AttemptOutcome::Failed { cause }) => cause.status(),
            Self::NotSent => None,
        }
    }

    /// The name of why it was not accepted; none if it was.
    #[must_use]
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Sent(AttemptOutcome::Succeeded { .. }) => None,
            Self::Sent(AttemptOutcome::Failed { cause }) => Some(cause.name()),
            Self::NotSent => Some(Self::NOT_SENT),
        }
    }

    /// The names that [`cause`](Self::cause) can give.
    #[must_use]
    pub fn causes() -> Vec<&'static str> {
        let of_attempts = FailureCause::NAMES.into_iter();
        of_attempts.chain([Self::NOT_SENT]).collect()
    }
}

/// What a key is to its webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// The current one.
    Current,
    /// The one retired last, of those that still sign.
    Previous,
}

impl KeyRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Current, Self::Previous];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "CURRENT",
            Self::Previous => "PREVIOUS",
        }
    }
}

/// What was said to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedKey {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// What it is to the webhook.
    pub role: KeyRole,
    /// What came of its probe.
    pub answered: Answered,
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// What it found out.
    pub verdict: Verdict,
    /// When it began.
    pub checked_at: Instant,
    /// What was said to the controls, in the order in which they were sent.
    pub controls: [Answered; 2],
    /// What was said to the keys, the current one first, whichever was sent first.
    pub keys: Vec<CheckedKey>,
}

impl KeyCheck {
    /// The check that was made at `checked_at`, judged.
    #[must_use]
    pub fn new(
        checked_at: Instant,
        controls: [Answered; 2],
        current: CheckedKey,
        previous: Option<CheckedKey>,
    ) -> Self {
        let judged = |key: &CheckedKey| key.answered.judged();
        let verdict = Verdict::of(
            controls.map(|control| control.judged()),
            judged(&current),
            previous.as_ref().map(judged),
        );
        Self {
            verdict,
            checked_at,
            controls,
            keys: [current].into_iter().chain(previous).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
