//! The penalty box: what a failure does to the queue of a webhook.
//!
//! A webhook's queue is strictly in order, so while the delivery at its head fails, the queue waits. The box says
//! why and until when. It belongs to the queue, not to the webhook's settings: it changes with every failure, and
//! that is no change of the webhook's version.
//!
//! ```text
//!            failure                      failure within the 7 days
//!   Out ---------------->  Retrying  --------------------------------> Retrying (one retry more)
//!    ^                     |  |   ^
//!    |      success        |  |   | failure of the next one
//!    +---------------------+  |   |
//!    |      success           v   |
//!    +---------------------- NextInTurn     a failure when the 7 days are over, or somebody who asks for it: the head is given up
//! ```
//!
//! | field of the webhook (contract §2) | is |
//! |---|---|
//! | `penalty_box` | [`since`](PenaltyBox::since): null, or since when no delivery has succeeded |
//! | `penalty_box_data` | null outside the box; in it `retry_count`, `retry_at` and `cause` of the same names here, and the payload of the delivery at the head |
//!
//! **410 Gone** is a failure that says more: the webhook becomes inactive ([`crate::webhook::Webhook::gone`]), its head is
//! not given up, however old, and its queue is kept. While a webhook is inactive nothing is sent, so nothing is given up
//! either. When it is active again, [`reopened`](PenaltyBox::reopened) gives the head its 7 days anew: those it waited
//! through were not the receiver's failure. A change of where or how the receiver is asked has its head sent at once: the
//! change may be what was wanting. Whoever saves a change of a webhook saves its box [`after_change`](PenaltyBox::after_change),
//! in the same transaction.
//!
//! **An attempt that somebody asks for** before its time ([`asked_for`](PenaltyBox::asked_for)) raises nothing when it fails: the head
//! is sent again when it would have been anyway.
//!
//! **Back-pressure** is no outage: of a receiver that answers 429, or 503 with a wish, the wait is short ([`RetrySchedule`]), and a
//! retry after a short wait does not count in `retry_count`.

use std::time::Duration;

use crate::delivery::attempt::{Attempt, AttemptOutcome, FailureCause, StatusCode};
use crate::delivery::retry_schedule::{Failures, Jitter, Retry, RetrySchedule};
use crate::time::Instant;
use crate::webhook::Settings;

/// By how much the clocks of machines may differ without anything being wrong.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(60);

/// Whether a webhook's queue is held up, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PenaltyBox {
    /// The head of the queue is sent as soon as there is one.
    #[default]
    Out,
    /// The head of the queue has failed, and waits to be sent again.
    Retrying {
        /// Since when no delivery has succeeded: the end of the first attempt that failed.
        since: Instant,
        /// Why the last attempt failed.
        cause: FailureCause,
        /// When the head's own first attempt had failed. Later than `since` if deliveries before it were given up.
        first_failed_at: Instant,
        /// How often the head was sent again, without success. None yet, after its first attempt.
        retry_count: u32,
        /// When the last attempt failed.
        failed_at: Instant,
        /// When it is sent again.
        retry_at: Instant,
        /// Whether it waits for as short a time as the receiver asks, and how often it has.
        short_waits: ShortWaits,
        /// When it would have been sent again, had nobody asked for it to be sent before.
        planned_at: Option<Instant>,
    },
    /// The head of the queue was given up, and the next one was not tried yet. It is sent as soon as there is one.
    NextInTurn {
        /// Since when no delivery has succeeded.
        since: Instant,
        /// Why the last attempt failed.
        cause: FailureCause,
        /// When the one before was given up.
        given_up_at: Instant,
    },
}

/// The short waits of a delivery whose receiver takes no more for the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShortWaits {
    /// How many there were, the present one included.
    pub count: u32,
    /// Whether the present wait is one.
    pub is_one: bool,
}

/// What becomes of the delivery at the head of a queue after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadFate {
    /// It is delivered, and the next one's turn comes.
    Delivered,
    /// It stays at the head, and is sent again.
    Waits,
    /// It has failed for good, and the next one's turn comes.
    GivenUp,
    /// It stays at the head, and nothing is sent until the webhook, which becomes inactive, is active again.
    WebhookGone,
}

/// What an attempt left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aftermath {
    /// The box.
    pub penalty_box: PenaltyBox,
    /// The delivery that was tried.
    pub head: HeadFate,
}

impl PenaltyBox {
    /// The box after `attempt` at the delivery at the head of the queue, which waits by `schedule` if it is sent
    /// again. `retry_after` is the receiver's own wish, if its answer had one that could be read.
    #[must_use]
    pub fn after(
        self,
        attempt: &Attempt,
        retry_after: Option<Duration>,
        schedule: &RetrySchedule,
        jitter: Jitter,
    ) -> Aftermath {
        match attempt.outcome {
            AttemptOutcome::Succeeded { .. } => Aftermath {
                penalty_box: Self::Out,
                head: HeadFate::Delivered,
            },
            AttemptOutcome::Failed { cause } => {
                let now = attempt.ended_at();
                self.failed(cause, now, |failure| {
                    schedule.next(failure, cause.status(), retry_after, now, jitter)
                })
            }
        }
    }

