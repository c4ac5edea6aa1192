//! The penalty box through the life of a queue whose receiver fails, comes back, or is gone.

#![expect(clippy::unwrap_used, reason = "so a test says that it failed")]

mod queue;

use std::time::Duration;

use proptest::prelude::*;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use webhook_domain::delivery::penalty_box::{HeadFate, PenaltyBox, ShortWaits};
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::time::{Clock, Instant};
use webhook_domain::webhook::{Settings, TargetUrl};

use crate::queue::*;

#[test]
fn outside_the_box_the_head_may_be_sent_at_any_time() {
    let out = PenaltyBox::default();
    assert_eq!(out, PenaltyBox::Out);
    assert!(out.is_due(Instant::from_milliseconds(0)));
    assert_eq!(
        (out.since(), out.cause(), out.retry_at(), out.retry_count()),
        (None, None, None, 0)
    );
}

#[test]
fn a_failure_puts_the_webhook_in_the_box_and_each_one_more_counts() {
    let mut queue = Queue::new();
    assert_eq!(queue.attempt(TIMEOUT), HeadFate::Waits);
    let first_failed_at = ManualClock::START.plus(ATTEMPT);
    let mut expected = PenaltyBox::Retrying {
        since: first_failed_at,
        cause: FailureCause::Timeout,
        first_failed_at,
        retry_count: 0,
        failed_at: first_failed_at,
        retry_at: first_failed_at.plus(MINUTE * 2),
        short_waits: ShortWaits::default(),
        planned_at: None,
    };
    assert_eq!(queue.penalty_box, expected);
    for (count, minutes) in [
        (1, 4),
        (2, 8),
        (3, 16),
        (4, 32),
        (5, 60),
        (6, 120),
        (7, 240),
        (8, 480),
        (9, 480),
    ] {
        queue.wait();
        assert_eq!(queue.attempt(answered(500)), HeadFate::Waits);
        expected = PenaltyBox::Retrying {
            since: first_failed_at,
            cause: FailureCause::Status(StatusCode::new(500).unwrap()),
            first_failed_at,
            retry_count: count,
            failed_at: queue.clock.now(),
            retry_at: queue.clock.now().plus(MINUTE * minutes),
            short_waits: ShortWaits::default(),
            planned_at: None,
        };
        assert_eq!(queue.penalty_box, expected);
        assert_eq!(expected.retry_count(), count);
        assert_eq!(
            expected.cause(),
            Some(FailureCause::Status(StatusCode::new(500).unwrap()))
        );
    }
}

#[test]
fn a_success_empties_the_box_and_the_next_failure_begins_anew() {
    let mut queue = Queue::new();
    queue.attempt(TIMEOUT);
    queue.wait();
    queue.attempt(TIMEOUT);
    queue.wait();
    assert_eq!(queue.attempt(answered(204)), HeadFate::Delivered);
    assert_eq!(queue.penalty_box, PenaltyBox::Out);

    queue.attempt(TIMEOUT);
    assert_eq!(queue.penalty_box.since(), Some(queue.clock.now()));
    assert_eq!(queue.penalty_box.retry_count(), 0);
    assert_eq!(
        queue.penalty_box.retry_at(),
        Some(queue.clock.now().plus(MINUTE * 2))
    );
}

#[test]
fn a_receivers_wish_is_granted() {
    let mut queue = Queue::new();
    queue.attempt_with(answered(503), Some(MINUTE * 7));
    assert_eq!(
        queue.penalty_box.retry_at(),
        Some(queue.clock.now().plus(MINUTE * 7))
    );
}

#[test]
fn after_7_days_the_head_is_given_up_and_the_next_one_has_7_days_of_its_own() {
    let mut queue = Queue::new();
    queue.give_up();
    let since = ManualClock::START.plus(ATTEMPT);
    let given_up_at = since.plus(WEEK).plus(ATTEMPT);
    assert_eq!(
        queue.penalty_box,
        PenaltyBox::NextInTurn {
            since,
            cause: FailureCause::Timeout,
            given_up_at,
        }
    );
    assert_eq!(
        (queue.clock.now(), queue.penalty_box.retry_at()),
        (given_up_at, Some(given_up_at))
    );
    assert!(
        queue.penalty_box.is_due(given_up_at),
        "the next one's turn comes at once"
    );
    assert_eq!(queue.penalty_box.cause(), Some(FailureCause::Timeout));
    assert_eq!(queue.penalty_box.retry_count(), 0);

    assert_eq!(queue.attempt(TIMEOUT), HeadFate::Waits);
    let first_failed_at = queue.clock.now();
    assert_eq!(
        queue.penalty_box,
        PenaltyBox::Retrying {
            since,
            cause: FailureCause::Timeout,
            first_failed_at,
            retry_count: 0,
            failed_at: first_failed_at,
            retry_at: first_failed_at.plus(MINUTE * 2),
            short_waits: ShortWaits::default(),
            planned_at: None,
        }
    );
    queue.wait();
    queue.give_up();
    assert_eq!(queue.clock.now(), first_failed_at.plus(WEEK).plus(ATTEMPT));
    assert_eq!(queue.penalty_box.since(), Some(since));

    assert_eq!(queue.attempt(answered(200)), HeadFate::Delivered);
    assert_eq!(queue.penalty_box, PenaltyBox::Out);
}

