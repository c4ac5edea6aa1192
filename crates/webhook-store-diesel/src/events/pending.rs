//! How many deliveries wait on a platform, for its quota.
//!
//! What is accepted is added to a number of the platform's, in the transaction that accepts it and under the lock of that number's row:
//! so no two transactions pass a quota together. What comes to its end is not taken away again, by anybody: the number may be too high
//! and is never too low. Where a quota would be passed by it, what waits is counted and the number put right. So nothing is paid
//! where there is no quota, and where there is one, a count now and then.
//!
//! A count reads an index, one entry for each delivery that waits. One that has read much is not repeated for a time that is many
//! times as long as it took; until then, room that deliveries have made is not noticed. A process counts a platform for the first time
//! when it meets it: what was accepted by processes without a quota is known from then on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use webhook_domain::Refusal;
use webhook_domain::access::quota::Quota;
use webhook_domain::id::PlatformId;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;

/// How many index entries and webhooks a count may have read to be repeated at once.
const LITTLE: u64 = 10_000;
/// How long a count that has read more is not repeated, for each entry: some twenty times what reading it takes. With a quota of a
/// million that is two seconds.
const PAUSE_PER_ENTRY: Duration = Duration::from_micros(2);
/// How many platforms are remembered.
const REMEMBERED: usize = 10_000;

/// When the platforms that this process has counted may be counted again.
#[derive(Default)]
pub(crate) struct Counts(Mutex<HashMap<String, Instant>>);

/// What a transaction has counted: worth remembering once it is committed.
pub(crate) type Counted = Vec<(String, Instant)>;

impl Counts {
    /// Remembers what a transaction has counted that is committed.
    pub(crate) fn remember(&self, counted: Counted) {
        if counted.is_empty() {
            return;
        }
        let mut known = self.known();
        if known.len() + counted.len() > REMEMBERED {
            known.clear();
        }
        known.extend(counted);
    }

