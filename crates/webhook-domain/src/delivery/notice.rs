//! What an operator is told of a webhook's queue, once for each change and not for each attempt: that it is held up, that it goes on
//! again, and that a delivery was given up.
//!
//! A store finds out what there is to tell from what it records, and tells it after the commit: so nothing is told that is not so. Those
//! who want to hear of it get an event, which whoever made the attempt has [written](Turn::tells) beforehand.

use crate::delivery::attempt::FailureCause;
use crate::delivery::event::Event;
use crate::delivery::lane::Turn;
use crate::delivery::penalty_box::PenaltyBox;
use crate::delivery::trace::TraceParent;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::id::{DeliveryId, EventId, PlatformId, WebhookId};
use crate::time::Instant;
use crate::webhook::Happened;

/// Something that happened to the queue of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The webhook.
    pub webhook: WebhookId,
    /// Its platform.
    pub platform: PlatformId,
    /// What happened.
    pub what: Happening,
}

/// What happened to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It is held up: an attempt failed, and none had failed since the last success.
    HeldUp {
        /// What was tried.
        event: EventId,
        /// Why it failed.
        cause: FailureCause,
        /// When it is sent again.
        retry_at: Option<Instant>,
        /// The trace that it belongs to.
        trace: Option<TraceParent>,
    },
    /// It goes on again.
    Released {
        /// Since when it was held up.
        since: Instant,
        /// What released it.
        by: Release,
    },
    /// A delivery was given up.
    GivenUp {
        /// Which one.
        delivery: DeliveryId,
        /// Its event.
        event: EventId,
        /// How many attempts of it were made.
        attempts: u32,
        /// Why the last of them failed, if there was one.
        cause: Option<FailureCause>,
        /// Whether somebody asked for it.
        on_request: bool,
        /// The trace that it belongs to.
        trace: Option<TraceParent>,
    },
}

impl Happening {
    /// What those are told who follow what happens to webhooks.
    #[must_use]
    pub const fn told_as(&self) -> Happened {
        match self {
            Self::HeldUp { .. } => Happened::HeldUp,
            Self::Released { .. } => Happened::Released,
            Self::GivenUp { .. } => Happened::EventGivenUp,
        }
    }
}

/// What releases a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// A delivery succeeded.
    Success,
    /// The webhook was inactive, and is active again.
    Activation,
}

impl Notice {
    /// What there is to tell of a turn that was recorded: the lane's box was `before` and is `after`, and its delivery is `status` now.
    ///
    /// A lane whose receiver answered 410 is not said to be held up: its webhook is said to be inactive.
    pub fn of_turn(
        turn: &Turn,
        before: &PenaltyBox,
        after: &PenaltyBox,
        status: DeliveryStatus,
    ) -> impl Iterator<Item = Self> {
        let released = match (before.since(), after.since()) {
            (Some(since), None) => Some(Happening::Released {
                since,
                by: Release::Success,
            }),
            _ => None,
        };
        let held_up = match (before.since(), after.since(), turn.attempt.cause()) {
            (None, Some(_), Some(cause)) if !cause.is_gone() => Some(Happening::HeldUp {
                event: turn.delivery.event,
                cause,
                retry_at: after.retry_at(),
                trace: turn.trace,
            }),
            _ => None,
        };
        let given_up = matches!(status, DeliveryStatus::Failed { .. }).then(|| Happening::GivenUp {
            delivery: turn.delivery.id,
            event: turn.delivery.event,
            attempts: turn.number,
            cause: turn.attempt.cause(),
            on_request: false,
            trace: turn.trace,
        });
        let happened = released.into_iter().chain(held_up).chain(given_up);
        happened.map(|what| Self::of(&turn.delivery, what))
    }

