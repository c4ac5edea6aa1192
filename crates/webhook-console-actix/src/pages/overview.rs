//! What an operator looks at first: what waits, what needs somebody, and what was done last. Only what the caller may see is there.

pub(crate) mod needs;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::AuditQuery;
use webhook_domain::rotation::{Rotation, RotationStatus};
use webhook_domain::webhook::{PageSize, WebhookQuery};

use self::needs::{Kind, Some10, some};
use crate::pages::audit::resources::Resources;
use crate::pages::webhooks::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Figure, Frame, Moment, Named, When, page, span};

/// How many of each are shown.
const SHOWN: u32 = 10;
/// How many records are shown.
const SHOWN_RECORDS: u32 = 10;

#[derive(Template)]
#[template(path = "overview/overview.html")]
struct OverviewPage {
    frame: Frame,
    backlog: Option<Backlog>,
    webhooks: Option<Webhooks>,
    records: Option<Vec<Record>>,
    permissions: Vec<&'static str>,
}

/// What waits.
struct Backlog {
    href: String,
    waiting: Figure,
    /// For how long the oldest event waits whose turn has come, and when it was published.
    oldest: Option<(String, Moment)>,
    paused_since: Option<When>,
}

/// What there is to know of webhooks.
struct Webhooks {
    list: String,
    may_create: bool,
    is_empty: bool,
    held_up: Some10,
    roll_due: Some10,
    stopping: Some10,
    /// Where all are whose new key is not adopted.
    not_adopted: String,
    rotations: Vec<Running>,
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
    resource: Named,
    credential: String,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting_anyhow().await?;
    let backlog = match acting.may(Permission::WebhookEventView) {
        true => Some(backlog(&call, &acting).await?),
        false => None,
    };
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
        backlog,
        webhooks,
        records,
        permissions: permissions.iter().map(|permission| permission.name()).collect(),
    })
}

async fn backlog(call: &Call, acting: &Acting) -> Result<Backlog, Trouble> {
    let console = call.console();
    let found = console.events.backlog(acting).await?;
    let paused_since = console.probes.paused_since().await?;
    let now = console.clock.now();
    Ok(Backlog {
        href: paths::page(acting.platform(), "deliveries?status=PENDING"),
        waiting: Figure {
            count: found.waiting,
            has_more: found.has_more,
        },
        oldest: found
            .oldest_due
            .map(|published| (span(now.since(published)), Moment(published))),
        paused_since: paused_since.map(|since| When::new(since, now)),
    })
}

async fn webhooks(call: &Call, acting: &Acting) -> Result<Webhooks, Trouble> {
    let rotations = call.console().rotations.list(acting, None, SHOWN).await?;
    let one = WebhookQuery {
        limit: PageSize::new(1).map_err(|problem| Trouble::internal(problem.to_string()))?,
        ..WebhookQuery::default()
    };
    Ok(Webhooks {
        list: paths::page(acting.platform(), PLACE),
        may_create: acting.may(Permission::WebhookCreate),
        is_empty: call.console().webhooks.list(acting, one).await?.total == 0,
        held_up: some(call, acting, Kind::HeldUp, SHOWN).await?,
        roll_due: some(call, acting, Kind::RollDue, SHOWN).await?,
        stopping: some(call, acting, Kind::Stopping, SHOWN).await?,
        not_adopted: paths::page(acting.platform(), Kind::NotAdopted.path()),
        rotations: rotations
            .iter()
            .filter_map(|rotation| running(acting, rotation))
            .collect(),
    })
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
    let resources = Resources::read(call, acting, &newest).await?;
    Ok(newest
        .iter()
        .map(|record| to_record(&resources, record))
        .collect())
}

fn to_record(resources: &Resources<'_>, record: &AuditRecord) -> Record {
    Record {
        at: Moment(record.at),
        action: record.action.name(),
        resource: resources.of(record),
        credential: record.credential.to_string(),
    }
}
