//! `/v1/webhooks/{resourceId}/secret-key/check`: finding out with which of its keys a webhook's receiver verifies.

use actix_web::{HttpResponse, rt};
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::key_check::allowance::Allowance;

use crate::answer::Success;
use crate::errors::Problem;
use crate::openapi::parameters::WebhookPath;
use crate::paths;
use crate::request::call::Call;
use crate::wire::KeyCheckJson;

/// Checks with which of its keys a webhook's receiver verifies.
///
/// Up to four events of type `WEBHOOK.KEY_CHECK` are sent, one after the other, within 20 seconds: a control that no key of the webhook has
/// signed, then the current key and the previous one, each alone and in random order, then a second control. They go past the queue, are
/// sent once, and are not among the webhook's events; the webhook may be inactive. Without a `url` or a current key, and while another check
/// of this webhook is under way, 409. A webhook can be checked six times an hour, and all webhooks at one host thirty times and one at a
/// time: beyond that, 429. Needs `WEBHOOK.UPDATE`.
#[utoipa::path(
    post,
    path = paths::CHECK_SECRET_KEY,
    operation_id = "check_secret",
    tag = "Secrets",
    params(WebhookPath),
    responses((status = 200, description = "What was found out.", body = KeyCheckJson<'_>)),
)]
pub(crate) async fn check(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id = call.webhook_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let (checks, request) = (call.api().key_checks.clone(), turn.request());
    let asking = acting.clone();
    // Aside: a check that has begun is made to its end and recorded, also when its client has hung up.
    let check = async move { checks.check(&asking, id, Allowance::OnRequest, request).await };
    let outcome = rt::spawn(check).await.map_err(Problem::internal)??;
    turn.answer(&call.core, &acting, &outcome).await
}
