//! Beginning a campaign that was planned: of as many webhooks as the plan has counted, or of none.

use actix_web::{HttpResponse, rt};
use webhook_domain::access::permission::Permission;
use webhook_domain::rotation::Rotation;
use webhook_domain::services::StartRotation;

use super::asked::Asked;
use super::list::PLACE;
use crate::done::{self, Done};
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;

pub(crate) async fn start(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let form = call.form().await?;
    // The form is made with what was found right.
    let start = Asked::sent(&form).start().map_err(|_| Trouble::NoForm)?;
    let total = form.text("confirm_total").parse().map_err(|_| Trouble::NoForm)?;
    let rotations = call.console().rotations.clone();
    let asking = acting.clone();
    let id: String = call
        .once(
            &acting,
            &form,
            |rotation: &Rotation, _| rotation.id.to_string(),
            async |request| {
                let start = StartRotation {
                    confirm_total: Some(total),
                    idempotent: Some(request),
                    ..start
                };
                // Aside: what was begun in steps is brought to its end also when the browser has hung up.
                let begun = rt::spawn(async move { rotations.start(&asking, start).await });
                match begun.await {
                    Ok(begun) => begun,
                    Err(broken) => Err(webhook_domain::StoreError::OutcomeUnknown(broken.into()).into()),
                }
            },
        )
        .await?;
    let here = paths::page(acting.platform(), format_args!("{PLACE}/{id}"));
    Err(Trouble::Elsewhere(done::at(&here, Done::CampaignStarted)))
}
