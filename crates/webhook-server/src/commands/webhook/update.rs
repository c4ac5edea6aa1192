//! `webhook update`.

use clap::Args;
use webhook_domain::id::WebhookId;
use webhook_domain::services::UpdateWebhook;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::webhook::{Precondition, SettingsUpdate};
use webhook_domain::{Refusal, ServiceError};
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::roll::overlap;
use super::setting_arguments::SettingArguments;
use super::{PlatformArgument, webhooks};
use crate::commands::local::{Local, answer_json, cannot, remark};
use crate::commands::{Format, done};
use crate::exit::Failure;
use crate::files::actions::catalogue;

/// The update to make.
#[derive(Args)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    #[command(flatten)]
    settings: SettingArguments,
    /// Seconds for which the credentials before are tried when the receiver answers 401 or 403 to new ones, 0 to 604800
    #[arg(long, value_name = "SECONDS", value_parser = overlap, allow_negative_numbers = true)]
    previous_credentials_expires_in: Option<Overlap>,
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
    let update = arguments
        .settings
        .update(&stored.settings, &targets, &catalogue)?;
    let keep_for = arguments.previous_credentials_expires_in;
    let update = UpdateWebhook {
        update: SettingsUpdate {
            previous_credentials_expires_in: keep_for.unwrap_or(Overlap::NONE),
            ..update
        },
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
            if let Some(previous) = webhook.previous_credentials(local.open.clock.now()) {
                remark(&format!(
                    "the credentials before are tried too until {}, if the receiver refuses these",
                    previous.expires_at
                ));
            }
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
