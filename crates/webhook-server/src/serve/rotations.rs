//! Rolls the webhooks of rotations while the server runs.
//!
//! Each second this process asks which rotations it works at from now on: its own, and those of processes that have died. Each has a task.
//! A task ends when its rotation was stopped, or is somebody else's by now, and is begun anew if the rotation turns out to be this process's
//! after all.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::rt::{self, time};
use webhook_domain::ServiceError;
use webhook_domain::id::{PlatformId, ProcessId, RotationId};
use webhook_domain::ports::ClaimedRotation;
use webhook_domain::rotation::{RotationStatus, StopReason};
use webhook_domain::services::{RotationRun, RotationRunner, RotationService, RotationTurn};
use webhook_domain::signing::key_ring::Overlap;
use webhook_http_actix::wire::{described, described_rotation};

use crate::exit::{Failure, chain};
use crate::store::OpenStore;

/// How often a process says that it works at its rotations, and looks for others.
const EVERY: Duration = Duration::from_secs(1);

/// What rolls, for this run of the process.
pub(crate) fn runner(open: &OpenStore) -> Result<RotationRunner, Failure> {
    let process = ProcessId::generate(open.clock.now(), open.entropy.as_ref());
    Ok(RotationRunner {
        process: process.map_err(|error| Failure::cannot("draw an id for this process", &error))?,
        rotations: open.store.clone(),
        webhooks: open.store.clone(),
        api_keys: open.store.clone(),
        pause: open.store.clone(),
        clock: open.clock.clone(),
        entropy: open.entropy.clone(),
        describe: Some(described),
        describe_rotation: Some(described_rotation),
    })
}

/// What begins, reads and stops them, with the deployment's overlap where none is asked for.
pub(crate) fn service(open: &OpenStore, default_overlap: Overlap) -> RotationService {
    let (clock, entropy) = (open.clock.clone(), open.entropy.clone());
    RotationService::new(open.store.clone(), clock, entropy, default_overlap).announcing(described_rotation)
}

/// Works at rotations for as long as it is polled.
pub(crate) async fn keep_rotating(runner: RotationRunner) {
    let mut tasks = Tasks::default();
    loop {
        match runner.claim().await {
            Ok(claimed) => {
                tasks.end_all_but(&runner, &claimed).await;
                for claimed in claimed {
                    tasks.begin(&runner, claimed);
                }
            }
            Err(error) => tracing::warn!(error = chain(&error), "cannot look for rotations"),
        }
        time::sleep(EVERY).await;
    }
}

/// The rotations that are worked at. They end with this.
#[derive(Default)]
struct Tasks(HashMap<RotationId, Task>);

struct Task {
    platform: PlatformId,
    running: JoinHandle<()>,
}

impl Tasks {
    /// Ends the work at what is not this process's any more. A task whose next webhook is due in days would find out then.
    async fn end_all_but(&mut self, runner: &RotationRunner, claimed: &[ClaimedRotation]) {
        self.0.retain(|_, task| !task.running.is_finished());
        let is_own = |id: &RotationId| claimed.iter().any(|claimed| claimed.rotation.id == *id);
        let over: Vec<_> = self.0.extract_if(|id, _| !is_own(id)).collect();
        for (id, task) in over {
            task.running.abort();
            tell_of_end(runner, &task.platform, id).await;
        }
    }

    fn begin(&mut self, runner: &RotationRunner, claimed: ClaimedRotation) {
        let (runner, id) = (runner.clone(), claimed.rotation.id);
        self.0.entry(id).or_insert_with(|| Task {
            platform: claimed.rotation.platform.clone(),
            running: rt::spawn(async move { run(&runner, claimed).await }),
        });
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.values() {
            task.running.abort();
        }
    }
}

async fn run(runner: &RotationRunner, claimed: ClaimedRotation) {
    let rotation = &claimed.rotation;
    tracing::info!(
        rotation.id = %rotation.id,
        platform.id = %rotation.platform,
        rotation.webhooks = rotation.totals.total,
        rotation.left = rotation.totals.left(),
        "working at a rotation"
    );
    let (id, platform) = (rotation.id, rotation.platform.clone());
    let mut run = RotationRun::new(claimed);
    loop {
        match runner.advance(&mut run).await {
            Ok(RotationTurn::GoOn) => {}
            Ok(RotationTurn::WaitUntil(due)) => {
                let wait = due.since(runner.clock.now());
                // A clock may step, and others may stop it meanwhile.
                time::sleep(wait.min(EVERY)).await;
            }
            Ok(RotationTurn::Over) => break,
            Err(error) => {
                tell(id, &error);
                time::sleep(EVERY).await;
            }
        }
    }
    tell_of_end(runner, &platform, id).await;
}

/// Tells of what this process does not work at any more.
async fn tell_of_end(runner: &RotationRunner, platform: &PlatformId, id: RotationId) {
    let rotation = match runner.rotations.find_rotation(platform, id).await {
        Ok(Some(rotation)) => rotation,
        Ok(None) => return,
        Err(error) => {
            return tracing::warn!(rotation.id = %id, error = chain(&error), "a rotation is over, and cannot be read");
        }
    };
    let told = match rotation.status {
        RotationStatus::Running => "somebody else works at a rotation",
        RotationStatus::Stopped => "a rotation was stopped before its end",
        RotationStatus::Done => "a rotation is done",
    };
    tracing::info!(
        rotation.id = %rotation.id,
        platform.id = %rotation.platform,
        rotation.stop_reason = rotation.stop_reason.map(StopReason::name),
        rotation.rolled = rotation.totals.rolled,
        rotation.skipped = rotation.totals.skipped,
        rotation.failed = rotation.totals.failed,
        rotation.left = rotation.totals.left(),
        "{told}"
    );
}

fn tell(id: RotationId, error: &ServiceError) {
    tracing::warn!(rotation.id = %id, error = chain(error), "a rotation does not go on; trying again");
}
