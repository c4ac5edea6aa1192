//! `webhook update`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use webhook_domain::id::WebhookId;
use webhook_domain::services::UpdateWebhook;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{
    ActionCatalogue, ActionList, ApiHeaderField, ApiKeyValue, AuthenticationType, Edit, Name, Password,
    Precondition, Reference, Settings, SettingsUpdate, TargetPolicy, TargetUrl, Username,
};
use webhook_domain::{InvalidValue, Refusal, ServiceError};
use webhook_http_actix::representation::{Keys, WebhookJson};

use super::{PlatformArgument, actions, optional, webhooks};
use crate::actions::catalogue;
use crate::commands::local::{Local, answer_json, cannot, remark};
use crate::commands::{Format, done};
use crate::exit::Failure;

/// The longest file of a password or an API key, in bytes.
const MAX_SECRET_BYTES: u64 = 4096;

/// The update to make.
#[derive(Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Where deliveries go
    #[arg(long)]
    url: Option<String>,
    /// Deliver nowhere
    #[arg(long, conflicts_with = "url")]
    no_url: bool,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// No name
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// The platform's own name for it, unique among its webhooks
    #[arg(long)]
    reference: Option<String>,
    /// No reference
    #[arg(long, conflicts_with = "reference")]
    no_reference: bool,
    /// Whether events are collected and delivered
    #[arg(long, value_name = "BOOLEAN")]
    active: Option<bool>,
    /// Whether deliveries say what a resource was before
    #[arg(long, value_name = "BOOLEAN")]
    include_previous_data: Option<bool>,
    /// PASSWORD, API_KEY or NONE
    #[arg(long, value_name = "TYPE")]
    authentication_type: Option<AuthenticationType>,
    /// The user name for PASSWORD
    #[arg(long)]
    username: Option<String>,
    /// File that holds the password for PASSWORD; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The header for API_KEY
    #[arg(long, value_name = "NAME")]
    api_header_field: Option<String>,
    /// File that holds the key for API_KEY; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    api_key_file: Option<PathBuf>,
    /// An action to be told of, instead of those before; may be given more than once
    #[arg(long = "action", value_name = "ACTION")]
    included_actions: Vec<String>,
    /// Be told of all actions
    #[arg(long, conflicts_with = "included_actions")]
    all_actions: bool,
    /// An action not to be told of, instead of those before; may be given more than once
    #[arg(long = "excluded-action", value_name = "ACTION")]
    excluded_actions: Vec<String>,
    /// Exclude no action
    #[arg(long, conflicts_with = "excluded_actions")]
    no_excluded_actions: bool,
}

/// Changes what the flags name.
pub(super) fn run(
    settings: crate::settings::Settings,
    arguments: UpdateArguments,
    format: Format,
) -> Result<(), Failure> {
    let catalogue = catalogue(settings.actions_file.as_deref())?;
    let targets = settings.target_policy.clone();
    let local = Local::open(settings)?;
    let platform = arguments.platform.platform.clone();
    let service = webhooks(&local);
    let id = arguments.id;
    let doing = "update the webhook";
    let stored = local
        .wait(doing, service.read(&local.looking_at(platform.clone())?, id))?
        .webhook;
    let update = UpdateWebhook {
        update: wanted(arguments, &stored.settings, &targets, &catalogue)?,
        // What no flag names is sent as it was read.
        precondition: Precondition::VersionIn(vec![stored.version]),
        idempotent: None,
    };
    let acting = local.acting_on(Some(platform))?;
    let updated = local.outcome(service.update(&acting, id, update));
    let webhook = done(updated.map_err(|error| not_updated(doing, &error))?, doing)?;
    match format {
        Format::Json => answer_json(&WebhookJson::new(
            &webhook,
            local.open.clock.now(),
            Keys::Withheld,
        )),
        Format::Text => {
            let changed = stored.settings.differences(&webhook.settings);
            remark(&match changed.is_empty() {
                true => "nothing changed".to_owned(),
                false => format!("changed {}", changed.join(", ")),
            });
            Ok(())
        }
    }
}

/// The operator sent no condition: that the version read is the one changed is this command's own.
fn not_updated(doing: &str, error: &ServiceError) -> Failure {
    match error {
        ServiceError::Refused(Refusal::VersionMismatch) => Failure::found(format!(
            "cannot {doing}: the webhook was changed meanwhile; try again"
        )),
        error => cannot(doing, error),
    }
}

fn wanted(
    arguments: UpdateArguments,
    stored: &Settings,
    targets: &TargetPolicy,
    catalogue: &ActionCatalogue,
) -> Result<SettingsUpdate, Failure> {
    let kept = SettingsUpdate::new(
        arguments.active.unwrap_or(stored.active),
        arguments
            .include_previous_data
            .unwrap_or(stored.include_previous_data),
        arguments
            .authentication_type
            .unwrap_or(stored.authentication.kind()),
    );
    let url = |text| TargetUrl::parse(text, targets);
    Ok(SettingsUpdate {
        name: edit(
            arguments.no_name,
            optional("--name", arguments.name, Name::parse)?,
        ),
        reference: edit(
            arguments.no_reference,
            optional("--reference", arguments.reference, Reference::parse)?,
        ),
        username: edit(
            false,
            optional("--username", arguments.username, Username::parse)?,
        ),
        password: edit(
            false,
            secret("--password-file", arguments.password_file, Password::parse)?,
        ),
        api_header_field: edit(
            false,
            optional(
                "--api-header-field",
                arguments.api_header_field,
                ApiHeaderField::parse,
            )?,
        ),
        api_key: edit(
            false,
            secret("--api-key-file", arguments.api_key_file, ApiKeyValue::parse)?,
        ),
        url: edit(arguments.no_url, optional("--url", arguments.url, url)?),
        included_actions: edit::<ActionList>(
            arguments.all_actions,
            actions("--action", arguments.included_actions, catalogue)?,
        ),
        excluded_actions: edit(
            arguments.no_excluded_actions,
            actions("--excluded-action", arguments.excluded_actions, catalogue)?,
        ),
        ..kept
    })
}

fn edit<T>(clear: bool, value: Option<T>) -> Edit<T> {
    match value {
        Some(value) => Edit::Set(value),
        None if clear => Edit::Clear,
        None => Edit::Keep,
    }
}

/// Reads a secret from a file: arguments can be seen by every user of the machine.
fn secret<T>(
    flag: &str,
    file: Option<PathBuf>,
    parse: impl FnOnce(SecretText) -> Result<T, InvalidValue>,
) -> Result<Option<T>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = read_secret(&file)
        .map_err(|error| Failure::cannot(&format!("read {flag} {}", file.display()), &error))?;
    parse(text)
        .map(Some)
        .map_err(|problem| Failure::configuration(format!("what {flag} holds {problem}")))
}

/// The text of a file, without the line feed at its end.
fn read_secret(file: &Path) -> std::io::Result<SecretText> {
    let mut text = String::with_capacity(MAX_SECRET_BYTES as usize);
    if file == Path::new("-") {
        std::io::stdin()
            .take(MAX_SECRET_BYTES)
            .read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?
            .take(MAX_SECRET_BYTES)
            .read_to_string(&mut text)?;
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(SecretText::new(text))
}
