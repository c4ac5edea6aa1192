//! Recording turns at lanes: each is decided by [`LaneState::after_turn`](webhook_domain::delivery::lane::LaneState::after_turn) on the
//! lane as it is stored, under its lock. Most successes are written before they are decided, since what is asked of their
//! deliveries is asked by the statement that writes them; all else is written with the lanes.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::event::Event;
use webhook_domain::delivery::lane::{Recording, StoredAttempts};
use webhook_domain::delivery::notice::Notice;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Recorded, Turn};
use webhook_domain::webhook::Version;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::port::FAILED;
use crate::lanes::delivery::{PlaceRow, StatusColumns, TurnColumns};
use crate::lanes::key_uses::{KeyUse, KnownUses, NewUses};
use crate::lanes::locked::LockedLanes;

/// Turns that one process has made.
pub(crate) struct Turns {
    pub(crate) process: ProcessId,
    pub(crate) turns: Vec<Turn>,
}

/// Records turns, whose lanes are locked or [left out](LockedLanes::leaves_out). For each of `made` it gives what has become of it, and with
/// them the keys that have a row besides those that are `known` to. What there is to tell of lanes is put into `notices`, and
/// the events that tell of it into `told`.
pub(crate) fn record(
    connection: &mut AnyConnection,
    made: &[&Turns],
    lanes: &mut LockedLanes,
    known: &KnownUses,
    (notices, told): (&mut Vec<Notice>, &mut Vec<Event>),
) -> Result<(Vec<Recorded>, Vec<KeyUse>), Failure> {
    let mut uses = NewUses::beside(known);
    let ended = end(connection, made, lanes)?;
    let mut stored = load_stored(connection, made, &ended)?;
    let versions = load_versions(connection, made)?;
    let now = lanes.now();
    let mut columns = Vec::new();
    let mut failed = Vec::new();
    let mut failed_no_more = Vec::new();
    let mut recorded = Vec::with_capacity(made.len());
    for Turns { process, turns } in made {
        let (mut lost, mut locked) = (BTreeSet::new(), BTreeSet::new());
        for turn in turns {
            let webhook = turn.delivery.webhook;
            if lanes.leaves_out(webhook) {
                locked.insert(webhook);
                continue;
            }
            let Some(lane) = lanes.get(webhook) else {
                lost.insert(webhook);
                continue;
            };
            let delivery = stored.get_mut(&turn.position.0);
            let known = delivery.as_deref().copied();
            match lane.after_turn(*process, turn, known, versions.get(&webhook).copied(), now) {
                Recording::Lost => drop(lost.insert(webhook)),
                Recording::Known => {}
                Recording::News { lane: after, status } => {
                    let boxes = (&lane.penalty_box, &after.penalty_box);
                    for notice in Notice::of_turn(turn, boxes.0, boxes.1, status) {
                        told.extend(notice.event(turn).cloned());
                        notices.push(notice);
                    }
                    lanes.set(webhook, after);
                    uses.add(turn);
                    if !ended.contains(&turn.position.0) {
                        columns.push(TurnColumns::encode(turn, status)?);
                    }
                    if matches!(status, DeliveryStatus::Failed { .. }) {
                        failed.push((turn.delivery.platform.as_str(), turn.position.0));
                    }
                    if matches!(known, Some(known) if known.status.name() == FAILED) {
                        failed_no_more.push(turn.position.0);
                    }
                    if let Some(delivery) = delivery {
                        *delivery = StoredAttempts {
                            status,
                            attempts: turn.number,
                        };
                    }
                }
            }
        }
        recorded.push(Recorded {
            lost: lost.into_iter().collect(),
            locked: locked.into_iter().collect(),
        });
    }
    let last_round = save_in_rounds(connection, columns)?;
    lanes.add_turns(last_round);
    for (platform, position) in failed {
        connection.note_failed(platform, position)?;
    }
    for position in failed_no_more {
        connection.forget_failed(position)?;
    }
    Ok((recorded, uses.save(connection)?))
}

