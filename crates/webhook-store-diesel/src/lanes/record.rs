//! Recording turns at lanes.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::engine::lane_group::{LaneDone, LaneReply, LaneWork};
use crate::lanes::delivery::TurnColumns;
use crate::lanes::row::{LaneColumns, LaneRow, encode_penalty_box};

pub(crate) fn record_turns(
    connection: &mut AnyConnection,
    works: &[&LaneWork],
    replies: &mut [Option<LaneReply>],
) -> Result<(), Failure> {
    let mut webhooks: Vec<String> = works.iter().flat_map(|work| turned(work)).collect();
    if webhooks.is_empty() {
        answer_recorders(works, replies, &BTreeMap::new());
        return Ok(());
    }
    webhooks.sort_unstable();
    webhooks.dedup();
    let lanes: BTreeMap<String, LaneRow> = connection
        .lock_lanes(&webhooks)?
        .into_iter()
        .map(|row| (row.webhook_id.clone(), row))
        .collect();
    let mut turns = Vec::new();
    let mut after: BTreeMap<String, LaneColumns> = BTreeMap::new();
    for work in works {
        let LaneWork::Record(process, of_process) = work else {
            continue;
        };
        let process = process.to_string();
        for turn in of_process {
            let webhook = turn.delivery.webhook.to_string();
            let Some(lane) = lanes.get(&webhook).filter(|lane| lane.owner == process) else {
                continue;
            };
            turns.push(TurnColumns::encode(turn)?);
            let ended = turn.delivery.status != DeliveryStatus::Pending;
            let columns = after.entry(webhook.clone()).or_insert_with(|| LaneColumns {
                webhook_id: webhook,
                done: lane.done,
                penalty_box: None,
            });
            if ended {
                columns.done = columns.done.max(turn.position.0);
            }
            columns.penalty_box = encode_penalty_box(turn.penalty_box)?;
        }
    }
    // One delivery may be tried twice in a group; the last attempt of each says how far it is.
    save_in_rounds(connection, turns)?;
    let after: Vec<_> = after.into_values().collect();
    if !after.is_empty() {
        connection.save_lanes(&after)?;
    }
    answer_recorders(works, replies, &lanes);
    Ok(())
}

/// Writes turns so that no statement has two of the same delivery: PostgreSQL would take one of them.
fn save_in_rounds(connection: &mut AnyConnection, mut turns: Vec<TurnColumns>) -> Result<(), Failure> {
    while !turns.is_empty() {
        let mut seen = BTreeSet::new();
        let (round, rest): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| seen.insert(turn.position));
        connection.save_turns(&round)?;
        turns = rest;
    }
    Ok(())
}

fn turned(work: &LaneWork) -> Vec<String> {
    match work {
        LaneWork::Record(_, turns) => turns
            .iter()
            .map(|turn| turn.delivery.webhook.to_string())
            .collect(),
        LaneWork::Publish(_) => Vec::new(),
    }
}

fn answer_recorders(
    works: &[&LaneWork],
    replies: &mut [Option<LaneReply>],
    lanes: &BTreeMap<String, LaneRow>,
) {
    for (work, reply) in works.iter().zip(replies) {
        let LaneWork::Record(process, turns) = work else {
            continue;
        };
        let process = process.to_string();
        let is_lost = |webhook: &WebhookId| {
            lanes
                .get(&webhook.to_string())
                .is_none_or(|lane| lane.owner != process)
        };
        let lost: BTreeSet<_> = turns
            .iter()
            .map(|turn| turn.delivery.webhook)
            .filter(is_lost)
            .collect();
        *reply = Some(Ok(LaneDone::Recorded(lost.into_iter().collect())));
    }
}
