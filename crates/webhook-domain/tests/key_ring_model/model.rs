//! What a ring promises, without a ring: a list of every key that there ever was.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use webhook_domain::testing::ManualClock;

/// For how long a retired key can sign at all.
const MONTH: i64 = 2_592_000_000;

/// A key as the model knows it; its place in the list is its number.
#[derive(Debug, Clone)]
pub(crate) struct Promised {
    /// The higher, the newer: one that is brought back is as new.
    pub(crate) rank: usize,
    /// The millisecond from which on it must not sign; none while it is the current key.
    pub(crate) until: Option<i64>,
    /// The millisecond to which it is kept beyond `until` while the current key is not adopted, if it is.
    pub(crate) kept_until: Option<i64>,
    /// When it was retired, as the ring's order has it.
    pub(crate) retired_at: i64,
    /// Taken away by name: rolled or removed with an overlap of zero.
    pub(crate) revoked: bool,
    /// Erased by a sweep after its time.
    pub(crate) erased: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) now: i64,
    /// The latest it ever was.
    pub(crate) latest: i64,
    pub(crate) keys: Vec<Promised>,
    pub(crate) rolled_at: Option<i64>,
    /// Whether it was shown that the receiver verifies with the current key.
    pub(crate) is_adopted: bool,
    /// The key that undoing the last roll brings back.
    pub(crate) undoable: Option<usize>,
    /// What the last transition was refused with.
    pub(crate) refused: Option<Refused>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refused {
    /// Until this millisecond there is no room for another retired key.
    Full(i64),
    /// There is no such retired key.
    NoSuchKey,
    /// It would sign for too long: it may for so many seconds.
    TooLong(i64),
    NothingToUndo,
}

#[derive(Debug, Clone)]
pub(crate) enum Transition {
    Roll {
        overlap: u32,
        keeps_previous: bool,
    },
    Remove {
        overlap: u32,
    },
    /// Of the key with this number, modulo how many there are.
    SetExpiry {
        key: usize,
        seconds: u32,
    },
    Undo {
        overlap: u32,
    },
    /// It is shown that the receiver verifies with this key.
    Prove {
        key: usize,
        by_receipt: bool,
    },
    Sweep,
    Advance {
        milliseconds: i64,
    },
    /// To the next end of a key's time, or a millisecond off it.
    AdvanceToNextEnd {
        off_by: i64,
    },
    StepBack {
        milliseconds: i64,
    },
}

impl Model {
    /// The numbers of the keys that sign at `at`, newest first.
    pub(crate) fn valid_at(&self, at: i64) -> Vec<usize> {
        let signs =
            |key: &Promised| !key.revoked && !key.erased && self.end_of(key).is_none_or(|end| at < end);
        let mut numbers: Vec<usize> = (0..self.keys.len())
            .filter(|number| signs(&self.keys[*number]))
            .collect();
        numbers.sort_by_key(|number| std::cmp::Reverse(self.keys[*number].rank));
        numbers
    }

    /// The millisecond from which on the key does not sign; none for the current one.
    pub(crate) fn end_of(&self, key: &Promised) -> Option<i64> {
        key.kept_until.filter(|_| !self.is_adopted).or(key.until)
    }

    fn current(&self) -> Option<usize> {
        self.keys
            .iter()
            .position(|key| key.until.is_none() && !key.revoked)
    }

    fn ends_to_come(&self) -> impl Iterator<Item = i64> {
        let retired = self.keys.iter().filter(|key| !key.revoked && !key.erased);
        retired
            .filter_map(|key| self.end_of(key))
            .filter(|end| *end > self.now)
    }

    /// Ends the time of the current key; says whether that was allowed.
    fn end_current(&mut self, overlap: u32) -> bool {
        let now = self.now / 1000 * 1000;
        let corrected = self.put_right(now);
        let before = std::mem::replace(&mut self.keys, corrected);
        let current = self.keys.iter().position(|key| key.until.is_none());
        let signing = self.ends_to_come().count();
        if overlap > 0 && current.is_some() && signing == 5 {
            self.refused = self.ends_to_come().min().map(Refused::Full);
            self.keys = before;
            return false;
        }
        let start = self.rolled_at.map_or(now, |rolled_at| rolled_at.max(now));
        self.rolled_at = Some(start);
        self.undoable = None;
        if let Some(number) = current {
            self.keys[number].until = Some(now + i64::from(overlap) * 1000);
            self.keys[number].retired_at = start;
        }
        if overlap == 0 {
            self.keys.iter_mut().for_each(|key| key.revoked = true);
        }
        self.erase(now);
        self.is_adopted = false;
        true
    }

