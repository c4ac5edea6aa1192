//! The secrets of a webhook that sign, read back. Each time is audited.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;

use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::secrets::ShownKeys;
use crate::view::{Frame, page};

#[derive(Template)]
#[template(path = "secrets/revealed.html")]
struct RevealedPage {
    frame: Frame,
    href: String,
    shown: ShownKeys,
}

/// Nothing is changed, so there is nothing that must be done only once: each answer is a reveal of its own, and audited as one.
pub(crate) async fn reveal(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookReveal).await?;
    let id: WebhookId = call.part("id")?;
    let console = call.console();
    let seen = console.webhooks.read(&acting, id).await?;
    page(&RevealedPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&seen.webhook),
        shown: ShownKeys::of(&seen.webhook, console.clock.now()),
    })
}