/// Writes the successes that are the only turns of the group at deliveries that wait, and says at which positions. All that is
/// asked of such a delivery is whether it waits, so it is not read first.
fn end(
    connection: &mut AnyConnection,
    made: &[&Turns],
    lanes: &LockedLanes,
) -> Result<BTreeSet<i64>, Failure> {
    let all = || {
        made.iter()
            .flat_map(|made| made.turns.iter().map(|turn| (made.process, turn)))
    };
    let mut turns_at: BTreeMap<i64, u32> = BTreeMap::new();
    for (_, turn) in all() {
        *turns_at.entry(turn.position.0).or_default() += 1;
    }
    let counts = |process, turn: &Turn| {
        let lane = lanes.get(turn.delivery.webhook);
        lane.is_some_and(|lane| lane.is_held_by(process, turn.epoch))
    };
    let columns = all()
        .filter(|(process, turn)| turn.attempt.cause().is_none() && counts(*process, turn))
        .filter(|(_, turn)| turns_at.get(&turn.position.0) == Some(&1))
        .map(|(_, turn)| TurnColumns::encode(turn, turn.delivery.status));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    match columns.is_empty() {
        true => Ok(BTreeSet::new()),
        false => Ok(connection.end_deliveries(&columns)?.into_iter().collect()),
    }
}

/// The deliveries that turns are at, by their positions; those that have `ended` by them as they were before. One that cannot be
/// read is as if it were not there: nothing of it is recorded.
fn load_stored(
    connection: &mut AnyConnection,
    made: &[&Turns],
    ended: &BTreeSet<i64>,
) -> Result<BTreeMap<i64, StoredAttempts>, Failure> {
    let waited = StoredAttempts {
        status: DeliveryStatus::Pending,
        attempts: 0,
    };
    let mut stored: BTreeMap<i64, StoredAttempts> =
        ended.iter().map(|position| (*position, waited)).collect();
    let turns = made.iter().flat_map(|made| &made.turns);
    let others = turns.filter(|turn| !ended.contains(&turn.position.0));
    let mut places: Vec<PlaceRow> = others.map(PlaceRow::of).collect();
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Ok(stored);
    }
    for (position, status, tried) in connection.deliveries_at(&places)? {
        let columns = StatusColumns { status, tried };
        match columns.decode() {
            Ok(attempts) => drop(stored.insert(position, attempts)),
            Err(problem) => tracing::error!(
                delivery.position = position,
                problem = problem.to_string(),
                "a delivery cannot be read"
            ),
        }
    }
    Ok(stored)
}

/// The versions of the webhooks that turns have failed at: only for those it matters.
fn load_versions(
    connection: &mut AnyConnection,
    made: &[&Turns],
) -> Result<BTreeMap<WebhookId, Version>, Failure> {
    let turns = made.iter().flat_map(|made| &made.turns);
    let failed = turns.filter(|turn| turn.attempt.cause().is_some());
    let webhooks: BTreeSet<String> = failed.map(|turn| turn.delivery.webhook.to_string()).collect();
    if webhooks.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = webhooks.into_iter().collect();
    let found = connection.versions_of(&ids)?.into_iter();
    Ok(found
        .filter_map(|(id, version)| Some((id.parse().ok()?, Version(version))))
        .collect())
}

/// Writes turns so that no statement has two of the same delivery: PostgreSQL would take one of them. The last round is left to be
/// written with the lanes; mostly it is the only one.
fn save_in_rounds(
    connection: &mut AnyConnection,
    mut turns: Vec<TurnColumns>,
) -> Result<Vec<TurnColumns>, Failure> {
    loop {
        let mut seen = BTreeSet::new();
        let (round, rest): (Vec<_>, Vec<_>) = turns
            .into_iter()
            .partition(|turn| seen.insert(turn.place.position));
        if rest.is_empty() {
            return Ok(round);
        }
        connection.save_lanes(&[], &round)?;
        turns = rest;
    }
}
