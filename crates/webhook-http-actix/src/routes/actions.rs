//! `/v1/webhooks/actions`: what webhooks can be told of.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use webhook_domain::permission::Permission;

use crate::api::Core;
use crate::errors::Problem;
use crate::openapi::answers::ActionList;
use crate::openapi::errors::Always;
use crate::openapi::parameters::Platform;
use crate::representation::{ActionsJson, actions_json};
use crate::routes::elsewhere::refuse_method;
use crate::{answer, context, query};

/// The actions of the deployment.
#[derive(Serialize)]
struct Actions<'a> {
    data: Vec<ActionsJson<'a>>,
}

/// Lists the actions that webhooks can be told of.
///
/// By the type of object that they happen to. Needs `WEBHOOK.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/webhooks/actions",
    operation_id = "list_actions",
    tag = "Webhooks",
    params(Platform),
    responses(
        (status = 200, description = "The actions of the deployment.", body = ActionList, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always,
    ),
)]
pub(crate) async fn list(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    context::acting(&request, &core, Permission::WebhookView).await?;
    query::none(&request)?;
    answer::of_list(&Actions {
        data: actions_json(&core.api.rules.actions),
    })
}

/// Any other method.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    refuse_method(&request, &core, &[Method::GET]).await
}
