//! How many deliveries are in the queues of some webhooks: found by the place of each queue, and counted no further than is asked for.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use webhook_domain::InvalidValue;
use webhook_domain::id::WebhookId;

use crate::database::connection::AnyConnection;
use crate::database::schema::{lanes, webhooks};
use crate::lanes::counting::{BY_KEYS, WAITS};

/// Counts, in a transaction, which this must be all of.
pub(super) fn count(
    connection: &mut AnyConnection,
    platform: &str,
    ids: &[String],
    most: u32,
) -> QueryResult<Vec<(String, i64)>> {
    if let AnyConnection::Postgres(postgres) = connection {
        postgres.batch_execute(BY_KEYS)?;
    }
    let count =
        format!("(SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE {WAITS} LIMIT {most}) AS waiting)");
    webhooks::table
        .inner_join(lanes::table.on(lanes::webhook_id.eq(webhooks::id)))
        .filter(webhooks::id.eq_any(ids))
        .filter(webhooks::platform.eq(platform))
        .select((webhooks::id, sql::<BigInt>(&count)))
        .load(connection)
}

/// The counts, by the ids.
pub(super) fn decode(counted: Vec<(String, i64)>) -> Result<BTreeMap<WebhookId, u64>, InvalidValue> {
    let counted = counted
        .into_iter()
        .map(|(id, count)| Ok((id.parse()?, u64::try_from(count).unwrap_or(0))));
    counted.collect()
}
