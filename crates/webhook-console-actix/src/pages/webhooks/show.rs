//! One webhook: whether it delivers, its keys over time, and what was set.

use std::slice;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::{Reference, TargetUrl, Webhook};

use super::facts::{self, Fact};
use super::keys::{self, Happened, Key, Past};
use super::list::PLACE;
use super::timeline::Timeline;
use crate::pages::penalty_box::queued::Queued;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::held_up::HeldUp;
use crate::view::{Figure, Frame, Moment, State, When, page, webhook};
use crate::{done, paths};

#[derive(Template)]
#[template(path = "webhooks/show.html")]
struct ShowPage {
    frame: Frame,
    here: String,
    done: Option<&'static str>,
    title: String,
    id: String,
    reference: Option<String>,
    url: Option<String>,
    delivery: State,
    held_up: Option<HeldUp>,
    /// How many deliveries wait in its queue if that is held up, and the caller may see them.
    queued: Option<Figure>,
    key_states: Vec<State>,
    due_at: Option<When>,
    timeline: Option<Timeline>,
    keys: Vec<Key>,
    past: Option<Past>,
    happened: Vec<Happened>,
    facts: Vec<Fact>,
    created_at: Moment,
    updated_at: Moment,
    may: May,
    /// Other pages that are of this webhook, with their addresses.
    beside: Vec<(&'static str, String)>,
    /// Keys for the forms on the page.
    test_key: String,
    check_key: String,
    can_be_undone: bool,
}

/// What whoever looks may do here.
struct May {
    change: bool,
    delete: bool,
    reveal: bool,
    audit: bool,
}

impl ShowPage {
    fn shown_past(&self) -> usize {
        keys::SHOWN_PAST
    }

    fn past_days(&self) -> u64 {
        keys::PAST_DAYS
    }
}

impl May {
    fn of(acting: &Acting) -> Self {
        Self {
            change: acting.may(Permission::WebhookUpdate),
            delete: acting.may(Permission::WebhookDelete),
            reveal: acting.may(Permission::WebhookReveal),
            audit: acting.may(Permission::AuditRecordView),
        }
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id: WebhookId = call.part("id")?;
    let shown = call.console().webhooks.look(&acting, id).await?;
    let now = call.console().clock.now();
    let queued = Queued::read(&call, &acting, slice::from_ref(&shown)).await?;
    let keys = keys::read(&call, &acting, &shown).await?;
    let settings = &shown.settings;
    let ring = &shown.key_ring;
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        here: path_of(&shown),
        done: done::said(call.query("done").as_deref()),
        title: webhook::title(&shown),
        id: id.to_string(),
        reference: settings
            .reference
            .as_ref()
            .map(Reference::as_str)
            .map(str::to_owned),
        url: settings.url.as_ref().map(TargetUrl::as_str).map(str::to_owned),
        delivery: webhook::delivery_state(&shown),
        held_up: HeldUp::of(&shown, now),
        queued: queued.of(id),
        key_states: webhook::key_states(&shown, now),
        due_at: shown.roll_due_at(now).map(|at| When::new(at, now)),
        timeline: Timeline::of(&keys.bars(), now.minus(keys::past_time()), now),
        facts: facts::of(&shown, now),
        created_at: Moment(shown.created_at),
        updated_at: Moment(shown.updated_at),
        may: May::of(&acting),
        beside: beside(&acting, &shown),
        test_key: call.new_key()?.as_str().to_owned(),
        check_key: call.new_key()?.as_str().to_owned(),
        can_be_undone: ring.undoable().is_some() && ring.previous(now).is_some(),
        happened: keys.happened(),
        keys: keys.signing,
        past: keys.past,
    })
}

/// The pages of `webhook` that `acting` may see elsewhere in the console.
fn beside(acting: &Acting, webhook: &Webhook) -> Vec<(&'static str, String)> {
    let of_webhook = |path: &str, name: &str| {
        let id = webhook.id.to_string();
        paths::with_query(&paths::page(acting.platform(), path), [(name, id.as_str())])
    };
    let all = [
        (
            "Its deliveries",
            Permission::WebhookEventView,
            of_webhook("deliveries", "webhook_id"),
        ),
        (
            "Send again by time and state",
            Permission::WebhookEventResend,
            format!("{}/replay", path_of(webhook)),
        ),
        (
            "What was done to it",
            Permission::AuditRecordView,
            of_webhook("audit", "resource_id"),
        ),
    ];
    all.into_iter()
        .filter(|(_, needed, _)| acting.may(*needed))
        .map(|(text, _, href)| (text, href))
        .collect()
}

/// Where one webhook is shown.
pub(crate) fn path_of(webhook: &Webhook) -> String {
    paths::page(&webhook.platform, format_args!("{PLACE}/{}", webhook.id))
}
