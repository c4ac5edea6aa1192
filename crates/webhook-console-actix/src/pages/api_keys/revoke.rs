//! Revoking an API key, once somebody has said that they mean it.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::api_key::ApiKey;
use webhook_domain::access::caller::{Acting, Credential};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::services::RevokeApiKey;

use super::list::{PLACE, title};
use crate::done::{self, Done};
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

#[derive(Template)]
#[template(path = "api_keys/revoke.html")]
struct RevokePage {
    frame: Frame,
    list: String,
    title: String,
    id: String,
    is_own: bool,
    form_key: String,
}

/// The key with this id, if it was not revoked before.
async fn find(call: &Call, acting: &Acting, id: ApiKeyId) -> Result<ApiKey, Trouble> {
    let found = call.console().api_keys.find(acting, id).await?;
    match found.revoked_at {
        None => Ok(found),
        Some(_) => Err(Trouble::NotFound),
    }
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::ApiKeyDelete).await?;
    acting.require(Permission::ApiKeyView)?;
    let id: ApiKeyId = call.part("id")?;
    let found = find(&call, &acting, id).await?;
    page(&RevokePage {
        frame: Frame::of(&acting, PLACE),
        list: paths::page(acting.platform(), PLACE),
        title: title(&found),
        id: id.to_string(),
        is_own: acting.credential() == Credential::ApiKey(id),
        form_key: call.form_key()?.as_str().to_owned(),
    })
}

pub(crate) async fn revoke(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::ApiKeyDelete).await?;
    let id: ApiKeyId = call.part("id")?;
    let form = call.form().await?;
    let keys = &call.console().api_keys;
    let () = call
        .once(
            &acting,
            &form,
            |_: &ApiKey, _| (),
            async |request| {
                let revoke = RevokeApiKey {
                    idempotent: Some(request),
                };
                keys.revoke(&acting, id, revoke).await
            },
        )
        .await?;
    let list = paths::page(acting.platform(), PLACE);
    Err(Trouble::Elsewhere(done::at(&list, Done::KeyRevoked)))
}
