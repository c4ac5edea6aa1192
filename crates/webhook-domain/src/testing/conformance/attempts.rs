//! What is kept of attempts.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use crate::id::DeliveryId;
use crate::ports::MAX_ATTEMPTS;
use crate::testing::fixtures;

/// However much receivers answer, and however it is written down, the last attempts are kept, each whole.
pub async fn the_last_attempts_are_kept_however_much_was_answered(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let event = scene.published("INVOICE.CREATED").await;
    let refused = AttemptOutcome::failed(FailureCause::Status(held(StatusCode::new(503))));
    let mut made = Vec::new();
    for _ in 0..30 {
        let lane = scene.lane(process, &webhook).await;
        let turn = scene.turn(&lane, &lane.queued[0], refused);
        assert_eq!(held(ports.lanes().record(process, vec![turn.clone()]).await), []);
        made.push(turn.attempt);
        scene.clock.advance(Duration::from_secs(1));
        let kept = scene.tracked(DeliveryId::of(event.id, webhook.id)).await.attempts;
        assert!(kept.len() >= made.len().min(4) && kept.len() <= MAX_ATTEMPTS);
        assert_eq!(kept, made[made.len() - kept.len()..]);
    }
}
