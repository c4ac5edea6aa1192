//! Planning a campaign: what it is to do, and of how many webhooks that would be. Nothing is begun.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::MatchingWebhooks;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::{Refusal, ServiceError};

use super::asked::{ACTIVE, Asked, Choice, OVERLAPS, PROTOCOLS, SPREADS};
use super::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::Wrong;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

/// How many webhooks are named.
const NAMED: usize = 20;

#[derive(Template)]
#[template(path = "campaigns/plan.html")]
struct PlanPage {
    frame: Frame,
    list: String,
    webhooks: String,
    asked: Asked,
    wrong: Option<Wrong>,
    planned: Option<Planned>,
}

/// What it would be about, and the form that begins it.
struct Planned {
    total: u64,
    first: Vec<String>,
    /// Whether no retired key goes on signing.
    ends_at_once: bool,
    form_key: String,
}

impl PlanPage {
    fn overlaps(&self) -> &'static [Choice] {
        &OVERLAPS
    }

    fn spreads(&self) -> &'static [Choice] {
        &SPREADS
    }

    fn active(&self) -> &'static [Choice] {
        &ACTIVE
    }

    fn protocols(&self) -> &'static [Choice] {
        &PROTOCOLS
    }

    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

impl Planned {
    /// How many there are beside those that are named.
    fn more(&self) -> u64 {
        self.total.saturating_sub(self.first.len() as u64)
    }
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let asked = Asked::of(&call);
    let is_asked = call.query("count").is_some();
    let (planned, wrong) = match is_asked.then(|| asked.start()) {
        None => (None, None),
        Some(Err(wrong)) => (None, Some(wrong)),
        Some(Ok(start)) => {
            let form_key = call.form_key()?.as_str().to_owned();
            let overlap = start.overlap.unwrap_or(call.console().default_overlap);
            match call.console().rotations.plan(&acting, &start).await {
                Ok(found) => (Some(planned(&found, overlap, form_key)), None),
                Err(ServiceError::Refused(Refusal::InvalidField { problem, .. })) => {
                    (None, Some(Wrong::new("overlap", problem)))
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    page(&PlanPage {
        frame: Frame::of(&acting, PLACE),
        list: paths::page(acting.platform(), PLACE),
        webhooks: paths::page(acting.platform(), "webhooks"),
        asked,
        wrong,
        planned,
    })
}

fn planned(found: &MatchingWebhooks, overlap: Overlap, form_key: String) -> Planned {
    Planned {
        total: found.total,
        first: found.first.iter().take(NAMED).map(ToString::to_string).collect(),
        ends_at_once: overlap == Overlap::NONE,
        form_key,
    }
}
