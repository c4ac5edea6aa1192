//! `webhook create`.

use clap::Args;
use webhook_domain::services::CreateWebhook;
use webhook_domain::webhook::{self, ActionCatalogue, Name, Reference, TargetPolicy, TargetUrl, Webhook};
use webhook_http_actix::representation::{Keys, WebhookJson};

use super::{PlatformArgument, actions, current_secret, optional, webhooks};
use crate::actions::catalogue;
use crate::commands::local::{Local, answer, answer_json};
use crate::commands::{Format, done};
use crate::exit::Failure;
use crate::settings::Settings;

/// The webhook to create.
#[derive(Args)]
pub(crate) struct CreateArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// Where deliveries go
    #[arg(long)]
    url: Option<String>,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// The platform's own name for it, unique among its webhooks
    #[arg(long)]
    reference: Option<String>,
    /// An action to be told of, such as INVOICE.CREATED; may be given more than once; all, if not given
    #[arg(long = "action", value_name = "ACTION")]
    included_actions: Vec<String>,
    /// An action not to be told of, even if included; may be given more than once
    #[arg(long = "excluded-action", value_name = "ACTION")]
    excluded_actions: Vec<String>,
    /// Collect and deliver nothing yet
    #[arg(long)]
    inactive: bool,
    /// Deliver what a resource was before, too
    #[arg(long)]
    include_previous_data: bool,
}

/// Creates the webhook.
pub(super) fn run(settings: Settings, arguments: CreateArguments, format: Format) -> Result<(), Failure> {
    let platform = arguments.platform.platform.clone();
    let catalogue = catalogue(settings.actions_file.as_deref())?;
    let wanted = wanted(arguments, &settings.target_policy, &catalogue)?;
    let local = Local::open_or_make(settings)?;
    let acting = local.acting_on(Some(platform))?;
    let create = CreateWebhook {
        settings: wanted,
        idempotent: None,
    };
    let doing = "create the webhook";
    let webhook = done(
        local.wait(doing, webhooks(&local).create(&acting, create))?,
        doing,
    )?;
    match format {
        Format::Json => answer_json(&WebhookJson::new(&webhook, local.open.clock.now(), Keys::Shown)),
        Format::Text => answer(&summary(&webhook)),
    }
}

fn wanted(
    arguments: CreateArguments,
    targets: &TargetPolicy,
    catalogue: &ActionCatalogue,
) -> Result<webhook::Settings, Failure> {
    let url = |text| TargetUrl::parse(text, targets);
    Ok(webhook::Settings {
        name: optional("--name", arguments.name, Name::parse)?,
        reference: optional("--reference", arguments.reference, Reference::parse)?,
        active: !arguments.inactive,
        include_previous_data: arguments.include_previous_data,
        url: optional("--url", arguments.url, url)?,
        included_actions: actions("--action", arguments.included_actions, catalogue)?,
        excluded_actions: actions("--excluded-action", arguments.excluded_actions, catalogue)?,
        ..webhook::Settings::default()
    })
}

/// The webhook with its key, for people.
fn summary(webhook: &Webhook) -> String {
    let secret_key = current_secret(webhook).unwrap_or("none");
    format!(
        "id          {}\nplatform    {}\nname        {}\nreference   {}\nurl         {}\nactive      {}\n\
         secret_key  {secret_key}\n",
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
