//! `/v1/webhook-events`: events on their way to webhooks, sending one again, and giving one up.

use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::DeliveryId;
use webhook_domain::ports::DeliveryQuery;
use webhook_domain::webhook::Action;

use crate::answer::{self, Success};
use crate::errors::Problem;
use crate::listing::webhooks::page_number;
use crate::listing::{self, Asked, WebhookEventList};
use crate::openapi::parameters::{DeliveryPart, DeliveryPath};
use crate::paths;
use crate::request::call::Call;
use crate::request::query::Parameters;
use crate::wire::WebhookEventJson;

const PARAMETERS: [&str; 10] = [
    "webhook_id",
    "event_id",
    "type",
    "status",
    "created_after",
    "created_before",
    "key_fingerprint",
    "after",
    "page",
    "limit",
];

/// Lists events on their way to webhooks, those that were queued last first.
///
/// One that was sent again counts as queued then. Needs `WEBHOOK_EVENT.VIEW`.
#[utoipa::path(
    get,
    path = paths::WEBHOOK_EVENTS,
    operation_id = "list_webhook_events",
    tag = "Events",
    params(DeliveryPart),
    responses((status = 200, description = "A part of the list.", body = WebhookEventList<'_>)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookEventView).await?;
    let (asked, query) = asked(&call.request)?;
    let found = call.api().events.deliveries(&acting, query).await?;
    let list = asked.list(
        &found,
        |listed| listed.delivery.id.to_string(),
        WebhookEventJson::listed,
    );
    answer::of_list(&list)
}

fn asked(request: &HttpRequest) -> Result<(Asked, DeliveryQuery), Problem> {
    let parameters = Parameters::of(request, &PARAMETERS)?;
    let mut query = DeliveryQuery {
        webhook: parameters.parsed("webhook_id", str::parse)?,
        event: parameters.parsed("event_id", str::parse)?,
        action: parameters.parsed("type", |text| Action::parse(text.to_owned()))?,
        status: parameters.parsed("status", DeliveryStatus::named)?,
        created_after: parameters.parsed("created_after", str::parse)?,
        created_before: parameters.parsed("created_before", str::parse)?,
        signed_with: parameters.parsed("key_fingerprint", str::parse)?,
        skip: 0,
        after: parameters.parsed("after", str::parse::<DeliveryId>)?,
        limit: 0,
    };
    let filters = [
        ("webhook_id", query.webhook.map(|id| id.to_string())),
        ("event_id", query.event.map(|id| id.to_string())),
        (
            "type",
            query.action.as_ref().map(|action| action.as_str().to_owned()),
        ),
        ("status", query.status.map(str::to_owned)),
        ("created_after", query.created_after.map(|at| at.to_string())),
        ("created_before", query.created_before.map(|at| at.to_string())),
        (
            "key_fingerprint",
            query.signed_with.as_ref().map(|key| key.as_str().to_owned()),
        ),
    ];
    let asked = Asked {
        path: paths::WEBHOOK_EVENTS.into(),
        filters: filters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", query.after.map(|id| id.to_string())),
    };
    query.limit = asked.to_fetch();
    if let Some(page) = parameters.parsed("page", page_number)? {
        if query.after.is_some() {
            return Err(Problem::invalid_field("page", "cannot be combined with after"));
        }
        query.skip = (page - 1).saturating_mul(u64::from(asked.limit.get()));
    }
    Ok((asked, query))
}

/// Reads an event on its way to a webhook.
///
/// With what is delivered, and every attempt so far. Needs `WEBHOOK_EVENT.VIEW`.
#[utoipa::path(
    get,
    path = paths::WEBHOOK_EVENT,
    operation_id = "read_webhook_event",
    tag = "Events",
    params(DeliveryPath),
    responses((status = 200, description = "The event on its way.", body = WebhookEventJson<'_>)),
)]
pub(crate) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookEventView).await?;
    let id = call.delivery_id()?;
    call.without_query()?;
    let tracked = call.api().events.delivery(&acting, id).await?;
    answer::of_list(&WebhookEventJson::new(&tracked, call.api().environment))
}

/// Sends an event to its webhook again.
///
/// It goes to the end of the webhook's queue, under the same `webhook-id`. One that is in the queue still is refused with 409.
/// Needs `WEBHOOK_EVENT.RESEND`.
#[utoipa::path(
    post,
    path = paths::RESEND,
    operation_id = "resend_webhook_event",
    tag = "Events",
    params(DeliveryPath),
    responses((status = 202, description = "It is in the queue.", body = WebhookEventJson<'_>)),
)]
pub(crate) async fn resend(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let id = call.delivery_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Accepted).await?;
    let outcome = call.api().events.resend(&acting, id, turn.request()).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Gives up an event that waits for its webhook.
///
/// It becomes `FAILED` and is sent no more; if it is the head of the webhook's queue, also of one that is held up, the next one's
/// turn comes at once. An attempt that is under way may still arrive: if the receiver takes it, the event is `SUCCEEDED` after all. One
/// that has come to its end is refused with 409. Needs `WEBHOOK_EVENT.RESEND`.
#[utoipa::path(
    post,
    path = paths::GIVE_UP,
    operation_id = "give_up_webhook_event",
    tag = "Events",
    params(DeliveryPath),
    responses((status = 200, description = "It is given up.", body = WebhookEventJson<'_>)),
)]
pub(crate) async fn give_up(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let id = call.delivery_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let outcome = call.api().events.give_up(&acting, id, turn.request()).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
