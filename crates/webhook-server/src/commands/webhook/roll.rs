//! `webhook roll`, and what it would do.

use clap::Args;
use serde_json::json;
use webhook_domain::InvalidValue;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{RollPreview, RollSecret};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Edit, Precondition, SettingsUpdate, Webhook};
use webhook_http_actix::wire::{Keys, WebhookJson};

use super::{PlatformArgument, current_secret, secret_keys, until_adopted, verification_key, webhooks};
use crate::commands::local::{Local, answer, answer_json, remark};
use crate::commands::table::table;
use crate::commands::{Format, done, whole_number};
use crate::exit::Failure;

/// The roll to do.
#[derive(Args)]
pub(crate) struct RollArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// The webhook's id, whk_…
    id: WebhookId,
    /// Overlap: seconds that the previous key goes on signing, 0 to 604800; 0 retires all older keys at once
    #[arg(long, value_name = "SECONDS", value_parser = overlap, allow_negative_numbers = true)]
    previous_secret_expires_in: Option<Overlap>,
    /// Keep the previous key signing after its overlap until the receiver was shown to verify with the new one: at most for 30 days
    #[arg(long)]
    keep_previous_until_adopted: bool,
    /// The same, and wait until that was shown. Ctrl-C ends the waiting and changes nothing
    #[arg(long, conflicts_with = "dry_run")]
    until_adopted: bool,
    /// The protocol of the new key, HmacSHA256 or Ed25519 [default: that of the webhook]
    #[arg(long, value_name = "PROTOCOL")]
    signing_protocol: Option<SigningProtocol>,
    /// Do not roll; print which keys would sign until when
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn overlap(text: &str) -> Result<Overlap, InvalidValue> {
    Overlap::from_seconds(whole_number(text).ok_or(Overlap::invalid())?)
}

/// Rolls the secret.
pub(super) fn run(
    local: &Local,
    arguments: RollArguments,
    default_overlap: Overlap,
    format: Format,
) -> Result<(), Failure> {
    let service = secret_keys(local, default_overlap);
    let (update, precondition) = match arguments.signing_protocol {
        Some(protocol) => change_of_protocol(local, &arguments, protocol)?,
        None => (None, Precondition::Exists),
    };
    let acting = local.acting_on(Some(arguments.platform.platform.clone()))?;
    let roll = RollSecret {
        update,
        overlap: arguments.previous_secret_expires_in,
        keeps_previous_until_adopted: arguments.keep_previous_until_adopted || arguments.until_adopted,
        precondition,
        idempotent: None,
    };
    if arguments.dry_run {
        let doing = "say what the roll would do";
        let preview = local.wait(doing, service.preview(&acting, arguments.id, roll))?;
        return show(&preview, arguments.id, format);
    }
    let doing = "roll the secret";
    let webhook = done(
        local.wait(doing, service.roll(&acting, arguments.id, roll))?,
        doing,
    )?;
    let now = local.open.clock.now();
    match format {
        Format::Json => answer_json(&WebhookJson::new(&webhook, now, Keys::Shown))?,
        Format::Text => {
            remark(&before(&webhook, now));
            match verification_key(&webhook) {
                // Not on standard output, where a receiver's secret is expected: nobody may make an HMAC key of it.
                Some(public) => {
                    remark(&format!(
                        "the new key has no secret; receivers verify with {public}"
                    ));
                }
                None => answer(&format!("{}\n", current_secret(&webhook).unwrap_or("none")))?,
            }
        }
    }
    match arguments.until_adopted {
        true => until_adopted::wait(local, arguments.platform.platform, &webhook),
        false => Ok(()),
    }
}

/// An update that changes the protocol alone, and the version that it is meant for: the rest is sent as it was read.
fn change_of_protocol(
    local: &Local,
    arguments: &RollArguments,
    protocol: SigningProtocol,
) -> Result<(Option<SettingsUpdate>, Precondition), Failure> {
    let acting = local.looking_at(arguments.platform.platform.clone())?;
    let service = webhooks(local);
    let read = service.read(&acting, arguments.id);
    let stored = local.wait("read the webhook", read)?.webhook;
    let settings = &stored.settings;
    let kind = settings.authentication.kind();
    let update = SettingsUpdate {
        signing_protocol: Edit::Set(protocol),
        ..SettingsUpdate::new(settings.active, settings.include_previous_data, kind)
    };
    Ok((Some(update), Precondition::VersionIn(vec![stored.version])))
}

fn show(preview: &RollPreview, id: WebhookId, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        let retired = preview.retired.iter().map(
            |(key, expires_at)| json!({"fingerprint": key.as_str(), "expires_at": expires_at.to_string()}),
        );
        let ended = preview.ended.iter().map(|key| json!(key.as_str()));
        return answer_json(&json!({
            "webhook_id": id.to_string(),
            "retired_keys": retired.collect::<Vec<_>>(),
            "ended_keys": ended.collect::<Vec<_>>(),
        }));
    }
    let mut rows = vec![["a new one".to_owned(), "until it is rolled".to_owned()]];
    let retired =
        |(key, expires_at): &(Fingerprint, Instant)| [key.as_str().to_owned(), format!("until {expires_at}")];
    rows.extend(preview.retired.iter().map(retired));
    rows.extend(
        preview
            .ended
            .iter()
            .map(|key| [key.as_str().to_owned(), "no more".to_owned()]),
    );
    remark("nothing was rolled; these keys would sign, the newest first");
    answer(&table(["KEY", "SIGNS"], &rows))
}

/// What became of the key before the roll.
pub(super) fn before(webhook: &Webhook, now: Instant) -> String {
    match webhook.key_ring.previous(now) {
        Some(previous) => {
            let until = webhook.key_ring.expiry_of(previous, now);
            format!("the key before goes on signing until {until}")
        }
        None => "no older key signs any more".to_owned(),
    }
}
