//! `webhook`: creating webhooks, listing them, rolling their secrets.

use clap::{Args, Subcommand};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::key_ring::Overlap;
use webhook_domain::ports::Outcome;
use webhook_domain::services::{CreateWebhook, RollSecret, SecretKeyService, WebhookService};
use webhook_domain::webhook::{ActionCatalogue, ActionList, HttpPolicy, Name, Reference, TargetUrl, Webhook};
use webhook_domain::{InvalidValue, webhook};

use super::local::{Local, answer, remark};
use super::table::table;
use crate::exit::Failure;
use crate::settings::Settings;

/// How many webhooks are read at a time.
const STEP: u32 = 200;

/// What to do with webhooks.
#[derive(Subcommand)]
pub(crate) enum WebhookCommand {
    /// Create a webhook, and print it with its secret key
    Create(CreateArguments),
    /// List the webhooks of a platform, without their keys
    List {
        #[command(flatten)]
        platform: PlatformArgument,
    },
    /// Give a webhook a new secret key and print it, alone, on standard output
    Roll(RollArguments),
}

/// The platform to act on.
#[derive(Args)]
pub(crate) struct PlatformArgument {
    /// The platform the webhook belongs to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

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

/// The roll to do.
#[derive(Args)]
pub(crate) struct RollArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Seconds the key before goes on signing, 0 to 604800; 0 retires all older keys at once
    #[arg(long, value_name = "SECONDS", value_parser = overlap)]
    previous_secret_expires_in: Option<Overlap>,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: WebhookCommand) -> Result<(), Failure> {
    match command {
        WebhookCommand::Create(arguments) => {
            let platform = arguments.platform.platform.clone();
            let wanted = wanted(arguments, settings.http_policy)?;
            create(&Local::open_or_make(settings)?, platform, wanted)
        }
        WebhookCommand::List { platform } => list(&Local::open(settings)?, platform.platform),
        WebhookCommand::Roll(arguments) => {
            let default_overlap = settings.previous_secret_ttl;
            roll(&Local::open(settings)?, arguments, default_overlap)
        }
    }
}

fn overlap(text: &str) -> Result<Overlap, InvalidValue> {
    Overlap::from_seconds(text.parse().map_err(|_| Overlap::invalid())?)
}

fn wanted(arguments: CreateArguments, http: HttpPolicy) -> Result<webhook::Settings, Failure> {
    let url = |text| TargetUrl::parse(text, http);
    Ok(webhook::Settings {
        name: optional("--name", arguments.name, Name::parse)?,
        reference: optional("--reference", arguments.reference, Reference::parse)?,
        active: !arguments.inactive,
        include_previous_data: arguments.include_previous_data,
        url: optional("--url", arguments.url, url)?,
        included_actions: actions("--action", arguments.included_actions)?,
        excluded_actions: actions("--excluded-action", arguments.excluded_actions)?,
        ..webhook::Settings::default()
    })
}

fn optional<T>(
    flag: &str,
    text: Option<String>,
    parse: impl FnOnce(String) -> Result<T, InvalidValue>,
) -> Result<Option<T>, Failure> {
    text.map(parse)
        .transpose()
        .map_err(|problem| Failure::configuration(format!("{flag} {problem}")))
}

fn actions(flag: &str, items: Vec<String>) -> Result<Option<ActionList>, Failure> {
    if items.is_empty() {
        return Ok(None);
    }
    ActionList::parse(items, &ActionCatalogue::default())
        .map(Some)
        .map_err(|error| {
            let item = error.index.map(|index| format!(" (number {})", index + 1));
            Failure::configuration(format!("{flag}{} {}", item.unwrap_or_default(), error.problem))
        })
}

fn webhooks(local: &Local) -> WebhookService {
    let open = &local.open;
    WebhookService::new(open.store.clone(), open.clock.clone(), open.entropy.clone())
}

fn create(local: &Local, platform: PlatformId, settings: webhook::Settings) -> Result<(), Failure> {
    let acting = local.acting_on(Some(platform))?;
    let create = CreateWebhook {
        settings,
        idempotent: None,
    };
    let doing = "create the webhook";
    let webhook = done(local.wait(doing, webhooks(local).create(&acting, create))?, doing)?;
    let secret_key = current_secret(&webhook).unwrap_or("none");
    answer(&format!(
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
    ))
}

fn list(local: &Local, platform: PlatformId) -> Result<(), Failure> {
    let acting = local.acting_on(Some(platform))?;
    let service = webhooks(local);
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let webhooks = local.wait("list the webhooks", service.list(&acting, after, STEP))?;
        rows.extend(webhooks.iter().map(row));
        after = webhooks.last().map(|webhook| webhook.id);
        if webhooks.len() < STEP as usize {
            break;
        }
    }
    let head = [
        "ID",
        "NAME",
        "REFERENCE",
        "URL",
        "ACTIVE",
        "CREATED",
        "SECRET ROLLED",
    ];
    answer(&table(head, &rows))
}

fn row(webhook: &Webhook) -> [String; 7] {
    let settings = &webhook.settings;
    let rolled_at = webhook.key_ring.rolled_at();
    [
        webhook.id.to_string(),
        settings.name.as_ref().map_or("", Name::as_str).to_owned(),
        settings
            .reference
            .as_ref()
            .map_or("", Reference::as_str)
            .to_owned(),
        settings.url.as_ref().map_or("", TargetUrl::as_str).to_owned(),
        settings.active.to_string(),
        webhook.created_at.to_string(),
        rolled_at.map_or_else(|| "never".to_owned(), |instant| instant.to_string()),
    ]
}

fn roll(local: &Local, arguments: RollArguments, default_overlap: Overlap) -> Result<(), Failure> {
    let acting = local.acting_on(Some(arguments.platform.platform))?;
    let open = &local.open;
    let (store, clock, entropy) = (open.store.clone(), open.clock.clone(), open.entropy.clone());
    let service = SecretKeyService::new(store, clock, entropy, default_overlap);
    let roll = RollSecret {
        overlap: arguments.previous_secret_expires_in,
        ..RollSecret::default()
    };
    let doing = "roll the secret";
    let webhook = done(
        local.wait(doing, service.roll(&acting, arguments.id, roll))?,
        doing,
    )?;
    remark(&before(&webhook, open.clock.now()));
    answer(&format!("{}\n", current_secret(&webhook).unwrap_or("none")))
}

/// What became of the key before the roll.
fn before(webhook: &Webhook, now: webhook_domain::time::Instant) -> String {
    match webhook.key_ring.previous(now) {
        Some(previous) => format!("the key before goes on signing until {}", previous.expires_at),
        None => "no older key signs any more".to_owned(),
    }
}

fn current_secret(webhook: &Webhook) -> Option<&str> {
    webhook.key_ring.current().map(|key| key.secret.expose())
}

/// The webhook of an order without an idempotency key, which can have no other outcome.
fn done(outcome: Outcome, doing: &str) -> Result<Webhook, Failure> {
    match outcome {
        Outcome::Done { webhook, .. } => Ok(*webhook),
        Outcome::Replayed(_) => Err(Failure::configuration(format!(
            "cannot {doing}: it was done before"
        ))),
    }
}
