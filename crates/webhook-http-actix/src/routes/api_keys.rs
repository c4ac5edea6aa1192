//! `/v1/api-keys` and `/v1/api-keys/{id}`: listing the platform's keys, making one, revoking one.

use actix_web::HttpResponse;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::services::RevokeApiKey;

use crate::answer::{self, Success};
use crate::errors::Problem;
use crate::listing::{self, ApiKeyList, Asked};
use crate::openapi::parameters::{ApiKeyPart, ApiKeyPath};
use crate::paths;
use crate::request::call::Call;
use crate::request::json;
use crate::request::query::Parameters;
use crate::wire::{self, ApiKeyBody, ApiKeyJson};

/// Lists the platform's API keys.
///
/// In the order of their ids, revoked and expired ones too, and none of their texts. Needs `API_KEY.VIEW`.
#[utoipa::path(
    get,
    path = paths::API_KEYS,
    operation_id = "list_api_keys",
    tag = "API keys",
    params(ApiKeyPart),
    responses((status = 200, description = "A part of the list.", body = ApiKeyList<'_>)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::ApiKeyView).await?;
    let parameters = Parameters::of(&call.request, &["limit", "after"])?;
    let after = parameters.parsed("after", str::parse::<ApiKeyId>)?;
    let asked = Asked {
        path: paths::API_KEYS.into(),
        filters: Vec::new(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", after.map(|id| id.to_string())),
    };
    let keys = call.api().api_keys.list(&acting, after, asked.to_fetch()).await?;
    let list = asked.list(&keys, |key| key.id.to_string(), ApiKeyJson::new);
    answer::of_list(&list)
}

/// Creates an API key.
///
/// Its text is in this answer alone. It may do nothing that the key it is made with may not, and is good for no
/// platform that that one is not good for. Needs `API_KEY.CREATE`.
#[utoipa::path(
    post,
    path = paths::API_KEYS,
    operation_id = "create_api_key",
    tag = "API keys",
    request_body(content = ApiKeyBody),
    responses((status = 201, description = "The key, with its text.", body = ApiKeyJson<'_>)),
)]
pub(crate) async fn create(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::ApiKeyCreate).await?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.required_body("says what the key may do").await?;
    let mut create = wire::create_api_key(json::parse_object(&body)?, &acting)?;
    let turn = call.turn(&acting, key, &body, Success::Created).await?;
    create.idempotent = turn.request();
    let outcome = call.api().api_keys.create(&acting, create).await?;
    turn.answer(&call.core, &acting, &outcome).await
}

/// Revokes an API key.
///
/// It is good for nothing from then on. The last key of its scope that can create keys is kept: 409. Needs
/// `API_KEY.DELETE`.
#[utoipa::path(
    delete,
    path = paths::API_KEY,
    operation_id = "revoke_api_key",
    tag = "API keys",
    params(ApiKeyPath),
    responses((status = 200, description = "The key, revoked.", body = ApiKeyJson<'_>)),
)]
pub(crate) async fn revoke(mut call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::ApiKeyDelete).await?;
    let id = call.api_key_id()?;
    call.without_query()?;
    let key = call.idempotency_key()?;
    let body = call.without_body().await?;
    let turn = call.turn(&acting, key, &body, Success::Changed).await?;
    let revoke = RevokeApiKey {
        idempotent: turn.request(),
    };
    let outcome = call.api().api_keys.revoke(&acting, id, revoke).await?;
    turn.answer(&call.core, &acting, &outcome).await
}
