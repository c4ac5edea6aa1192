//! A page of the webhooks whose url has a given host.
//!
//! A url is stored as it was given, and one host has many spellings: case, `xn--`, numbers of other bases. No expression of a database
//! knows them all, so the urls of the platform's webhooks are read, a few thousand at a time, and judged here. Where those that have
//! the host stand in the list is kept in memory; the rows of the page are read afterwards.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Cursor, SortKey, WebhookOrder, WebhookQuery};

use crate::database::connection::AnyConnection;
use crate::database::schema::webhooks;
use crate::webhooks::filter::Conditions;

/// How many urls are in memory at a time.
const AT_A_TIME: u16 = 4096;

/// As much of a webhook as says whether it is in the list, and where.
#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks)]
struct Candidate {
    id: String,
    created_at: i64,
    updated_at: i64,
    name: Option<String>,
    reference: Option<String>,
    url: Option<String>,
}

impl Candidate {
    /// Where it stands; nowhere if its id is none.
    fn cursor(self, order: WebhookOrder) -> Option<Cursor> {
        let at = |milliseconds| SortKey::At(Instant::from_milliseconds(milliseconds));
        Some(Cursor {
            id: self.id.parse().ok()?,
            key: match order {
                WebhookOrder::CreatedAt => at(self.created_at),
                WebhookOrder::UpdatedAt => at(self.updated_at),
                WebhookOrder::Name => SortKey::Text(self.name.unwrap_or_default()),
                WebhookOrder::Reference => SortKey::Text(self.reference.unwrap_or_default()),
            },
        })
    }
}

/// The ids of the webhooks on the page, and how many the list has.
pub(crate) fn page(
    connection: &mut AnyConnection,
    conditions: &Conditions<'_>,
    query: &WebhookQuery,
) -> QueryResult<(Vec<String>, u64)> {
    let mut list: Vec<(Cursor, ())> = Vec::new();
    let mut last: Option<(i64, String)> = None;
    loop {
        let mut some = conditions
            .webhooks()
            .order((webhooks::created_at, webhooks::id))
            .limit(AT_A_TIME.into())
            .select(Candidate::as_select());
        if let Some((created_at, id)) = last {
            let behind = sql::<Bool>("(created_at, id) > (").bind::<BigInt, _>(created_at);
            some = some.filter(behind.sql(", ").bind::<Text, _>(id).sql(")"));
        }
        let some: Vec<Candidate> = some.load(connection)?;
        let is_last = some.len() < AT_A_TIME.into();
        last = some.last().map(|last| (last.created_at, last.id.clone()));
        let found = some
            .into_iter()
            .filter(|candidate| query.filter.accepts_url(candidate.url.as_deref()))
            .filter_map(|candidate| candidate.cursor(query.order));
        list.extend(found.map(|cursor| (cursor, ())));
        if is_last {
            break;
        }
    }
    let shown = query.cut(&mut list);
    let total = list.len() as u64;
    let ids = list.drain(shown).map(|(cursor, ())| cursor.id.to_string());
    Ok((ids.collect(), total))
}
