//! All webhooks of the platform, or those that meet some conditions, page by page.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{PageSize, PageStart, TargetUrl, Webhook, WebhookPage, WebhookQuery};

use super::asked::{Asked, ORDERS, STATES};
use crate::request::call::Call;
use crate::request::condition::Wrong;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, State, page, webhook};
use crate::{done, paths};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "webhooks";
/// How many webhooks a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct ListPage {
    frame: Frame,
    list: String,
    asked: Asked,
    wrong: Option<Wrong>,
    /// The lists of those whose keys need somebody, which no condition of this one finds.
    of_keys: [(&'static str, String); 3],
    rows: Vec<Row>,
    total: u64,
    previous: Option<String>,
    next: Option<String>,
    done: Option<&'static str>,
    may_create: bool,
}

/// A webhook in the list.
struct Row {
    href: String,
    title: String,
    url: Option<String>,
    delivery: State,
    keys: Vec<State>,
    created_at: Moment,
}

impl ListPage {
    fn states(&self) -> &'static [(&'static str, &'static str)] {
        &STATES
    }

    fn orders(&self) -> &'static [(&'static str, &'static str)] {
        &ORDERS
    }

    /// What is wrong with a field.
    fn wrong_with(&self, field: &str) -> Option<&str> {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.field == field);
        wrong.map(|wrong| wrong.problem.as_str())
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let asked = Asked::of(&call);
    let list = paths::page(acting.platform(), PLACE);
    let (found, wrong) = match asked.filter() {
        Ok(filter) => {
            let (order, direction) = asked.order();
            let query = WebhookQuery {
                limit: page_and_one()?,
                start: asked.start(&call),
                order,
                direction,
                filter,
                ..WebhookQuery::default()
            };
            (Found::read(&call, &acting, query).await?, None)
        }
        Err(wrong) => (Found::default(), Some(wrong)),
    };
    let (order, _) = asked.order();
    let link = |name, webhook: Option<&Webhook>| {
        let cursor = order.cursor_of(webhook?);
        Some(format!("{list}?{}", asked.query(Some((name, &cursor)))))
    };
    let now = call.console().clock.now();
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        rows: found
            .webhooks
            .iter()
            .map(|webhook| row(&list, webhook, now))
            .collect(),
        of_keys: of_keys(&acting),
        total: found.total,
        previous: link("before", found.webhooks.first()).filter(|_| found.has_previous),
        next: link("after", found.webhooks.last()).filter(|_| found.has_next),
        may_create: acting.may(Permission::WebhookCreate),
        done: done::said(call.query("done").as_deref()),
        list,
        asked,
        wrong,
    })
}

/// Where those are whose keys need somebody, by what they need.
fn of_keys(acting: &Acting) -> [(&'static str, String); 3] {
    [
        ("New keys that are not adopted", paths::NOT_ADOPTED),
        (
            "Keys that stop within 7 days, and are not adopted",
            paths::STOPPING,
        ),
        ("Keys that are due for a roll", paths::ROLL_DUE),
    ]
    .map(|(text, path)| (text, paths::page(acting.platform(), path)))
}

/// What a page shows, and one more: that tells whether there is a next page.
pub(crate) fn page_and_one() -> Result<PageSize, Trouble> {
    PageSize::new(SHOWN as u32 + 1).map_err(|problem| Trouble::internal(problem.to_string()))
}

/// What a page shows, and whether there are others.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) total: u64,
    pub(crate) has_previous: bool,
    pub(crate) has_next: bool,
}

impl Found {
    /// Reads what `query` asks for, which is [a page and one more](page_and_one).
    pub(crate) async fn read(call: &Call, acting: &Acting, query: WebhookQuery) -> Result<Self, Trouble> {
        let goes_back = matches!(query.start, PageStart::Before(_));
        let goes_on = matches!(query.start, PageStart::After(_));
        let WebhookPage { mut webhooks, total } = call.console().webhooks.list(acting, query).await?;
        let has_more = webhooks.len() > SHOWN;
        if has_more && goes_back {
            webhooks.remove(0);
        }
        webhooks.truncate(SHOWN);
        Ok(Self {
            webhooks,
            total,
            has_previous: if goes_back { has_more } else { goes_on },
            has_next: if goes_back { true } else { has_more },
        })
    }
}

fn row(list: &str, shown: &Webhook, now: Instant) -> Row {
    Row {
        href: format!("{list}/{}", shown.id),
        title: webhook::title(shown),
        url: shown
            .settings
            .url
            .as_ref()
            .map(TargetUrl::as_str)
            .map(str::to_owned),
        delivery: webhook::delivery_state(shown),
        keys: webhook::key_states(shown, now),
        created_at: Moment(shown.created_at),
    }
}
