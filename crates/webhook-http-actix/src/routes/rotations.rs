//! `/v1/rotations`: rolling the secrets of many webhooks, one after the other.

use actix_web::{HttpResponse, rt};
use webhook_domain::InvalidValue;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::RotationId;

use crate::answer::{self, Success};
use crate::errors::Problem;
use crate::listing::{self, Asked, RotationList, RotationWebhookList};
use crate::openapi::parameters::{RotationPart, RotationPath, RotationWebhookPart};
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::request::query::{Parameters, whole};
use crate::wire::{RotationBody, RotationJson, RotationPlanJson, RotationWebhookJson, start_rotation};

/// Begins a rotation.
///
/// Which webhooks it is about is fixed now. Each of them is rolled once, by the same rule as a single roll, spread evenly over
/// `spread_seconds`. When it is its turn, a webhook that is deleted, that no longer meets the filter, that was rolled since, or of which as
/// many secrets sign as may, is skipped. New secrets are in no answer of a rotation: read them with `WEBHOOK.REVEAL`. One rotation of
/// a platform runs at a time: 409. With `dry_run`, nothing is begun: 200, with what would be. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::ROTATIONS,
    operation_id = "start_rotation",
    tag = "Rotations",
    request_body(content = RotationBody),
    responses(
        (status = 200, description = "What it would be about. Nothing was begun.", body = RotationPlanJson),
        (status = 202, description = "It runs.", body = RotationJson),
    ),
)]
pub(crate) async fn start(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call
        .required_body("says which webhooks are rolled, and how fast")
        .await?;
    let (mut start, is_dry_run) = start_rotation(json::parse_object(&body)?)?;
    if is_dry_run {
        let planned = call.api().rotations.plan(&acting, &start).await?;
        return answer::of_list(&RotationPlanJson::new(&planned));
    }
    let turn = call.turn(&acting, key, &body, Success::Accepted).await?;
    start.idempotent = turn.request();
    let (rotations, asking) = (call.api().rotations.clone(), acting.clone());
    // Aside: what was begun in steps is brought to its end also when its client has hung up.
    let start = async move { rotations.start(&asking, start).await };
    let outcome = rt::spawn(start).await.map_err(Problem::internal)??;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Lists the platform's rotations, newest first.
///
/// Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::ROTATIONS,
    operation_id = "list_rotations",
    tag = "Rotations",
    params(RotationPart),
    responses((status = 200, description = "A part of the list.", body = RotationList)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    let parameters = Parameters::of(&call.request, &["limit", "after"])?;
    let after = parameters.parsed("after", str::parse::<RotationId>)?;
    let asked = Asked {
        path: paths::ROTATIONS.into(),
        filters: Vec::new(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", after.map(|id| id.to_string())),
    };
    let rotations = call
        .api()
        .rotations
        .list(&acting, after, asked.to_fetch())
        .await?;
    let list = asked.list(&rotations, |rotation| rotation.id.to_string(), RotationJson::new);
    answer::of_list(&list)
}

/// Reads a rotation.
///
/// With its totals of this moment. Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::ROTATION,
    operation_id = "read_rotation",
    tag = "Rotations",
    params(RotationPath),
    responses((status = 200, description = "The rotation.", body = RotationJson)),
)]
pub(crate) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id = call.rotation_id()?;
    call.without_query()?;
    let rotation = call.api().rotations.find(&acting, id).await?;
    answer::of_list(&RotationJson::new(&rotation))
}

/// Lists the webhooks of a rotation, and what became of each.
///
/// In the order in which it is their turn. Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::ROTATION_WEBHOOKS,
    operation_id = "list_rotation_webhooks",
    tag = "Rotations",
    params(RotationPath, RotationWebhookPart),
    responses((status = 200, description = "A part of the list.", body = RotationWebhookList)),
)]
pub(crate) async fn webhooks(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id = call.rotation_id()?;
    let parameters = Parameters::of(&call.request, &["limit", "after"])?;
    let after = parameters.parsed("after", number)?;
    let asked = Asked {
        path: paths::with_id(paths::ROTATION_WEBHOOKS, id).into(),
        filters: Vec::new(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", after.map(|number| number.to_string())),
    };
    // The cursor counts from 1: that of the last webhook of the part before.
    let from = after.unwrap_or(0);
    let (_, webhooks) = call
        .api()
        .rotations
        .webhooks(&acting, id, from, asked.to_fetch())
        .await?;
    let list = asked.list(
        &webhooks,
        |webhook| (webhook.number + 1).to_string(),
        RotationWebhookJson::new,
    );
    answer::of_list(&list)
}

/// How many webhooks of the rotation come before a part of the list.
fn number(text: &str) -> Result<u64, InvalidValue> {
    let most = u64::from(u32::MAX);
    let number = whole(text).filter(|number| *number <= most);
    number.ok_or(InvalidValue::new("must be taken from a link of this list"))
}

/// Stops a rotation.
///
/// No webhook is rolled by it any more, from the moment of the answer on. It does not go on: begin another one with `rolled_before`. One
/// that has ended is refused with 409. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::STOP_ROTATION,
    operation_id = "stop_rotation",
    tag = "Rotations",
    params(RotationPath),
    responses((status = 200, description = "It is stopped.", body = RotationJson)),
)]
pub(crate) async fn stop(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.rotation_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let outcome = call.api().rotations.stop(&acting, id, turn.request()).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