    /// Has the key sign for so long from now on.
    fn set_expiry(&mut self, number: usize, seconds: u32) {
        let key = &self.keys[number];
        let signs = |end: i64| self.now < end;
        if key.revoked || key.erased || key.until.is_none() || !self.end_of(key).is_some_and(signs) {
            self.refused = Some(Refused::NoSuchKey);
            return;
        }
        let now = self.now / 1000 * 1000;
        let until = now + i64::from(seconds) * 1000;
        let latest = key.retired_at.min(now) + MONTH;
        if seconds == 0 {
            self.keys[number].revoked = true;
        } else if until > latest {
            // None at all, if it was kept for longer.
            self.refused = Some(Refused::TooLong((latest - now).max(0) / 1000));
            return;
        } else if key.until == Some(until) && key.kept_until.is_none() {
            return;
        } else {
            self.keys = self.put_right(now);
            for key in self.keys.iter_mut().filter(|key| key.until.is_some()) {
                key.retired_at = key.retired_at.min(now);
            }
            self.keys[number].until = Some(until);
            self.keys[number].kept_until = None;
        }
        self.undoable = None;
    }

    /// Undoes the last roll.
    fn undo(&mut self, overlap: u32) {
        let is_over = |key: &Promised| self.end_of(key).is_none_or(|end| end <= self.now);
        let signs = |key: &Promised| !key.revoked && !key.erased && key.until.is_some() && !is_over(key);
        let Some(back) = self.undoable.filter(|number| signs(&self.keys[*number])) else {
            self.refused = Some(Refused::NothingToUndo);
            return;
        };
        let now = self.now / 1000 * 1000;
        self.keys = self.put_right(now);
        let start = self.rolled_at.map_or(now, |rolled_at| rolled_at.max(now));
        self.rolled_at = Some(start);
        self.undoable = None;
        for key in self.keys.iter_mut().filter(|key| key.until.is_none()) {
            key.until = Some(now + i64::from(overlap) * 1000);
            key.retired_at = start;
            key.revoked |= overlap == 0;
        }
        self.erase(now);
        self.is_adopted = false;
        // What is brought back is as new.
        let rank = self.next_rank();
        let key = &mut self.keys[back];
        (key.until, key.kept_until, key.erased, key.rank) = (None, None, false, rank);
    }

    /// Keeps the newest key that was retired.
    fn keep_newest(&mut self) {
        let until = self.now / 1000 * 1000 + MONTH;
        if let Some(newest) = self.valid_at(self.now).first() {
            self.keys[*newest].kept_until = Some(until);
        }
    }

    /// What was shown of the current key is its adoption, and ends what is merely kept. What was shown of another one that signs, by a
    /// receipt, takes that back; what has ended does not come back with it.
    fn prove(&mut self, key: usize, by_receipt: bool) {
        if self.current() == Some(key) {
            if !self.is_adopted {
                self.is_adopted = true;
                self.erase(self.now);
            }
        } else if self.is_adopted && by_receipt && self.valid_at(self.now).contains(&key) {
            self.erase(self.now);
            self.is_adopted = false;
        }
    }

    /// The keys, those whose end no right clock can have promised given what they were promised from now on.
    fn put_right(&self, now: i64) -> Vec<Promised> {
        const WEEK: i64 = 604_800_000;
        let mut keys = self.keys.clone();
        for key in &mut keys {
            key.until = key.until.map(|until| {
                let promised = until - key.retired_at;
                let (latest, longest) = match key.retired_at > now {
                    true if promised > WEEK => (now + MONTH, MONTH),
                    true => (now + WEEK, WEEK),
                    false => (key.retired_at + MONTH, WEEK),
                };
                match promised {
                    _ if until <= latest => until,
                    promised if promised > 0 => now + promised.min(longest),
                    _ => now + longest,
                }
            });
            key.kept_until = key.kept_until.map(|until| until.min(now + MONTH));
        }
        keys
    }

