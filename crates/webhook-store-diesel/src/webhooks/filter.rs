//! The conditions of a filter, as a query of a platform's webhooks has them.
//!
//! They are judged on what is stored anyway, so a roll and a delivery write nothing for them, and no index names what those change.
//! A reference and a name are looked up, and so are the webhooks whose queue is held up or whose key is due, which are few, where they are noted
//! beside the webhooks. For any other condition the platform's rows are read. The one on the host of a url is no part of the query: see
//! [`hosts`](super::hosts).

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use webhook_domain::time::{CLOCKS_APART, Instant};
use webhook_domain::webhook::{Name, Reference, WebhookFilter, WebhookOrder};

use crate::database::connection::AnyConnection;
use crate::database::schema::webhooks;

/// A query of webhooks.
pub(crate) type Webhooks<'a> = webhooks::BoxedQuery<'a, <AnyConnection as diesel::Connection>::Backend>;

/// What the webhooks of a platform must meet.
pub(crate) struct Conditions<'a> {
    pub(crate) platform: &'a str,
    pub(crate) filter: &'a WebhookFilter,
    /// When they are judged.
    at: Instant,
    /// The expression of a webhook's name that has an index.
    name: &'static str,
    /// The expression of when a webhook's secret dates from.
    secret_dates_from: &'static str,
}

impl<'a> Conditions<'a> {
    /// The webhooks of the platform that meet every condition, but for the one on the host.
    pub(crate) fn webhooks(&self) -> Webhooks<'a> {
        let filter = self.filter;
        let mut found = webhooks::table.into_boxed();
        found = match filter.in_penalty_box == Some(true) || filter.roll_due == Some(true) {
            true => found.filter(sql::<Bool>(IS_OF_PLATFORM).bind::<Text, _>(self.platform)),
            false => found.filter(webhooks::platform.eq(self.platform)),
        };
        if let Some(reference) = &filter.reference {
            found = found.filter(webhooks::reference.eq(Reference::as_str(reference)));
        }
        if let Some(name) = &filter.name {
            let name = Name::as_str(name);
            let indexed = sql::<Bool>(self.name).sql(" = ").bind::<Text, _>(name);
            // The index does not tell an empty name from none.
            found = found.filter(indexed).filter(webhooks::name.is_not_null());
        }
        if let Some(active) = filter.active {
            found = found.filter(webhooks::active.eq(active));
        }
        if let Some(protocol) = filter.signing_protocol {
            found = found.filter(webhooks::signing_protocol.eq(protocol.name()));
        }
        match filter.in_penalty_box {
            Some(true) => {
                let noted = sql::<Bool>(AMONG_THOSE_HELD_UP).bind::<Text, _>(self.platform);
                found = found.filter(noted.sql(OR_OF_NO_PLATFORM));
            }
            Some(false) => found = found.filter(sql::<Bool>(LANE_IS_NOT_HELD_UP)),
            None => {}
        }
        if let Some(instant) = filter.rolled_before {
            let dates_from = sql::<Bool>(self.secret_dates_from).sql(" < ");
            found = found.filter(dates_from.bind::<BigInt, _>(instant.as_milliseconds()));
        }
        if filter.roll_due == Some(true) {
            let noted = sql::<Bool>(AMONG_THOSE_DUE).bind::<Text, _>(self.platform);
            let by = noted
                .sql(AS_NOTED_BY)
                .bind::<BigInt, _>(self.at.as_milliseconds());
            found = found.filter(by.sql(")"));
        }
        if let Some(due) = filter.roll_due {
            let latest = self.at.plus(CLOCKS_APART).as_milliseconds();
            let due_at = sql::<Bool>(ROLL_DUE_AT)
                .bind::<BigInt, _>(latest)
                .sql(OR_AS_NOTED);
            let is_due = due_at.bind::<BigInt, _>(self.at.as_milliseconds());
            found = found.filter(is_due.sql(", FALSE) = ").bind::<Bool, _>(due));
        }
        found
    }
}

