//! Deliveries are paused and go on.

use super::Ports;
use super::scene::{Scene, held};
use crate::access::audit::{AuditAction, AuditDetails, AuditRecord};
use crate::ports::{AUDITED_AS, Pause, PauseReason};

fn pause(scene: &Scene, reason: PauseReason) -> Pause {
    Pause {
        since: scene.now(),
        reason,
    }
}

fn record(scene: &Scene, action: AuditAction) -> AuditRecord {
    scene.record(action, AUDITED_AS, AuditDetails::default())
}

/// The first pause stays until it is ended, and is ended once.
pub async fn deliveries_are_paused_until_they_are_resumed(ports: &Ports) {
    let scene = Scene::new(ports);
    let port = ports.pause();
    let resume = || port.resume(record(&scene, AuditAction::DeliveriesResumed));
    assert_eq!(held(port.current().await), None);
    let first = pause(&scene, PauseReason::Restored);
    assert_eq!(held(port.pause(first, None).await), first);
    scene.clock.advance_seconds(1);
    let second = pause(&scene, PauseReason::Operator);
    assert_eq!(held(port.pause(second, None).await), first);
    assert_eq!(held(port.current().await), Some(first));
    assert_eq!(held(resume().await), Some(first));
    assert_eq!(held(resume().await), None);
    assert_eq!(held(port.pause(second, None).await), second);
    assert_eq!(held(resume().await), Some(second));
}

/// Who paused and who resumed is recorded with it; what changes nothing is not.
pub async fn a_pause_and_its_end_are_recorded(ports: &Ports) {
    let scene = Scene::new(ports);
    let port = ports.pause();
    let paused = pause(&scene, PauseReason::Operator);
    let by_operator = || Some(record(&scene, AuditAction::DeliveriesPaused));
    let resume = || port.resume(record(&scene, AuditAction::DeliveriesResumed));
    held(resume().await);
    held(port.pause(paused, by_operator()).await);
    held(port.pause(paused, by_operator()).await);
    scene.clock.advance_seconds(1);
    held(resume().await);
    held(resume().await);
    scene.clock.advance_seconds(1);
    held(port.pause(paused, by_operator()).await);
    let records = scene.records(AUDITED_AS).await;
    let actions: Vec<_> = records.iter().map(|record| record.action).collect();
    let (pause, end) = (AuditAction::DeliveriesPaused, AuditAction::DeliveriesResumed);
    assert_eq!(actions, [pause, end, pause]);
    held(resume().await);
}
