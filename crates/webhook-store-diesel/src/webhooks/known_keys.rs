//! Every signing key that a webhook has or had, by its fingerprint.
//!
//! A roll writes nothing here. Its audit record, in the same transaction, names all keys that it touches; and [`reading`] makes the rows
//! of the records, in their order, behind all others and before anybody is answered. The one end that no record tells is noted
//! by the change that takes the key away ([`ends`]). A row stays when the key and the webhook are gone, as audit records do.
//! Nothing of the key is in it but its fingerprint.
//!
//! | `ended_at` | `last_position` | the key |
//! |---|---|---|
//! | none | none | is the current one |
//! | then | none | signs until then, by what was said last; or did, and is about to be settled |
//! | then | there | is in no ring any more, and in no delivery behind that position |

pub(crate) mod ends;
#[cfg(test)]
mod plan;
pub(crate) mod reading;

use std::collections::BTreeMap;

use diesel::prelude::*;
use webhook_domain::access::key_history::{KnownKey, PastKey};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::{key_uses, signing_keys};

/// What there is to say of a key. In the order of these columns all transactions write, so that none waits for another that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownKeyRow {
    pub(crate) platform: String,
    pub(crate) fingerprint: String,
    pub(crate) webhook_id: String,
    pub(crate) protocol: Option<String>,
    pub(crate) made_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    /// Whether it is in no ring any more.
    pub(crate) is_past: bool,
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

type PastColumns = (String, Option<String>, Option<i64>, Option<i64>);

/// The keys of one webhook that ended between these instants, those that ended last first.
pub(crate) fn past(
    connection: &mut AnyConnection,
    (platform, webhook): (&str, &str),
    (from, to): (Instant, Instant),
    limit: u32,
) -> QueryResult<Vec<PastColumns>> {
    signing_keys::table
        .filter(signing_keys::webhook_id.eq(webhook))
        .filter(signing_keys::ended_at.ge(from.as_milliseconds()))
        .filter(signing_keys::ended_at.le(to.as_milliseconds()))
        .filter(signing_keys::platform.eq(platform))
        .order((signing_keys::ended_at.desc(), signing_keys::fingerprint))
        .limit(limit.into())
        .select((
            signing_keys::fingerprint,
            signing_keys::protocol,
            signing_keys::made_at,
            signing_keys::ended_at,
        ))
        .load(connection)
}

/// A key that has ended, by its row.
pub(crate) fn decode_past((key, protocol, made_at, ended_at): PastColumns) -> Result<PastKey, RowError> {
    let at = |column| At { column, row: &key };
    Ok(PastKey {
        protocol: decode_protocol(protocol, at("signing_keys.protocol"))?,
        made_at: made_at.map(Instant::from_milliseconds),
        // The query asks for those that have one.
        ended_at: Instant::from_milliseconds(ended_at.unwrap_or_default()),
        fingerprint: key
            .parse()
            .map_err(|problem| at("signing_keys.fingerprint").value(problem))?,
    })
}

fn decode_protocol(name: Option<String>, at: At<'_>) -> Result<Option<SigningProtocol>, RowError> {
    let protocol = name.map(|name| name.parse()).transpose();
    protocol.map_err(|problem| at.value(problem))
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
        protocol: decode_protocol(protocol, at("signing_keys.protocol"))?,
        made_at: made_at.map(Instant::from_milliseconds),
        ended_at: ended_at.map(Instant::from_milliseconds),
    })
}
