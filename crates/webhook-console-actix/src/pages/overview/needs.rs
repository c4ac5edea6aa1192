//! Webhooks that need somebody: some of each kind on the overview, and all of them, page by page, on a page of their own.

use std::time::Duration;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Need, NeedPage, NeedPlace, NeedQuery, Webhook};

use crate::pages::penalty_box::queued::Queued;
use crate::pages::webhooks::show::path_of;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::{Trouble, sentence};
use crate::view::held_up::{HeldUp, NextAttempt};
use crate::view::{Figure, Frame, When, page, webhook};

/// How far ahead it is looked for keys that stop.
const AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// Longer than any key signs beside a newer one.
const EVER: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How many a page of all shows.
const SHOWN: u32 = 50;

/// What webhooks need somebody for, as the console has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    HeldUp,
    RollDue,
    Stopping,
    /// Those whose retired key stops, however far ahead.
    NotAdopted,
}

impl Kind {
    fn need(self, now: Instant) -> Need {
        match self {
            Self::HeldUp => Need::HeldUp,
            Self::RollDue => Need::RollDue,
            Self::Stopping => Need::KeyStops { by: now.plus(AHEAD) },
            Self::NotAdopted => Need::KeyStops { by: now.plus(EVER) },
        }
    }

    /// Where all of them are.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::HeldUp => "penalty-box",
            Self::RollDue => paths::ROLL_DUE,
            Self::Stopping => paths::STOPPING,
            Self::NotAdopted => paths::NOT_ADOPTED,
        }
    }

    fn item(self, of: &Webhook, queued: &Queued, now: Instant) -> Item {
        let (says, at) = match self {
            Self::HeldUp => why_held_up(of),
            Self::RollDue => ("due since".to_owned(), of.roll_due_at(now)),
            Self::Stopping | Self::NotAdopted => (how_it_stops(of, now).to_owned(), of.unadopted_end(now)),
        };
        Item {
            href: path_of(of),
            title: webhook::title(of),
            says,
            at: at.map(|at| When::new(at, now)),
            next: HeldUp::of(of, now)
                .filter(|_| self == Self::HeldUp)
                .map(|held_up| held_up.next),
            queued: queued.of(of.id).filter(|_| self == Self::HeldUp),
        }
    }
}

fn why_held_up(of: &Webhook) -> (String, Option<Instant>) {
    let held_up = of.held_up.as_ref().map(|held_up| held_up.penalty_box());
    let cause = held_up.and_then(|held_up| held_up.cause());
    let says = cause.map_or_else(String::new, |cause| sentence(&cause.to_string()));
    (
        format!("{says} Since"),
        held_up.and_then(|held_up| held_up.since()),
    )
}

fn how_it_stops(of: &Webhook, now: Instant) -> &'static str {
    let ring = &of.key_ring;
    let mut retired = ring.retired_at(now);
    let next = retired.find(|retired| Some(ring.expiry_of(retired, now)) == of.unadopted_end(now));
    match next.is_some_and(|next| next.kept.is_some()) {
        true => "its retired key is kept until the new one is adopted, from day to day, now until",
        false => "its retired key stops at",
    }
}

/// Some of many.
pub(super) struct Some10 {
    pub(super) items: Vec<Item>,
    pub(super) total: Figure,
    /// Where all of them are.
    pub(super) all: String,
}

impl Some10 {
    /// Whether there are more than these.
    pub(super) fn are_more(&self) -> bool {
        self.total.has_more || self.total.count > self.items.len() as u64
    }
}

/// A webhook, and what is to be known of it.
pub(super) struct Item {
    pub(super) href: String,
    pub(super) title: String,
    pub(super) says: String,
    pub(super) at: Option<When>,
    /// When the first one in its queue is sent again, if that is held up.
    pub(super) next: Option<NextAttempt>,
    /// How many deliveries wait there, if the caller may see them.
    pub(super) queued: Option<Figure>,
}

/// Those of a kind that come first.
pub(super) async fn some(call: &Call, acting: &Acting, kind: Kind, count: u32) -> Result<Some10, Trouble> {
    let now = call.console().clock.now();
    let found = read(call, acting, kind, None, count).await?;
    let queued = Queued::read(call, acting, &found.webhooks).await?;
    Ok(Some10 {
        items: found
            .webhooks
            .iter()
            .map(|of| kind.item(of, &queued, now))
            .collect(),
        total: Figure::of(found.total, Figure::MOST),
        all: paths::page(acting.platform(), kind.path()),
    })
}

async fn read(
    call: &Call,
    acting: &Acting,
    kind: Kind,
    after: Option<NeedPlace>,
    limit: u32,
) -> Result<NeedPage, Trouble> {
    let at = call.console().clock.now();
    let query = NeedQuery {
        need: kind.need(at),
        at,
        after,
        limit,
        // One more tells whether there are more.
        count_to: Figure::MOST + 1,
    };
    Ok(call.console().webhooks.in_need(acting, query).await?)
}

#[derive(Template)]
#[template(path = "overview/needs.html")]
struct NeedsPage {
    frame: Frame,
    title: &'static str,
    says: &'static str,
    none: &'static str,
    overview: String,
    found: Some10,
    /// Where the first are, if these are not.
    first: Option<String>,
    next: Option<String>,
}

pub(crate) async fn stopping(call: Call) -> Result<HttpResponse, Trouble> {
    show(call, Kind::Stopping).await
}

pub(crate) async fn not_adopted(call: Call) -> Result<HttpResponse, Trouble> {
    show(call, Kind::NotAdopted).await
}

pub(crate) async fn roll_due(call: Call) -> Result<HttpResponse, Trouble> {
    show(call, Kind::RollDue).await
}

async fn show(call: Call, kind: Kind) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let now = call.console().clock.now();
    let after = call.query("after").and_then(|text| place(&text));
    let found = read(&call, &acting, kind, after, SHOWN).await?;
    let all = paths::page(acting.platform(), kind.path());
    let (title, says, none) = match kind {
        Kind::Stopping => (
            "Keys that stop within 7 days, and are not adopted",
            "Nobody has shown that these receivers use their new key. What stops first comes first.",
            "No key stops within 7 days whose webhook has not adopted the new one.",
        ),
        Kind::NotAdopted => (
            "New keys that are not adopted",
            "Nobody has shown that these receivers use their new key, and a retired key still signs. What stops first comes first.",
            "Every receiver is known to use its new key, or has only that.",
        ),
        Kind::RollDue => (
            "Keys that are due for a roll",
            "What has been due for longest comes first.",
            "No key is due for a roll.",
        ),
        Kind::HeldUp => ("Held up", "", "Every queue moves."),
    };
    page(&NeedsPage {
        frame: Frame::of(&acting, ""),
        title,
        says,
        none,
        overview: paths::page(acting.platform(), ""),
        first: after.map(|_| all.clone()),
        next: found
            .next
            .map(|place| paths::with_query(&all, [("after", written(place).as_str())])),
        found: Some10 {
            items: found
                .webhooks
                .iter()
                .map(|of| kind.item(of, &Queued::default(), now))
                .collect(),
            total: Figure::of(found.total, Figure::MOST),
            all,
        },
    })
}

/// A place, as it stands in an address.
fn written(place: NeedPlace) -> String {
    format!("{}.{}", place.at.as_milliseconds(), place.webhook)
}

/// A place that is none is the beginning.
fn place(text: &str) -> Option<NeedPlace> {
    let (at, webhook) = text.split_once('.')?;
    Some(NeedPlace {
        at: Instant::from_milliseconds(at.parse().ok()?),
        webhook: webhook.parse().ok()?,
    })
}
