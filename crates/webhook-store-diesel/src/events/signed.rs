//! What a key has signed for a webhook, counted from the attempts that are kept.
//!
//! The deliveries are read in the order of their lane, from the first that the key signed to the last that it can have signed, and only
//! where its fingerprint stands in a delivery's attempts. They are read in parts, each by itself, so that nobody else waits for all of them.

use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::delivery::key_use::KeyUse;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::signing::secret::Fingerprint;

use crate::DieselStore;
use crate::database::connection::AnyConnection;
use crate::database::row::{corrupt, unavailable};
use crate::database::schema::deliveries;
use crate::lanes::delivery::DeliveryRow;
use crate::lanes::key_uses;

/// How many deliveries are read at a time.
const STEP: i64 = 500;

/// Counts what `key` has signed.
pub(super) async fn count(
    store: &DieselStore,
    platform: &PlatformId,
    webhook: WebhookId,
    key: &Fingerprint,
) -> Result<KeyUse, StoreError> {
    let mut used = KeyUse::default();
    let (owner, wanted) = (platform.to_string(), key.clone());
    let find = move |connection: &mut AnyConnection| {
        key_uses::find(connection, &owner, &wanted, Some(webhook)).map_err(unavailable)
    };
    let Some(signed) = store.readers.run(find).await?.pop() else {
        return Ok(used);
    };
    let (mut from, last) = (signed.first, signed.last.unwrap_or(i64::MAX));
    loop {
        let (key, lane) = (key.clone(), signed.webhook.clone());
        let mut counted = used.clone();
        let read = move |connection: &mut AnyConnection| {
            let rows = part(connection, &lane, &key, from, last).map_err(unavailable)?;
            for row in &rows {
                counted.count(&key, &row.attempts().map_err(corrupt)?);
            }
            let is_last = rows.len() < usize::try_from(STEP).unwrap_or(usize::MAX);
            let next = rows.last().filter(|_| !is_last).map(|row| row.position + 1);
            Ok((counted, next))
        };
        let (counted, next) = store.readers.run(read).await?;
        used = counted;
        match next {
            Some(next) => from = next,
            None => return Ok(used),
        }
    }
}

/// The next deliveries of the lane of which an attempt was signed with the key. The lane is the platform's, since the use of the key is: asked
/// for the platform as well, SQLite would go through all deliveries of the platform, which it has in the order of their positions too.
fn part(
    connection: &mut AnyConnection,
    webhook: &str,
    key: &Fingerprint,
    from: i64,
    last: i64,
) -> QueryResult<Vec<DeliveryRow>> {
    deliveries::table
        .filter(deliveries::webhook_id.eq(webhook))
        .filter(deliveries::position.between(from, last))
        // As it stands in the column: a quote that is part of a text has a backslash before it.
        .filter(deliveries::attempts.like(format!("%\"{}\"%", key.as_str())))
        .order(deliveries::position)
        .limit(STEP)
        .select(DeliveryRow::as_select())
        .load(connection)
}
