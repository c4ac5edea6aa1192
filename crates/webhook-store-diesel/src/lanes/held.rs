//! Lanes that somebody keeps locked for long: a session in which they were locked by hand, or a process that stands still.
//!
//! A group of changes waits for the lanes that it needs, as long as the database lets a statement wait. If that was in vain, the group
//! would fail for a lane that only a few of its members need. So the writer then asks which lanes are held, and goes on
//! without those: it refuses what needs one of them. Before each later group it asks whether they still are, so that nobody waits for them twice.
//! Asking never waits, and keeps no lock.
//!
//! Other processes lock lanes for as long as a commit takes. So that none of those is taken for held, suspects are asked about several times.
//!
//! What runs alone, such as sending a delivery again, needs one lane that is known before. So it waits for that lane before the writer takes it up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use webhook_domain::StoreError;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::engine::failure::LANE_LOCKED;
use crate::{DatabaseUrl, DieselStore};

/// How often it is asked whether a lane is held that has been waited for in vain.
const LOOKS: u32 = 5;
/// How long between two times.
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);
/// For how long one transaction may keep a lane locked before what is asked of that lane is refused. As long as a statement waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lanes that are known to be held.
#[derive(Default)]
pub(crate) struct HeldLanes {
    held: BTreeSet<WebhookId>,
    /// Those among which there is one that was waited for in vain.
    suspects: BTreeSet<WebhookId>,
}

impl HeldLanes {
    /// Notes lanes among which there is one that was waited for in vain.
    pub(crate) fn suspect(&mut self, lanes: BTreeSet<WebhookId>) {
        self.suspects.extend(lanes);
    }

    /// The lanes that somebody else keeps locked at this moment.
    pub(crate) fn ask(&mut self, connection: &mut AnyConnection) -> QueryResult<&BTreeSet<WebhookId>> {
        let looks = if self.suspects.is_empty() { 1 } else { LOOKS };
        let mut held: Vec<String> = self.held.union(&self.suspects).map(ToString::to_string).collect();
        for look in 0..looks {
            if held.is_empty() {
                break;
            }
            if look > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            held = connection.look_for_held_lanes(&held)?;
        }
        let held: BTreeSet<WebhookId> = held.iter().filter_map(|webhook| webhook.parse().ok()).collect();
        for webhook in held.difference(&self.held) {
            tracing::warn!(
                webhook.id = %webhook,
                "somebody keeps the queue of a webhook locked; until it is free, what needs it is refused"
            );
        }
        self.suspects.clear();
        self.held = held;
        Ok(&self.held)
    }
}

impl DieselStore {
    /// Waits as long as a transaction that has this lane locked goes on, and refuses if it does so for too long. To be called before the writer is
    /// given something that needs the lane: the writer would wait for it with the head of the chain locked, and with it everybody who changes
    /// anything.
    pub(crate) async fn wait_for_lane(&self, webhook: WebhookId) -> Result<(), StoreError> {
        // Nobody keeps a lane of a file locked.
        if matches!(self.url, DatabaseUrl::Sqlite(_)) {
            return Ok(());
        }
        let began = Instant::now();
        let mut first: Option<Option<String>> = None;
        loop {
            let ids = [webhook.to_string()];
            let ask = move |connection: &mut AnyConnection| {
                let held = connection.look_for_held_lanes(&ids).map_err(unavailable)?;
                if held.is_empty() {
                    return Ok(None);
                }
                let locked = connection.locked_lanes(&ids).map_err(unavailable)?;
                Ok(Some(locked.into_iter().next().map(|lane| lane.locker)))
            };
            let Some(locker) = self.readers.run(ask).await? else {
                return Ok(());
            };
            // Somebody else has come in between: the lane is busy, and the writer has its turn at it like all others.
            if first.as_ref().is_some_and(|first| *first != locker) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                tracing::warn!(webhook.id = %webhook, "somebody keeps the queue of a webhook locked; what was asked of it is refused");
                return Err(StoreError::Unavailable(LANE_LOCKED.into()));
            }
            first = Some(locker);
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}
