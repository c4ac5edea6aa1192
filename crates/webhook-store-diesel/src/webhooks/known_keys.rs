//! Every signing key that a webhook has or had, by its fingerprint.
//!
//! A row is written in the transaction that makes the key, and its end in the one that takes the key out of its ring. It stays when the key
//! and the webhook are gone, as audit records do. Nothing of the key is in it but its fingerprint.
//!
//! A release before these rows may run on the same database, and writes none. Of a key that it has made there is a row from when the key
//! ends; until then it is found once it has signed something, by [its use](crate::lanes::key_uses).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use diesel::prelude::*;
use webhook_domain::access::key_history::KnownKey;
use webhook_domain::signing::key_ring::{KeyRing, KeyTurnover};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::{key_uses, signing_keys};

/// A key that came or went.
#[derive(Debug, Clone)]
pub(crate) struct KnownKeyRow {
    pub(crate) platform: String,
    pub(crate) fingerprint: String,
    pub(crate) webhook_id: String,
    pub(crate) protocol: Option<String>,
    pub(crate) made_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

/// What a group's changes do to the keys that are known: one row for each, whatever happens to it.
#[derive(Debug, Default)]
pub(super) struct KnownKeyChanges(BTreeMap<(String, String), KnownKeyRow>);

impl KnownKeyChanges {
    /// Notes which keys came and went when the ring of `webhook` changed from `before` to `after`.
    pub(super) fn note(
        &mut self,
        webhook: &Webhook,
        before: Option<&KeyRing>,
        after: Option<&KeyRing>,
        at: Option<Instant>,
    ) {
        for turned in KeyTurnover::between(before, after, at) {
            let ended_at = turned.ended_at.map(Instant::as_milliseconds);
            let row = KnownKeyRow {
                platform: webhook.platform.to_string(),
                fingerprint: turned.fingerprint.as_str().to_owned(),
                webhook_id: webhook.id.to_string(),
                protocol: Some(turned.protocol.name().to_owned()),
                made_at: turned.made_at.map(Instant::as_milliseconds),
                ended_at,
            };
            match self.0.entry((row.webhook_id.clone(), row.fingerprint.clone())) {
                Entry::Vacant(place) => drop(place.insert(row)),
                Entry::Occupied(mut made) => made.get_mut().ended_at = ended_at,
            }
        }
    }

    /// The rows, in one order for all transactions.
    pub(super) fn take(&mut self) -> Vec<KnownKeyRow> {
        std::mem::take(&mut self.0).into_values().collect()
    }
}

type NotedColumns = (String, Option<String>, Option<i64>, Option<i64>);

/// The keys of a platform with this fingerprint, in the order of their webhooks' ids.
pub(crate) fn find(
    connection: &mut AnyConnection,
    platform: &str,
    key: &str,
    after: &str,
    limit: u32,
) -> QueryResult<Vec<NotedColumns>> {
    let noted: Vec<NotedColumns> = signing_keys::table
        .filter(signing_keys::platform.eq(platform))
        .filter(signing_keys::fingerprint.eq(key))
        .filter(signing_keys::webhook_id.gt(after))
        .order(signing_keys::webhook_id)
        .limit(limit.into())
        .select((
            signing_keys::webhook_id,
            signing_keys::protocol,
            signing_keys::made_at,
            signing_keys::ended_at,
        ))
        .load(connection)?;
    let used: Vec<String> = key_uses::table
        .filter(key_uses::platform.eq(platform))
        .filter(key_uses::fingerprint.eq(key))
        .filter(key_uses::webhook_id.gt(after))
        .order(key_uses::webhook_id)
        .limit(limit.into())
        .select(key_uses::webhook_id)
        .load(connection)?;
    let mut found: BTreeMap<String, NotedColumns> = BTreeMap::new();
    found.extend(used.into_iter().map(|id| (id.clone(), (id, None, None, None))));
    found.extend(noted.into_iter().map(|row| (row.0.clone(), row)));
    Ok(found.into_values().take(limit as usize).collect())
}

/// What is known of the key, by its row.
pub(crate) fn decode((webhook, protocol, made_at, ended_at): NotedColumns) -> Result<KnownKey, RowError> {
    let at = |column| At {
        column,
        row: &webhook,
    };
    Ok(KnownKey {
        webhook: webhook
            .parse()
            .map_err(|problem| at("signing_keys.webhook_id").value(problem))?,
        protocol: protocol
            .map(|name| name.parse())
            .transpose()
            .map_err(|problem| at("signing_keys.protocol").value(problem))?,
        made_at: made_at.map(Instant::from_milliseconds),
        ended_at: ended_at.map(Instant::from_milliseconds),
    })
}
