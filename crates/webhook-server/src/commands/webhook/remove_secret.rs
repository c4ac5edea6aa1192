//! `webhook remove-secret`.

use clap::Args;
use webhook_domain::id::WebhookId;
use webhook_domain::services::RemoveSecret;
use webhook_domain::signing::key_ring::Overlap;
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::roll::{before, overlap};
use super::{PlatformArgument, secret_keys};
use crate::commands::local::{Local, answer_json, confirmed, remark};
use crate::commands::{Format, done};
use crate::exit::Failure;

/// The removal to do.
#[derive(Args)]
pub(crate) struct RemoveSecretArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Overlap: seconds that the key goes on signing, 0 to 604800; 0 retires all keys at once
    #[arg(long, value_name = "SECONDS", value_parser = overlap, allow_negative_numbers = true)]
    previous_secret_expires_in: Option<Overlap>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Removes the secret.
pub(super) fn run(
    local: &Local,
    arguments: RemoveSecretArguments,
    default_overlap: Overlap,
    format: Format,
) -> Result<(), Failure> {
    let (platform, id) = (arguments.platform.platform, arguments.id);
    if !arguments.yes
        && !confirmed(&format!(
            "remove the secret key of {id} of platform {platform}? Its deliveries are unsigned once no older key signs"
        ))?
    {
        return Err(Failure::found("nothing was removed".to_owned()));
    }
    let acting = local.acting_on(Some(platform))?;
    let remove = RemoveSecret {
        overlap: arguments.previous_secret_expires_in,
        ..RemoveSecret::default()
    };
    let doing = "remove the secret";
    let service = secret_keys(local, default_overlap);
    let webhook = done(local.wait(doing, service.remove(&acting, id, remove))?, doing)?;
    let now = local.open.clock.now();
    remark(&format!("{id} has no secret key; {}", before(&webhook, now)));
    match format {
        Format::Json => answer_json(&WebhookJson::new(&webhook, now, Keys::Shown)),
        Format::Text => Ok(()),
    }
}
