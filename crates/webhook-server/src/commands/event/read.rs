//! `event list` and `event show`.

use clap::Args;
use serde_json::Value;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{Attempt, CredentialsTaken, FailureCause, StatusCode};
use webhook_domain::delivery::event::Environment;
use webhook_domain::id::{DeliveryId, EventId, WebhookId};
use webhook_domain::ports::{DeliveryQuery, ListedDelivery};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Action;
use webhook_http_actix::wire::WebhookEventJson;

use super::{DeliveryArgument, PlatformArgument, events};
use crate::commands::Format;
use crate::commands::local::{Local, print, print_json, printable};
use crate::commands::table::table;
use crate::exit::Failure;

/// How many are read at a time: each may have many attempts.
const STEP: u32 = 100;

/// The deliveries to list.
#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// Only deliveries to this webhook
    #[arg(long, value_name = "ID")]
    webhook_id: Option<WebhookId>,
    /// Only deliveries of this event
    #[arg(long, value_name = "ID")]
    event_id: Option<EventId>,
    /// Only deliveries of events of this type, such as INVOICE.PAID
    #[arg(long = "type", value_name = "ACTION", value_parser = action)]
    action: Option<Action>,
    /// Only deliveries with this status: PENDING, SUCCEEDED or FAILED
    #[arg(long, value_parser = DeliveryStatus::named)]
    status: Option<&'static str>,
    /// Only events published at this time or later, such as 2024-04-12T15:22:37Z
    #[arg(long, value_name = "INSTANT")]
    created_after: Option<Instant>,
    /// Only events published before this time
    #[arg(long, value_name = "INSTANT")]
    created_before: Option<Instant>,
    /// Only deliveries with an attempt that was signed with this key
    #[arg(long, value_name = "FINGERPRINT")]
    key_fingerprint: Option<Fingerprint>,
    /// Only deliveries that come after this one in the list
    #[arg(long, value_name = "ID")]
    after: Option<DeliveryId>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

fn action(text: &str) -> Result<Action, webhook_domain::InvalidValue> {
    Action::parse(text.to_owned())
}

/// Lists deliveries.
pub(super) fn list(local: &Local, arguments: ListArguments, format: Format) -> Result<(), Failure> {
    let acting = local.acting_on(Some(arguments.platform.platform))?;
    let service = events(local);
    let mut query = DeliveryQuery {
        webhook: arguments.webhook_id,
        event: arguments.event_id,
        action: arguments.action,
        status: arguments.status,
        created_after: arguments.created_after,
        created_before: arguments.created_before,
        signed_with: arguments.key_fingerprint,
        skip: 0,
        after: arguments.after,
        limit: 0,
    };
    let (mut rows, mut json, mut left) = (Vec::new(), Vec::new(), arguments.limit);
    while left > 0 {
        query.limit = left.min(STEP);
        let part = local.wait("list the deliveries", service.deliveries(&acting, query.clone()))?;
        query.after = part.last().map(|listed| listed.delivery.id);
        let is_last = part.len() < query.limit as usize;
        match format {
            Format::Text => rows.extend(part.iter().map(row)),
            Format::Json => json.extend(part.iter().map(shown)),
        }
        if is_last {
            break;
        }
        left -= query.limit;
    }
    match format {
        Format::Json => print_json(&json),
        Format::Text => print(&table(
            [
                "ID", "EVENT", "TYPE", "WEBHOOK", "STATUS", "CREATED", "ATTEMPTS", "LAST",
            ],
            &rows,
        )),
    }
}

/// As the API's lists have it.
fn shown(listed: &ListedDelivery) -> Value {
    // Texts, numbers and lists of them: there is nothing in it that cannot be written.
    serde_json::to_value(WebhookEventJson::listed(listed)).unwrap_or_default()
}

fn row(listed: &ListedDelivery) -> [String; 8] {
    let delivery = &listed.delivery;
    [
        delivery.id.to_string(),
        delivery.event.to_string(),
        listed.action.as_str().to_owned(),
        delivery.webhook.to_string(),
        delivery.status.name().to_owned(),
        delivery.created_at.to_string(),
        listed.attempts.len().to_string(),
        listed.attempts.last().map_or_else(String::new, outcome),
    ]
}

/// What came of an attempt: the status it was answered with, or why there is none, or both.
fn outcome(attempt: &Attempt) -> String {
    let status = attempt.status().map(|status| StatusCode::get(status).to_string());
    let cause = attempt.cause().map(FailureCause::name);
    [status.as_deref(), cause]
        .into_iter()
        .flatten()
        .chain((attempt.credentials == CredentialsTaken::Previous).then_some("(previous credentials)"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Shows one delivery.
pub(super) fn show(
    local: &Local,
    named: DeliveryArgument,
    environment: Environment,
    format: Format,
) -> Result<(), Failure> {
    let acting = local.acting_on(Some(named.platform.platform))?;
    let tracked = local.wait("show the delivery", events(local).delivery(&acting, named.id))?;
    if format == Format::Json {
        return print_json(&WebhookEventJson::new(&tracked, environment));
    }
    let (delivery, event) = (&tracked.delivery, &tracked.event);
    let mut text = format!(
        "id          {}\nevent       {}\nwebhook     {}\ntype        {}\nstatus      {}\ncreated_at  {}\npayload     {}\n",
        delivery.id,
        delivery.event,
        delivery.webhook,
        event.action.as_str(),
        delivery.status.name(),
        delivery.created_at,
        printable(&String::from_utf8_lossy(&delivery.payload(event, environment))),
    );
    if !tracked.attempts.is_empty() {
        let rows: Vec<_> = tracked.attempts.iter().map(attempt_row).collect();
        text.push('\n');
        text.push_str(&table(["ATTEMPT AT", "OUTCOME", "MS", "KEYS", "ANSWER"], &rows));
    }
    print(&text)
}

fn attempt_row(attempt: &Attempt) -> [String; 5] {
    let keys: Vec<_> = attempt.key_fingerprints.iter().map(Fingerprint::as_str).collect();
    let body = attempt.response_body.as_ref();
    [
        attempt.at.to_string(),
        outcome(attempt),
        attempt.duration.as_millis().to_string(),
        keys.join(","),
        body.map_or_else(String::new, |body| printable(body.as_str())),
    ]
}
