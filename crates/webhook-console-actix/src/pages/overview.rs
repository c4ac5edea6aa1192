//! What an operator looks at first: what needs somebody, and what was done last. Only what the caller may see is there.

use std::time::Duration;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::AuditQuery;
use webhook_domain::rotation::{Rotation, RotationStatus};
use webhook_domain::signing::key_ring::ExpiresIn;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{
    Direction, PageSize, PageStart, Webhook, WebhookFilter, WebhookOrder, WebhookQuery,
};

use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::{Trouble, sentence};
use crate::view::{Frame, Moment, page, webhook};

/// How many of each are shown.
const SHOWN: u32 = 10;
/// How many records are shown.
const SHOWN_RECORDS: u32 = 10;
/// How far ahead it is looked for keys that stop.
const AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// In how many pages of webhooks, those that were changed last, keys are looked for that stop.
const SEARCHED_PAGES: usize = 2;

#[derive(Template)]
#[template(path = "overview/overview.html")]
struct OverviewPage {
    frame: Frame,
    webhooks: Option<Webhooks>,
    records: Option<Vec<Record>>,
    permissions: Vec<&'static str>,
}

/// What there is to know of webhooks.
struct Webhooks {
    list: String,
    may_create: bool,
    is_empty: bool,
    held_up: Some10,
    roll_due: Some10,
    stopping: Some10,
    /// Whether there may be others whose key stops, which were not looked at.
    is_search_partial: bool,
    rotations: Vec<Running>,
}

/// Some of many.
#[derive(Default)]
struct Some10 {
    items: Vec<Item>,
    total: u64,
}

/// A webhook, and what is to be known of it.
struct Item {
    href: String,
    title: String,
    says: String,
    at: Option<Moment>,
}

/// A rotation that is running.
struct Running {
    id: String,
    href: String,
    began_at: Moment,
    rolled: u64,
    total: u64,
}

/// Something that was done.
struct Record {
    at: Moment,
    action: &'static str,
    resource: String,
    href: Option<String>,
    credential: String,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting_anyhow().await?;
    let webhooks = match acting.may(Permission::WebhookView) {
        true => Some(webhooks(&call, &acting).await?),
        false => None,
    };
    let records = match acting.may(Permission::AuditRecordView) {
        true => Some(records(&call, &acting).await?),
        false => None,
    };
    let permissions = acting.caller().permissions;
    page(&OverviewPage {
        frame: Frame::of(&acting, ""),
        webhooks,
        records,
        permissions: permissions.iter().map(|permission| permission.name()).collect(),
    })
}

async fn webhooks(call: &Call, acting: &Acting) -> Result<Webhooks, Trouble> {
    let now = call.console().clock.now();
    let held_up = WebhookFilter {
        in_penalty_box: Some(true),
        ..WebhookFilter::default()
    };
    let roll_due = WebhookFilter {
        roll_due: Some(true),
        ..WebhookFilter::default()
    };
    let (changed_last, is_search_partial) = changed_last(call, acting, now).await?;
    let rotations = call.console().rotations.list(acting, None, SHOWN).await?;
    Ok(Webhooks {
        list: paths::page(acting.platform(), PLACE),
        may_create: acting.may(Permission::WebhookCreate),
        is_empty: changed_last.is_empty() && !is_search_partial,
        held_up: some(call, acting, held_up, why_held_up).await?,
        roll_due: some(call, acting, roll_due, |webhook| {
            item(webhook, "due since", webhook.roll_due_at(now))
        })
        .await?,
        stopping: stopping(&changed_last, now),
        is_search_partial,
        rotations: rotations
            .iter()
            .filter_map(|rotation| running(acting, rotation))
            .collect(),
    })
}

/// Some webhooks that meet `filter`, and how many they are.
async fn some(
    call: &Call,
    acting: &Acting,
    filter: WebhookFilter,
    to_item: impl Fn(&Webhook) -> Item,
) -> Result<Some10, Trouble> {
    let query = WebhookQuery {
        limit: page_size(SHOWN)?,
        filter,
        ..WebhookQuery::default()
    };
    let found = call.console().webhooks.list(acting, query).await?;
    Ok(Some10 {
        items: found.webhooks.iter().map(to_item).collect(),
        total: found.total,
    })
}

