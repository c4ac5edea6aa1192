//! `event`: publishes events, lists and shows their deliveries, resends them, gives them up.
//!
//! A running server delivers what is queued here like what is queued over HTTP: the store notifies it, or it finds it within a second.

mod again;
mod publish;
mod read;

use clap::{Args, Subcommand};
use webhook_domain::id::{DeliveryId, PlatformId};
use webhook_domain::services::EventService;
use webhook_http_actix::wire::described_delivery;

use super::Format;
use super::local::Local;
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do with events.
#[derive(Subcommand)]
pub(crate) enum EventCommand {
    /// Publish an event, and print its id, alone, on standard output
    ///
    /// Its data is read from a file or from standard input. It is one JSON value, at most 256 KiB, and is delivered byte for byte.
    /// Nothing is stored until all of it was read.
    ///
    /// Example: `echo '{"id":"inv_1"}' | webhook-server event publish --type INVOICE.PAID`
    Publish(publish::PublishArguments),
    /// List deliveries, the last one in the queue first
    ///
    /// Example: `webhook-server event list --webhook-id whk_… --status FAILED`
    List(read::ListArguments),
    /// Show a delivery: its payload and every attempt
    ///
    /// Example: `webhook-server event show whe_…`
    Show(DeliveryArgument),
    /// Resend a finished delivery: it is appended to its queue again
    ///
    /// Example: `webhook-server event resend whe_…`
    Resend(DeliveryArgument),
    /// Give up a pending delivery: it becomes FAILED, and the next one in the queue is sent
    ///
    /// Example: `webhook-server event give-up whe_…`
    GiveUp(DeliveryArgument),
    /// Replay a webhook's finished deliveries of a period, in the order of publication
    ///
    /// Example: `webhook-server event replay whk_… --created-after 2024-04-12T00:00:00Z --status FAILED`
    Replay(again::ReplayArguments),
}

/// The platform to act on.
#[derive(Args)]
pub(crate) struct PlatformArgument {
    /// The platform the events belong to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

/// A delivery.
#[derive(Args)]
pub(crate) struct DeliveryArgument {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The id of the delivery, whe_…, as `event list` prints it
    id: DeliveryId,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: EventCommand, format: Format) -> Result<(), Failure> {
    let environment = settings.environment;
    match command {
        EventCommand::Publish(arguments) => publish::run(settings, arguments, format),
        EventCommand::List(arguments) => read::list(&Local::open(settings)?, arguments, format),
        EventCommand::Show(named) => read::show(&Local::open(settings)?, named, environment, format),
        EventCommand::Resend(named) => again::resend(&Local::open(settings)?, named, environment, format),
        EventCommand::GiveUp(named) => again::give_up(&Local::open(settings)?, named, environment, format),
        EventCommand::Replay(arguments) => {
            let replay = arguments.check()?;
            again::replay(&Local::open(settings)?, replay, format)
        }
    }
}

fn events(local: &Local) -> EventService {
    let open = &local.open;
    EventService::new(open.store.clone(), open.clock.clone(), open.entropy.clone())
        .announcing(described_delivery)
        .limited(open.quotas)
}
