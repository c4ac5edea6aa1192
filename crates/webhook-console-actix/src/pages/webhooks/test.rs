//! A test event, sent to a webhook at once.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;

use super::list::PLACE;
use super::show::path_of;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::probe::ShownProbe;
use crate::view::{Frame, page, webhook};

#[derive(Template)]
#[template(path = "webhooks/tested.html")]
struct TestedPage {
    frame: Frame,
    href: String,
    title: String,
    tested: ShownProbe,
}

pub(crate) async fn send(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let tested = call
        .probe_once(&acting, &form, async || {
            console.probes.send_test(&acting, id).await
        })
        .await?;
    let tested_webhook = console.webhooks.look(&acting, id).await?;
    page(&TestedPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&tested_webhook),
        title: webhook::title(&tested_webhook),
        tested,
    })
}
