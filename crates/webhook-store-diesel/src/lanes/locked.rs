//! The lanes that a transaction works on: locked all at once, in the order of their ids, changed in memory, written once.
//!
//! Every change is one of [`LaneState`]'s. A lane that cannot be read is left as it is: what is queued in it stays queued, and
//! nothing of it is recorded until somebody has put it right.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::delivery::lane::LaneState;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::Arrival;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::engine::failure::{Failure, chain};
use crate::lanes::delivery::TurnColumns;
use crate::lanes::row::LaneColumns;

/// The lanes, locked until the transaction ends.
pub(crate) struct LockedLanes {
    lanes: BTreeMap<WebhookId, Locked>,
    unreadable: BTreeSet<WebhookId>,
    /// Lanes that are not locked though somebody needs them, because somebody else keeps them locked.
    left_out: BTreeSet<WebhookId>,
    /// What attempts have left in deliveries, written with the lanes.
    turns: Vec<TurnColumns>,
    /// The time, by the clock that all who work at these lanes go by.
    now: Instant,
}

struct Locked {
    found: LaneState,
    now: LaneState,
    /// Whether whoever works at it is to look at it.
    woken: bool,
}

/// Who is to look at which lanes, once they can see what was done. It may get lost.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// For this process.
    pub(crate) here: Vec<Arrival>,
    /// For the processes that own them.
    pub(crate) elsewhere: Vec<(ProcessId, WebhookId)>,
}

impl LockedLanes {
    /// Locks the lanes of these webhooks that there are. `now` is the process's own time. To be called once in a transaction,
    /// after webhooks are locked.
    pub(crate) fn lock(
        connection: &mut AnyConnection,
        webhooks: &BTreeSet<WebhookId>,
        now: Instant,
    ) -> Result<Self, Failure> {
        Self::lock_but(connection, webhooks, &BTreeSet::new(), now)
    }

    /// As [`lock`](Self::lock), but leaves out what is among `held`.
    pub(crate) fn lock_but(
        connection: &mut AnyConnection,
        webhooks: &BTreeSet<WebhookId>,
        held: &BTreeSet<WebhookId>,
        now: Instant,
    ) -> Result<Self, Failure> {
        let mut locked = Self {
            lanes: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            left_out: webhooks.intersection(held).copied().collect(),
            turns: Vec::new(),
            now,
        };
        let mut ids: Vec<String> = webhooks.difference(held).map(ToString::to_string).collect();
        if ids.is_empty() {
            return Ok(locked);
        }
        ids.sort_unstable();
        let (rows, databases_now) = match connection.lock_lanes(&ids) {
            Ok(rows) => rows,
            Err(error) => {
                return Err(Failure::Lanes(
                    error,
                    webhooks.difference(held).copied().collect(),
                ));
            }
        };
        locked.now = databases_now.map_or(now, Instant::from_milliseconds);
        for row in rows {
            match (row.webhook_id.parse(), row.decode()) {
                (Ok(webhook), Ok(found)) => {
                    let lane = Locked {
                        found,
                        now: found,
                        woken: false,
                    };
                    locked.lanes.insert(webhook, lane);
                }
                (Ok(webhook), Err(error)) => {
                    tracing::error!(
                        webhook.id = row.webhook_id,
                        error = chain(&error),
                        "a lane cannot be read; nothing is delivered along it until it is put right"
                    );
                    locked.unreadable.insert(webhook);
                }
                (Err(_), _) => tracing::error!(webhook.id = row.webhook_id, "a lane is that of no webhook"),
            }
        }
        Ok(locked)
    }

    /// The time, by the clock that all who work at these lanes go by.
    pub(crate) const fn now(&self) -> Instant {
        self.now
    }

    /// Whether there is a lane of `webhook`, readable or not: something can be queued in it.
    pub(crate) fn holds(&self, webhook: WebhookId) -> bool {
        self.lanes.contains_key(&webhook) || self.unreadable.contains(&webhook)
    }

    /// Whether the lane of `webhook` is needed and was left out, because somebody else keeps it locked.
    pub(crate) fn leaves_out(&self, webhook: WebhookId) -> bool {
        self.left_out.contains(&webhook)
    }

    /// The lane of `webhook` as the transaction has it, if there is one that can be read.
    pub(crate) fn get(&self, webhook: WebhookId) -> Option<LaneState> {
        self.lanes.get(&webhook).map(|lane| lane.now)
    }

    /// Makes the lane of `webhook` what `after` is.
    pub(crate) fn set(&mut self, webhook: WebhookId, after: LaneState) {
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.now = after;
        }
    }

    /// Has what attempts have left in deliveries be written with the lanes. No two may be of one delivery.
    pub(crate) fn add_turns(&mut self, turns: Vec<TurnColumns>) {
        self.turns.extend(turns);
    }

    /// Changes the lane of `webhook`, and has whoever works at it look at it.
    pub(crate) fn wake(&mut self, webhook: WebhookId, change: impl FnOnce(LaneState) -> LaneState) {
        if let Some(lane) = self.lanes.get_mut(&webhook) {
            lane.now = change(lane.now);
            lane.woken = true;
        }
    }

    /// Deletes the lane of a webhook that is no more.
    pub(crate) fn delete(
        &mut self,
        connection: &mut AnyConnection,
        webhook: WebhookId,
    ) -> Result<(), Failure> {
        self.lanes.remove(&webhook);
        self.unreadable.remove(&webhook);
        connection.delete_lane(&webhook.to_string())?;
        Ok(())
    }

    /// Writes what has changed. `own` is the process that this store delivers for, if it does.
    pub(crate) fn save(
        self,
        connection: &mut AnyConnection,
        own: Option<ProcessId>,
    ) -> Result<Hints, Failure> {
        let mut changed = Vec::new();
        let mut hints = Hints::default();
        // If somebody delivers along the lanes of a file, it is this process: whoever did before it has ended.
        let own_alone = matches!(connection, AnyConnection::Sqlite(_));
        for (webhook, lane) in self.lanes {
            if lane.now != lane.found {
                changed.push(LaneColumns::encode(webhook, &lane.now)?);
            }
            if !lane.woken {
                continue;
            }
            match (lane.now.owner, own) {
                (Some(owner), Some(own)) if owner == own => hints.here.push(Arrival { webhook, owned: true }),
                // Whether its owner still lives is not asked here. If not, whoever takes it finds it ready.
                (Some(owner), _) if !own_alone => hints.elsewhere.push((owner, webhook)),
                (_, Some(_)) => hints.here.push(Arrival {
                    webhook,
                    owned: false,
                }),
                (_, None) => {}
            }
        }
        connection.save_lanes(&changed, &self.turns)?;
        Ok(hints)
    }
}
