//! `/v1/webhooks/{resourceId}/jwks.json`: the public keys that a webhook's deliveries are verified with. No credential is asked for:
//! receivers read it, and it has nothing that they may not know.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use webhook_domain::Refusal;
use webhook_domain::error::ServiceError;
use webhook_domain::signing::verification_key::VerificationKey;

use crate::errors::Problem;
use crate::openapi::errors::KeySetFailures;
use crate::openapi::parameters::WebhookPath;
use crate::paths;
use crate::request::authenticate::count_failure;
use crate::request::call::Call;
use crate::request::etag;
use crate::wire::KeySetJson;

/// RFC 7517 §8.5.1.
const KEY_SET: &str = "application/jwk-set+json";
/// Receivers and proxies may keep a set for a minute. An overlap of Ed25519 keys is ten minutes at least.
const CACHE_CONTROL: &str = "public, max-age=60";

/// Reads a webhook's public keys.
///
/// Every Ed25519 key of the webhook that signs now, the newest first, as a JSON Web Key Set. `webhook-key-id` of a delivery names keys of it;
/// a receiver that meets one it does not have reads the set again. No credential is asked for, and `x-platform-id` is not read. A webhook
/// without such a key has no set.
#[utoipa::path(
    get,
    path = paths::KEY_SET,
    operation_id = "read_key_set",
    tag = "Secrets",
    security(()),
    params(WebhookPath),
    responses(
        (
            status = 200,
            description = "The keys.",
            body = KeySetJson,
            content_type = "application/jwk-set+json",
            headers(
                ("Cache-Control" = String, description = "`public, max-age=60`."),
                ("ETag" = String, description = "Another one when the keys are others; `If-None-Match` takes it."),
            ),
        ),
        (status = 304, description = "The keys are those that `If-None-Match` names."),
        KeySetFailures,
    ),
)]
pub(crate) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let id = call.webhook_id()?;
    call.without_query()?;
    let keys = match call.api().webhooks.verification_keys(id).await {
        Ok(keys) => keys,
        Err(error) => {
            // Guessing ids is bounded as guessing credentials is.
            if matches!(error, ServiceError::Refused(Refusal::NotFound { .. })) {
                count_failure(&call.request, &call.core)?;
            }
            return Err(Problem::from(error).not_stored());
        }
    };
    let etag = etag_of(&keys);
    let is_known = etag::is_among_known(&call.request, &etag);
    let mut response = HttpResponse::build(match is_known {
        true => StatusCode::NOT_MODIFIED,
        false => StatusCode::OK,
    });
    response.insert_header((header::ETAG, etag));
    response.insert_header((header::CACHE_CONTROL, CACHE_CONTROL));
    if is_known {
        return Ok(response.finish());
    }
    let body = serde_json::to_vec(&KeySetJson::new(&keys)).map_err(Problem::internal)?;
    Ok(response.content_type(KEY_SET).body(body))
}

/// The ids of the keys say all that the set has.
fn etag_of(keys: &[VerificationKey]) -> String {
    let ids: Vec<_> = keys.iter().map(VerificationKey::key_id).collect();
    format!("\"{}\"", ids.join("."))
}
