//! Steps that are taken at the same time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::run::Waiting;
use super::{Leave, Stepped};
use crate::error::ServiceError;

/// How many steps are under way at the same time: several times as many as a store commits together, so that it has the next ones when
/// it has committed some.
pub(super) const AT_ONCE: usize = 64;
/// After how many steps it is asked again whether the rotation may go on.
const ASK_EVERY: u64 = 16;

/// What [`AT_ONCE`] workers take their steps from, and what came of these.
pub(super) struct Round(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    /// Those whose turn has not come, in the order of their turns.
    pub(super) waiting: VecDeque<Waiting>,
    /// Those that could not be rolled, and why.
    pub(super) put_off: Vec<(Waiting, ServiceError)>,
    /// How many steps have failed.
    pub(super) failed: u64,
    /// Whether the rotation has ended, or somebody else works at it.
    pub(super) is_over: bool,
    /// Whether the store has settled any step.
    pub(super) is_answered: bool,
    taken: u64,
    /// Whether something is to be looked at before another step is taken.
    ends: bool,
}

/// A step to be taken.
pub(super) struct Next {
    pub(super) waiting: Waiting,
    /// Whether it is to be asked before whether the rotation may go on.
    pub(super) asks: bool,
}

impl Round {
    pub(super) fn new(waiting: VecDeque<Waiting>) -> Self {
        Self(Mutex::new(State {
            waiting,
            ..State::default()
        }))
    }

    /// The next webhook whose turn it is; none once something is to be looked at.
    pub(super) fn next(&self, is_due: impl FnOnce(Waiting) -> bool) -> Option<Next> {
        let mut state = self.lock();
        let next = state.waiting.front().copied();
        let waiting = next.filter(|next| !state.ends && is_due(*next))?;
        state.waiting.pop_front();
        state.taken += 1;
        // Before the first it was asked.
        let asks = state.taken.is_multiple_of(ASK_EVERY);
        Some(Next { waiting, asks })
    }

    /// Whether a step may be taken, as far as it is known. Otherwise the webhook waits, and the round ends.
    pub(super) fn may(&self, waiting: Waiting, leave: Option<Leave>) -> bool {
        let is_given = leave == Some(Leave::Given);
        if !is_given {
            let mut state = self.lock();
            // Those that came after it have been taken, or wait.
            state.waiting.push_front(waiting);
            state.ends = true;
        }
        is_given
    }

    pub(super) fn note(&self, waiting: Waiting, stepped: Stepped) {
        let mut state = self.lock();
        match stepped {
            Stepped::Settled { is_failure } => {
                state.is_answered = true;
                state.failed += u64::from(is_failure);
                state.ends |= is_failure;
            }
            Stepped::Over => {
                state.is_over = true;
                state.ends = true;
            }
            Stepped::NotNow(error) => {
                state.put_off.push((waiting, error));
                state.ends = true;
            }
        }
    }

    pub(super) fn end(self) -> State {
        let mut state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.put_off.sort_by_key(|(waiting, _)| waiting.number);
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No method stops half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
