//! `/v1/webhooks/actions`: what webhooks can be told of.

use actix_web::HttpResponse;
use webhook_domain::InvalidValue;
use webhook_domain::access::permission::Permission;
use webhook_domain::webhook::Direction;

use crate::errors::Problem;
use crate::listing::page_size;
use crate::listing::webhooks::page_number;
use crate::openapi::parameters::ActionPage;
use crate::request::call::Call;
use crate::request::query::Parameters;
use crate::wire::{ActionListJson, ORDER_OF_ACTIONS};
use crate::{answer, paths};

/// Lists the actions that webhooks can be told of.
///
/// By the type of object that they happen to. Without `limit`, all are on one page; a page after the last is empty. Needs
/// `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = paths::ACTIONS,
    operation_id = "list_actions",
    tag = "Webhooks",
    params(ActionPage),
    responses((status = 200, description = "The actions of the deployment.", body = ActionListJson<'_>)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    call.acting(Permission::WebhookView).await?;
    let parameters = Parameters::of(&call.request, &["limit", "page", "order_by", "order_direction"])?;
    let limit = parameters.parsed("limit", page_size)?;
    let page = parameters.parsed("page", page_number)?.unwrap_or(1);
    parameters.parsed("order_by", only_order)?;
    let direction = parameters.parsed("order_direction", str::parse)?;
    let catalogue = call.api().rules.actions.get();
    let mut list = ActionListJson::new(&catalogue);
    if direction == Some(Direction::Descending) {
        list.data.reverse();
    }
    let size = limit.map_or(usize::MAX, |limit| limit.get() as usize);
    let skipped = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(size);
    list.data = list.data.into_iter().skip(skipped).take(size).collect();
    answer::of_list(&list)
}

/// There is one order.
fn only_order(text: &str) -> Result<(), InvalidValue> {
    match text {
        ORDER_OF_ACTIONS => Ok(()),
        _ => Err(InvalidValue::new("must be object_type")),
    }
}
