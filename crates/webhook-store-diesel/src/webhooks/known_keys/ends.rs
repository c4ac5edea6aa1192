//! Ends of keys: those that no audit record tells, and the position behind which nothing is signed with a key that has ended.

use std::collections::HashSet;

use diesel::prelude::*;
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::KnownKeyRow;
use crate::database::connection::AnyConnection;
use crate::database::schema::{key_expiries, signing_keys};

/// How many keys are settled in one transaction.
const STEP: u32 = 128;
/// Beyond how many webhooks that wait for a sweep no key is settled: what was swept is settled later.
const MOST_UNSWEPT: i64 = 10_000;

/// The ends of which no audit record tells when the ring of `webhook` changes to `after`.
pub(crate) fn untold(webhook: &Webhook, after: Option<&KeyRing>, at: Option<Instant>) -> Vec<KnownKeyRow> {
    let ended = KeyRing::untold_ends(&webhook.key_ring, after, at);
    let row = ended.into_iter().map(|ended| KnownKeyRow {
        platform: webhook.platform.to_string(),
        fingerprint: ended.fingerprint.as_str().to_owned(),
        webhook_id: webhook.id.to_string(),
        protocol: Some(ended.protocol.name().to_owned()),
        made_at: None,
        ended_at: Some(ended.ended_at.as_milliseconds()),
        is_past: true,
    });
    row.collect()
}

/// Says of keys whose promised end has come by `now`, and that are in no ring any more, that nothing behind the last position is signed with
/// them. Says whether there may be more.
pub(crate) fn settle(connection: &mut AnyConnection, now: Instant) -> QueryResult<bool> {
    let due: Vec<(String, String, String, Option<i64>)> = signing_keys::table
        .filter(signing_keys::last_position.is_null())
        .filter(signing_keys::ended_at.le(now.as_milliseconds()))
        .order(signing_keys::ended_at)
        .limit(STEP.into())
        .select((
            signing_keys::platform,
            signing_keys::fingerprint,
            signing_keys::webhook_id,
            signing_keys::ended_at,
        ))
        .load(connection)?;
    let Some((.., latest)) = due.last() else {
        return Ok(false);
    };
    // A clock that is ahead has keys end that still sign by others. In the ring is what was not swept.
    let unswept: HashSet<String> = key_expiries::table
        .filter(key_expiries::expires_at.le(latest.unwrap_or_default()))
        .limit(MOST_UNSWEPT)
        .select(key_expiries::webhook_id)
        .load(connection)?
        .into_iter()
        .collect();
    if unswept.len() >= MOST_UNSWEPT.unsigned_abs() as usize {
        return Ok(false);
    }
    let is_full = due.len() == STEP as usize;
    let mut settled: Vec<KnownKeyRow> = due
        .into_iter()
        .filter(|(_, _, webhook, _)| !unswept.contains(webhook))
        .map(|(platform, fingerprint, webhook_id, ended_at)| KnownKeyRow {
            platform,
            fingerprint,
            webhook_id,
            protocol: None,
            made_at: None,
            ended_at,
            is_past: true,
        })
        .collect();
    if settled.is_empty() {
        return Ok(false);
    }
    settled.sort_unstable();
    connection.note_keys(&settled)?;
    Ok(is_full)
}
