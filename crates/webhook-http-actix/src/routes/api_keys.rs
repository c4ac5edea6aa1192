//! `/v1/api-keys` and `/v1/api-keys/{id}`: listing the platform's keys, making one, revoking one.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::services::RevokeApiKey;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::{About, Problem};
use crate::listing::{self, Asked};
use crate::openapi::answers::ApiKeyList;
use crate::openapi::bodies::CreateApiKey as CreateObject;
use crate::openapi::errors::{Always, ById, OnChange};
use crate::openapi::parameters::{ApiKeyPart, ApiKeyPath, Named, Platform};
use crate::query::Parameters;
use crate::representation::ApiKeyJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// Lists the platform's API keys.
///
/// In the order of their ids, revoked and expired ones too, and none of their texts. Needs `API_KEY.VIEW`.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    operation_id = "list_api_keys",
    tag = "API keys",
    params(Platform, ApiKeyPart),
    responses(
        (status = 200, description = "A part of the list.", body = ApiKeyList, headers(
            ("Cache-Control" = String, description = "`no-store`."),
        )),
        Always,
    ),
)]
pub(crate) async fn list(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let listed = try_list(&request, &core).await;
    listed.map_err(|problem| problem.about(About::ApiKey(None)))
}

async fn try_list(request: &HttpRequest, core: &Core) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::ApiKeyView).await?;
    let parameters = Parameters::of(request, &["limit", "after"])?;
    let after = parameters.parsed("after", str::parse::<ApiKeyId>)?;
    let asked = Asked {
        path: "/v1/api-keys",
        filters: Vec::new(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", after.map(|id| id.to_string())),
    };
    let keys = core.api.api_keys.list(&acting, after, asked.to_fetch()).await?;
    let list = asked.list(&keys, |key| key.id.to_string(), ApiKeyJson::new);
    answer::of_list(&list)
}

/// Creates an API key.
///
/// Its text is in this answer alone. It may do nothing that the key it is made with may not, and is good for no
/// platform that that one is not good for. Needs `API_KEY.CREATE`.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    operation_id = "create_api_key",
    tag = "API keys",
    params(Platform, Named),
    request_body(content = CreateObject),
    responses(
        (status = 201, description = "The key, with its text.", body = ApiKeyJson<'_>, headers(
            ("Location" = String, description = "Where the key is."),
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, OnChange,
    ),
)]
pub(crate) async fn create(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let created = try_create(&request, payload, &core).await;
    created.map_err(|problem| problem.about(About::ApiKey(None)))
}

async fn try_create(request: &HttpRequest, payload: Payload, core: &Core) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::ApiKeyCreate).await?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let body = body::read(request, payload, &core.limits).await?;
    if body.is_empty() {
        return Err(Problem::bad_request(
            "the body must be a JSON object that says what the key may do",
        ));
    }
    let mut create = fields::api_key(json::parse_object(&body)?, &acting)?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Created).await?;
    create.idempotent = named.as_ref().map(idempotency::Named::request);
    let outcome = core.api.api_keys.create(&acting, create).await?;
    answer::of_change(core, &acting, &outcome, Success::Created)
}

/// Revokes an API key.
///
/// It is good for nothing from then on. The last key of its scope that can create keys is kept: 409. Needs
/// `API_KEY.DELETE`.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    operation_id = "revoke_api_key",
    tag = "API keys",
    params(Platform, ApiKeyPath, Named),
    responses(
        (status = 200, description = "The key, revoked.", body = ApiKeyJson<'_>, headers(
            ("Cache-Control" = String, description = "`no-store`."),
            ("Idempotent-Replayed" = String, description = "`true` when this is the first answer once more."),
        )),
        Always, ById, OnChange,
    ),
)]
pub(crate) async fn revoke(
    request: HttpRequest,
    payload: Payload,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let id = context::api_key_id(&request);
    let about = id.as_ref().ok().copied();
    let revoked = try_revoke(&request, payload, &core, id).await;
    revoked.map_err(|problem| problem.about(about))
}

async fn try_revoke(
    request: &HttpRequest,
    payload: Payload,
    core: &Core,
    id: Result<ApiKeyId, Problem>,
) -> Result<HttpResponse, Problem> {
    let acting = context::acting(request, core, Permission::ApiKeyDelete).await?;
    let id = id?;
    query::none(request)?;
    let key = idempotency::key(request)?;
    let body = body::read_none(request, payload, &core.limits).await?;
    let named = idempotency::turn(core, &acting, key, request, &body, Success::Changed).await?;
    let revoke = RevokeApiKey {
        idempotent: named.as_ref().map(idempotency::Named::request),
    };
    let outcome = core.api.api_keys.revoke(&acting, id, revoke).await?;
    answer::of_change(core, &acting, &outcome, Success::Changed)
}

/// Any other method on `/v1/api-keys`.
pub(crate) async fn wrong_method(request: HttpRequest, core: Data<Core>) -> Result<HttpResponse, Problem> {
    let refused = refuse_method(&request, &core, &[Method::GET, Method::POST]).await;
    refused.map_err(|problem| problem.about(About::ApiKey(None)))
}

/// Any other method on `/v1/api-keys/{id}`.
pub(crate) async fn wrong_method_on_one(
    request: HttpRequest,
    core: Data<Core>,
) -> Result<HttpResponse, Problem> {
    let about = context::api_key_id(&request).ok();
    let refused = refuse_method(&request, &core, &[Method::DELETE]).await;
    refused.map_err(|problem| problem.about(about))
}
