//! `/v1/api-keys` and `/v1/api-keys/{id}`: listing the platform's keys, making one, revoking one.

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::id::ApiKeyId;
use webhook_domain::permission::Permission;
use webhook_domain::services::RevokeApiKey;

use crate::answer::{self, Success};
use crate::api::Core;
use crate::errors::{About, Problem};
use crate::listing::{self, Asked};
use crate::query::Parameters;
use crate::representation::ApiKeyJson;
use crate::routes::elsewhere::refuse_method;
use crate::{body, context, fields, idempotency, json, query};

/// `GET`: the keys of the platform in the order of their ids, revoked and expired ones too, and none of their texts.
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

/// `POST`: 201 with the new key and its text, which is in no other answer.
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
    answer::of_change(&outcome, core.api.clock.now(), Success::Created)
}

/// `DELETE`: the key as it is now, revoked: good for nothing from then on.
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
    answer::of_change(&outcome, core.api.clock.now(), Success::Changed)
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
