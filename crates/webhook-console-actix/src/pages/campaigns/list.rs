//! The platform's campaigns, newest first.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::RotationId;
use webhook_domain::rotation::{Rotation, RotationStatus};

use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, State, page};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "campaigns";
/// How many campaigns a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "campaigns/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    plan: Option<String>,
    newest: Option<String>,
    next: Option<String>,
}

/// A campaign in the list.
struct Row {
    href: String,
    id: String,
    state: State,
    total: u64,
    rolled: u64,
    adopted: u64,
    skipped: u64,
    failed: u64,
    created_at: Moment,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let list = paths::page(acting.platform(), PLACE);
    let before: Option<RotationId> = call.query("before").and_then(|text| text.parse().ok());
    // One more than is shown tells whether there is a next page.
    let rotations = &call.console().rotations;
    let mut found = rotations.list(&acting, before, SHOWN as u32 + 1).await?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more).map(|last| {
        let id = last.id.to_string();
        paths::with_query(&list, [("before", id.as_str())])
    });
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        rows: found.iter().map(|rotation| row(&list, rotation)).collect(),
        plan: acting
            .may(Permission::WebhookUpdate)
            .then(|| format!("{list}/plan")),
        newest: before.map(|_| list.clone()),
        next,
    })
}

fn row(list: &str, rotation: &Rotation) -> Row {
    let totals = rotation.totals;
    Row {
        href: format!("{list}/{}", rotation.id),
        id: rotation.id.to_string(),
        state: state(rotation),
        total: totals.total,
        rolled: totals.rolled,
        adopted: totals.adopted,
        skipped: totals.skipped,
        failed: totals.failed,
        created_at: Moment(rotation.created_at),
    }
}

/// How far a campaign is.
pub(super) fn state(rotation: &Rotation) -> State {
    match rotation.status {
        RotationStatus::Running => State::wait("running"),
        RotationStatus::Stopped => State::bad("stopped"),
        RotationStatus::Done if rotation.totals.failed > 0 => State::bad("done, with failures"),
        RotationStatus::Done => State::good("done"),
    }
}