    fn erase(&mut self, at: i64) {
        let ends: Vec<_> = self.keys.iter().map(|key| self.end_of(key)).collect();
        for (key, end) in self.keys.iter_mut().zip(ends) {
            key.erased |= end.is_some_and(|end| end <= at);
        }
    }

    fn next_rank(&self) -> usize {
        self.keys.iter().map(|key| key.rank + 1).max().unwrap_or(0)
    }

    fn make_key(&mut self) {
        self.keys.push(Promised {
            rank: self.next_rank(),
            until: None,
            kept_until: None,
            retired_at: 0,
            revoked: false,
            erased: false,
        });
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        let mut model = Self {
            now: ManualClock::START.as_milliseconds(),
            latest: ManualClock::START.as_milliseconds(),
            keys: Vec::new(),
            rolled_at: None,
            is_adopted: false,
            undoable: None,
            refused: None,
        };
        model.make_key();
        Just(model).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Transition> {
        let overlap = || {
            prop_oneof![
                1 => Just(0),
                6 => 1..60_u32,
                2 => Just(86_400),
                1 => Just(604_800),
            ]
        };
        let expiry = prop_oneof![1 => Just(0), 3 => 1..60_u32, 2 => 86_400..2_592_001_u32, 2 => 2_591_980..2_592_001_u32];
        prop_oneof![
            8 => (overlap(), any::<bool>()).prop_map(|(overlap, keeps_previous)| Transition::Roll { overlap, keeps_previous }),
            6 => (any::<usize>(), any::<bool>()).prop_map(|(key, by_receipt)| Transition::Prove { key, by_receipt }),
            2 => overlap().prop_map(|overlap| Transition::Remove { overlap }),
            3 => (any::<usize>(), expiry).prop_map(|(key, seconds)| Transition::SetExpiry { key, seconds }),
            3 => overlap().prop_map(|overlap| Transition::Undo { overlap }),
            2 => Just(Transition::Sweep),
            2 => (0..20_000_i64).prop_map(|milliseconds| Transition::Advance { milliseconds }),
            1 => (0..700_000_000_i64).prop_map(|milliseconds| Transition::Advance { milliseconds }),
            3 => (-1..=1_i64).prop_map(|off_by| Transition::AdvanceToNextEnd { off_by }),
            2 => (1..5_000_i64).prop_map(|milliseconds| Transition::StepBack { milliseconds }),
            1 => (1..320_000_000_000_i64).prop_map(|milliseconds| Transition::StepBack { milliseconds }),
            1 => (1..320_000_000_000_i64).prop_map(|milliseconds| Transition::Advance { milliseconds }),
        ]
        .boxed()
    }

    fn apply(mut model: Self, transition: &Transition) -> Self {
        model.refused = None;
        match transition {
            Transition::Roll {
                overlap,
                keeps_previous,
            } => {
                let before = model.current();
                if model.end_current(*overlap) {
                    if *keeps_previous {
                        model.keep_newest();
                    }
                    model.make_key();
                    model.undoable = before.filter(|_| *overlap > 0);
                }
            }
            Transition::SetExpiry { key, seconds } => model.set_expiry(key % model.keys.len(), *seconds),
            Transition::Undo { overlap } => model.undo(*overlap),
            Transition::Prove { key, by_receipt } => model.prove(key % model.keys.len(), *by_receipt),
            Transition::Remove { overlap } => {
                model.end_current(*overlap);
            }
            Transition::Sweep => model.erase(model.now),
            Transition::Advance { milliseconds } => model.now += milliseconds,
            Transition::AdvanceToNextEnd { off_by } => {
                model.now = model.ends_to_come().min().map_or(model.now, |end| end + off_by);
            }
            Transition::StepBack { milliseconds } => model.now = (model.now - milliseconds).max(0),
        }
        model.latest = model.latest.max(model.now);
        model
    }
}
