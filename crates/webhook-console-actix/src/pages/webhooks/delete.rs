//! Deleting a webhook, once somebody has said that they mean it.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::DeleteWebhook;
use webhook_domain::webhook::Webhook;

use super::list::PLACE;
use super::show::path_of;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page, webhook};
use crate::{done, paths};

#[derive(Template)]
#[template(path = "webhooks/delete.html")]
struct DeletePage {
    frame: Frame,
    href: String,
    title: String,
    version: i64,
    form_key: String,
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookDelete).await?;
    let id: WebhookId = call.part("id")?;
    let key = call.form_key()?;
    let shown = call.console().webhooks.look(&acting, id).await?;
    page(&DeletePage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        title: webhook::title(&shown),
        version: shown.version.0,
        form_key: key.as_str().to_owned(),
    })
}

pub(crate) async fn delete(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookDelete).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let webhooks = &call.console().webhooks;
    let () = call
        .once(
            &acting,
            &form,
            |_: &Webhook, _| (),
            async |request| {
                let delete = DeleteWebhook {
                    precondition: form.version(),
                    idempotent: Some(request),
                };
                webhooks.delete(&acting, id, delete).await
            },
        )
        .await?;
    let list = paths::page(acting.platform(), PLACE);
    Err(Trouble::Elsewhere(done::at(&list, done::Done::Deleted)))
}
