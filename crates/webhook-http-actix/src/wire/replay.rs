//! Which events are sent to a webhook again, and how many they were.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::Resent;
use webhook_domain::services::Replay;
use webhook_domain::time::Instant;

use super::answer::answer;
use super::body::{Sent, body, given};
use super::fields::Fields;
use super::schemas::{Described, plain};
use crate::errors::Problem;
use crate::openapi::values::one_of;
use crate::request::json::Object;

answer! {
    /// What came of sending events again.
    #[document("Resent")]
    pub struct ResentJson {
        /// How many events are in the queue again.
        resent: u64 = 12,
    }
}

impl ResentJson {
    /// What came of sending many again.
    #[must_use]
    pub const fn new(resent: &Resent) -> Self {
        Self {
            resent: resent.deliveries,
        }
    }
}

body! {
    /// Which events are sent to a webhook again.
    #[document("ReplayEvents", read_from = Fields)]
    pub(crate) struct ReplayBody {
        /// Those published then or later.
        created_after: Instant = "2024-04-12T15:22:37Z",
        /// Those published before; null or absent for all since.
        created_before: Option<Instant>,
        /// Those of this status alone; null or absent for both.
        status: Option<EndedStatus> = "FAILED",
    }
}

/// Which events of `webhook` are sent again, as `body` says.
pub(crate) fn replay(body: Object, webhook: WebhookId) -> Result<Replay, Problem> {
    let asked = ReplayBody::read(&mut Fields::new(body, ReplayBody::is_known)?)?;
    Replay::check_period(asked.created_after, asked.created_before)
        .map_err(|problem| Problem::invalid_value("created_before", &problem))?;
    Ok(Replay {
        webhook,
        created_after: asked.created_after,
        created_before: asked.created_before,
        status: asked.status.map(|EndedStatus(name)| name),
        idempotent: None,
    })
}

/// The status of an event that has come to its end, by its name.
struct EndedStatus(&'static str);

impl Described for EndedStatus {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(one_of(Replay::STATUSES, says), nullable)
    }
}

impl Sent for EndedStatus {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let status = fields.text(name, |text| Replay::status_named(&text).map(Self));
        status.map(given)
    }
}
