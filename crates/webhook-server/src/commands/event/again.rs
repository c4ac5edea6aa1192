//! `event resend`, `event give-up` and `event replay`.

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::access::caller::Acting;
use webhook_domain::delivery::event::Environment;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::TrackedDelivery;
use webhook_domain::services::Replay;
use webhook_domain::time::Instant;
use webhook_http_actix::wire::{ResentJson, WebhookEventJson};

use super::{DeliveryArgument, PlatformArgument, events};
use crate::commands::local::{Local, answer, answer_json, remark};
use crate::commands::{Format, done};
use crate::exit::Failure;

/// The deliveries to replay.
#[derive(Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Events published at this time or later, such as 2024-04-12T15:22:37Z
    #[arg(long, value_name = "INSTANT")]
    created_after: Instant,
    /// Events published before this time; up to now, if not given
    #[arg(long, value_name = "INSTANT")]
    created_before: Option<Instant>,
    /// Only deliveries with this status, SUCCEEDED or FAILED; both, if not given
    #[arg(long, value_parser = status)]
    status: Option<&'static str>,
}

fn status(text: &str) -> Result<&'static str, InvalidValue> {
    Replay::status_named(text).map_err(|_| InvalidValue::new("must be one of SUCCEEDED, FAILED"))
}

impl ReplayArguments {
    /// The arguments, if they go together.
    pub(super) fn check(self) -> Result<Self, Failure> {
        Replay::check_period(self.created_after, self.created_before)
            .map_err(|_| Failure::configuration("--created-before must be later than --created-after"))?;
        Ok(self)
    }
}

/// Resends one delivery.
pub(super) fn resend(
    local: &Local,
    named: DeliveryArgument,
    environment: Environment,
    format: Format,
) -> Result<(), Failure> {
    let (acting, id) = (local.acting_on(Some(named.platform.platform))?, named.id);
    let doing = "resend the delivery";
    let resent = local.wait(doing, events(local).resend(&acting, id, None))?;
    let tracked = done(resent, doing)?;
    remark(&format!("{id} was appended to its queue"));
    local.remark_pause()?;
    show(&tracked, environment, format)
}

/// Gives up one delivery.
pub(super) fn give_up(
    local: &Local,
    named: DeliveryArgument,
    environment: Environment,
    format: Format,
) -> Result<(), Failure> {
    let (acting, id) = (local.acting_on(Some(named.platform.platform))?, named.id);
    let doing = "give up the delivery";
    let given_up = local.wait(doing, events(local).give_up(&acting, id, None))?;
    let tracked = done(given_up, doing)?;
    remark(&format!("gave up {id}"));
    show(&tracked, environment, format)
}

fn show(tracked: &TrackedDelivery, environment: Environment, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => answer_json(&WebhookEventJson::new(tracked, environment)),
        Format::Text => Ok(()),
    }
}

/// Replays deliveries of one webhook.
pub(super) fn replay(local: &Local, arguments: ReplayArguments, format: Format) -> Result<(), Failure> {
    let acting: Acting = local.acting_on(Some(arguments.platform.platform))?;
    let replay = Replay {
        webhook: arguments.id,
        created_after: arguments.created_after,
        created_before: arguments.created_before,
        status: arguments.status,
        idempotent: None,
    };
    let doing = "replay the deliveries";
    let resent = done(local.wait(doing, events(local).replay(&acting, replay))?, doing)?;
    if resent.deliveries > 0 {
        local.remark_pause()?;
    }
    match format {
        Format::Json => answer_json(&ResentJson::new(&resent)),
        Format::Text => answer(&format!(
            "appended {} to the queue\n",
            counted_deliveries(resent.deliveries)
        )),
    }
}

fn counted_deliveries(count: u64) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    }
}
