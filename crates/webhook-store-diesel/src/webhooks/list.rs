//! A page of webhooks in one of a few orders, each of which has an index; the order of updates is a table of its own.
//!
//! From a cursor the database goes on at once. By number it passes over what stands before in the index alone, from
//! the end that is nearer, and fetches only the rows of the page. With a [filter](Conditions) the platform's webhooks may all be read:
//! once to count those that meet it, and once for the page.

use std::collections::HashMap;

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use webhook_domain::webhook::{Cursor, Direction, PageStart, SortKey, WebhookOrder, WebhookQuery};

use crate::database::connection::AnyConnection;
use crate::database::schema::{platforms, webhook_updates, webhooks};
use crate::webhooks::filter::Conditions;
use crate::webhooks::hosts;
use crate::webhooks::row::WebhookRow;

/// The rows of the page, and how many webhooks the list has.
pub(crate) fn page(
    connection: &mut AnyConnection,
    platform: &str,
    query: &WebhookQuery,
) -> QueryResult<(Vec<WebhookRow>, u64)> {
    let reader = Reader {
        platform,
        order: query.order,
        key: connection.sort_expression(query.order),
        limit: query.limit.get().into(),
        conditions: connection.conditions(platform, &query.filter, query.at),
    };
    if query.filter.url_host.is_some() {
        return at_one_instant(connection, |connection| {
            let (ids, total) = hosts::page(connection, &reader.conditions, query)?;
            Ok((rows_of(connection, &ids)?, total))
        });
    }
    at_one_instant(connection, |connection| {
        let total = reader.total(connection)?;
        let rows = match &query.start {
            PageStart::Number(number) => {
                let before = number.saturating_sub(1).saturating_mul(query.limit.get().into());
                reader.numbered(connection, before, total, query.direction)?
            }
            PageStart::After(cursor) => reader.beyond(connection, cursor, query.direction)?,
            PageStart::Before(cursor) => {
                let mut rows = reader.beyond(connection, cursor, query.direction.reversed())?;
                rows.reverse();
                rows
            }
        };
        Ok((rows, total))
    })
}

fn at_one_instant<T>(
    connection: &mut AnyConnection,
    read: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    connection.begin_reading()?;
    let result = read(connection);
    // Nothing was written: there is nothing to lose, and an error of the read says more than one of its end.
    let ended = connection.rollback();
    let value = result?;
    ended.map(|()| value)
}

struct Reader<'a> {
    platform: &'a str,
    order: WebhookOrder,
    /// The expression that the order's index is on.
    key: &'static str,
    limit: i64,
    conditions: Conditions<'a>,
}

impl Reader<'_> {
    fn total(&self, connection: &mut AnyConnection) -> QueryResult<u64> {
        if !self.conditions.filter.is_empty() {
            let counted: i64 = self
                .conditions
                .webhooks()
                .select(count_star())
                .get_result(connection)?;
            return Ok(counted.unsigned_abs());
        }
        let counted: Option<i64> = platforms::table
            .find(self.platform)
            .select(platforms::webhooks)
            .get_result(connection)
            .optional()?;
        Ok(counted.unwrap_or(0).unsigned_abs())
    }

    /// The rows that follow `cursor` in `direction`.
    fn beyond(
        &self,
        connection: &mut AnyConnection,
        cursor: &Cursor,
        direction: Direction,
    ) -> QueryResult<Vec<WebhookRow>> {
        let (key, sign) = (
            self.key,
            match direction {
                Direction::Ascending => '>',
                Direction::Descending => '<',
            },
        );
        let rows = self
            .conditions
            .webhooks()
            .order(sql::<Text>(&self.ordering(direction)))
            .limit(self.limit);
        let start = sql::<Bool>(&format!("({key}, {}) {sign} (", self.id()));
        let id = cursor.id.to_string();
        match &cursor.key {
            SortKey::At(instant) if self.is_of_updates() => {
                let ids = webhook_updates::table
                    .filter(webhook_updates::platform.eq(self.platform))
                    .filter(
                        start
                            .bind::<BigInt, _>(instant.as_milliseconds())
                            .sql(", ")
                            .bind::<Text, _>(id)
                            .sql(")"),
                    )
                    .order(sql::<Text>(&self.ordering(direction)))
                    .select(webhook_updates::webhook_id)
                    .limit(self.limit)
                    .load(connection)?;
                rows_of(connection, &ids)
            }
            SortKey::At(instant) => rows
                .filter(
                    start
                        .bind::<BigInt, _>(instant.as_milliseconds())
                        .sql(", ")
                        .bind::<Text, _>(id)
                        .sql(")"),
                )
                .load(connection),
            SortKey::Text(text) => rows
                .filter(start.bind::<Text, _>(text).sql(", ").bind::<Text, _>(id).sql(")"))
                .load(connection),
        }
    }

    /// The rows that stand behind `before` others of `total`, counted in `direction`.
    fn numbered(
        &self,
        connection: &mut AnyConnection,
        before: u64,
        total: u64,
        direction: Direction,
    ) -> QueryResult<Vec<WebhookRow>> {
        let here = total.saturating_sub(before).min(self.limit.unsigned_abs());
        let behind = total.saturating_sub(before).saturating_sub(here);
        let from_the_end = behind < before;
        let (direction, skipped) = match from_the_end {
            true => (direction.reversed(), behind),
            false => (direction, before),
        };
        let (Ok(here), Ok(skipped)) = (i64::try_from(here), i64::try_from(skipped)) else {
            return Ok(Vec::new());
        };
        let ordering = sql::<Text>(&self.ordering(direction));
        let mut ids: Vec<String> = match self.is_of_updates() {
            true => webhook_updates::table
                .filter(webhook_updates::platform.eq(self.platform))
                .order(ordering)
                .select(webhook_updates::webhook_id)
                .limit(here)
                .offset(skipped)
                .load(connection)?,
            false => self
                .conditions
                .webhooks()
                .order(ordering)
                .select(webhooks::id)
                .limit(here)
                .offset(skipped)
                .load(connection)?,
        };
        if from_the_end {
            ids.reverse();
        }
        rows_of(connection, &ids)
    }

    fn ordering(&self, direction: Direction) -> String {
        let (key, id, direction) = (self.key, self.id(), direction.name());
        format!("{key} {direction}, {id} {direction}")
    }

    /// The column with the webhook's id, in the table that has the order.
    fn id(&self) -> &'static str {
        match self.is_of_updates() {
            true => "webhook_id",
            false => "id",
        }
    }

    /// Whether the order is read in the table of updates, and not sorted out of the webhooks that meet a filter.
    fn is_of_updates(&self) -> bool {
        self.order == WebhookOrder::UpdatedAt && self.conditions.filter.is_empty()
    }
}

/// The rows with these ids, in the same order.
pub(crate) fn rows_of(connection: &mut AnyConnection, ids: &[String]) -> QueryResult<Vec<WebhookRow>> {
    let rows: Vec<WebhookRow> = webhooks::table
        .filter(webhooks::id.eq_any(ids))
        .load(connection)?;
    let mut rows: HashMap<String, WebhookRow> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

type LabelColumns = (String, Option<String>, Option<String>);

/// The ids, names and references of those of these webhooks that the platform has.
pub(super) fn labels(
    connection: &mut AnyConnection,
    platform: &str,
    ids: &[String],
) -> QueryResult<Vec<LabelColumns>> {
    webhooks::table
        .filter(webhooks::id.eq_any(ids))
        .filter(webhooks::platform.eq(platform))
        .select((webhooks::id, webhooks::name, webhooks::reference))
        .load(connection)
}
