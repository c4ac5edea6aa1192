//! `webhook retired-secret` and `webhook restore-secret`.

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{SetExpiry, UndoRoll};
use webhook_domain::signing::key_ring::{ExpiresIn, Overlap};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::webhook::{Precondition, Webhook};
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::roll::overlap;
use super::{PlatformArgument, secret_keys};
use crate::commands::local::{Local, answer, answer_json, confirmed, remark};
use crate::commands::table::table;
use crate::commands::{Format, done, whole_number};
use crate::exit::Failure;

/// Until when a retired key is to sign.
#[derive(Args)]
pub(crate) struct RetiredSecretArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// The retired key's fingerprint, sha256:…, as `webhook roll --dry-run` and audit records print it
    fingerprint: Fingerprint,
    /// Seconds from now on that it signs, 0 to 2592000, at most until 30 days after it was retired; 0 ends it at once
    #[arg(long, value_name = "SECONDS", value_parser = expires_in, allow_negative_numbers = true)]
    expires_in: ExpiresIn,
}

/// The roll to undo.
#[derive(Args)]
pub(crate) struct RestoreSecretArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Seconds that the key of the undone roll goes on signing, 0 to 604800; 0 ends that key alone
    #[arg(long, value_name = "SECONDS", value_parser = overlap, allow_negative_numbers = true)]
    previous_secret_expires_in: Option<Overlap>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn expires_in(text: &str) -> Result<ExpiresIn, InvalidValue> {
    ExpiresIn::from_seconds(whole_number(text).ok_or(ExpiresIn::invalid())?)
}

/// Sets until when a retired key signs.
pub(super) fn set_expiry(
    local: &Local,
    arguments: RetiredSecretArguments,
    default_overlap: Overlap,
    format: Format,
) -> Result<(), Failure> {
    let acting = local.acting_on(Some(arguments.platform.platform))?;
    let set = SetExpiry {
        fingerprint: arguments.fingerprint,
        expires_in: arguments.expires_in,
        precondition: Precondition::default(),
        idempotent: None,
    };
    let doing = "set until when the retired key signs";
    let service = secret_keys(local, default_overlap);
    let changed = service.set_expiry(&acting, arguments.id, set);
    let webhook = done(local.wait(doing, changed)?, doing)?;
    show(local, &webhook, format)
}

/// Undoes the last roll.
pub(super) fn restore(
    local: &Local,
    arguments: RestoreSecretArguments,
    default_overlap: Overlap,
    format: Format,
) -> Result<(), Failure> {
    let (platform, id) = (arguments.platform.platform, arguments.id);
    if !arguments.yes
        && !confirmed(&format!(
            "undo the last roll of {id} of platform {platform}? The key before it becomes the current one again"
        ))?
    {
        return Err(Failure::found("nothing was restored".to_owned()));
    }
    let acting = local.acting_on(Some(platform))?;
    let undo = UndoRoll {
        overlap: arguments.previous_secret_expires_in,
        ..UndoRoll::default()
    };
    let doing = "undo the roll";
    let service = secret_keys(local, default_overlap);
    let webhook = done(local.wait(doing, service.undo_roll(&acting, id, undo))?, doing)?;
    show(local, &webhook, format)
}

/// Prints which keys sign until when.
fn show(local: &Local, webhook: &Webhook, format: Format) -> Result<(), Failure> {
    let now = local.open.clock.now();
    if format == Format::Json {
        return answer_json(&WebhookJson::new(webhook, now, Keys::Withheld));
    }
    let current = webhook.key_ring.current();
    let current = current.map(|key| (key.fingerprint(), "until it is rolled".to_owned()));
    let ring = &webhook.key_ring;
    let until = |retired| format!("until {}", ring.expiry_of(retired, now));
    let retired = ring
        .retired_at(now)
        .map(|retired| (retired.key.fingerprint(), until(retired)));
    let rows: Vec<_> = current
        .into_iter()
        .chain(retired)
        .map(|(key, signs)| [key.as_str().to_owned(), signs])
        .collect();
    remark("these keys sign, the newest first");
    answer(&table(["KEY", "SIGNS"], &rows))
}