#[test]
fn a_receiver_that_is_gone_makes_the_webhook_inactive_and_no_delivery_fails() {
    let mut queue = Queue::new();
    assert_eq!(queue.attempt(answered(410)), HeadFate::WebhookGone);
    assert_eq!(queue.penalty_box.since(), Some(queue.clock.now()));
    assert_eq!(
        queue.penalty_box.cause(),
        Some(FailureCause::Status(StatusCode::GONE))
    );

    queue.clock.advance(WEEK * 2);
    assert_eq!(queue.attempt(answered(410)), HeadFate::WebhookGone, "however old");
    assert_eq!(queue.penalty_box.retry_count(), 1);
}

#[test]
fn a_webhook_that_is_active_again_has_its_7_days_anew() {
    let mut queue = Queue::new();
    queue.attempt(answered(410));
    queue.clock.advance(WEEK * 2);
    queue.penalty_box = queue.penalty_box.reopened();
    assert!(queue.penalty_box.is_due(queue.clock.now()));
    assert_eq!(queue.attempt(TIMEOUT), HeadFate::Waits);
    assert_eq!(queue.penalty_box.since(), Some(queue.clock.now()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_only_a_success_empties_the_box_and_only_a_week_of_failure_gives_up(
        outcomes in prop::collection::vec(
            (prop_oneof![4 => Just(TIMEOUT), 1 => Just(answered(200)), 1 => Just(answered(410))], 0..3_u32),
            1..120,
        ),
    ) {
        let mut queue = Queue::new();
        // Since when the head has failed, and since when all did.
        let (mut head, mut all) = (None, None);
        for (outcome, late_by_days) in outcomes {
            let fate = queue.attempt(outcome);
            let now = queue.clock.now();
            let first = *head.get_or_insert(now);
            let over = now >= first.plus(WEEK);
            let failed_since = *all.get_or_insert(now);
            let expected = match outcome {
                AttemptOutcome::Succeeded { .. } => HeadFate::Delivered,
                _ if outcome == answered(410) => HeadFate::WebhookGone,
                _ if over => HeadFate::GivenUp,
                _ => HeadFate::Waits,
            };
            prop_assert_eq!(fate, expected);
            if matches!(fate, HeadFate::Delivered | HeadFate::GivenUp) {
                head = None;
            }
            if fate == HeadFate::Delivered {
                all = None;
                prop_assert_eq!(queue.penalty_box, PenaltyBox::Out);
            } else {
                prop_assert_eq!(queue.penalty_box.since(), Some(failed_since));
                let retry_at = queue.penalty_box.retry_at().unwrap();
                prop_assert!(retry_at >= now);
                prop_assert!(retry_at <= first.plus(WEEK).max(now));
                queue.clock.set(retry_at);
            }
            queue.clock.advance(MINUTE * 60 * 24 * late_by_days);
        }
    }
}

/// The clock was two hours ahead, and is put right.
#[test]
fn what_failed_later_than_now_is_due() {
    let mut queue = Queue::new();
    let right = queue.clock.now();
    queue.clock.advance(MINUTE * 120);
    queue.attempt(TIMEOUT);
    assert!(!queue.penalty_box.is_due(queue.clock.now()));
    assert!(queue.penalty_box.is_due(right));
    // The clocks of two machines differ a little.
    assert!(!queue.penalty_box.is_due(queue.clock.now().minus(MINUTE)));
    queue.clock.set(right);
    assert_eq!(queue.attempt(TIMEOUT), HeadFate::Waits);
    assert_eq!(
        queue.penalty_box.retry_at(),
        Some(queue.clock.now().plus(MINUTE * 4))
    );
}

#[test]
fn a_retry_that_somebody_asks_for_raises_nothing() {
    let mut queue = Queue::new();
    queue.attempt(TIMEOUT);
    queue.wait();
    queue.attempt(TIMEOUT);
    let before = queue.penalty_box;
    for status in [500, 429, 404].into_iter().cycle().take(150) {
        queue.penalty_box = queue.penalty_box.asked_for(queue.clock.now());
        assert!(queue.penalty_box.is_due(queue.clock.now()));
        assert_eq!(
            queue.attempt_with(answered(status), Some(MINUTE)),
            HeadFate::Waits
        );
        assert_eq!(
            (queue.penalty_box.retry_at(), queue.penalty_box.retry_count()),
            (before.retry_at(), 1)
        );
    }
    queue.wait();
    queue.attempt(TIMEOUT);
    assert_eq!(queue.penalty_box.retry_count(), 2, "its own time counts");
    // Asked for twice before an attempt, and so late that its own time has come as well.
    let retry_at = queue.penalty_box.retry_at().unwrap();
    let asked = queue.penalty_box.asked_for(queue.clock.now());
    assert_eq!(asked.asked_for(queue.clock.now()), asked);
    queue.penalty_box = asked;
    queue.clock.set(retry_at);
    queue.attempt(TIMEOUT);
    assert_eq!(queue.penalty_box.retry_count(), 3);
    assert_eq!(PenaltyBox::Out.asked_for(retry_at), PenaltyBox::Out);
}

#[test]
fn a_retry_that_somebody_asks_for_can_succeed_be_gone_or_be_the_last() {
    let failed = || {
        let mut queue = Queue::new();
        queue.attempt(TIMEOUT);
        queue.penalty_box = queue.penalty_box.asked_for(queue.clock.now());
        queue
    };
    assert_eq!(failed().attempt(answered(200)), HeadFate::Delivered);
    assert_eq!(failed().attempt(answered(410)), HeadFate::WebhookGone);
    let mut queue = failed();
    queue.clock.advance(WEEK);
    assert_eq!(queue.attempt(TIMEOUT), HeadFate::GivenUp);
}

#[test]
fn back_pressure_does_not_count_and_waits_are_short() {
    let mut queue = Queue::new();
    for seconds in [1, 2, 4, 8] {
        queue.attempt(answered(429));
        let retry_at = queue.clock.now().plus(Duration::from_secs(seconds));
        assert_eq!(
            (queue.penalty_box.retry_at(), queue.penalty_box.retry_count()),
            (Some(retry_at), 0)
        );
        queue.wait();
    }
    queue.attempt_with(answered(503), Some(Duration::from_secs(3)));
    queue.wait();
    // An outage after it counts from there on.
    for count in [0, 1, 2] {
        queue.attempt(TIMEOUT);
        assert_eq!(queue.penalty_box.retry_count(), count);
        queue.wait();
    }
    queue.attempt(answered(200));
    queue.attempt(answered(429));
    assert_eq!(
        queue.penalty_box.retry_at(),
        Some(queue.clock.now().plus(Duration::from_secs(1))),
        "a delivery has short waits of its own"
    );
}

/// However often a receiver says "in a second", it is asked at most 600 times so soon.
#[test]
fn short_waits_come_to_an_end() {
    let mut queue = Queue::new();
    let began = queue.clock.now();
    let mut attempts = 0;
    while queue.penalty_box.retry_count() < 3 {
        queue.attempt_with(answered(429), Some(Duration::from_secs(1)));
        queue.wait();
        attempts += 1;
    }
    assert_eq!(attempts, 600 + 4);
    assert!(queue.clock.now().since(began) > MINUTE * (10 + 2 + 4 + 8));
}

#[test]
fn what_is_expedited_is_due_at_once_and_no_later_than_it_was() {
    let mut queue = Queue::new();
    queue.attempt(TIMEOUT);
    let (now, retry_at) = (queue.clock.now(), queue.penalty_box.retry_at().unwrap());
    let expedited = queue.penalty_box.expedited(now);
    assert_eq!(expedited.retry_at(), Some(now));
    assert_eq!(expedited.since(), queue.penalty_box.since());
    assert_eq!(
        queue.penalty_box.expedited(retry_at.plus(MINUTE)),
        queue.penalty_box
    );
    queue.penalty_box = expedited;
    assert_eq!(queue.attempt(TIMEOUT), HeadFate::Waits);
    assert_eq!(queue.penalty_box.retry_count(), 1, "it counts like any other");
    assert_eq!(PenaltyBox::Out.expedited(now), PenaltyBox::Out);
}

#[test]
fn a_change_of_the_webhook_that_could_help_lets_its_queue_go_on() {
    let mut queue = Queue::new();
    queue.attempt(TIMEOUT);
    let (stood, now) = (queue.penalty_box, queue.clock.now());
    let bare = fixtures::bare_settings();
    let with = |edit: fn(&mut Settings)| {
        let mut settings = bare.clone();
        edit(&mut settings);
        settings
    };
    let inactive = with(|settings| settings.active = false);
    let moved = with(|settings| settings.url = Some(TargetUrl::restore("https://example.com/2".into())));
    let proven = Settings {
        authentication: fixtures::full_settings().authentication,
        ..bare.clone()
    };
    let routed = Settings {
        custom_headers: fixtures::full_settings().custom_headers,
        ..bare.clone()
    };
    let renamed = with(|settings| settings.include_previous_data = true);
    for (before, after, expected) in [
        (&inactive, &bare, PenaltyBox::Out),
        (&bare, &inactive, stood),
        (&bare, &moved, stood.expedited(now)),
        (&bare, &proven, stood.expedited(now)),
        (&bare, &routed, stood.expedited(now)),
        (&bare, &renamed, stood),
    ] {
        assert_eq!(stood.after_change(before, after, now), expected);
    }
}