    /// Has all platforms be counted again.
    pub(crate) fn forget(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of a platform, as it is stored.
#[derive(Debug, Queryable)]
pub(crate) struct PendingCountRow {
    pub(crate) platform: String,
    pub(crate) pending: i64,
}

fn by_platform(rows: Vec<PendingCountRow>) -> impl Iterator<Item = (String, i64)> {
    rows.into_iter().map(|row| (row.platform, row.pending))
}

/// The numbers of the platforms that a transaction publishes on, locked until it ends.
#[derive(Default)]
pub(crate) struct Pending {
    platforms: BTreeMap<String, Platform>,
}

struct Platform {
    /// What is stored.
    stored: i64,
    /// What waits at the most, with what the transaction adds.
    pending: u64,
    /// What the transaction adds.
    added: u64,
    /// Whether it may be counted: not twice, and not too soon.
    may_count: bool,
    /// Whether it must be counted before anything is judged.
    is_unknown: bool,
    /// Until when it is not to be counted again, if it was counted.
    counted: Option<Instant>,
}

impl Pending {
    /// Locks the numbers of the platforms that are `limited`, making those that are missing, and of those among the `told` that have
    /// one. To be called after the head of the chain is locked, if it is, and before lanes are.
    pub(crate) fn lock(
        connection: &mut AnyConnection,
        counts: &Counts,
        limited: &BTreeSet<&str>,
        told: &BTreeMap<String, u64>,
    ) -> Result<Self, Failure> {
        let mut platforms = BTreeMap::new();
        let told_of = told.keys().map(String::as_str);
        let asked: BTreeSet<&str> = limited.iter().copied().chain(told_of).collect();
        if asked.is_empty() {
            return Ok(Self { platforms });
        }
        let asked: Vec<&str> = asked.into_iter().collect();
        let mut found: HashMap<String, i64> = by_platform(connection.lock_pending_counts(&asked)?).collect();
        let missing: Vec<&str> = limited
            .iter()
            .copied()
            .filter(|platform| !found.contains_key(*platform))
            .collect();
        let is_new: BTreeSet<&str> = missing.iter().copied().collect();
        if !missing.is_empty() {
            connection.make_pending_counts(&missing)?;
            found.extend(by_platform(connection.lock_pending_counts(&missing)?));
        }
        let known = counts.known();
        let now = Instant::now();
        for (platform, stored) in found {
            let again_at = known.get(&platform);
            let is_unknown = is_new.contains(platform.as_str()) || again_at.is_none();
            let added = told.get(&platform).copied().unwrap_or(0);
            let row = Platform {
                stored,
                pending: u64::try_from(stored).unwrap_or(0).saturating_add(added),
                added,
                may_count: is_unknown || again_at.is_some_and(|again_at| *again_at <= now),
                is_unknown,
                counted: None,
            };
            platforms.insert(platform, row);
        }
        Ok(Self { platforms })
    }

    /// Adds `more` deliveries to those that wait on the platform, unless the quota has no room for `judged` of them. The platform must be
    /// locked.
    pub(crate) fn admit(
        &mut self,
        connection: &mut AnyConnection,
        platform: &PlatformId,
        quota: Quota,
        judged: u64,
        more: u64,
    ) -> Result<Result<(), Refusal>, Failure> {
        // More than a platform may have at all is refused without looking.
        if let Err(over) = quota.admit(0, judged) {
            return Ok(Err(over.into()));
        }
        let Some(row) = self.platforms.get_mut(platform.as_str()) else {
            return Ok(Ok(()));
        };
        let passes = |row: &Platform| quota.admit(row.pending, judged);
        if judged > 0 && row.may_count && (row.is_unknown || passes(row).is_err()) {
            row.count(connection, platform, quota)?;
        }
        let admitted = passes(row).map(|()| {
            row.pending += more;
            row.added += more;
        });
        Ok(admitted.map_err(Refusal::from))
    }

    /// Writes what has changed.
    pub(crate) fn save(self, connection: &mut AnyConnection) -> Result<Counted, Failure> {
        let mut changed = Vec::new();
        let mut counted = Vec::new();
        for (platform, row) in self.platforms {
            if let Some(again_at) = row.counted {
                counted.push((platform.clone(), again_at));
            }
            let pending = i64::try_from(row.pending).unwrap_or(i64::MAX);
            if pending != row.stored {
                changed.push(PendingCountRow { platform, pending });
            }
        }
        if !changed.is_empty() {
            connection.save_pending_counts(&changed)?;
        }
        Ok(counted)
    }
}

impl Platform {
    fn count(
        &mut self,
        connection: &mut AnyConnection,
        platform: &PlatformId,
        quota: Quota,
    ) -> Result<(), Failure> {
        let Count { pending, read } = count(connection, platform.as_str(), quota.most())?;
        self.pending = pending.saturating_add(self.added);
        self.may_count = false;
        self.is_unknown = false;
        let pause = match read {
            0..=LITTLE => Duration::ZERO,
            read => PAUSE_PER_ENTRY * u32::try_from(read).unwrap_or(u32::MAX),
        };
        self.counted = Some(Instant::now() + pause);
        Ok(())
    }
}

struct Count {
    /// How many deliveries wait; of more than a quota admits, at least so many.
    pending: u64,
    /// How much was read to find out.
    read: u64,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    queued: i64,
    #[diesel(sql_type = BigInt)]
    chunked: i64,
    #[diesel(sql_type = BigInt)]
    webhooks: i64,
}

/// Counts what waits on the platform, no further than one beyond `most`. What stands in a lane behind the place up to which it is done
/// waits, unless it was given up by request, and what is still to be moved into lanes: there, each recipient takes 32 characters, but for the last.
fn count(connection: &mut AnyConnection, platform: &str, most: u64) -> QueryResult<Count> {
    let [first, second, third, fourth] = match connection {
        AnyConnection::Sqlite(_) => ["?1", "?2", "?3", "?4"],
        AnyConnection::Postgres(_) => ["$1", "$2", "$3", "$4"],
    };
    // Joined so that SQLite takes the tables in this order.
    let text = format!(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM webhooks CROSS JOIN lanes CROSS JOIN deliveries \
             WHERE webhooks.platform = {first} AND lanes.webhook_id = webhooks.id AND deliveries.webhook_id = lanes.webhook_id \
             AND deliveries.position > lanes.done AND (lanes.withdrawn = 0 OR deliveries.status = 'PENDING') LIMIT {second}) AS waiting) AS queued, \
         CAST((SELECT coalesce(sum((length(recipients) + 1) / 32), 0) FROM fan_outs WHERE platform = {third}) AS BIGINT) AS chunked, \
         coalesce((SELECT webhooks FROM platforms WHERE platform = {fourth}), 0) AS webhooks"
    );
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let row: CountRow = sql_query(text)
        .bind::<Text, _>(platform)
        .bind::<BigInt, _>(limit)
        .bind::<Text, _>(platform)
        .bind::<Text, _>(platform)
        .get_result(connection)?;
    let of = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(Count {
        pending: of(row.queued).saturating_add(of(row.chunked)),
        read: of(row.queued).saturating_add(of(row.webhooks)),
    })
}
