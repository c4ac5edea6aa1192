//! How far a rotation is, until it ends. It only looks: ending the command changes nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::ctrl_c;
use tokio::time::sleep;
use webhook_domain::ServiceError;
use webhook_domain::id::{PlatformId, RotationId};
use webhook_domain::rotation::{Rotation, RotationStatus};
use webhook_domain::services::RotationService;

use super::answer;
use crate::commands::Format;
use crate::commands::local::{Local, remark};
use crate::exit::Failure;

/// How often the rotation is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The rotation as it is now.
pub(super) fn read(
    local: &Local,
    service: &RotationService,
    platform: &PlatformId,
    id: RotationId,
) -> Result<Rotation, Failure> {
    let acting = local.looking_at(platform.clone())?;
    local.wait("read the rotation", service.find(&acting, id))
}

/// Shows how far it is, until it ends or the operator has seen enough.
pub(super) fn follow(
    local: &Local,
    service: &RotationService,
    begun: &Rotation,
    format: Format,
) -> Result<(), Failure> {
    let acting = local.looking_at(begun.platform.clone())?;
    let bar = display(begun);
    let watching = async {
        loop {
            let rotation = service.find(&acting, begun.id).await?;
            show(&bar, &rotation);
            if rotation.status != RotationStatus::Running {
                return Ok::<_, ServiceError>(Some(rotation));
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                _ = ctrl_c() => return Ok(None),
            }
        }
    };
    let ended = local.wait("see how far the rotation is", watching);
    bar.finish_and_clear();
    let Some(rotation) = ended? else {
        let id = begun.id;
        remark(&format!(
            "the server goes on with it; look again with `webhook-server rotation show {id} --follow`, or stop it with `webhook-server rotation stop {id}`"
        ));
        return answer(begun, format);
    };
    let totals = rotation.totals;
    remark(&format!(
        "{}: {} rolled, {} of them adopted so far, {} skipped, {} failed",
        rotation.status.name(),
        totals.rolled,
        totals.adopted,
        totals.skipped,
        totals.failed
    ));
    answer(&rotation, format)?;
    match rotation.stop_reason {
        Some(reason) => Err(Failure::found(format!(
            "the rotation was stopped: {}",
            reason.name()
        ))),
        None if totals.failed > 0 => Err(Failure::found(format!(
            "{} could not be rolled; see `webhook-server rotation show {}`",
            super::counted(totals.failed, "webhook"),
            rotation.id
        ))),
        None => Ok(()),
    }
}

fn show(bar: &ProgressBar, rotation: &Rotation) {
    let totals = rotation.totals;
    bar.set_position(totals.total - totals.left());
    bar.set_message(format!(
        "{} rolled, {} adopted, {} skipped, {} failed",
        totals.rolled, totals.adopted, totals.skipped, totals.failed
    ));
}

/// What a terminal shows meanwhile; nothing where there is none.
fn display(rotation: &Rotation) -> ProgressBar {
    let bar = ProgressBar::new(rotation.totals.total);
    let template = "{bar:30} {pos}/{len}  {per_sec}, {eta} left\n  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
