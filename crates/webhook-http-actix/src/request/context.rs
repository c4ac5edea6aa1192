//! What every route under `/v1` begins with: who asks, may they, on which platform.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::PlatformId;

use crate::api::Core;
use crate::errors::Problem;
use crate::request::authenticate::admit;
use crate::request::known::Known;

static X_PLATFORM_ID: HeaderName = HeaderName::from_static("x-platform-id");

/// The caller at work, once credential, permission, platform and rate were found good, in this order.
pub(crate) async fn acting(
    request: &HttpRequest,
    core: &Core,
    permission: Permission,
) -> Result<Acting, Problem> {
    let (caller, counted) = admit(request, core).await?;
    Known::note_caller(request, &caller);
    caller.require(permission)?;
    let platform = named_platform(request)?;
    let id = Known::of(request).map(|known| known.id().clone());
    let id = id.ok_or_else(|| Problem::internal("a request without an id reached its route"))?;
    let acting = caller.acting_on(platform, id)?;
    Known::note_platform(request, acting.platform());
    counted?;
    Ok(acting)
}

fn named_platform(request: &HttpRequest) -> Result<Option<PlatformId>, Problem> {
    let mut sent = request.headers().get_all(&X_PLATFORM_ID);
    let Some(first) = sent.next() else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(Problem::invalid_field(
            "x-platform-id",
            "must be sent at most once",
        ));
    }
    let text = first.to_str().unwrap_or_default();
    text.parse()
        .map(Some)
        .map_err(|problem| Problem::invalid_value("x-platform-id", &problem))
}
