//! With which of its keys a receiver verifies, found out by asking it.

use actix_web::{HttpResponse, rt};
use askama::Template;
use serde::{Deserialize, Serialize};
use webhook_domain::StoreError;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::key_check::allowance::Allowance;
use webhook_domain::delivery::key_check::{KeyCheck, Verdict};
use webhook_domain::id::WebhookId;

use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::request::call::Call;
use crate::request::once::Shown;
use crate::trouble::{Trouble, sentence};
use crate::view::{Frame, page, webhook};

#[derive(Template)]
#[template(path = "secrets/checked.html")]
struct CheckedPage {
    frame: Frame,
    href: String,
    title: String,
    checked: Checked,
}

/// What is shown of a check.
#[derive(Serialize, Deserialize)]
struct Checked {
    is_adopted: bool,
    verdict: String,
    sentence: String,
}

impl Shown for Checked {}

pub(crate) async fn check(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let shown = |check: &KeyCheck, _| Checked {
        is_adopted: check.verdict == Verdict::Adopted,
        verdict: check.verdict.name().to_owned(),
        sentence: sentence(check.verdict.sentence()),
    };
    let checked = call
        .once(&acting, &form, shown, async |request| {
            let (checks, asking) = (console.key_checks.clone(), acting.clone());
            // Aside: a check that has begun is made to its end and recorded, also when its client has hung up.
            let check = async move {
                checks
                    .check(&asking, id, Allowance::OnRequest, Some(request))
                    .await
            };
            match rt::spawn(check).await {
                Ok(outcome) => outcome,
                Err(error) => Err(StoreError::OutcomeUnknown(error.into()).into()),
            }
        })
        .await?;
    let of = console.webhooks.look(&acting, id).await?;
    page(&CheckedPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&of),
        title: webhook::title(&of),
        checked,
    })
}