    /// `next` says when a delivery is sent again that has failed like this.
    fn failed(
        self,
        cause: FailureCause,
        now: Instant,
        next: impl FnOnce(Failures) -> Option<Retry>,
    ) -> Aftermath {
        let since = self.since().unwrap_or(now);
        let (failures, planned) = match self {
            Self::Retrying {
                first_failed_at,
                retry_count,
                short_waits,
                planned_at,
                ..
            } => {
                // Asked for before its time: that time is still to come.
                let planned = planned_at.filter(|planned_at| *planned_at > now);
                let counts = planned.is_none() && !short_waits.is_one;
                let failures = Failures {
                    first_failed_at,
                    retries: retry_count.saturating_add(counts.into()),
                    short_waits: short_waits.count,
                };
                let planned = planned.map(|at| Retry {
                    at,
                    is_short: short_waits.is_one,
                });
                (failures, planned)
            }
            Self::Out | Self::NextInTurn { .. } => {
                let failures = Failures {
                    first_failed_at: now,
                    retries: 0,
                    short_waits: 0,
                };
                (failures, None)
            }
        };
        let retrying = |retry: Retry| Self::Retrying {
            since,
            cause,
            first_failed_at: failures.first_failed_at,
            retry_count: failures.retries,
            failed_at: now,
            retry_at: retry.at,
            short_waits: ShortWaits {
                count: failures
                    .short_waits
                    .saturating_add((retry.is_short && planned.is_none()).into()),
                is_one: retry.is_short,
            },
            planned_at: None,
        };
        let next_in_turn = Self::NextInTurn {
            since,
            cause,
            given_up_at: now,
        };
        let (penalty_box, head) = match (cause, planned.or_else(|| next(failures))) {
            (FailureCause::Status(StatusCode::GONE), next) => {
                let next = next.unwrap_or(Retry {
                    at: now,
                    is_short: false,
                });
                (retrying(next), HeadFate::WebhookGone)
            }
            (_, Some(retry)) => (retrying(retry), HeadFate::Waits),
            (_, None) => (next_in_turn, HeadFate::GivenUp),
        };
        Aftermath { penalty_box, head }
    }

    /// The box of a webhook that was inactive and is active again: empty, so that its queue goes on at once.
    #[must_use]
    pub const fn reopened(self) -> Self {
        Self::Out
    }

    /// The box once its head was given up at `now` because somebody asks for it.
    #[must_use]
    pub const fn without_head(self, now: Instant) -> Self {
        match self {
            Self::Retrying { since, cause, .. } => Self::NextInTurn {
                since,
                cause,
                given_up_at: now,
            },
            Self::Out | Self::NextInTurn { .. } => self,
        }
    }

    /// The box with its head to be sent at `now` because somebody asks for it, if that would have been later.
    #[must_use]
    pub fn asked_for(mut self, now: Instant) -> Self {
        if let Self::Retrying {
            retry_at, planned_at, ..
        } = &mut self
            && now < *retry_at
        {
            planned_at.get_or_insert(*retry_at);
            *retry_at = now;
        }
        self
    }

    /// The box with its head to be sent at `now` because what has failed may be mended, if that would have been later.
    #[must_use]
    pub fn expedited(mut self, now: Instant) -> Self {
        if let Self::Retrying { retry_at, .. } = &mut self {
            *retry_at = now.min(*retry_at);
        }
        self
    }

    /// The box of a webhook whose settings were `before` and are `after` from `now` on.
    #[must_use]
    pub fn after_change(self, before: &Settings, after: &Settings, now: Instant) -> Self {
        if after.active && !before.active {
            self.reopened()
        } else if after.url != before.url
            || after.authentication != before.authentication
            || after.custom_headers != before.custom_headers
        {
            self.expedited(now)
        } else {
            self
        }
    }

    /// Whether `attempt` is the one that the head waits after.
    #[must_use]
    pub fn is_of(&self, attempt: &Attempt) -> bool {
        match self {
            Self::Retrying { failed_at, .. } => attempt.cause().is_some() && attempt.ended_at() == *failed_at,
            Self::Out | Self::NextInTurn { .. } => false,
        }
    }

    /// Since when the webhook is in the box: since when no delivery has succeeded. None outside it.
    #[must_use]
    pub const fn since(&self) -> Option<Instant> {
        match self {
            Self::Out => None,
            Self::Retrying { since, .. } | Self::NextInTurn { since, .. } => Some(*since),
        }
    }

    /// Why the last attempt failed. None outside the box.
    #[must_use]
    pub const fn cause(&self) -> Option<FailureCause> {
        match self {
            Self::Out => None,
            Self::Retrying { cause, .. } | Self::NextInTurn { cause, .. } => Some(*cause),
        }
    }

    /// How often the delivery at the head was sent again, without success.
    #[must_use]
    pub const fn retry_count(&self) -> u32 {
        match self {
            Self::Out | Self::NextInTurn { .. } => 0,
            Self::Retrying { retry_count, .. } => *retry_count,
        }
    }

    /// When the delivery at the head may be sent, as clients are shown it. None outside the box, where that is at any time. Whether
    /// it may be sent, [`is_due`](Self::is_due) says.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Instant> {
        match self {
            Self::Out => None,
            Self::Retrying { retry_at: at, .. } | Self::NextInTurn { given_up_at: at, .. } => Some(*at),
        }
    }

    /// Whether the delivery at the head may be sent at `now`.
    ///
    /// One that was not tried yet may always: whoever gave up the one before it may have done so by a clock that was ahead. So may one
    /// that failed later than `now`: the wait that was told by that clock means nothing.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        match self {
            Self::Out | Self::NextInTurn { .. } => true,
            Self::Retrying {
                failed_at, retry_at, ..
            } => *retry_at <= now || *failed_at > now.plus(CLOCKS_DIFFER_BY),
        }
    }
}
