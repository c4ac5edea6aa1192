//! `/v1/signing-keys/{fingerprint}`: what became of a key that was found where it should not be.

use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::signing::secret::Fingerprint;

use crate::errors::Problem;
use crate::listing::{self, Asked, SigningKeyList};
use crate::openapi::parameters::{SigningKeyPart, SigningKeyPath};
use crate::request::call::Call;
use crate::request::query::Parameters;
use crate::wire::SigningKeyJson;
use crate::{answer, paths};

/// Reads what became of a signing key.
///
/// Whose it is or was, whether it signs, who was shown it and when, and what it has signed of what is kept: also when it signs no more or its
/// webhook was deleted. It is a list, since a secret that was imported may be that of several webhooks, and two keys may have one
/// fingerprint. It is counted when it is asked for, which takes longer the more the key has signed. Needs `WEBHOOK.VIEW` and
/// `AUDIT_RECORD.VIEW`.
#[utoipa::path(
    get,
    path = paths::SIGNING_KEY,
    operation_id = "read_signing_key",
    tag = "Secrets",
    params(SigningKeyPath, SigningKeyPart),
    responses((status = 200, description = "A part of the list.", body = SigningKeyList<'_>)),
)]
pub(crate) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::WebhookView).await?;
    // The service asks for it again; a caller without it learns so before anything else of the request is judged.
    acting.require(Permission::AuditRecordView)?;
    let key = call.fingerprint()?;
    let (asked, after) = asked(&call.request, &key)?;
    let keys = &call.api().signing_keys;
    let found = keys.read(&acting, &key, after, asked.to_fetch()).await?;
    let list = asked.list(&found, |history| history.webhook.to_string(), SigningKeyJson::new);
    answer::of_list(&list)
}

fn asked(request: &HttpRequest, key: &Fingerprint) -> Result<(Asked, Option<WebhookId>), Problem> {
    let parameters = Parameters::of(request, &["after", "limit"])?;
    let after = parameters.parsed("after", str::parse::<WebhookId>)?;
    let asked = Asked {
        path: paths::with_id(paths::SIGNING_KEY, key).into(),
        filters: Vec::new(),
        limit: listing::limit(&parameters)?,
        cursor: ("after", after.map(|id| id.to_string())),
    };
    Ok((asked, after))
}
