//! Which webhooks a rotation is about, and how all of them are there before it begins.
//!
//! There may be a hundred thousand, so they are written in steps, between which others are served. Meanwhile the rotation is being prepared:
//! nobody sees it, works at it, or is kept from beginning another. The last step makes it a rotation that runs, or finds that it
//! may not. What a crash leaves of one that was being prepared is deleted later: see [`forget`](super::forget).

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use webhook_domain::ports::{MatchingWebhooks, NewRotation, Outcome};
use webhook_domain::rotation::{Rotation, RotationFilter};
use webhook_domain::stored::StoredRing;
use webhook_domain::time::Instant;
use webhook_domain::{InvalidValue, Refusal, ServiceError, StoreError};

use super::row::{NewRotationWebhook, PREPARING, RotationRow, number_of};
use crate::DieselStore;
use crate::answers::{self, Decided};
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::database::row::{At, RowError};
use crate::database::schema::{rotations, webhooks};
use crate::engine::failure::Failure;
use crate::webhooks::filter::Webhooks;

/// How many webhooks are read in one step.
pub(super) const STEP: i64 = 1_000;
/// How many are written in one transaction: so few that whoever changes something meanwhile does not notice.
const WRITTEN_AT_ONCE: usize = 200;
/// Where a step goes on: behind the webhook that was created then and has this id.
type Place = (i64, String);

impl DieselStore {
    pub(super) async fn begin_in_steps(&self, new: NewRotation) -> Result<Outcome<Rotation>, ServiceError> {
        let mut rotation = new.rotation.clone();
        let vault = self.vault.clone();
        let prepare = {
            let rotation = rotation.clone();
            let idempotency = new.idempotency.clone();
            move |connection: &mut AnyConnection| {
                if let Some(earlier) = answers::earlier(connection, idempotency.as_ref(), &vault)? {
                    return Ok(Some(earlier));
                }
                prepare(connection, &rotation)
            }
        };
        if let Some(decided) = self.writer.alone(prepare).await? {
            return Ok(decided?);
        }
        self.delete_left_behind(rotation.created_at).await?;
        let mut place = Some((-1, String::new()));
        while let Some(from) = place {
            let (number, preparing) = (rotation.totals.total, rotation.clone());
            let gather = move |connection: &mut AnyConnection| {
                gather(connection, &preparing, number, &from).map_err(StoreError::from)
            };
            let (rows, behind) = self.readers.run(gather).await?;
            rotation.totals.total += rows.len() as u64;
            for rows in rows.chunks(WRITTEN_AT_ONCE).map(<[_]>::to_vec) {
                let write =
                    move |connection: &mut AnyConnection| Ok(connection.insert_rotation_webhooks(&rows)?);
                self.writer.alone(write).await?;
            }
            place = behind;
        }
        let (id, vault, chain) = (rotation.id.to_string(), self.vault.clone(), self.chain.clone());
        let last = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            begin(connection, keys, rotation, new)
        };
        let begun = self.writer.alone(last).await?;
        // Refused, or begun elsewhere meanwhile by the same request.
        if !matches!(begun, Ok(Outcome::Done { .. })) {
            self.delete_prepared(id).await?;
        }
        Ok(begun?)
    }
}

