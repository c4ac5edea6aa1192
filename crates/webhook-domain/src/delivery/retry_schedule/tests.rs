use super::*;
use crate::testing::{ManualClock, SeededEntropy};
use crate::time::Clock;

const NOW: Instant = ManualClock::START;

fn retried(retries: u32) -> Failures {
    Failures {
        first_failed_at: NOW,
        retries,
        short_waits: 0,
    }
}

fn next(retries: u32, retry_after: Option<Duration>, jitter: Jitter) -> Duration {
    wait_after(retried(retries), 500, retry_after, jitter).0
}

/// How long is waited after such failures, the last one with this status, and whether that is short.
fn wait_after(
    failures: Failures,
    status: u16,
    retry_after: Option<Duration>,
    jitter: Jitter,
) -> (Duration, bool) {
    let status = Some(StatusCode::new(status).unwrap());
    let schedule = RetrySchedule::default();
    let retry = schedule.next(failures, status, retry_after, NOW, jitter).unwrap();
    (retry.at.since(NOW), retry.is_short)
}

#[test]
fn the_waits_are_the_contracts_and_the_last_one_holds_for_ever() {
    let minutes = [2, 4, 8, 16, 32, 60, 120, 240, 480, 480, 480];
    for (retries, minutes) in (0..).zip(minutes) {
        assert_eq!(next(retries, None, Jitter::NONE), MINUTE * minutes, "{retries}");
    }
    assert_eq!(next(u32::MAX, None, Jitter::NONE), HOUR * 8);
}

#[test]
fn jitter_lengthens_a_wait_by_up_to_a_tenth() {
    assert_eq!(next(0, None, Jitter::MOST), SECOND * 132);
    assert_eq!(next(8, None, Jitter::MOST), MINUTE * 528);
    let entropy = SeededEntropy::default();
    let waits: Vec<_> = (0..100)
        .map(|_| next(0, None, Jitter::draw(&entropy).unwrap()))
        .collect();
    assert!(
        waits
            .iter()
            .all(|wait| (SECOND * 120..=SECOND * 132).contains(wait)),
        "{waits:?}"
    );
    for quarter in 0..4 {
        let part = SECOND * (120 + quarter * 3)..SECOND * (123 + quarter * 3);
        assert!(waits.iter().any(|wait| part.contains(wait)), "none in {part:?}");
    }
}

#[test]
fn a_receivers_wish_lengthens_a_wait_up_to_8_hours_and_shortens_none() {
    for (retries, wish, wait) in [
        (0, MINUTE * 5, MINUTE * 5),
        (0, Duration::ZERO, MINUTE * 2),
        (2, MINUTE, MINUTE * 8),
        (0, HOUR * 8, HOUR * 8),
        (0, HOUR * 9, HOUR * 8),
        (0, Duration::MAX, HOUR * 8),
    ] {
        assert_eq!(next(retries, Some(wish), Jitter::NONE), wait, "{wish:?}");
    }
    assert_eq!(next(0, Some(MINUTE * 10), Jitter::MOST), MINUTE * 11);
}

#[test]
fn a_receiver_that_takes_no_more_for_the_moment_is_asked_again_when_it_wishes() {
    for (status, retries, wish, wait, is_short) in [
        (429, 0, SECOND, SECOND, true),
        (503, 0, SECOND * 5, SECOND * 5, true),
        (429, 0, Duration::ZERO, SECOND, true),
        (503, 3, MINUTE, MINUTE, true),
        // As long as the ordinary one, or longer.
        (429, 0, MINUTE * 2, MINUTE * 2, false),
        (503, 0, HOUR, HOUR, false),
        (503, 0, HOUR * 9, HOUR * 8, false),
        // Others have failed.
        (500, 0, SECOND, MINUTE * 2, false),
        (404, 0, SECOND, MINUTE * 2, false),
    ] {
        let wait_after = wait_after(retried(retries), status, Some(wish), Jitter::NONE);
        assert_eq!(wait_after, (wait, is_short), "{status} {wish:?}");
    }
}

