//! Sending what is at the head of a queue that is held up, now.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_front_actix::expedited::outcome_of;

use super::list::{PLACE, path_of};
use crate::pages::webhooks;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::probe::ShownProbe;
use crate::view::{Frame, page, webhook};

#[derive(Template)]
#[template(path = "penalty_box/sent.html")]
struct SentPage {
    frame: Frame,
    href: String,
    webhook_href: String,
    title: String,
    sent: ShownProbe,
    is_still_held_up: bool,
}

pub(crate) async fn send(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let probes = &console.probes;
    let sent = call
        .probe_once(&acting, &form, async || {
            let expedited = probes.expedite(&acting, id).await?;
            outcome_of(probes, &expedited).await
        })
        .await?;
    let shown = console.webhooks.look(&acting, id).await?;
    page(&SentPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        webhook_href: webhooks::show::path_of(&shown),
        title: webhook::title(&shown),
        sent,
        is_still_held_up: shown.held_up.is_some(),
    })
}
