//! `webhook`: creating webhooks, reading, changing and deleting them, rolling their secrets.

mod check;
mod create;
mod custom_headers;
mod filter;
mod import;
mod probe;
mod read;
mod remove_secret;
mod retired_secret;
mod roll;
mod secret_file;
mod setting_arguments;
mod until_adopted;
mod update;

use clap::{Args, Subcommand};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::services::{DeleteWebhook, SecretKeyService, WebhookService};
use webhook_domain::signing::key_ring::{Overlap, SigningKey};
use webhook_domain::signing::verification_key::VerificationKey;
use webhook_domain::webhook::Webhook;
use webhook_http_actix::wire::{Keys, WebhookJson, described};

use super::local::{Local, answer_json, confirmed, remark};
use super::{Format, done};
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do with webhooks.
#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Create a webhook, and print it with its secret key
    ///
    /// Example: `webhook-server webhook create --url https://example.com/webhooks --action INVOICE.PAID`
    Create(Box<create::CreateArguments>),
    /// Create the webhooks of a file, with the secrets that their receivers have from a former provider
    ///
    /// Each line is a JSON object as POST /v1/webhooks takes it, with a `reference` that names the webhook. A line whose reference is there
    /// already is passed over, so the command can be run again. The exit status is 1 if a line failed.
    ///
    /// Example: `webhook-server webhook import endpoints.jsonl`
    Import(import::ImportArguments),
    /// List the webhooks of a platform, without their keys
    List(read::ListArguments),
    /// Show a webhook
    Show(read::ShowArguments),
    /// Change a webhook's settings; what no flag names stays as it is
    Update(Box<update::UpdateArguments>),
    /// Delete a webhook, and its keys with it
    Delete {
        #[command(flatten)]
        platform: PlatformArgument,
        /// The webhook's id, whk_…
        id: WebhookId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give a webhook a new secret key and print it, alone, on standard output
    Roll(roll::RollArguments),
    /// Remove a webhook's secret key. It keeps signing for its overlap; after that, deliveries are unsigned
    ///
    /// Example: `webhook-server webhook remove-secret whk_… --previous-secret-expires-in 3600`
    RemoveSecret(remove_secret::RemoveSecretArguments),
    /// Set until when one retired key signs: longer than it was promised, shorter, or no more
    ///
    /// Example: `webhook-server webhook retired-secret whk_… sha256:… --expires-in 172800`
    RetiredSecret(retired_secret::RetiredSecretArguments),
    /// Undo the last roll: the key that it retired becomes the current one again
    ///
    /// It must still sign, and the webhook's keys must not have changed since. The key that the roll made signs for the overlap.
    ///
    /// Example: `webhook-server webhook restore-secret whk_…`
    RestoreSecret(retired_secret::RestoreSecretArguments),
    /// Find out with which of its keys a webhook's receiver verifies, and print what it answered to each
    ///
    /// Up to four events of type WEBHOOK.KEY_CHECK are sent past the queue, each signed by one key alone: two controls by keys that are nobody's,
    /// the current key, and the previous one. They are sent with the same address rules, proxy and certificates as deliveries, by the
    /// settings of this command. A webhook can be checked six times an hour.
    ///
    /// The exit status says what was found out: 0 ADOPTED, 3 NOT_ADOPTED, 4 INCONCLUSIVE, 5 DOES_NOT_VERIFY, 6 UNREACHABLE. It is 1 if no check
    /// was made.
    ///
    /// Example: `webhook-server webhook check whk_…`
    Check {
        #[command(flatten)]
        platform: PlatformArgument,
        /// The webhook's id, whk_…
        id: WebhookId,
    },
    /// Send a test event to a webhook, which may be inactive, and print the result
    ///
    /// It is signed like a delivery, and sent with the same address rules, proxy and certificates, by the settings of this command.
    /// The exit status is 1 if it failed.
    ///
    /// Example: `webhook-server webhook send-test whk_…`
    SendTest {
        #[command(flatten)]
        platform: PlatformArgument,
        /// The webhook's id, whk_…
        id: WebhookId,
    },
    /// Send a test event as a new webhook with these settings would, and store nothing
    ///
    /// Its signing key is made for this one request, so a receiver that verifies signatures rejects it. The exit status is 1 if it
    /// failed.
    ///
    /// Example: `webhook-server webhook test-connection --url https://example.com/webhooks`
    TestConnection(Box<probe::TestConnectionArguments>),
}

