//! Deliveries are paused and go on.
//!
//! A pause is of the whole store. One rule is all there is, so that no other rule looks at it meanwhile.

use super::Ports;
use super::scene::{Scene, held};
use crate::ports::{Pause, PauseReason};

/// The first pause stays until it is ended, and is ended once.
pub async fn deliveries_are_paused_until_they_are_resumed(ports: &Ports) {
    let scene = Scene::new(ports);
    held(ports.pause().resume().await);
    assert_eq!(held(ports.pause().current().await), None);
    let first = Pause {
        since: scene.now(),
        reason: PauseReason::Restored,
    };
    assert_eq!(held(ports.pause().pause(first).await), first);
    scene.clock.advance_seconds(1);
    let second = Pause {
        since: scene.now(),
        reason: PauseReason::Operator,
    };
    assert_eq!(held(ports.pause().pause(second).await), first);
    assert_eq!(held(ports.pause().current().await), Some(first));
    assert_eq!(held(ports.pause().resume().await), Some(first));
    assert_eq!(held(ports.pause().resume().await), None);
    assert_eq!(held(ports.pause().pause(second).await), second);
    assert_eq!(held(ports.pause().resume().await), Some(second));
}
