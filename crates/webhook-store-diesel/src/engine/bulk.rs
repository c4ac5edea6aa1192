//! How much is taken of what somebody has a great deal of, and nobody waits for.
//!
//! Alone it has all there is. As long as others come, it comes in smaller pieces, and after each it rests for twice as long as the piece took: so
//! most of the others find nobody before them, and the machine free. It always gets on: a piece follows each rest, whoever is there.

use std::time::{Duration, Instant};

/// How long nobody else has come when it is taken that nobody will.
const OTHERS_ARE_GONE: Duration = Duration::from_millis(50);
/// How many times as long as a piece the rest after it is.
const REST: u32 = 2;
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_millis(50);

/// How many items in bulk a batch has at the most.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bulk {
    /// As long as no others come.
    pub(crate) alone: usize,
    /// Where others come, and this batch has none of theirs: the next ones wait for it.
    pub(crate) between_others: usize,
    /// Where it has some of theirs: somebody waits for it already.
    pub(crate) beside_others: usize,
}

/// What has come and was taken, as far as it says how much may be taken in bulk.
#[derive(Debug)]
pub(super) struct Restraint {
    bulk: Bulk,
    /// When an item of somebody else's last came.
    others_at: Option<Instant>,
    /// When the batch that is worked at was taken, if it has items in bulk.
    taken_at: Option<Instant>,
    rests_until: Option<Instant>,
}

impl Restraint {
    pub(super) fn new(bulk: Bulk) -> Self {
        Self {
            bulk,
            others_at: None,
            taken_at: None,
            rests_until: None,
        }
    }

    /// Somebody else has come.
    pub(super) fn others_came(&mut self, now: Instant) {
        self.others_at = Some(now);
    }

    /// A batch has been worked off.
    pub(super) fn worked_off(&mut self, now: Instant) {
        let others_come = self.others_come(now);
        if let Some(taken_at) = self.taken_at.take().filter(|_| others_come) {
            self.rests_until = Some(now + (now.duration_since(taken_at) * REST).min(LONGEST_REST));
        }
    }

    /// For how long there is nothing in bulk yet.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        self.rests_until
            .and_then(|until| until.checked_duration_since(now))
            .filter(|rest| !rest.is_zero())
    }

    /// How many items in bulk a batch may have. `has_others` says whether it has other items.
    pub(super) fn most(&self, has_others: bool, now: Instant) -> usize {
        match (self.rest(now), self.others_come(now), has_others) {
            (Some(_), _, _) => 0,
            (None, false, _) => self.bulk.alone,
            (None, true, false) => self.bulk.between_others,
            (None, true, true) => self.bulk.beside_others,
        }
    }

    /// How many it may have where it is not known who comes.
    pub(super) fn most_alone(&self) -> usize {
        self.bulk.alone
    }

    /// A batch with so many items in bulk is taken.
    pub(super) fn taken(&mut self, count: usize, now: Instant) {
        self.taken_at = (count > 0).then_some(now);
    }

    fn others_come(&self, now: Instant) -> bool {
        self.others_at
            .is_some_and(|at| now.duration_since(at) < OTHERS_ARE_GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BULK: Bulk = Bulk {
        alone: 64,
        between_others: 16,
        beside_others: 4,
    };
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn alone_it_never_rests() {
        let (mut restraint, now) = (Restraint::new(BULK), Instant::now());
        assert_eq!(restraint.most(false, now), 64);
        restraint.taken(64, now);
        restraint.worked_off(now + 5 * MS);
        assert_eq!(restraint.rest(now + 5 * MS), None);
        assert_eq!(
            restraint.most(true, now + 5 * MS),
            64,
            "what the service does for itself is no other"
        );
    }

    #[test]
    fn where_others_come_it_rests_for_twice_as_long_as_it_worked() {
        let (mut restraint, now) = (Restraint::new(BULK), Instant::now());
        restraint.others_came(now);
        assert_eq!(restraint.most(true, now), 4);
        assert_eq!(restraint.most(false, now), 16);
        restraint.taken(16, now);
        restraint.worked_off(now + 5 * MS);
        assert_eq!(restraint.rest(now + 7 * MS), Some(8 * MS));
        assert_eq!(restraint.most(true, now + 7 * MS), 0);
        restraint.taken(0, now + 7 * MS);
        restraint.worked_off(now + 8 * MS);
        assert_eq!(restraint.rest(now + 8 * MS), Some(7 * MS), "it is the same rest");
        assert_eq!(restraint.rest(now + 15 * MS), None);
        assert_eq!(restraint.most(true, now + 15 * MS), 4);
    }

    #[test]
    fn a_rest_is_bounded_and_others_are_forgotten() {
        let (mut restraint, now) = (Restraint::new(BULK), Instant::now());
        restraint.others_came(now + 1000 * MS);
        restraint.taken(4, now);
        restraint.worked_off(now + 1000 * MS);
        assert_eq!(restraint.rest(now + 1000 * MS), Some(LONGEST_REST));
        let gone = now + 1000 * MS + OTHERS_ARE_GONE;
        assert_eq!(restraint.most(false, gone), 64);
    }
}