fn page_size(count: u32) -> Result<PageSize, Trouble> {
    PageSize::new(count).map_err(|problem| Trouble::internal(problem.to_string()))
}

fn item(shown: &Webhook, says: &str, at: Option<Instant>) -> Item {
    Item {
        href: path_of(shown),
        title: webhook::title(shown),
        says: says.to_owned(),
        at: at.map(Moment),
    }
}

fn why_held_up(webhook: &Webhook) -> Item {
    let held_up = webhook.held_up.as_ref().map(|held_up| held_up.penalty_box());
    let cause = held_up.and_then(|held_up| held_up.cause());
    let says = cause.map_or_else(String::new, |cause| sentence(&cause.to_string()));
    item(
        webhook,
        &format!("{says} Since"),
        held_up.and_then(|held_up| held_up.since()),
    )
}

/// The webhooks that were changed last, in which a retired key may sign, and whether there may be more of them: a key is retired by a change, and
/// signs for 30 days from then at the most.
async fn changed_last(call: &Call, acting: &Acting, now: Instant) -> Result<(Vec<Webhook>, bool), Trouble> {
    let mut found: Vec<Webhook> = Vec::new();
    for _ in 0..SEARCHED_PAGES {
        let order = WebhookOrder::UpdatedAt;
        let start = found.last().map(|last| PageStart::After(order.cursor_of(last)));
        let query = WebhookQuery {
            limit: PageSize::MAX,
            start: start.unwrap_or_default(),
            order,
            direction: Direction::Descending,
            ..WebhookQuery::default()
        };
        let read = call.console().webhooks.list(acting, query).await?.webhooks;
        let is_last = read.len() < PageSize::MAX.get() as usize;
        found.extend(read);
        let oldest = found
            .last()
            .map(|webhook| ExpiresIn::latest_of(webhook.updated_at));
        if is_last || oldest.is_some_and(|latest| latest <= now) {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// Those of `webhooks` of which a key stops soon although nobody has shown that the receiver uses the new one.
fn stopping(webhooks: &[Webhook], now: Instant) -> Some10 {
    let mut found: Vec<(Instant, &Webhook)> = webhooks
        .iter()
        .filter(|webhook| webhook.key_ring.adoption().is_none())
        .filter_map(|webhook| {
            let ring = &webhook.key_ring;
            let ends = ring.retired_at(now).map(|retired| ring.expiry_of(retired, now));
            Some((ends.min()?, webhook))
        })
        .filter(|(ends, _)| *ends <= now.plus(AHEAD))
        .collect();
    found.sort_by_key(|(ends, _)| *ends);
    let shown = found.iter().take(SHOWN as usize);
    Some10 {
        items: shown
            .map(|(ends, webhook)| item(webhook, "its previous key stops at", Some(*ends)))
            .collect(),
        total: found.len() as u64,
    }
}

fn running(acting: &Acting, rotation: &Rotation) -> Option<Running> {
    (rotation.status == RotationStatus::Running).then(|| Running {
        id: rotation.id.to_string(),
        href: paths::page(acting.platform(), format!("campaigns/{}", rotation.id)),
        began_at: Moment(rotation.created_at),
        rolled: rotation.totals.total - rotation.totals.left(),
        total: rotation.totals.total,
    })
}

async fn records(call: &Call, acting: &Acting) -> Result<Vec<Record>, Trouble> {
    let newest = call
        .console()
        .audit
        .list(acting, AuditQuery::newest(SHOWN_RECORDS))
        .await?;
    Ok(newest.iter().map(|record| to_record(acting, record)).collect())
}

fn to_record(acting: &Acting, record: &AuditRecord) -> Record {
    let id: Option<WebhookId> = record.resource_id.parse().ok();
    let may_look = acting.may(Permission::WebhookView);
    Record {
        at: Moment(record.at),
        action: record.action.name(),
        href: id
            .filter(|_| may_look)
            .map(|id| paths::page(acting.platform(), format_args!("{PLACE}/{id}"))),
        resource: record.resource_id.clone(),
        credential: record.credential.to_string(),
    }
}
