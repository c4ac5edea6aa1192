//! A process as the outside sees it: it runs, stands still, or is dead; and what it asks for gets through, or does not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;
use webhook_domain::StoreError;
use webhook_domain::testing::SeededEntropy;

use super::journal::Fact;
use super::world::World;

/// How many milliseconds a call takes each way.
const USUAL: usize = 4;

/// What a process is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Runs,
    /// Nothing leaves it, and nothing that comes is heard.
    StandsStill,
    /// As before, for ever.
    IsDead,
}

/// A process from its start to its end.
pub(super) struct Process {
    /// Which one of all that were started.
    pub(super) number: usize,
    pub(super) machine: usize,
    pub(super) entropy: Arc<SeededEntropy>,
    condition: Mutex<Condition>,
    changed: Notify,
}

/// What becomes of a call or a parcel.
#[derive(Clone, Copy, Default)]
pub(super) struct Fate {
    /// How long it is under way.
    pub(super) there: Duration,
    /// How long its answer is.
    pub(super) back: Duration,
    /// Whether it is refused.
    pub(super) refused: bool,
    /// Whether its answer is lost.
    pub(super) lost: bool,
    /// Whether it has left the process before that stands still or dies.
    pub(super) has_left: bool,
}

impl Process {
    pub(super) fn new(number: usize, machine: usize, seed: u64) -> Self {
        let seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
        Self {
            number,
            machine,
            entropy: Arc::new(SeededEntropy::new(seed)),
            condition: Mutex::new(Condition::Runs),
            changed: Notify::new(),
        }
    }

    pub(super) fn condition(&self) -> Condition {
        *self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn become_(&self, condition: Condition) {
        *self.condition.lock().unwrap_or_else(PoisonError::into_inner) = condition;
        // Wakes in the order in which they wait, so that a run can be repeated.
        self.changed.notify_waiters();
    }

    /// Waits while the process stands still; for ever, if it is dead.
    pub(super) async fn until_running(&self) {
        loop {
            let changed = self.changed.notified();
            if self.condition() == Condition::Runs {
                return;
            }
            changed.await;
        }
    }

    /// Waits until what the process sends gets out of it, and says whether it ever does.
    pub(super) async fn gets_out(&self, fate: Fate) -> bool {
        loop {
            let changed = self.changed.notified();
            match self.condition() {
                _ if fate.has_left => return true,
                Condition::Runs => return true,
                Condition::IsDead => return false,
                Condition::StandsStill => changed.await,
            }
        }
    }

    /// Has `call` carried out as its fate is. Once it is made it goes on by itself, whatever becomes of whoever waits for it:
    /// so it may be carried out when the process has long given up on it.
    pub(super) async fn call<T, E>(
        self: &Arc<Self>,
        world: &Arc<World>,
        name: &'static str,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.until_running().await;
        let fate = world.fate(USUAL);
        let (answer, answered) = oneshot::channel();
        let (process, carrier) = (Arc::clone(self), Arc::clone(world));
        let number = self.number;
        tokio::spawn(async move {
            sleep(fate.there).await;
            if !process.gets_out(fate).await {
                return;
            }
            let result = match fate.refused {
                true => {
                    carrier.write(Fact::Note(format!("#{number} is refused to {name}")));
                    Err(StoreError::Overloaded.into())
                }
                false => call.await,
            };
            sleep(fate.back).await;
            let result = match (fate.lost, result) {
                (true, Ok(_)) => {
                    carrier.write(Fact::Note(format!("#{number} is not told whether it did {name}")));
                    Err(StoreError::OutcomeUnknown("the answer is lost".into()).into())
                }
                (_, result) => result,
            };
            drop(answer.send(result));
        });
        let answered = answered.await;
        self.until_running().await;
        match answered {
            Ok(result) => result,
            // Nobody answers.
            Err(_) => std::future::pending().await,
        }
    }
}
