//! The deliveries of the platform, or those that meet some conditions, such as being to one webhook; those that were queued last first.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::id::{DeliveryId, WebhookId};
use webhook_domain::ports::ListedDelivery;

use super::asked::Asked;
use super::said::{PLACE, outcome, path_of, state, webhook_of};
use crate::pages::webhooks::names::Names;
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::Wrong;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, Named, State, page, webhook};

/// How many deliveries a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct ListPage {
    frame: Frame,
    list: String,
    asked: Asked,
    wrong: Option<Wrong>,
    /// The webhook that all of them are to, if that is asked for and there is one.
    webhook: Option<OfWebhook>,
    rows: Vec<Row>,
    /// Where the newest are, if these are not.
    newest: Option<String>,
    next: Option<String>,
}

/// What a page about one webhook leads to.
struct OfWebhook {
    href: String,
    title: String,
    replay: Option<String>,
}

/// A delivery in the list.
struct Row {
    href: String,
    action: String,
    webhook: Named,
    state: State,
    attempts: usize,
    last: Option<String>,
    created_at: Moment,
}

impl ListPage {
    fn states(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("", "any state"),
            ("PENDING", "waiting"),
            ("SUCCEEDED", "delivered"),
            ("FAILED", "given up"),
        ]
    }

    /// What is wrong with a field.
    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventView).await?;
    let asked = Asked::of(&call);
    let list = paths::page(acting.platform(), PLACE);
    let after: Option<DeliveryId> = call.query("after").and_then(|text| text.parse().ok());
    // One more than is shown tells whether there is a next page.
    let (mut found, wrong, of) = match asked.query(after, SHOWN as u32 + 1) {
        Ok(query) => {
            let of = query.webhook;
            (call.console().events.deliveries(&acting, query).await?, None, of)
        }
        Err(wrong) => (Vec::new(), Some(wrong), None),
    };
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let last = found.last().filter(|_| has_more);
    let webhooks = found.iter().map(|listed| listed.delivery.webhook);
    let names = Names::read(&call, &acting, webhooks).await?;
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        webhook: match of {
            Some(id) => of_webhook(&call, &acting, id).await?,
            None => None,
        },
        next: last.map(|listed| asked.href(&list, listed.delivery.id)),
        newest: after.map(|_| list.clone()),
        rows: found.iter().map(|listed| row(&names, listed)).collect(),
        list,
        asked,
        wrong,
    })
}

async fn of_webhook(call: &Call, acting: &Acting, id: WebhookId) -> Result<Option<OfWebhook>, Trouble> {
    let Some(found) = webhook_of(call, acting, id).await? else {
        return Ok(None);
    };
    let may_replay = acting.may(Permission::WebhookEventResend);
    let href = crate::pages::webhooks::show::path_of(&found);
    Ok(Some(OfWebhook {
        title: webhook::title(&found),
        replay: may_replay.then(|| format!("{href}/replay")),
        href,
    }))
}

fn row(names: &Names<'_>, listed: &ListedDelivery) -> Row {
    let delivery = &listed.delivery;
    Row {
        href: path_of(delivery),
        action: listed.action.as_str().to_owned(),
        webhook: names.of(delivery.webhook),
        state: state(delivery.status),
        attempts: listed.attempts.len(),
        last: listed.attempts.last().map(|last: &Attempt| outcome(last)),
        created_at: Moment(delivery.created_at),
    }
}
