//! Who works at a lane. All SQL that changes the owner of one stands here.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use webhook_domain::id::{ProcessId, WebhookId};

use crate::database::connection::AnyConnection;
use crate::database::schema::{lanes, processes};
use crate::engine::failure::Failure;
use crate::lanes::notify::Arrived;
use crate::lanes::row::LaneRow;

/// How many lanes of a process that has ended are given up in one transaction.
const LANES_AT_ONCE: i64 = 1000;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

/// Takes lanes of processes that have ended, and of none, if something is queued in them.
pub(crate) fn adopt(
    connection: &mut AnyConnection,
    own: &str,
    now: i64,
    limit: u32,
) -> Result<Vec<WebhookId>, Failure> {
    let dead: Vec<String> = processes::table
        .filter(processes::alive_until.le(now))
        .filter(processes::id.ne(own))
        .select(processes::id)
        .load(connection)?;
    let mut adopted = Vec::new();
    for owner in dead.iter().map(String::as_str).chain([""]) {
        let marks = match connection {
            AnyConnection::Sqlite(_) => ["?", "?"],
            AnyConnection::Postgres(_) => ["$1", "$2"],
        };
        let locked = match connection {
            AnyConnection::Sqlite(_) => "",
            AnyConnection::Postgres(_) => " FOR NO KEY UPDATE SKIP LOCKED",
        };
        let [of, count] = marks;
        let text = format!(
            "SELECT webhook_id FROM lanes WHERE owner = {of} AND EXISTS (SELECT 1 FROM deliveries WHERE \
             deliveries.webhook_id = lanes.webhook_id AND deliveries.position > lanes.done) LIMIT {count}{locked}"
        );
        let left = i64::from(limit) - i64::try_from(adopted.len()).unwrap_or(i64::MAX);
        let found: Vec<Found> = sql_query(text)
            .bind::<Text, _>(owner)
            .bind::<BigInt, _>(left.max(0))
            .load(connection)?;
        let ids: Vec<String> = found.into_iter().map(|found| found.webhook_id).collect();
        if !ids.is_empty() {
            connection.give_lanes(&ids, own)?;
        } else if !owner.is_empty() {
            give_up(connection, owner)?;
        }
        adopted.extend(ids.iter().filter_map(|id| id.parse::<WebhookId>().ok()));
    }
    Ok(adopted)
}

/// Lets go of some lanes of a process that ends or has ended, and of the process itself with the last of them. Says
/// whether it was the last.
pub(crate) fn give_up(connection: &mut AnyConnection, owner: &str) -> Result<bool, Failure> {
    let some: Vec<String> = lanes::table
        .filter(lanes::owner.eq(owner))
        .order(lanes::webhook_id)
        .limit(LANES_AT_ONCE)
        .select(lanes::webhook_id)
        .load(connection)?;
    connection.give_lanes(&some, "")?;
    let last = (some.len() as i64) < LANES_AT_ONCE;
    if last {
        diesel::delete(processes::table.find(owner)).execute(connection)?;
    }
    Ok(last)
}

/// Finds who works at these lanes, making those that there are not and taking those that nobody alive has. Others are told
/// of theirs.
pub(crate) fn assign(
    connection: &mut AnyConnection,
    webhooks: &BTreeMap<String, i64>,
    own: Option<ProcessId>,
    now: i64,
) -> Result<Vec<Arrived>, Failure> {
    let ids: Vec<String> = webhooks.keys().cloned().collect();
    let own = own.map(|own| own.to_string()).unwrap_or_default();
    let found = connection.lanes_of(&ids)?;
    let mut foreign: BTreeMap<&str, &str> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for lane in &found {
        known.insert(lane.webhook_id.as_str());
        if lane.owner != own {
            foreign.insert(&lane.webhook_id, &lane.owner);
        }
    }
    if !foreign.is_empty() {
        let alive: BTreeSet<String> = connection.processes_alive_at(now)?.into_iter().collect();
        let free: Vec<String> = foreign
            .iter()
            .filter(|(_, owner)| !alive.contains(**owner))
            .map(|(webhook, _)| (*webhook).to_owned())
            .collect();
        if !free.is_empty() && !own.is_empty() {
            connection.give_lanes(&free, &own)?;
        }
        foreign.retain(|_, owner| alive.contains(*owner));
        let texts: Vec<String> = foreign
            .iter()
            .map(|(webhook, owner)| format!("{owner} {webhook}"))
            .collect();
        if !texts.is_empty() {
            connection.notify(&texts)?;
        }
    }
    let missing: Vec<LaneRow> = webhooks
        .iter()
        .filter(|(webhook, _)| !known.contains(webhook.as_str()))
        .map(|(webhook, first)| LaneRow {
            webhook_id: webhook.clone(),
            owner: own.clone(),
            done: first - 1,
            penalty_box: None,
        })
        .collect();
    if !missing.is_empty() {
        connection.insert_lanes(&missing)?;
    }
    let here = ids.iter().filter(|id| !foreign.contains_key(id.as_str()));
    Ok(here.filter_map(|id| id.parse().ok()).map(Arrived).collect())
}
