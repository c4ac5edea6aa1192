//! `webhook list` and `webhook show`.

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::access::caller::Acting;
use webhook_domain::id::WebhookId;
use webhook_domain::services::WebhookService;
use webhook_domain::webhook::{
    Direction, Name, PageSize, PageStart, Reference, TargetUrl, Webhook, WebhookOrder, WebhookQuery,
};
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::filter::FilterArguments;
use super::{PlatformArgument, webhooks};
use crate::commands::Format;
use crate::commands::local::{Local, print, print_json};
use crate::commands::table::table;
use crate::exit::Failure;

/// The webhooks to list.
#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    filter: FilterArguments,
    /// created_at, updated_at, name or reference
    #[arg(long, default_value = "created_at")]
    order_by: WebhookOrder,
    /// asc or desc
    #[arg(long, default_value = "asc")]
    order_direction: Direction,
    /// Maximum number of webhooks; all, if not given
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one)]
    limit: Option<usize>,
}

fn at_least_one(text: &str) -> Result<usize, InvalidValue> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or(InvalidValue::new("must be a whole number from 1 up"))
}

/// The webhook to show.
#[derive(Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Also show its keys, which is audited
    #[arg(long)]
    reveal: bool,
}

/// Lists webhooks, without their keys.
pub(super) fn list(local: &Local, arguments: ListArguments, format: Format) -> Result<(), Failure> {
    let acting = local.acting_on(Some(arguments.platform.platform.clone()))?;
    let listed = read(local, &acting, &arguments)?;
    if format == Format::Json {
        let now = local.open.clock.now();
        let json: Vec<_> = listed
            .iter()
            .map(|webhook| WebhookJson::new(webhook, now, Keys::Withheld))
            .collect();
        return print_json(&json);
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
    print(&table(head, &listed.iter().map(row).collect::<Vec<_>>()))
}

fn read(local: &Local, acting: &Acting, arguments: &ListArguments) -> Result<Vec<Webhook>, Failure> {
    let service: WebhookService = webhooks(local);
    let wanted = arguments.limit.unwrap_or(usize::MAX);
    let mut listed: Vec<Webhook> = Vec::new();
    while listed.len() < wanted {
        let last = listed.last().map(|webhook| arguments.order_by.cursor_of(webhook));
        let query = WebhookQuery {
            limit: PageSize::MAX,
            start: last.map_or_else(PageStart::default, PageStart::After),
            order: arguments.order_by,
            direction: arguments.order_direction,
            filter: arguments.filter.filter(),
            ..WebhookQuery::default()
        };
        let page = local.wait("list the webhooks", service.list(acting, query))?;
        let is_last = page.webhooks.len() < PageSize::MAX.get() as usize;
        listed.extend(page.webhooks);
        if is_last {
            break;
        }
    }
    listed.truncate(wanted);
    Ok(listed)
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

/// Shows one webhook.
pub(super) fn show(local: &Local, arguments: ShowArguments, format: Format) -> Result<(), Failure> {
    let acting = match arguments.reveal {
        true => local.acting_on(Some(arguments.platform.platform))?,
        false => local.looking_at(arguments.platform.platform)?,
    };
    let seen = local.wait("show the webhook", webhooks(local).read(&acting, arguments.id))?;
    let keys = if seen.revealed {
        Keys::Shown
    } else {
        Keys::Withheld
    };
    let json = WebhookJson::new(&seen.webhook, local.open.clock.now(), keys);
    match format {
        Format::Json => print_json(&json),
        Format::Text => print(&fields(&json)?),
    }
}

/// Every field on a line, under the name that it has in the API.
fn fields(json: &WebhookJson<'_>) -> Result<String, Failure> {
    let object = serde_json::to_value(json).map_err(|error| Failure::cannot("show the webhook", &error))?;
    let fields: Vec<_> = object.as_object().into_iter().flatten().collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): (&String, &serde_json::Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name:width$}  {text}\n")
    };
    Ok(fields.into_iter().map(line).collect())
}
