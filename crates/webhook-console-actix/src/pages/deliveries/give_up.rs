//! Giving up a delivery that waits, once somebody has said that they mean it.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::DeliveryId;
use webhook_domain::ports::TrackedDelivery;

use super::said::{PLACE, path_of};
use crate::done::{self, Done};
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

#[derive(Template)]
#[template(path = "deliveries/give_up.html")]
struct GiveUpPage {
    frame: Frame,
    href: String,
    action: String,
    form_key: String,
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    acting.require(Permission::WebhookEventView)?;
    let id: DeliveryId = call.part("id")?;
    let tracked = call.console().events.delivery(&acting, id).await?;
    page(&GiveUpPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&tracked.delivery),
        action: tracked.event.action.as_str().to_owned(),
        form_key: call.form_key()?.as_str().to_owned(),
    })
}

pub(crate) async fn give_up(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let id: DeliveryId = call.part("id")?;
    let form = call.form().await?;
    let events = &call.console().events;
    let href = call
        .once(
            &acting,
            &form,
            |tracked: &TrackedDelivery, _| path_of(&tracked.delivery),
            async |request| events.give_up(&acting, id, Some(request)).await,
        )
        .await?;
    Err(Trouble::Elsewhere(done::at(&href, Done::GivenUp)))
}