/// The platform to act on.
#[derive(Args)]
pub(crate) struct PlatformArgument {
    /// The platform the webhook belongs to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: WebhookCommand, format: Format) -> Result<(), Failure> {
    match command {
        WebhookCommand::Create(arguments) => create::run(settings, *arguments, format),
        WebhookCommand::Import(arguments) => import::run(settings, &arguments, format),
        WebhookCommand::List(arguments) => read::list(&Local::open(settings)?, arguments, format),
        WebhookCommand::Show(arguments) => read::show(&Local::open(settings)?, arguments, format),
        WebhookCommand::Update(arguments) => update::run(settings, *arguments, format),
        WebhookCommand::Delete { platform, id, yes } => {
            delete(&Local::open(settings)?, platform.platform, id, yes, format)
        }
        WebhookCommand::Roll(arguments) => {
            let default_overlap = settings.previous_secret_ttl;
            roll::run(&Local::open(settings)?, arguments, default_overlap, format)
        }
        WebhookCommand::RemoveSecret(arguments) => {
            let default_overlap = settings.previous_secret_ttl;
            remove_secret::run(&Local::open(settings)?, arguments, default_overlap, format)
        }
        WebhookCommand::RetiredSecret(arguments) => {
            let default_overlap = settings.previous_secret_ttl;
            retired_secret::set_expiry(&Local::open(settings)?, arguments, default_overlap, format)
        }
        WebhookCommand::RestoreSecret(arguments) => {
            let default_overlap = settings.previous_secret_ttl;
            retired_secret::restore(&Local::open(settings)?, arguments, default_overlap, format)
        }
        WebhookCommand::Check { platform, id } => check::run(settings, platform.platform, id, format),
        WebhookCommand::SendTest { platform, id } => {
            probe::send_test(settings, platform.platform, id, format)
        }
        WebhookCommand::TestConnection(arguments) => probe::test_connection(settings, *arguments, format),
    }
}

fn delete(
    local: &Local,
    platform: PlatformId,
    id: WebhookId,
    yes: bool,
    format: Format,
) -> Result<(), Failure> {
    if !yes
        && !confirmed(&format!(
            "delete {id} of platform {platform}, and its keys with it?"
        ))?
    {
        return Err(Failure::found("nothing was deleted".to_owned()));
    }
    let acting = local.acting_on(Some(platform))?;
    let doing = "delete the webhook";
    let service = webhooks(local);
    let deleted = service.delete(&acting, id, DeleteWebhook::default());
    let webhook = done(local.wait(doing, deleted)?, doing)?;
    remark(&format!("deleted {id}"));
    match format {
        Format::Json => answer_json(&WebhookJson::new(
            &webhook,
            local.open.clock.now(),
            Keys::Withheld,
        )),
        Format::Text => Ok(()),
    }
}

fn webhooks(local: &Local) -> WebhookService {
    let open = &local.open;
    WebhookService::new(open.store.clone(), open.clock.clone(), open.entropy.clone())
        .announcing(described)
        .limited(open.quotas)
}

fn current_secret(webhook: &Webhook) -> Option<&str> {
    webhook.key_ring.current().and_then(SigningKey::expose_shared)
}

/// The public half of the current key, if it has one.
fn verification_key(webhook: &Webhook) -> Option<&str> {
    let key = webhook.key_ring.current().and_then(SigningKey::verification_key);
    key.map(VerificationKey::text)
}

fn secret_keys(local: &Local, default_overlap: Overlap) -> SecretKeyService {
    let open = &local.open;
    let (store, clock, entropy) = (open.store.clone(), open.clock.clone(), open.entropy.clone());
    SecretKeyService::new(store, clock, entropy, default_overlap).announcing(described)
}
