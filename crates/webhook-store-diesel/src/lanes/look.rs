//! Looking at lanes, many at a time.
//!
//! Every attempt to deliver asks for its webhook as it is stored at that moment: a key that was retired signs nothing from
//! the instant that was answered, in any process. So nothing is cached; see [`BatchReader`].

#[cfg(test)]
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::QueryResult;
use webhook_domain::StoreError;
use webhook_domain::delivery::lane::{Epoch, Position};
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Lane, QueuedDelivery};

use crate::database::connection::AnyConnection;
use crate::database::dialect::lanes::{ReadRow, Standing};
use crate::database::row::RowError;
use crate::engine::batch_reader::{Batch, BatchReader};
use crate::events::row::EventRow;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::row::LaneRow;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

/// Which part of which lane.
pub(crate) struct Wanted {
    pub(crate) process: ProcessId,
    pub(crate) webhook: WebhookId,
    pub(crate) after: Option<Position>,
    pub(crate) limit: u32,
}

/// The way to the thread that looks at lanes.
pub(crate) type LaneReader = BatchReader<LooksAtLanes>;

/// Questions for lanes, with their webhooks.
pub(crate) struct LooksAtLanes {
    pub(crate) vault: Arc<Vault>,
}

impl Batch for LooksAtLanes {
    type Question = Wanted;
    type Answer = Option<Lane>;

    const NAME: &'static str = "store-lanes";

    fn set_up(&self, connection: &mut AnyConnection) -> QueryResult<()> {
        connection.find_by_key()
    }

    fn answer(
        &self,
        connection: &mut AnyConnection,
        questions: &[&Wanted],
    ) -> QueryResult<Vec<Result<Option<Lane>, StoreError>>> {
        let found = read_of_one_epoch(connection, questions)?;
        let lanes = questions
            .iter()
            .map(|wanted| lane(connection, &self.vault, &found, wanted));
        Ok(lanes.collect())
    }
}

/// What was read for a batch of questions.
#[derive(Default)]
struct Found {
    webhooks: BTreeMap<String, (WebhookRow, LaneRow)>,
    queued: BTreeMap<String, Vec<(DeliveryRow, EventRow)>>,
    /// Whether a lane changed hands, or a delivery was given up in it, while it was read.
    torn: bool,
}

/// How many bytes of events are read of a lane at a time, unless the first one alone is longer: what waits in many lanes must not
/// fill the memory.
const READ_BYTES: i64 = 128 * 1024;

/// How often lanes are read again that change hands meanwhile.
const READ_AGAIN: u32 = 5;

/// Reads until no lane has changed hands between two statements. One that goes on doing so is given with nothing queued.
fn read_of_one_epoch(connection: &mut AnyConnection, wanted: &[&Wanted]) -> QueryResult<Found> {
    let mut found = read(connection, wanted)?;
    for _ in 0..READ_AGAIN {
        if !found.torn {
            break;
        }
        found = read(connection, wanted)?;
    }
    Ok(found)
}

fn read(connection: &mut AnyConnection, wanted: &[&Wanted]) -> QueryResult<Found> {
    let mut ids: Vec<String> = wanted.iter().map(|wanted| wanted.webhook.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Found::default();
    let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
    let mut reads: BTreeMap<WebhookId, ReadRow> = BTreeMap::new();
    for wanted in wanted.iter().filter(|wanted| wanted.limit > 0) {
        let read = ReadRow {
            webhook_id: wanted.webhook.to_string(),
            after: wanted.after.map_or(0, |after| after.0),
            most: wanted.limit.into(),
            bytes: READ_BYTES,
        };
        reads.insert(wanted.webhook, read);
    }
    if !reads.is_empty() {
        let reads: Vec<ReadRow> = reads.into_values().collect();
        // Of an empty lane there is nothing that could be so no more.
        for (delivery, event, standing) in connection.waiting(&reads)? {
            standings.insert(delivery.webhook_id.clone(), standing);
            let queued = found.queued.entry(delivery.webhook_id.clone());
            queued.or_default().push((delivery, event));
        }
    }
    // Last: a key that was retired before the deliveries were read is not among these.
    for (webhook, lane) in connection.webhooks_with_lanes(&ids)? {
        if standings
            .get(&lane.webhook_id)
            .is_some_and(|standing| *standing != (lane.epoch, lane.withdrawn))
        {
            found.torn = true;
            found.queued.remove(&lane.webhook_id);
        }
        found.webhooks.insert(lane.webhook_id.clone(), (webhook, lane));
    }
    Ok(found)
}

fn lane(
    connection: &mut AnyConnection,
    vault: &Vault,
    found: &Found,
    wanted: &Wanted,
) -> Result<Option<Lane>, StoreError> {
    let corrupt = |error: RowError| StoreError::Corrupt(error.into());
    let id = wanted.webhook.to_string();
    let owner = wanted.process.to_string();
    let found_here = found.webhooks.get(&id);
    let Some((row, lane)) = found_here.filter(|(_, lane)| lane.owner == owner) else {
        return Ok(None);
    };
    let webhook = match LoadedWebhook::decode(row.clone(), vault) {
        Err(error) if error.is_of_other_master_key() => {
            handover::learn(connection, vault).map_err(|error| StoreError::Unavailable(error.into()))?;
            LoadedWebhook::decode(row.clone(), vault)
        }
        decoded => decoded,
    };
    let queued = found.queued.get(&id).into_iter().flatten();
    let queued = queued.map(|(delivery, event)| {
        Ok(QueuedDelivery {
            position: Position(delivery.position),
            attempts: u32::try_from(delivery.tried).unwrap_or(u32::MAX),
            delivery: delivery.decode()?,
            event: event.decode()?,
        })
    });
    Ok(Some(Lane {
        webhook: webhook.map_err(corrupt)?.webhook,
        epoch: Epoch(lane.epoch),
        penalty_box: lane.penalty_box().map_err(corrupt)?,
        withdrawn: u64::try_from(lane.withdrawn).unwrap_or_default(),
        queued: queued.collect::<Result<_, _>>().map_err(corrupt)?,
    }))
}
