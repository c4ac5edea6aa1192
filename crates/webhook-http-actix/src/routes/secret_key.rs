//! `/v1/webhooks/{resourceId}/secret-key`: rolling a webhook's secret and removing it; below it, what is done to one retired secret, and
//! undoing a roll.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;
use webhook_domain::services::{RemoveSecret, RollSecret, SetExpiry, UndoRoll};

use crate::answer::Success;
use crate::errors::Problem;
use crate::openapi::parameters::{IfMatch, Kept, RetiredFor, RetiredSecretPath, UndoneFor, WebhookPath};
use crate::paths;
use crate::request::call::Call;
use crate::request::query::{KEEP_PREVIOUS_UNTIL_ADOPTED, PREVIOUS_SECRET_EXPIRES_IN};
use crate::request::{json, query};
use crate::wire::{self, RestoreBody, RetiredKeyBody, RollSecret as RollObject, WebhookJson};

/// Rolls a webhook's secret.
///
/// A new secret is generated; the one before is preserved and goes on signing for its window. With a body, the
/// webhook's settings are changed in the same step; without one, `previous_secret_expires_in` and `keep_previous_until_adopted` may be in
/// the query. At most five retired secrets sign at a time: a roll beyond that is refused with 409, unless the window is 0. Needs
/// `WEBHOOK.UPDATE`.
#[utoipa::path(
    patch,
    path = paths::SECRET_KEY,
    operation_id = "roll_secret",
    tag = "Secrets",
    params(WebhookPath, RetiredFor, Kept, IfMatch),
    request_body(content = RollObject),
    responses((status = 200, description = "The webhook, with its secrets.", body = WebhookJson<'_>)),
)]
pub(crate) async fn roll(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    let (overlap, keeps_previous) = query::retirement(&call.request)?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call.body().await?;
    let (update, overlap, keeps_previous_until_adopted) = match body.is_empty() {
        true => (None, overlap, keeps_previous.unwrap_or(false)),
        false => {
            in_one_place(PREVIOUS_SECRET_EXPIRES_IN, overlap.is_some())?;
            in_one_place(KEEP_PREVIOUS_UNTIL_ADOPTED, keeps_previous.is_some())?;
            let (update, overlap, keeps_previous) =
                wire::roll(json::parse_object(&body)?, &call.api().rules)?;
            (Some(update), overlap, keeps_previous)
        }
    };
    let turn = call.turn(&acting, key, &body, Success::Rekeyed).await?;
    let roll = RollSecret {
        update,
        overlap,
        keeps_previous_until_adopted,
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().secret_keys.roll(&acting, id, roll).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Removes a webhook's secret.
///
/// It has no current secret any more; the one it had goes on signing for its window. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    delete,
    path = paths::SECRET_KEY,
    operation_id = "remove_secret",
    tag = "Secrets",
    params(WebhookPath, RetiredFor, IfMatch),
    responses((status = 200, description = "The webhook, with its secrets.", body = WebhookJson<'_>)),
)]
pub(crate) async fn remove(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    let overlap = query::overlap(&call.request)?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call.body().await?;
    if !body.is_empty() {
        // An overlap in it would silently do nothing.
        return Err(Problem::bad_request(
            "this request takes no body; previous_secret_expires_in goes in the query",
        ));
    }
    let turn = call.turn(&acting, key, &body, Success::Rekeyed).await?;
    let remove = RemoveSecret {
        overlap,
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().secret_keys.remove(&acting, id, remove).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Sets until when one retired secret signs.
///
/// It signs longer or shorter than it was promised; the webhook's other secrets sign as they would have. Of a retired secret that no longer
/// signs, 404. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    patch,
    path = paths::RETIRED_SECRET_KEY,
    operation_id = "update_retired_secret",
    tag = "Secrets",
    params(WebhookPath, RetiredSecretPath, IfMatch),
    request_body(content = RetiredKeyBody),
    responses((status = 200, description = "The webhook.", body = WebhookJson<'_>)),
)]
pub(crate) async fn set_expiry(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    let fingerprint = call.fingerprint()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call
        .required_body("says for how long the retired secret signs")
        .await?;
    let expires_in = wire::set_expiry(json::parse_object(&body)?)?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let set = SetExpiry {
        fingerprint,
        expires_in,
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().secret_keys.set_expiry(&acting, id, set).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Undoes the last roll.
///
/// The secret that the roll retired is the current one again, under its own protocol, if it still signs and nothing else was done to the
/// webhook's secrets since: otherwise 409. The secret that the roll made goes on signing for its window. Settings that were changed with the
/// roll stay. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::RESTORE_SECRET_KEY,
    operation_id = "restore_secret",
    tag = "Secrets",
    params(WebhookPath, UndoneFor, IfMatch),
    request_body(content = RestoreBody),
    responses((status = 200, description = "The webhook.", body = WebhookJson<'_>)),
)]
pub(crate) async fn restore(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    let overlap = query::overlap(&call.request)?;
    let key = call.idempotency_key()?;
    let precondition = call.precondition()?;
    let body = call.body().await?;
    let overlap = match body.is_empty() {
        true => overlap,
        false => {
            in_one_place(PREVIOUS_SECRET_EXPIRES_IN, overlap.is_some())?;
            wire::restore(json::parse_object(&body)?)?
        }
    };
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let undo = UndoRoll {
        overlap,
        precondition,
        idempotent: turn.request(),
    };
    let outcome = call.api().secret_keys.undo_roll(&acting, id, undo).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Refuses what is in the query of a request that has a body.
fn in_one_place(name: &'static str, is_in_query: bool) -> Result<(), Problem> {
    let expected = "must be in the body when there is one, not in the query";
    match is_in_query {
        false => Ok(()),
        true => Err(Problem::invalid_field(name, expected)),
    }
}