    /// The event that tells of this, if it is among those that `turn` tells.
    #[must_use]
    pub fn event<'a>(&self, turn: &'a Turn) -> Option<&'a Event> {
        let action = self.what.told_as().action();
        turn.tells.iter().find(|event| event.action.as_str() == action)
    }

    /// That a delivery was given up because somebody asked for it, after attempts of which the last failed for `cause`.
    #[must_use]
    pub fn of_request(
        delivery: &Delivery,
        attempts: u32,
        cause: Option<FailureCause>,
        trace: Option<TraceParent>,
    ) -> Self {
        let what = Happening::GivenUp {
            delivery: delivery.id,
            event: delivery.event,
            attempts,
            cause,
            on_request: true,
            trace,
        };
        Self::of(delivery, what)
    }

    /// What there is to tell of a change of a webhook by which its lane's box, which was `before`, is `after`.
    #[must_use]
    pub fn of_change(
        webhook: WebhookId,
        platform: &PlatformId,
        before: &PenaltyBox,
        after: &PenaltyBox,
    ) -> Option<Self> {
        let since = before.since().filter(|_| after.since().is_none())?;
        Some(Self {
            webhook,
            platform: platform.clone(),
            what: Happening::Released {
                since,
                by: Release::Activation,
            },
        })
    }

    fn of(delivery: &Delivery, what: Happening) -> Self {
        Self {
            webhook: delivery.webhook,
            platform: delivery.platform.clone(),
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::delivery::attempt::{Attempt, AttemptOutcome, CredentialsTaken, StatusCode};
    use crate::delivery::lane::{Epoch, Position};
    use crate::delivery::penalty_box::HeadFate;
    use crate::delivery::retry_schedule::{Jitter, RetrySchedule};
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use crate::webhook::Version;

    const NOW: Instant = ManualClock::START;

    fn attempt(status: u16, at: Instant) -> Attempt {
        Attempt {
            at,
            duration: Duration::ZERO,
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome: AttemptOutcome::of_answer(StatusCode::new(status).unwrap()),
            response_body: None,
        }
    }

    /// What is told of an attempt that is answered with `status` at `at`, and the box after it.
    fn told(before: PenaltyBox, status: u16, at: Instant) -> (Vec<Happening>, PenaltyBox) {
        let event = fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW);
        let settings = fixtures::bare_settings();
        let webhook = fixtures::webhook(&fixtures::acme(), settings, NOW, &SeededEntropy::default());
        let attempt = attempt(status, at);
        let aftermath = before.after(&attempt, None, &RetrySchedule::default(), Jitter::NONE);
        let turn = Turn {
            position: Position(1),
            epoch: Epoch::FIRST,
            number: 1,
            version: Version(1),
            delivery: Delivery::to(&event, webhook.id, false).after(aftermath.head, at),
            attempt,
            penalty_box: aftermath.penalty_box,
            trace: None,
            tells: Vec::new(),
        };
        assert_eq!(
            turn.delivery.status == DeliveryStatus::Failed { at },
            aftermath.head == HeadFate::GivenUp
        );
        let notices = Notice::of_turn(&turn, &before, &turn.penalty_box, turn.delivery.status);
        let happened = notices.map(|notice| {
            assert_eq!(
                (notice.webhook, &notice.platform),
                (webhook.id, &webhook.platform)
            );
            notice.what
        });
        (happened.collect(), aftermath.penalty_box)
    }

    #[test]
    fn a_webhook_is_held_up_once_and_released_once() {
        let (told_first, held_up) = told(PenaltyBox::Out, 500, NOW);
        let [Happening::HeldUp { cause, retry_at, .. }] = told_first[..] else {
            panic!("{told_first:?}")
        };
        assert_eq!((cause.name(), retry_at), ("STATUS_CODE", held_up.retry_at()));
        let later = NOW.plus(Duration::from_secs(3600));
        let (told_again, still) = told(held_up, 503, later);
        assert_eq!(told_again, []);
        let (told_last, out) = told(still, 204, later.plus(Duration::from_secs(3600)));
        let by = Release::Success;
        assert_eq!(told_last, [Happening::Released { since: NOW, by }]);
        assert_eq!(out, PenaltyBox::Out);
        assert_eq!(told(out, 204, later).0, []);
    }

    #[test]
    fn a_delivery_that_is_given_up_is_told_of_and_its_webhook_stays_held_up() {
        let (_, held_up) = told(PenaltyBox::Out, 500, NOW);
        let (told_last, after) = told(held_up, 502, NOW.plus(Duration::from_secs(8 * 86_400)));
        let [
            Happening::GivenUp {
                cause, on_request, ..
            },
        ] = told_last[..]
        else {
            panic!("{told_last:?}")
        };
        assert_eq!(cause.and_then(FailureCause::status), StatusCode::new(502).ok());
        assert!(!on_request && after.since() == Some(NOW));
    }

    #[test]
    fn a_receiver_that_is_gone_holds_nothing_up() {
        assert_eq!(told(PenaltyBox::Out, 410, NOW).0, []);
    }

    #[test]
    fn a_change_that_empties_the_box_releases() {
        let (_, held_up) = told(PenaltyBox::Out, 500, NOW);
        let webhook = WebhookId::generate(NOW, &SeededEntropy::default()).unwrap();
        let told = |before, after| Notice::of_change(webhook, &fixtures::acme(), before, after);
        let by = Release::Activation;
        let released = told(&held_up, &PenaltyBox::Out).map(|notice| notice.what);
        assert_eq!(released, Some(Happening::Released { since: NOW, by }));
        let expedited = held_up.expedited(NOW);
        assert_eq!(told(&held_up, &expedited), None);
        assert_eq!(told(&PenaltyBox::Out, &PenaltyBox::Out), None);
    }
}
