//! What holds the queue of one webhook up, what waits at its head, and what can be done about it.

use std::slice;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::list::{PLACE, path_of};
use super::queued::Queued;
use crate::pages::webhooks;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::held_up::HeldUp;
use crate::view::{Figure, Frame, When, page, webhook};

#[derive(Template)]
#[template(path = "penalty_box/show.html")]
struct ShowPage {
    frame: Frame,
    here: String,
    webhook_href: String,
    title: String,
    held_up: Option<HeldUp>,
    /// How many deliveries wait, if the caller may see them.
    queued: Option<Figure>,
    first: Option<First>,
    paused_since: Option<When>,
    is_inactive: bool,
    has_no_url: bool,
    may_edit: bool,
    /// The key of the form that sends at once; none for those who may not, and where nothing can be sent.
    form_key: Option<String>,
}

/// The delivery at the head of the queue.
struct First {
    href: String,
    action: String,
    published_at: When,
    may_give_up: bool,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id: WebhookId = call.part("id")?;
    let shown = call.console().webhooks.look(&acting, id).await?;
    let paused_since = call.console().probes.paused_since().await?;
    let now = call.console().clock.now();
    let queued = Queued::read(&call, &acting, slice::from_ref(&shown)).await?;
    let settings = &shown.settings;
    let may_edit = acting.may(Permission::WebhookUpdate);
    let can_send = shown.held_up.is_some() && settings.active && settings.url.is_some();
    let form_key = (may_edit && can_send && paused_since.is_none()).then(|| call.new_key());
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        here: path_of(&shown),
        webhook_href: webhooks::show::path_of(&shown),
        title: webhook::title(&shown),
        held_up: HeldUp::of(&shown, now),
        queued: queued.of(id),
        first: first(&acting, &shown, now),
        paused_since: paused_since.map(|since| When::new(since, now)),
        is_inactive: !settings.active,
        has_no_url: settings.url.is_none(),
        may_edit,
        form_key: form_key.transpose()?.map(|key| key.as_str().to_owned()),
    })
}

/// What waits at the head, for those who may see deliveries.
fn first(acting: &Acting, webhook: &Webhook, now: Instant) -> Option<First> {
    let (delivery, event) = webhook.held_up.as_ref()?.first()?;
    acting.may(Permission::WebhookEventView).then(|| First {
        href: paths::page(acting.platform(), format_args!("deliveries/{}", delivery.id)),
        action: event.action.as_str().to_owned(),
        published_at: When::new(event.created_at, now),
        may_give_up: acting.may(Permission::WebhookEventResend),
    })
}