/// Makes a rotation that is being prepared, unless another one runs.
fn prepare(
    connection: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Option<Decided<Rotation>>, Failure> {
    if let Err(refusal) = refuse_while_another_runs(connection, rotation)? {
        return Ok(Some(Err(refusal)));
    }
    let row = RotationRow {
        status: PREPARING.to_owned(),
        running_on: None,
        ..RotationRow::encode(rotation)?
    };
    connection.insert_rotation(&row)?;
    Ok(None)
}

fn refuse_while_another_runs(
    connection: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Result<(), Refusal>, Failure> {
    let running: Option<String> = rotations::table
        .filter(rotations::running_on.eq(rotation.platform.as_str()))
        .select(rotations::id)
        .get_result(connection)
        .optional()?;
    let running = running.map(|id| id.parse());
    let at = At {
        column: "id",
        row: "the rotation that runs",
    };
    let running = running
        .transpose()
        .map_err(|problem: InvalidValue| at.value(problem))?;
    Ok(match running {
        Some(id) => Err(Refusal::RotationUnderWay { id }),
        None => Ok(()),
    })
}

/// The next webhooks of a rotation that is being prepared, and where to go on.
fn gather(
    connection: &mut AnyConnection,
    rotation: &Rotation,
    number: u64,
    (created_at, id): &Place,
) -> Result<(Vec<NewRotationWebhook>, Option<Place>), Failure> {
    let behind = sql::<Bool>("(created_at, id) > (")
        .bind::<BigInt, _>(created_at)
        .sql(", ")
        .bind::<Text, _>(id)
        .sql(")");
    let found: Vec<(i64, String, Vec<u8>)> =
        matching(connection, rotation.platform.as_str(), &rotation.orders.filter)
            .filter(behind)
            .order((webhooks::created_at, webhooks::id))
            .limit(STEP)
            .select((webhooks::created_at, webhooks::id, webhooks::key_ring))
            .load(connection)?;
    let numbers = number_of(number)..;
    let rows = numbers
        .zip(&found)
        .map(|(number, (_, webhook, key_ring))| NewRotationWebhook {
            rotation_id: rotation.id.to_string(),
            number,
            webhook_id: webhook.clone(),
            key_before: StoredRing::current_id_of(key_ring),
        });
    let rows: Vec<_> = rows.collect();
    let is_last = i64::try_from(rows.len()).is_ok_and(|added| added < STEP);
    let last = found.into_iter().next_back().filter(|_| !is_last);
    Ok((rows, last.map(|(created_at, id, _)| (created_at, id))))
}

/// Has a rotation that was prepared run.
fn begin(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    rotation: Rotation,
    new: NewRotation,
) -> Result<Decided<Rotation>, Failure> {
    let mut chain = Chain::lock(connection, keys)?;
    if let Some(earlier) = answers::earlier(connection, new.idempotency.as_ref(), keys.vault)? {
        return Ok(earlier);
    }
    if let Err(refusal) = refuse_while_another_runs(connection, &rotation)? {
        return Ok(Err(refusal));
    }
    if let Err(refusal) = rotation.confirm(new.confirm_total) {
        return Ok(Err(refusal));
    }
    let begun = connection.save_rotation(&RotationRow::encode(&rotation)?)?;
    if begun == 0 {
        // Prepared for so long that it was taken for what a crash has left.
        return Err(Failure::Row(gone(&rotation)));
    }
    chain.append_at_end(connection, &new.audit)?;
    let answer = answers::store(connection, &rotation, new.idempotency, keys.vault)?;
    chain.save(connection, &[])?;
    Ok(Ok(Outcome::Done {
        subject: Box::new(rotation),
        answer,
    }))
}

fn gone(rotation: &Rotation) -> RowError {
    let id = rotation.id.to_string();
    let at = At {
        column: "status",
        row: &id,
    };
    at.value(InvalidValue::new(
        "must be that of a rotation being prepared, which is gone",
    ))
}

/// The webhooks of the platform that meet the filter.
pub(super) fn matching<'a>(
    connection: &AnyConnection,
    platform: &'a str,
    filter: &'a RotationFilter,
) -> Webhooks<'a> {
    // None of these conditions is judged by what time it is.
    let at = Instant::from_milliseconds(0);
    let mut found = connection.conditions(platform, &filter.others, at).webhooks();
    if let Some(ids) = &filter.ids {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        found = found.filter(webhooks::id.eq_any(ids));
    }
    if let Some(prefix) = &filter.reference_prefix {
        let prefix = prefix.as_str();
        let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
        let beginning = sql::<Bool>("substr(reference, 1, CAST(").bind::<BigInt, _>(length);
        let same = beginning.sql(" AS INTEGER)) = ").bind::<Text, _>(prefix);
        found = found.filter(same);
    }
    found
}

/// How many webhooks meet the filter, and the first `shown` of them.
pub(super) fn count(
    connection: &mut AnyConnection,
    platform: &str,
    filter: &RotationFilter,
    shown: u32,
) -> Result<MatchingWebhooks, Failure> {
    let total: i64 = matching(connection, platform, filter)
        .select(count_star())
        .get_result(connection)?;
    let first: Vec<String> = match shown {
        0 => Vec::new(),
        _ => matching(connection, platform, filter)
            .order((webhooks::created_at, webhooks::id))
            .limit(shown.into())
            .select(webhooks::id)
            .load(connection)?,
    };
    let first = first.iter().map(|id| {
        let at = At {
            column: "id",
            row: id,
        };
        id.parse().map_err(|problem| at.value(problem))
    });
    Ok(MatchingWebhooks {
        total: u64::try_from(total).unwrap_or(0),
        first: first.collect::<Result<_, RowError>>()?,
    })
}
