//! `event`: publishing events, following their way to webhooks, sending them again, giving them up.
//!
//! A running server delivers what is queued here as it does what comes over HTTP: it is told by the store, or finds it within a second.

mod again;
mod publish;
mod read;

use clap::{Args, Subcommand};
use webhook_domain::id::{DeliveryId, PlatformId};
use webhook_domain::services::EventService;

use super::Format;
use super::local::Local;
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do with events.
#[derive(Subcommand)]
pub(crate) enum EventCommand {
    /// Publish an event, and print its id, alone, on standard output
    ///
    /// What there is to say of it is read from a file or standard input, as JSON, and delivered byte for byte.
    /// Nothing is kept until all of it was read.
    ///
    /// Example: echo '{"id":"inv_1"}' | webhook-server event publish --type INVOICE.PAID
    Publish(publish::PublishArguments),
    /// List events on their way to webhooks, those that were queued last first
    ///
    /// Example: webhook-server event list --webhook-id whk_… --status FAILED
    List(read::ListArguments),
    /// Show an event on its way to a webhook: what is delivered, and every attempt
    ///
    /// Example: webhook-server event show whe_…
    Show(DeliveryArgument),
    /// Send an event to its webhook again: it goes to the end of the webhook's queue
    ///
    /// Example: webhook-server event resend whe_…
    Resend(DeliveryArgument),
    /// Give up an event that waits for its webhook, so that the next one's turn comes
    ///
    /// Example: webhook-server event give-up whe_…
    GiveUp(DeliveryArgument),
    /// Send a webhook all of a period again, delivered or given up, in the order in which it was published
    ///
    /// Example: webhook-server event replay whk_… --created-after 2024-04-12T00:00:00Z --status FAILED
    Replay(again::ReplayArguments),
}

/// The platform to act on.
#[derive(Args)]
pub(crate) struct PlatformArgument {
    /// The platform the events belong to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

/// An event on its way to a webhook.
#[derive(Args)]
pub(crate) struct DeliveryArgument {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The id of the event on its way to a webhook, whe_…, as `event list` has it
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
    EventService::new(open.store.clone(), open.clock.clone(), open.entropy.clone()).limited(open.quotas)
}
