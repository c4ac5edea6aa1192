//! `webhook create`.

use clap::Args;
use webhook_domain::services::CreateWebhook;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::{self, ActionCatalogue, Name, Reference, TargetPolicy, TargetUrl, Webhook};
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::setting_arguments::SettingArguments;
use super::{PlatformArgument, current_secret, verification_key, webhooks};
use crate::commands::local::{Local, answer, answer_json, cannot};
use crate::commands::{Format, done};
use crate::exit::Failure;
use crate::files::actions::catalogue;
use crate::settings::Settings;

/// The webhook to create.
#[derive(Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    settings: SettingArguments,
    /// How deliveries are signed: HmacSHA256, or Ed25519 for receivers that read the public key
    #[arg(long, value_name = "PROTOCOL", default_value_t)]
    signing_protocol: SigningProtocol,
    /// Collect and deliver nothing yet, as --active false
    #[arg(long, conflicts_with = "active")]
    inactive: bool,
}

/// Creates the webhook.
pub(super) fn run(settings: Settings, arguments: CreateArguments, format: Format) -> Result<(), Failure> {
    let platform = arguments.platform.platform.clone();
    let catalogue = catalogue(settings.actions_file.as_deref())?;
    let doing = "create the webhook";
    let wanted = wanted(arguments.settings, &settings.target_policy, &catalogue, doing)?;
    let wanted = webhook::Settings {
        active: wanted.active && !arguments.inactive,
        signing_protocol: arguments.signing_protocol,
        ..wanted
    };
    let local = Local::open_or_make(settings)?;
    let acting = local.acting_on(Some(platform))?;
    let create = CreateWebhook {
        settings: wanted,
        idempotent: None,
    };
    let webhook = done(
        local.wait(doing, webhooks(&local).create(&acting, create))?,
        doing,
    )?;
    match format {
        Format::Json => answer_json(&WebhookJson::new(&webhook, local.open.clock.now(), Keys::Shown)),
        Format::Text => answer(&summary(&webhook)),
    }
}

/// A new webhook's settings with what the flags say.
pub(super) fn wanted(
    arguments: SettingArguments,
    targets: &TargetPolicy,
    catalogue: &ActionCatalogue,
    doing: &str,
) -> Result<webhook::Settings, Failure> {
    let new = webhook::Settings::default();
    let update = arguments.update(&new, targets, catalogue)?;
    update
        .apply(new)
        .map_err(|refusal| cannot(doing, &refusal.into()))
}

/// The webhook with its key, for people.
fn summary(webhook: &Webhook) -> String {
    // A public key stands in no place where somebody looks for a secret.
    let key = match verification_key(webhook) {
        Some(public) => format!("verification_key  {public}"),
        None => format!("secret_key  {}", current_secret(webhook).unwrap_or("none")),
    };
    format!(
        "id          {}\nplatform    {}\nname        {}\nreference   {}\nurl         {}\nactive      {}\n\
         {key}\n",
        webhook.id,
        webhook.platform,
        webhook.settings.name.as_ref().map_or("none", Name::as_str),
        webhook
            .settings
            .reference
            .as_ref()
            .map_or("none", Reference::as_str),
        webhook.settings.url.as_ref().map_or("none", TargetUrl::as_str),
        webhook.settings.active,
    )
}
