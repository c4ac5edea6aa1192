//! One delivery: how far it has come and why no further, what was tried, what was sent and signed with which key, and what was answered.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{Attempt, AttemptOutcome, CredentialsTaken, ResponseBody};
use webhook_domain::id::DeliveryId;

use super::commands::Commands;
use super::said::{PLACE, outcome, path_of, state, webhook_of};
use super::sent::Sent;
use super::waiting::Waiting;
use super::waterfall::Waterfall;
use crate::request::call::Call;
use crate::trouble::{Trouble, sentence};
use crate::view::{Frame, Moment, State, page, webhook};
use crate::{done, paths};

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct ShowPage {
    frame: Frame,
    here: String,
    done: Option<&'static str>,
    action: String,
    id: String,
    event: String,
    event_href: String,
    webhook: String,
    webhook_href: String,
    state: State,
    created_at: Moment,
    ended_at: Option<Moment>,
    waiting: Option<Waiting>,
    waterfall: Option<Waterfall>,
    attempts: Vec<Row>,
    sent: Option<Sent>,
    response: Option<Answered>,
    /// Where the keys that signed are looked up, if the caller may do that.
    leaks: Option<String>,
    commands: Commands,
    may_resend: bool,
    may_give_up: bool,
}

/// An attempt in the table.
struct Row {
    number: usize,
    href: String,
    is_shown: bool,
    at: Moment,
    milliseconds: u128,
    outcome: State,
    host: Option<String>,
    with_previous_credentials: bool,
}

/// What the receiver said.
struct Answered {
    outcome: String,
    body: Option<String>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventView).await?;
    let id: DeliveryId = call.part("id")?;
    let tracked = call.console().events.delivery(&acting, id).await?;
    let delivery = &tracked.delivery;
    let webhook = webhook_of(&call, &acting, delivery.webhook).await?;
    let waiting = match delivery.status {
        DeliveryStatus::Pending => {
            let paused_since = call.console().probes.paused_since().await?;
            let now = call.console().clock.now();
            Some(Waiting::new(&tracked, webhook.as_ref(), paused_since, now))
        }
        _ => None,
    };
    let attempts = &tracked.attempts;
    let number = shown_number(&call, attempts.len());
    let shown = number.and_then(|number| attempts.get(number - 1));
    let here = path_of(delivery);
    let body = delivery.payload(&tracked.event, call.console().probes.environment);
    let list = paths::page(acting.platform(), PLACE);
    let event = delivery.event.to_string();
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        done: done::said(call.query("done").as_deref()),
        action: tracked.event.action.as_str().to_owned(),
        id: id.to_string(),
        event_href: paths::with_query(&list, [("event_id", event.as_str())]),
        webhook: webhook
            .as_ref()
            .map_or_else(|| delivery.webhook.to_string(), webhook::title),
        webhook_href: paths::page(acting.platform(), format_args!("webhooks/{}", delivery.webhook)),
        state: state(delivery.status),
        created_at: Moment(delivery.created_at),
        ended_at: delivery.status.ended_at().map(Moment),
        waiting,
        waterfall: Waterfall::of(attempts),
        attempts: (1..)
            .zip(attempts)
            .map(|(row, attempt)| attempt_row(&here, row, attempt, number))
            .collect(),
        sent: shown.map(|attempt| Sent::new(&tracked, attempt, webhook.as_ref(), &body)),
        response: shown.map(answered),
        leaks: (acting.may(Permission::WebhookView) && acting.may(Permission::AuditRecordView))
            .then(|| paths::page(acting.platform(), "leaks")),
        commands: Commands::new(&event, shown, webhook.as_ref()),
        may_resend: delivery.status != DeliveryStatus::Pending && acting.may(Permission::WebhookEventResend),
        may_give_up: delivery.status == DeliveryStatus::Pending && acting.may(Permission::WebhookEventResend),
        here,
        event,
    })
}

/// Which attempt is looked at: the one that the query names, or the last.
fn shown_number(call: &Call, count: usize) -> Option<usize> {
    let named = call.query("attempt").and_then(|text| text.parse().ok());
    let named = named.filter(|number| (1..=count).contains(number));
    named.or(Some(count)).filter(|number| *number > 0)
}

fn attempt_row(here: &str, number: usize, attempt: &Attempt, shown: Option<usize>) -> Row {
    Row {
        number,
        href: format!("{here}?attempt={number}"),
        is_shown: shown == Some(number),
        at: Moment(attempt.at),
        milliseconds: attempt.duration.as_millis(),
        outcome: match attempt.outcome {
            AttemptOutcome::Succeeded { .. } => State::good(outcome(attempt)),
            AttemptOutcome::Failed { .. } => State::bad(outcome(attempt)),
        },
        host: attempt.host.clone(),
        with_previous_credentials: attempt.credentials == CredentialsTaken::Previous,
    }
}

fn answered(attempt: &Attempt) -> Answered {
    Answered {
        outcome: sentence(&match attempt.outcome {
            AttemptOutcome::Succeeded { status } => format!("the receiver answered {}", status.get()),
            AttemptOutcome::Failed { cause } => cause.to_string(),
        }),
        body: attempt
            .response_body
            .as_ref()
            .map(ResponseBody::as_str)
            .map(str::to_owned),
    }
}
