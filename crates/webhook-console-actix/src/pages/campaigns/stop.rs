//! Stopping a campaign, once somebody has said that they mean it.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::RotationId;
use webhook_domain::rotation::Rotation;

use super::list::PLACE;
use super::show::path_of;
use crate::done::{self, Done};
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

#[derive(Template)]
#[template(path = "campaigns/stop.html")]
struct StopPage {
    frame: Frame,
    here: String,
    id: String,
    left: u64,
    form_key: String,
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    acting.require(Permission::WebhookView)?;
    let id: RotationId = call.part("id")?;
    let rotation = call.console().rotations.find(&acting, id).await?;
    page(&StopPage {
        frame: Frame::of(&acting, PLACE),
        here: path_of(&acting, id),
        id: id.to_string(),
        left: rotation.totals.left(),
        form_key: call.form_key()?.as_str().to_owned(),
    })
}

pub(crate) async fn stop(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: RotationId = call.part("id")?;
    let form = call.form().await?;
    let rotations = &call.console().rotations;
    let () = call
        .once(
            &acting,
            &form,
            |_: &Rotation, _| (),
            async |request| rotations.stop(&acting, id, Some(request)).await,
        )
        .await?;
    let here = path_of(&acting, id);
    Err(Trouble::Elsewhere(done::at(&here, Done::CampaignStopped)))
}
