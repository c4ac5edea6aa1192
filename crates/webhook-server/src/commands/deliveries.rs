//! `deliveries`: pausing all deliveries, and letting them go on.

use clap::Subcommand;
use serde_json::json;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use webhook_domain::ports::{AUDITED_AS, DeliveryPause as _, Pause, PauseReason};

use super::Format;
use super::local::{Local, answer, answer_json};
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do with deliveries.
#[derive(Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// Deliver nothing, in any process, until `deliveries resume`; events are accepted and wait
    Pause,
    /// Resume deliveries
    Resume,
    /// Say whether deliveries are paused
    Status,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: DeliveriesCommand, format: Format) -> Result<(), Failure> {
    let local = Local::open(settings)?;
    let store = &local.open.store;
    match command {
        DeliveriesCommand::Pause => {
            let pause = Pause {
                since: local.open.clock.now(),
                reason: PauseReason::Operator,
            };
            let doing = "pause deliveries";
            let audit = record(&local, AuditAction::DeliveriesPaused, doing)?;
            let pause = local.wait_for_store(doing, store.pause(pause, Some(audit)))?;
            show(Some(pause), format)
        }
        DeliveriesCommand::Resume => {
            let doing = "let deliveries go on";
            let audit = record(&local, AuditAction::DeliveriesResumed, doing)?;
            local.wait_for_store(doing, store.resume(audit))?;
            show(None, format)
        }
        DeliveriesCommand::Status => show(
            local.wait_for_store("ask whether deliveries are paused", store.current())?,
            format,
        ),
    }
}

/// The record of what the operator does, on platform `default`: a pause is of all platforms.
fn record(local: &Local, action: AuditAction, doing: &str) -> Result<AuditRecord, Failure> {
    let acting = local.acting_on(None)?;
    let stamp = AuditStamp::new(&acting, local.open.clock.now(), local.open.entropy.as_ref())
        .map_err(|error| Failure::cannot(doing, &error))?;
    Ok(stamp.record(action, AUDITED_AS.to_owned(), AuditDetails::default()))
}

fn show(pause: Option<Pause>, format: Format) -> Result<(), Failure> {
    match (format, pause) {
        (Format::Json, pause) => answer_json(&json!({
            "paused": pause.is_some(),
            "since": pause.map(|pause| pause.since.to_string()),
            "reason": pause.map(|pause| pause.reason.name()),
        })),
        (Format::Text, None) => answer("deliveries are not paused\n"),
        (Format::Text, Some(pause)) => {
            let reason = match pause.reason {
                PauseReason::Restored => "the database was restored from a backup",
                PauseReason::Operator => "an operator asked for it",
            };
            answer(&format!(
                "deliveries are paused since {}: {reason}\n",
                pause.since
            ))
        }
    }
}