#[test]
fn without_a_wish_the_waits_double_up_to_the_ordinary_one() {
    let waits = |status, retries| {
        let wait = |short_waits| {
            let failures = Failures {
                short_waits,
                ..retried(retries)
            };
            wait_after(failures, status, None, Jitter::NONE)
        };
        (0..9).map(wait).collect::<Vec<_>>()
    };
    let ordinary = (MINUTE * 2, false);
    let doubled: Vec<_> = [1, 2, 4, 8, 16, 32, 64]
        .map(|seconds| (SECOND * seconds, true))
        .into();
    assert_eq!(waits(429, 0), [doubled, vec![ordinary; 2]].concat());
    assert_eq!(waits(429, 1)[7], (SECOND * 128, true));
    assert_eq!(waits(503, 0), [ordinary; 9]);
}

#[test]
fn short_waits_come_to_an_end() {
    for (short_waits, is_short) in [(599, true), (600, false), (u32::MAX, false)] {
        let failures = Failures {
            short_waits,
            ..retried(0)
        };
        let (wait, short) = wait_after(failures, 429, Some(SECOND), Jitter::NONE);
        assert_eq!(short, is_short);
        assert_eq!(wait == SECOND, is_short);
    }
}

#[test]
fn the_last_attempt_is_made_when_the_7_days_are_over() {
    let schedule = RetrySchedule::default();
    for jitter in [Jitter::NONE, Jitter::MOST] {
        let clock = ManualClock::at(NOW);
        let mut waits = Vec::new();
        while let Some(Retry { at, .. }) = schedule.next(
            retried(waits.len().try_into().unwrap()),
            None,
            None,
            clock.now(),
            jitter,
        ) {
            assert!(at > clock.now());
            waits.push(at.as_milliseconds() - clock.now().as_milliseconds());
            clock.set(at);
        }
        assert_eq!(clock.now(), NOW.plus(DAY * 7));
        // 9 up to 8 hours, as many whole ones as fit into what is left of the 7 days, and what is left of them.
        let expected = if jitter == Jitter::NONE {
            9 + 18 + 1
        } else {
            9 + 17 + 1
        };
        assert_eq!(waits.len(), expected, "{waits:?}");
    }
    let end = NOW.plus(DAY * 7);
    let before = end.minus(Duration::from_millis(1));
    let next = |retries, now| schedule.next(retried(retries), None, None, now, Jitter::NONE);
    assert_eq!(next(9, before).map(|retry| retry.at), Some(end));
    assert_eq!(next(0, end), None);
}

#[test]
fn a_schedule_can_be_shortened_but_not_to_nothing() {
    let factor = |factor| NonZeroU32::new(factor).unwrap();
    let shortened = RetrySchedule::default().shortened(factor(1000)).unwrap();
    let milliseconds = |at: Instant| at.as_milliseconds() - NOW.as_milliseconds();
    let next = |wish, at| shortened.next(retried(0), None, wish, at, Jitter::NONE);
    assert_eq!(milliseconds(next(None, NOW).unwrap().at), 120);
    assert_eq!(milliseconds(next(Some(HOUR), NOW).unwrap().at), 28_800);
    let busy = Some(StatusCode::TOO_MANY_REQUESTS);
    let short = shortened.next(retried(0), busy, None, NOW, Jitter::NONE).unwrap();
    assert_eq!(milliseconds(short.at), 10, "no less than the shortest wait");
    assert_eq!(next(None, NOW.plus(Duration::from_millis(604_800))), None);

    assert!(RetrySchedule::default().shortened(factor(12_000)).is_ok());
    assert!(RetrySchedule::default().shortened(factor(12_001)).is_err());
}

#[test]
fn a_schedule_that_makes_no_sense_is_refused() {
    let new = |waits: &[Duration], give_up_after| RetrySchedule::new(waits.into(), HOUR, give_up_after);
    let shortest = RetrySchedule::MIN_WAIT;
    for (waits, give_up_after) in [
        (&[shortest][..], shortest),
        (&[SECOND, SECOND, MINUTE], DAY * 30),
        (&[SECOND; RetrySchedule::MAX_WAITS], DAY),
    ] {
        assert!(new(waits, give_up_after).is_ok(), "{waits:?}");
    }
    for (waits, give_up_after) in [
        (&[][..], DAY),
        (&[SECOND; RetrySchedule::MAX_WAITS + 1], DAY),
        (&[shortest - Duration::from_nanos(1)], DAY),
        (&[MINUTE, SECOND], DAY),
        (&[SECOND, MINUTE], MINUTE - SECOND),
        (&[SECOND], DAY * 30 + SECOND),
    ] {
        assert!(new(waits, give_up_after).is_err(), "{waits:?}");
    }
}
