//! One campaign: how far it is, and what became of each webhook. While it runs, a script asks for the progress every few seconds; without
//! script a link does.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::RotationId;
use webhook_domain::rotation::{
    FailReason, Rotation, RotationStatus, RotationWebhook, Settled, SkipReason, StopReason,
};

use super::list::{PLACE, state};
use crate::pages::webhooks::names::Names;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, Named, State, page};
use crate::{done, paths};

/// How many webhooks a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "campaigns/show.html")]
struct ShowPage {
    frame: Frame,
    id: String,
    done: Option<&'static str>,
    progress: Progress,
    begun_by: String,
    spread: u32,
    overlap: u32,
    until_adopted: bool,
    stop: Option<String>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

/// How far it is. A part of the page, which a script asks for by itself.
#[derive(Template)]
#[template(path = "campaigns/progress.html")]
struct Progress {
    here: String,
    state: State,
    is_running: bool,
    reason: Option<&'static str>,
    total: u64,
    settled: u64,
    rolled: u64,
    adopted: u64,
    skipped: u64,
    failed: u64,
    created_at: Moment,
    finished_at: Option<Moment>,
}

/// A webhook of it.
struct Row {
    number: u64,
    webhook: Named,
    outcome: State,
    reason: Option<&'static str>,
    at: Option<Moment>,
    /// Whether its receiver has adopted the new key; none if there is none.
    is_adopted: Option<bool>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id: RotationId = call.part("id")?;
    let here = path_of(&acting, id);
    let from = call.query("from").and_then(|text| text.parse().ok());
    let from: u64 = from.filter(|from| *from <= u64::from(u32::MAX)).unwrap_or(0);
    let rotations = &call.console().rotations;
    // One more than is shown tells whether there is a next page.
    let (rotation, mut found) = rotations.webhooks(&acting, id, from, SHOWN as u32 + 1).await?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let webhooks = found.iter().map(|webhook| webhook.webhook);
    let names = Names::read(&call, &acting, webhooks).await?;
    let is_running = rotation.status == RotationStatus::Running;
    let may_stop = is_running && acting.may(Permission::WebhookUpdate);
    let orders = &rotation.orders;
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        id: id.to_string(),
        done: done::said(call.query("done").as_deref()),
        begun_by: rotation.begun_by.to_string(),
        spread: orders.spread.as_seconds(),
        overlap: orders.overlap.wanted().as_seconds(),
        until_adopted: orders.keeps_previous_until_adopted,
        stop: may_stop.then(|| format!("{here}/stop")),
        rows: found.iter().map(|webhook| row(&names, webhook)).collect(),
        first: (from > 0).then(|| here.clone()),
        next: found
            .last()
            .filter(|_| has_more)
            .map(|last| format!("{here}?from={}", last.number + 1)),
        progress: Progress::of(&rotation, here),
    })
}

/// The progress alone.
pub(crate) async fn progress(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let id: RotationId = call.part("id")?;
    let rotation = call.console().rotations.find(&acting, id).await?;
    let here = path_of(&acting, id);
    match call.is_of_script() {
        true => page(&Progress::of(&rotation, here)),
        false => Err(Trouble::Elsewhere(here)),
    }
}

/// Where one campaign is shown.
pub(super) fn path_of(acting: &Acting, id: RotationId) -> String {
    paths::page(acting.platform(), format_args!("{PLACE}/{id}"))
}

impl Progress {
    fn of(rotation: &Rotation, here: String) -> Self {
        let totals = rotation.totals;
        Self {
            here,
            state: state(rotation),
            is_running: rotation.status == RotationStatus::Running,
            reason: rotation.stop_reason.map(why_stopped),
            total: totals.total,
            settled: totals.total - totals.left(),
            rolled: totals.rolled,
            adopted: totals.adopted,
            skipped: totals.skipped,
            failed: totals.failed,
            created_at: Moment(rotation.created_at),
            finished_at: rotation.finished_at.map(Moment),
        }
    }
}

fn row(names: &Names<'_>, webhook: &RotationWebhook) -> Row {
    let settled = webhook.settled.map(|(settled, _)| settled);
    Row {
        number: webhook.number + 1,
        webhook: names.of(webhook.webhook),
        outcome: match settled {
            None => State::wait("not yet"),
            Some(Settled::Rolled(_)) => State::good("rolled"),
            Some(Settled::Skipped(_)) => State::plain("skipped"),
            Some(Settled::Failed(_)) => State::bad("failed"),
        },
        reason: settled.and_then(why_not_rolled),
        at: webhook.settled.map(|(_, at)| Moment(at)),
        is_adopted: matches!(settled, Some(Settled::Rolled(_))).then_some(webhook.is_adopted),
    }
}

const fn why_stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Requested => "somebody asked for it",
        StopReason::CredentialRevoked => "the API key that began it was revoked or has expired",
        StopReason::TooManyFailures => "as many webhooks have failed as may",
    }
}

const fn why_not_rolled(settled: Settled) -> Option<&'static str> {
    match settled {
        Settled::Rolled(_) => None,
        Settled::Skipped(reason) => Some(match reason {
            SkipReason::Deleted => "it was deleted",
            SkipReason::NoLongerMatches => "it no longer met the conditions",
            SkipReason::RingFull => "as many retired keys of it sign as may",
            SkipReason::RolledSince => "its secret was rolled or removed since the campaign began",
        }),
        Settled::Failed(reason) => Some(match reason {
            FailReason::Store => "the database refused it three times",
            FailReason::Refused => "a rule refuses its roll",
        }),
    }
}
