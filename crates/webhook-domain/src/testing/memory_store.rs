//! Every store port in memory.
//!
//! One mutex stands for the transaction: each method takes it once, so it is one atomic unit. Nothing is
//! written before all that may refuse has been asked.
//!
//! | file | what |
//! |---|---|
//! | `webhooks` | webhooks, changed and listed |
//! | `roll_dues` | webhooks whose key is due for a roll |
//! | `answers` | answers that are given again |
//! | `api_keys` | API keys |
//! | `audit` | audit records |
//! | `events` | events, and deliveries as clients see them |
//! | `lanes` | lanes, and the deliveries in them |
//! | `queue` | lanes as the processes that deliver see them |
//! | `keys` | what is noted of signing keys that there are or were |
//! | `key_checks` | the checks of keys that were made lately |
//! | `pause` | the pause of all deliveries |
//! | `rotations` | rotations, and what became of their webhooks |
//! | `sessions` | sessions of browsers |
//! | `quotas` | how much a platform has |

mod answers;
mod api_keys;
mod audit;
mod events;
mod key_checks;
mod keys;
mod lanes;
mod pause;
mod queue;
mod quotas;
mod roll_dues;
mod rotations;
mod sessions;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::answers::StoredAnswer;
use crate::access::api_key::ApiKey;
use crate::access::audit::AuditRecord;
use crate::access::session::{Session, SessionDigest};
use crate::delivery::key_check::allowance::BegunCheck;
use crate::id::{ApiKeyId, RotationId, WebhookId};
use crate::idempotency::IdempotencySlot;
use crate::ports::Pause;
use crate::webhook::{RotationDays, Webhook};

/// Every store port, kept in memory until the last handle to it is dropped.
#[derive(Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

#[derive(Default)]
struct Tables {
    webhooks: BTreeMap<WebhookId, Webhook>,
    answers: HashMap<IdempotencySlot, StoredAnswer>,
    api_keys: BTreeMap<ApiKeyId, ApiKey>,
    /// Oldest first.
    audit: Vec<AuditRecord>,
    lanes: lanes::Lanes,
    pause: Option<Pause>,
    key_checks: Vec<BegunCheck>,
    keys: keys::Keys,
    rotations: BTreeMap<RotationId, rotations::Kept>,
    sessions: BTreeMap<SessionDigest, Session>,
    default_rotation: Option<RotationDays>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The store of a deployment that has keys due for a roll after so many days unless a webhook says otherwise. All handles are of one
    /// deployment.
    #[must_use]
    pub fn rotating_after(self, days: Option<RotationDays>) -> Self {
        self.tables().default_rotation = days;
        self
    }

    /// The store as a process finds it that opens it after another one has ended. Its tables stand for the disk and are all there;
    /// only the hints of [arrivals](crate::ports::DeliveryQueue::arrivals) are gone. To be called when no other handle is in use.
    #[must_use]
    pub fn reopened(&self) -> Self {
        self.tables().lanes.forget_hints();
        Self(Arc::clone(&self.0))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryStore;
    use crate::testing::conformance::Ports;

    fn block_on<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread();
        { runtime }.build().unwrap().block_on(test)
    }

    async fn fresh_ports() -> Ports {
        let store = MemoryStore::new();
        let disk = store.reopened();
        Ports::new(Arc::new(store)).reopening(move || {
            let store = disk.reopened();
            async { Ports::new(Arc::new(store)) }
        })
    }

    crate::conformance_tests!(run = block_on, ports = fresh_ports);
}
