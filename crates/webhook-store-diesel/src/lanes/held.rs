//! Lanes that somebody keeps locked for long: a session in which they were locked by hand, or a process that stands still.
//!
//! A group of changes waits for the lanes that it needs, as long as the database lets a statement wait. If that was in vain, the group
//! would fail for a lane that only a few of its members need. So the writer then asks which lanes are held, and goes on
//! without those: it refuses what needs one of them. Before each later group it asks whether they still are, so that nobody waits for them twice.
//! Asking never waits, and keeps no lock.
//!
//! Other processes lock lanes for as long as a commit takes. So that none of those is taken for held, suspects are asked about several times.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::QueryResult;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;

/// How often it is asked whether a lane is held that has been waited for in vain.
const LOOKS: u32 = 5;
/// How long between two times.
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);

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
            held = connection.held_lanes(&held)?;
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
