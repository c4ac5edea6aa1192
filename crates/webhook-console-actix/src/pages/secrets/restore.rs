//! Undoing the last roll.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::UndoRoll;
use webhook_domain::webhook::Webhook;

use super::overlaps::{self, Choice};
use crate::done::{self, Done};
use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page, webhook};

#[derive(Template)]
#[template(path = "secrets/restore.html")]
struct RestorePage {
    frame: Frame,
    href: String,
    title: String,
    form_key: String,
    version: i64,
    overlaps: Vec<Choice>,
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let key = call.form_key()?;
    let console = call.console();
    let shown = console.webhooks.look(&acting, id).await?;
    page(&RestorePage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        title: webhook::title(&shown),
        form_key: key.as_str().to_owned(),
        version: shown.version.0,
        overlaps: overlaps::choices("", console.default_overlap),
    })
}

pub(crate) async fn restore(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let overlap = overlaps::read(form.text("overlap"))?;
    let secret_keys = &call.console().secret_keys;
    let place = call
        .once(
            &acting,
            &form,
            |webhook: &Webhook, _| path_of(webhook),
            async |request| {
                let undo = UndoRoll {
                    overlap,
                    precondition: form.version(),
                    idempotent: Some(request),
                };
                secret_keys.undo_roll(&acting, id, undo).await
            },
        )
        .await?;
    Err(Trouble::Elsewhere(done::at(&place, Done::Restored)))
}