/// When the key of a webhook is due for a roll: counted from when it became the current one if that is no later than what is bound behind
/// this, and otherwise as it is noted.
const ROLL_DUE_AT: &str = "coalesce((SELECT roll_dues.due_at + CASE WHEN roll_dues.since <= ";
const OR_AS_NOTED: &str = " THEN roll_dues.since - roll_dues.counted_from ELSE 0 END FROM roll_dues \
     WHERE roll_dues.webhook_id = webhooks.id) <= ";

/// Whether a webhook is of the platform that is bound behind this, where it is looked up by its id: SQLite would read an index of all webhooks of
/// the platform otherwise.
const IS_OF_PLATFORM: &str = "(webhooks.platform || '') = ";

/// Whether a webhook is among those of the platform that is bound behind this whose key is noted to be due by the instant behind that. None is due
/// before it is noted to be.
const AMONG_THOSE_DUE: &str =
    "webhooks.id IN (SELECT roll_dues.webhook_id FROM roll_dues WHERE roll_dues.platform = ";
const AS_NOTED_BY: &str = " AND roll_dues.due_at <= ";

/// Whether a webhook is among those of the platform that is bound behind this whose queue is held up. A release that does not note the platform may
/// have written the lane.
const AMONG_THOSE_HELD_UP: &str = "webhooks.id IN (SELECT lanes.webhook_id FROM lanes WHERE lanes.penalty_box IS NOT NULL AND lanes.platform = ";
const OR_OF_NO_PLATFORM: &str = " UNION ALL SELECT lanes.webhook_id FROM lanes WHERE lanes.penalty_box IS NOT NULL AND lanes.platform IS NULL)";

/// Whether the queue of a webhook is not held up. Not `EXISTS`: PostgreSQL might read the lanes of all platforms for that.
const LANE_IS_NOT_HELD_UP: &str = "coalesce((SELECT lanes.penalty_box IS NULL FROM lanes \
     WHERE lanes.webhook_id = webhooks.id), TRUE)";

impl AnyConnection {
    /// The conditions of `filter` on the webhooks of `platform`, judged at `at`.
    pub(crate) fn conditions<'a>(
        &self,
        platform: &'a str,
        filter: &'a WebhookFilter,
        at: Instant,
    ) -> Conditions<'a> {
        // The ring is JSON, in which the instant of the last roll is not sealed: the digits behind its name, or `null`.
        let secret_dates_from = match self {
            Self::Sqlite(_) => {
                "coalesce(nullif(CAST(CAST(substr(key_ring, instr(key_ring, CAST('\"rolled_at\":' AS BLOB)) + 12) \
                 AS TEXT) AS INTEGER), 0), created_at)"
            }
            Self::Postgres(_) => {
                "coalesce(substring(encode(substring(key_ring FROM position('\"rolled_at\":'::bytea IN key_ring) + 12), \
                 'escape') FROM '^[0-9]{1,18}')::bigint, created_at)"
            }
        };
        Conditions {
            platform,
            filter,
            at,
            name: self.sort_expression(WebhookOrder::Name),
            secret_dates_from,
        }
    }

    /// What the index of an order is on. PostgreSQL would compare texts by the rules of some language.
    pub(crate) fn sort_expression(&self, order: WebhookOrder) -> &'static str {
        match (order, self) {
            (WebhookOrder::CreatedAt, _) => "created_at",
            (WebhookOrder::UpdatedAt, _) => "updated_at",
            (WebhookOrder::Name, Self::Sqlite(_)) => "coalesce(name, '')",
            (WebhookOrder::Name, Self::Postgres(_)) => "(coalesce(name, '') COLLATE \"C\")",
            (WebhookOrder::Reference, Self::Sqlite(_)) => "coalesce(reference, '')",
            (WebhookOrder::Reference, Self::Postgres(_)) => "(coalesce(reference, '') COLLATE \"C\")",
        }
    }
}
