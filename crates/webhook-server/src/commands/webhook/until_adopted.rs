//! `webhook roll --until-adopted`: waits until it was shown that the receiver verifies with the key that the roll made.
//!
//! It only looks. Receipts come with deliveries, and checks are made by the server; ending the command changes nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::ctrl_c;
use tokio::time::sleep;
use webhook_domain::ServiceError;
use webhook_domain::id::{PlatformId, SigningKeyId};
use webhook_domain::signing::key_ring::Adoption;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::webhooks;
use crate::commands::local::{Local, remark};
use crate::exit::Failure;

/// How often the webhook is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How the waiting ended.
enum Ended {
    /// The receiver verifies with the new key.
    Adopted(Adoption),
    /// No older key signs any more, and nothing was shown.
    NotInTime,
    /// Another key is the current one.
    Superseded,
    /// The operator has seen enough.
    Interrupted,
}

/// Waits until the receiver of `rolled` was shown to verify with its current key.
pub(super) fn wait(local: &Local, platform: PlatformId, rolled: &Webhook) -> Result<(), Failure> {
    let Some(key) = rolled.key_ring.current().map(|key| key.id) else {
        return Ok(());
    };
    let acting = local.looking_at(platform)?;
    let service = webhooks(local);
    let display = display();
    let watching = async {
        loop {
            let webhook = service.read(&acting, rolled.id).await?.webhook;
            let now = local.open.clock.now();
            if let Some(ended) = judge(&webhook, key, now) {
                return Ok::<_, ServiceError>(ended);
            }
            display.set_message(state(&webhook, now));
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                _ = ctrl_c() => return Ok(Ended::Interrupted),
            }
        }
    };
    let ended = local.wait("see whether the new key is in use", watching);
    display.finish_and_clear();
    let id = rolled.id;
    match ended? {
        Ended::Adopted(adoption) => {
            remark(&format!(
                "the receiver verifies with the new key: shown by {} at {}",
                adoption.evidence.name(),
                adoption.adopted_at
            ));
            Ok(())
        }
        Ended::NotInTime => Err(Failure::found(
            "no older key signs any more, and nobody has shown that the receiver verifies with the new one".to_owned(),
        )),
        Ended::Superseded => Err(Failure::found(
            "the secret was rolled again, removed or restored meanwhile: the new key is not the current one any more".to_owned(),
        )),
        Ended::Interrupted => {
            remark(&format!(
                "the roll stands, and the key before is kept as it was: look again with `webhook-server webhook show {id}`"
            ));
            Err(Failure::found("it is not shown yet that the receiver verifies with the new key".to_owned()))
        }
    }
}

/// Whether there is nothing more to wait for.
fn judge(webhook: &Webhook, key: SigningKeyId, now: Instant) -> Option<Ended> {
    let ring = &webhook.key_ring;
    match ring.adoption() {
        _ if ring.current().is_none_or(|current| current.id != key) => Some(Ended::Superseded),
        Some(adoption) => Some(Ended::Adopted(adoption)),
        None if ring.previous(now).is_none() => Some(Ended::NotInTime),
        None => None,
    }
}

/// Which keys sign, and for how long.
fn state(webhook: &Webhook, now: Instant) -> String {
    let ring = &webhook.key_ring;
    let current = ring
        .current()
        .map(|key| format!("{} signs; nobody has shown that it is in use", key.fingerprint()));
    let retired = ring.retired_at(now).map(|retired| {
        let until = ring.expiry_of(retired, now);
        let left = Duration::from_secs(until.since(now).as_secs());
        let (hours, minutes) = (left.as_secs() / 3_600, left.as_secs() / 60 % 60);
        let kept = match (retired.is_held(now), retired.kept) {
            (true, _) => ", kept beyond its overlap",
            (false, Some(_)) => ", then as long as it is kept",
            (false, None) => "",
        };
        format!(
            "{} signs until {until}, {hours} h {minutes} min{kept}",
            retired.key.fingerprint()
        )
    });
    let lines: Vec<String> = current.into_iter().chain(retired).collect();
    lines.join("\n  ")
}

/// What a terminal shows meanwhile; nothing where there is none.
fn display() -> ProgressBar {
    let display = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed}\n  {msg}") {
        display.set_style(style);
    }
    display.enable_steady_tick(Duration::from_millis(200));
    display
}
