//! One webhook: whether it delivers, its keys, and what was set.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::{Reference, TargetUrl, Webhook};

use super::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, State, page, webhook};

#[derive(Template)]
#[template(path = "webhooks/show.html")]
struct ShowPage {
    frame: Frame,
    here: String,
    title: String,
    id: String,
    reference: Option<String>,
    url: Option<String>,
    delivery: State,
    keys: Vec<State>,
    created_at: Moment,
    updated_at: Moment,
    form_key: String,
    may_change: bool,
    may_delete: bool,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id: WebhookId = call.part("id")?;
    let shown = call.console().webhooks.look(&acting, id).await?;
    let settings = &shown.settings;
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        here: paths::page(acting.platform(), format_args!("{PLACE}/{id}")),
        title: webhook::title(&shown),
        id: id.to_string(),
        reference: settings
            .reference
            .as_ref()
            .map(Reference::as_str)
            .map(str::to_owned),
        url: settings.url.as_ref().map(TargetUrl::as_str).map(str::to_owned),
        delivery: webhook::delivery_state(&shown),
        keys: webhook::key_states(&shown, call.console().clock.now()),
        created_at: Moment(shown.created_at),
        updated_at: Moment(shown.updated_at),
        form_key: call.new_key()?.as_str().to_owned(),
        may_delete: acting.may(Permission::WebhookDelete),
        may_change: acting.may(Permission::WebhookUpdate),
    })
}

/// Where one webhook is shown.
pub(crate) fn path_of(webhook: &Webhook) -> String {
    paths::page(&webhook.platform, format_args!("{PLACE}/{}", webhook.id))
}
