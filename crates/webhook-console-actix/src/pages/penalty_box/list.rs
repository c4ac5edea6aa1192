//! The webhooks whose queues are held up, page by page.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{TargetUrl, Webhook, WebhookFilter, WebhookQuery};

use super::queued::Queued;
use crate::pages::webhooks;
use crate::pages::webhooks::asked::Asked;
use crate::pages::webhooks::list::{Found, page_and_one};
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::Wrong;
use crate::trouble::Trouble;
use crate::view::held_up::HeldUp;
use crate::view::{Figure, Frame, State, When, page, webhook};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "penalty-box";

#[derive(Template)]
#[template(path = "penalty_box/list.html")]
struct ListPage {
    frame: Frame,
    list: String,
    asked: Asked,
    wrong: Option<Wrong>,
    paused_since: Option<When>,
    rows: Vec<Row>,
    /// Whether it is said how many deliveries wait.
    shows_queued: bool,
    total: u64,
    previous: Option<String>,
    next: Option<String>,
}

/// A webhook whose queue is held up.
struct Row {
    href: String,
    title: String,
    host: Option<String>,
    /// Whether it delivers otherwise.
    inactive: Option<State>,
    held_up: HeldUp,
    /// How many deliveries wait, if the caller may see them.
    queued: Option<Figure>,
    /// The key of the form that sends at once; none for those who may not, and where nothing can be sent.
    form_key: Option<String>,
}

impl ListPage {
    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let list = paths::page(acting.platform(), PLACE);
    let asked = Asked {
        state: String::new(),
        protocol: String::new(),
        ..Asked::of(&call)
    };
    let (order, direction) = asked.order();
    let (found, wrong) = match asked.filter() {
        Ok(filter) => {
            let query = WebhookQuery {
                limit: page_and_one()?,
                start: asked.start(&call),
                order,
                direction,
                filter: WebhookFilter {
                    in_penalty_box: Some(true),
                    ..filter
                },
                ..WebhookQuery::default()
            };
            (Found::read(&call, &acting, query).await?, None)
        }
        Err(wrong) => (Found::default(), Some(wrong)),
    };
    let link = |name, webhook: Option<&Webhook>| {
        let cursor = order.cursor_of(webhook?);
        Some(format!("{list}?{}", asked.query(Some((name, &cursor)))))
    };
    let paused_since = call.console().probes.paused_since().await?;
    let may_send = acting.may(Permission::WebhookUpdate) && paused_since.is_none();
    let now = call.console().clock.now();
    let rows = found.webhooks.iter();
    let queued = Queued::read(&call, &acting, &found.webhooks).await?;
    let rows = rows.map(|webhook| {
        let row = row(&call, webhook, may_send, now)?;
        Ok::<_, Trouble>(row.map(|row| Row {
            queued: queued.of(webhook.id),
            ..row
        }))
    });
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        // One that was released while the list was read has left it.
        rows: rows.filter_map(Result::transpose).collect::<Result<_, _>>()?,
        shows_queued: acting.may(Permission::WebhookEventView),
        total: found.total,
        previous: link("before", found.webhooks.first()).filter(|_| found.has_previous),
        next: link("after", found.webhooks.last()).filter(|_| found.has_next),
        paused_since: paused_since.map(|since| When::new(since, now)),
        list,
        asked,
        wrong,
    })
}

fn row(call: &Call, shown: &Webhook, may_send: bool, now: Instant) -> Result<Option<Row>, Trouble> {
    let Some(held_up) = HeldUp::of(shown, now) else {
        return Ok(None);
    };
    let settings = &shown.settings;
    let can_send = may_send && settings.active && settings.url.is_some();
    let form_key = can_send.then(|| call.new_key()).transpose()?;
    Ok(Some(Row {
        href: path_of(shown),
        title: webhook::title(shown),
        host: settings.url.as_ref().map(TargetUrl::host_and_port),
        inactive: (!settings.active).then(|| State::wait("inactive")),
        held_up,
        queued: None,
        form_key: form_key.map(|key| key.as_str().to_owned()),
    }))
}

/// Where it is shown what holds `webhook` up.
pub(crate) fn path_of(webhook: &Webhook) -> String {
    format!("{}/{PLACE}", webhooks::show::path_of(webhook))
}
