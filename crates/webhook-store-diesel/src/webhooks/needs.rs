//! The webhooks of a platform that need somebody, in the order in which they are noted where an index has them: so a list costs what it shows,
//! and what it counts.
//!
//! What is noted is where they stand. Whether they need somebody is judged by the webhook: one whose retired key has just expired is noted until
//! that is erased, and a release that does not know of adoptions notes each key as not adopted.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use webhook_domain::time::{CLOCKS_APART, Instant};
use webhook_domain::webhook::{Need, NeedPlace, NeedQuery};

use crate::database::connection::AnyConnection;
use crate::webhooks::list::rows_of;
use crate::webhooks::row::WebhookRow;

/// What is noted of webhooks that need somebody.
pub(crate) struct Noted {
    /// Those of the page, and where they stand.
    pub(crate) rows: Vec<WebhookRow>,
    /// Behind which place the next page begins, if there is one.
    pub(crate) next: Option<NeedPlace>,
    /// How many there are, counted a page further than is asked for.
    pub(crate) total: u64,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Text)]
    webhook_id: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Where a need is noted: the instant by which it is in order, the table, and which rows of a platform have it.
struct Source {
    at: &'static str,
    table: &'static str,
    which: String,
}

impl Source {
    fn of(need: Need, now: Instant) -> Self {
        match need {
            Need::HeldUp => Self {
                at: "CAST(0 AS BIGINT)",
                table: "lanes",
                which: "penalty_box IS NOT NULL".to_owned(),
            },
            Need::RollDue => {
                let now = now.as_milliseconds();
                let latest = Instant::from_milliseconds(now)
                    .plus(CLOCKS_APART)
                    .as_milliseconds();
                Self {
                    at: "due_at",
                    table: "roll_dues",
                    // It is never due before the noted instant, which has the index.
                    which: format!(
                        "due_at <= {now} AND due_at + CASE WHEN since <= {latest} THEN since - counted_from ELSE 0 END <= {now}"
                    ),
                }
            }
            Need::KeyStops { by } => Self {
                at: "expires_at",
                table: "key_expiries",
                which: format!("NOT is_adopted AND expires_at <= {}", by.as_milliseconds()),
            },
        }
    }

    /// The columns that the index has behind the platform.
    fn order(&self) -> String {
        match self.table {
            "lanes" => "webhook_id".to_owned(),
            _ => format!("{}, webhook_id", self.at),
        }
    }
}

/// What is noted on `platform` of what `query` asks for.
pub(crate) fn read(connection: &mut AnyConnection, platform: &str, query: &NeedQuery) -> QueryResult<Noted> {
    let source = Source::of(query.need, query.at);
    let mut places = places(connection, platform, &source, query)?;
    let shown = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let has_more = places.len() > shown;
    places.truncate(shown);
    let total = match (has_more, query.after) {
        (false, None) => places.len() as u64,
        // As many more as may turn out on the page not to need anybody.
        _ => count(
            connection,
            platform,
            &source,
            query.count_to.saturating_add(query.limit),
        )?,
    };
    let last = places.last().filter(|_| has_more);
    let next = last.and_then(|last| {
        Some(NeedPlace {
            at: Instant::from_milliseconds(last.at),
            webhook: last.webhook_id.parse().ok()?,
        })
    });
    let ids: Vec<String> = places.into_iter().map(|place| place.webhook_id).collect();
    Ok(Noted {
        rows: rows_of(connection, &ids)?,
        next,
        total,
    })
}

/// Those of the page, and one more if there is one.
fn places(
    connection: &mut AnyConnection,
    platform: &str,
    source: &Source,
    query: &NeedQuery,
) -> QueryResult<Vec<Place>> {
    let Source { at, table, which } = source;
    let order = source.order();
    let [first, second, third] = match connection {
        AnyConnection::Sqlite(_) => ["?1", "?2", "?3"],
        AnyConnection::Postgres(_) => ["$1", "$2", "$3"],
    };
    let behind = match order.as_str() {
        "webhook_id" => format!("webhook_id > {second} AND {third} >= 0"),
        order => format!("({order}) > ({third}, {second})"),
    };
    let limit = u64::from(query.limit) + 1;
    let text = format!(
        "SELECT {at} AS at, webhook_id FROM {table} WHERE platform = {first} AND {which} AND {behind} ORDER BY {order} LIMIT {limit}"
    );
    let (after, id) = match query.after {
        Some(place) => (place.at.as_milliseconds(), place.webhook.to_string()),
        None => (0, String::new()),
    };
    sql_query(text)
        .bind::<Text, _>(platform)
        .bind::<Text, _>(id)
        .bind::<BigInt, _>(after)
        .load(connection)
}

fn count(connection: &mut AnyConnection, platform: &str, source: &Source, most: u32) -> QueryResult<u64> {
    let Source { table, which, .. } = source;
    let first = match connection {
        AnyConnection::Sqlite(_) => "?1",
        AnyConnection::Postgres(_) => "$1",
    };
    let text = format!(
        "SELECT count(*) AS count FROM (SELECT 1 FROM {table} WHERE platform = {first} AND {which} LIMIT {most}) AS noted"
    );
    let counted: Count = sql_query(text).bind::<Text, _>(platform).get_result(connection)?;
    Ok(u64::try_from(counted.count).unwrap_or(0))
}
