//! The attempts at a delivery as a picture: a bar for each, at its time, from the first to the last.
//!
//! The table beside it says the same. What a bar means does not hang on its colour: a failed one is hollow.

use webhook_domain::delivery::attempt::{Attempt, AttemptOutcome};
use webhook_domain::time::Instant;

use super::said::outcome;
use crate::view::Moment;

/// The most attempts in the picture: the last ones.
const MOST: usize = 25;
/// The width of the picture, in its own units.
const WIDTH: u64 = 1000;
/// Where bars begin: left of it are their numbers.
const LEFT: u64 = 50;
/// Between one bar and the next.
const ROW: u64 = 22;
/// The narrowest bar that can be seen.
const NARROWEST: u64 = 6;

/// The picture.
pub(super) struct Waterfall {
    pub(super) height: u64,
    pub(super) bars: Vec<Bar>,
    pub(super) from: Moment,
    pub(super) until: Moment,
    /// How many earlier attempts are not in it.
    pub(super) left_out: usize,
}

/// An attempt.
pub(super) struct Bar {
    pub(super) number: usize,
    pub(super) class: &'static str,
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) text_y: u64,
    pub(super) says: String,
}

impl Waterfall {
    /// That of these attempts; none if there are none.
    pub(super) fn of(attempts: &[Attempt]) -> Option<Self> {
        let left_out = attempts.len().saturating_sub(MOST);
        let shown = &attempts[left_out..];
        let from = shown.iter().map(|attempt| attempt.at).min()?;
        let until = shown.iter().map(Attempt::ended_at).max()?;
        let scale = Scale::new(from, until);
        let bars = (0..)
            .zip(shown)
            .map(|(row, attempt)| scale.bar(row, left_out, attempt));
        Some(Self {
            height: ROW * shown.len() as u64,
            bars: bars.collect(),
            from: Moment(from),
            until: Moment(until),
            left_out,
        })
    }

    pub(super) fn width(&self) -> u64 {
        WIDTH
    }

    /// Where the lines of the rows begin.
    pub(super) fn left(&self) -> u64 {
        LEFT
    }
}

/// From instants to places.
struct Scale {
    from: Instant,
    milliseconds: u128,
}

impl Scale {
    fn new(from: Instant, until: Instant) -> Self {
        Self {
            from,
            milliseconds: until.since(from).as_millis().max(1),
        }
    }

    /// How far in the picture so many milliseconds are.
    fn length(&self, milliseconds: u128) -> u64 {
        let all = u128::from(WIDTH - LEFT - NARROWEST);
        let length = milliseconds.min(self.milliseconds) * all / self.milliseconds;
        u64::try_from(length).unwrap_or(0)
    }

    fn bar(&self, row: usize, left_out: usize, attempt: &Attempt) -> Bar {
        let top = row as u64 * ROW;
        Bar {
            number: left_out + row + 1,
            class: match attempt.outcome {
                AttemptOutcome::Succeeded { .. } => "taken",
                AttemptOutcome::Failed { .. } => "failed",
            },
            x: LEFT + self.length(attempt.at.since(self.from).as_millis()),
            y: top + 4,
            width: self.length(attempt.duration.as_millis()).max(NARROWEST),
            text_y: top + 16,
            says: format!(
                "Attempt {} at {}, {} ms, {}",
                left_out + row + 1,
                attempt.at,
                attempt.duration.as_millis(),
                outcome(attempt)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use webhook_domain::delivery::attempt::{CredentialsTaken, StatusCode};
    use webhook_domain::testing::ManualClock;

    use super::*;

    fn attempt(after: u64, milliseconds: u64, status: u16) -> Attempt {
        Attempt {
            at: ManualClock::START.plus(Duration::from_secs(after)),
            duration: Duration::from_millis(milliseconds),
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome: AttemptOutcome::of_answer(StatusCode::new(status).unwrap()),
            response_body: None,
        }
    }

    #[test]
    fn a_bar_stands_at_its_time_and_all_are_within_the_picture() {
        let attempts = [attempt(0, 5, 500), attempt(30, 15_000, 500), attempt(60, 40, 204)];
        let picture = Waterfall::of(&attempts).unwrap();
        let places: Vec<_> = picture.bars.iter().map(|bar| (bar.x, bar.class)).collect();
        assert_eq!(places, [(50, "failed"), (521, "failed"), (993, "taken")]);
        assert_eq!(picture.bars[0].width, NARROWEST);
        assert!(picture.bars[1].width > 200);
        assert!(
            picture
                .bars
                .iter()
                .all(|bar| bar.x + bar.width <= WIDTH && bar.y < picture.height)
        );
    }

    #[test]
    fn of_many_attempts_the_last_are_in_the_picture_and_of_none_there_is_none() {
        let many: Vec<_> = (0..40).map(|after| attempt(after, 1, 500)).collect();
        let picture = Waterfall::of(&many).unwrap();
        assert_eq!((picture.bars.len(), picture.left_out), (MOST, 15));
        assert_eq!(picture.bars[0].number, 16);
        assert!(Waterfall::of(&[]).is_none());
        // All at one instant.
        assert!(Waterfall::of(&[attempt(0, 0, 204)]).is_some());
    }
}
