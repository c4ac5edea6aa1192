//! What is forgotten, and how much at a time.

use std::time::Duration;

use super::Ports;
use super::lane_scene::of;
use super::scene::{Scene, held};
use crate::testing::fixtures;

/// A limit is kept: so a store is never busy with it for long.
pub async fn events_are_forgotten_a_few_at_a_time(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    let later = scene.now().plus(Duration::from_secs(1));
    let forget = async |limit| held(ports.events().forget_events(later, limit).await);
    assert_eq!(forget(0).await, 0);
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(forget(2).await);
    }
    assert!(counts.iter().all(|count| *count <= 2), "{counts:?}");
    let mut forgotten: u32 = counts.iter().sum();
    for _ in 0..10 {
        forgotten += forget(2).await;
    }
    assert_eq!(forgotten, 5);
}

/// An event is forgotten once it has come to its end everywhere, and then everywhere.
pub async fn an_event_is_kept_while_one_of_its_deliveries_waits(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let (quick, slow) = (
        scene.create(fixtures::bare_settings()).await,
        scene.create(fixtures::bare_settings()).await,
    );
    let event = scene.published("INVOICE.CREATED").await;
    scene.deliver(process, &quick).await;
    let later = scene.now().plus(Duration::from_secs(1));
    let forget_before = async |instant| {
        let mut forgotten = 0;
        for _ in 0..5 {
            forgotten += held(ports.events().forget_events(instant, 10).await);
        }
        forgotten
    };
    let forget = async || forget_before(later).await;
    let find = async |webhook| {
        let found = ports
            .events()
            .find_delivery(&scene.platform, of(&event, webhook))
            .await;
        held(found)
    };
    assert_eq!(forget().await, 0);
    assert!(find(&quick).await.is_some() && find(&slow).await.is_some());
    assert_eq!(scene.queued(process, &slow).await, [event.id]);
    scene.deliver(process, &slow).await;
    assert_eq!(
        forget_before(event.created_at).await,
        0,
        "it was not published before its own instant"
    );
    assert_eq!(forget().await, 1);
    assert_eq!((find(&quick).await, find(&slow).await), (None, None));
}
