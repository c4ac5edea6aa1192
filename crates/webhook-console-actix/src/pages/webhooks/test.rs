//! A test event, sent to a webhook at once.

use actix_web::HttpResponse;
use askama::Template;
use serde::{Deserialize, Serialize};
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::probed::Probed;
use webhook_domain::id::WebhookId;

use super::list::PLACE;
use super::show::path_of;
use crate::request::call::Call;
use crate::request::once::Shown;
use crate::trouble::{Trouble, sentence};
use crate::view::{Frame, page, webhook};

#[derive(Template)]
#[template(path = "webhooks/tested.html")]
struct TestedPage {
    frame: Frame,
    href: String,
    title: String,
    tested: Tested,
}

/// What is shown of a test.
#[derive(Serialize, Deserialize)]
struct Tested {
    is_successful: bool,
    message: String,
}

impl Shown for Tested {}

pub(crate) async fn send(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let shown = |probed: &Probed, _| Tested {
        is_successful: probed.is_successful(),
        message: sentence(&probed.message()),
    };
    let tested = call
        .once(&acting, &form, shown, async |request| {
            let probes = &console.probes;
            if let Some(earlier) = probes.earlier(&acting, Some(&request)).await? {
                return Ok(earlier);
            }
            let probed = probes.send_test(&acting, id).await?;
            probes.answer(&acting, probed, Some(&request)).await
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
