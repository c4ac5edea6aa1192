//! Rolls at the same time are one after the other, and every key is where it was promised to be.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held, refused};
use crate::Refusal;
use crate::access::audit::AuditAction;
use crate::concurrently::concurrently;
use crate::error::ServiceError;
use crate::ports::Outcome;
use crate::signing::key_ring::{MAX_RETIRED_KEYS, Overlap};
use crate::testing::fixtures;
use crate::webhook::{Version, Webhook};

/// The webhooks answered, by version: no two the same, and none left out since `first`.
fn in_order(answers: Vec<Result<Outcome, ServiceError>>, first: &Webhook) -> Vec<Webhook> {
    let mut webhooks: Vec<_> = answers.into_iter().map(|answer| done(answer).0).collect();
    webhooks.sort_by_key(|webhook| webhook.version);
    for (webhook, version) in webhooks.iter().zip(first.version.0 + 1..) {
        assert_eq!(
            webhook.version,
            Version(version),
            "two rolls saw one webhook, or one was lost"
        );
    }
    webhooks
}

/// 64 at once: versions without a gap, and by the records each roll ended the key that the one before made.
pub async fn concurrent_rolls_without_overlap_form_one_chain(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let rolls = (0..64).map(|_| scene.roll(webhook.id, Overlap::NONE));
    let rolled = in_order(concurrently(rolls).await, &webhook);
    assert_eq!(rolled.last(), Some(&scene.stored(webhook.id).await));

    let fingerprint = |webhook: &Webhook| {
        let key = webhook.key_ring.current().map(|key| key.fingerprint());
        key.map(|fingerprint| fingerprint.as_str().to_owned())
    };
    let chain = std::iter::once(&webhook).chain(&rolled).zip(&rolled);
    let expected: BTreeSet<_> = chain
        .map(|(before, after)| (fingerprint(before), fingerprint(after)))
        .collect();
    let records = scene.records(webhook.id).await;
    let audited: BTreeSet<_> = records
        .into_iter()
        .filter(|record| record.action == AuditAction::SecretRolled)
        .map(|record| {
            (
                record.details.ended_keys.into_iter().next(),
                record.details.current_key,
            )
        })
        .collect();
    assert_eq!(audited.len(), 64);
    assert_eq!(audited, expected);
}

/// Five at once: each answer's previous key is the current one of the answer before.
pub async fn concurrent_rolls_with_overlap_form_one_chain(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let rolls = (0..MAX_RETIRED_KEYS).map(|_| scene.roll(webhook.id, Overlap::DAY));
    let rolled = in_order(concurrently(rolls).await, &webhook);
    for (before, after) in std::iter::once(&webhook).chain(&rolled).zip(&rolled) {
        let previous = after.key_ring.previous(scene.now()).map(|retired| &retired.key);
        assert_eq!(previous, before.key_ring.current());
    }
    let stored = scene.stored(webhook.id).await;
    assert_eq!(rolled.last(), Some(&stored));
    let oldest = stored.key_ring.valid_at(scene.now()).last();
    assert_eq!(
        oldest,
        webhook.key_ring.current(),
        "the first key was lost within its window"
    );
}

/// The limit on retired keys holds for those who come at the same time.
pub async fn of_six_concurrent_rolls_with_overlap_one_is_refused(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let rolls = (0..=MAX_RETIRED_KEYS).map(|_| scene.roll(webhook.id, Overlap::DAY));
    let (rolled, mut others): (Vec<_>, Vec<_>) =
        concurrently(rolls).await.into_iter().partition(Result::is_ok);
    assert_eq!(others.len(), 1, "{others:?}");
    let refusal = refused(held(others.pop().ok_or("one is refused")));
    assert!(
        matches!(refusal, Refusal::TooManyRetiredKeys { limit: 5, .. }),
        "{refusal}"
    );
    let rolled = in_order(rolled, &webhook);
    assert_eq!(rolled.last(), Some(&scene.stored(webhook.id).await));
}

/// 16 webhooks with 8 rolls each, all at once: each webhook has a chain of its own.
pub async fn concurrent_rolls_of_many_webhooks_lose_none(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks = Vec::new();
    for _ in 0..16 {
        webhooks.push(scene.create(fixtures::bare_settings()).await);
    }
    let rolls = (0..16 * 8).map(|n| scene.roll(webhooks[n % 16].id, Overlap::NONE));
    let mut answers: Vec<_> = concurrently(rolls).await.into_iter().map(Some).collect();
    for (n, webhook) in webhooks.iter().enumerate() {
        let own = answers.iter_mut().skip(n).step_by(16).filter_map(Option::take);
        let rolled = in_order(own.collect(), webhook);
        assert_eq!(rolled.len(), 8);
        assert!(rolled.iter().all(|rolled| rolled.id == webhook.id));
        assert_eq!(rolled.last(), Some(&scene.stored(webhook.id).await));
        assert_eq!(scene.records(webhook.id).await.len(), 1 + 8);
    }
}

/// Rolled within one second for windows of their own: nothing but their order tells which was retired last.
pub async fn five_keys_retired_in_one_second_read_back_in_their_order(ports: &Ports) {
    let scene = Scene::new(ports);
    let first = scene.create(fixtures::bare_settings()).await;
    let mut keys = vec![first.key_ring.current().cloned()];
    for overlap in [300, 100, 500, 100, 400] {
        let overlap = held(Overlap::from_seconds(overlap));
        let (rolled, _) = done(scene.roll(first.id, overlap).await);
        assert_eq!(scene.stored(first.id).await, rolled);
        keys.insert(0, rolled.key_ring.current().cloned());
    }
    let stored = scene.stored(first.id).await;
    let stored: Vec<_> = stored.key_ring.valid_at(scene.now()).cloned().map(Some).collect();
    assert_eq!(stored, keys);
}

/// The refusal says when the next one is free, and then it is.
pub async fn a_sixth_retired_key_is_refused_and_nothing_changes(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    for overlap in [300, 200, 500, 300, 400] {
        done(scene.roll(webhook.id, held(Overlap::from_seconds(overlap))).await);
    }
    let before = scene.stored(webhook.id).await;
    let records = scene.records(webhook.id).await.len();
    let next_free_at = scene.now().whole_seconds().plus(Duration::from_secs(200));
    assert_eq!(
        refused(scene.roll(webhook.id, Overlap::DAY).await),
        Refusal::TooManyRetiredKeys {
            limit: 5,
            next_free_at
        }
    );
    assert_eq!(scene.stored(webhook.id).await, before);
    assert_eq!(scene.records(webhook.id).await.len(), records);
    scene.clock.set(next_free_at);
    let (rolled, _) = done(scene.roll(webhook.id, Overlap::DAY).await);
    assert_eq!(scene.stored(webhook.id).await, rolled);
    assert_eq!(rolled.key_ring.retired().len(), MAX_RETIRED_KEYS);
}

/// For a leak: nothing but the new key is in the store from then on.
pub async fn a_roll_without_overlap_leaves_one_key(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    done(scene.roll(webhook.id, Overlap::DAY).await);
    done(scene.roll(webhook.id, Overlap::DAY).await);
    let (rolled, _) = done(scene.roll(webhook.id, Overlap::NONE).await);
    let stored = scene.stored(webhook.id).await;
    assert_eq!(stored, rolled);
    assert_eq!(stored.key_ring.retired(), []);
    assert!(stored.key_ring.current().is_some());
}

/// With an overlap the key goes on as a retired one, without it goes at once; a roll then begins anew.
pub async fn a_removal_leaves_no_current_key(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    let (removed, _) = done(scene.remove(webhook.id, Overlap::DAY, None).await);
    let stored = scene.stored(webhook.id).await;
    assert_eq!(stored, removed);
    assert_eq!(stored.key_ring.current(), None);
    let previous = stored.key_ring.previous(scene.now()).map(|retired| &retired.key);
    assert_eq!(previous, webhook.key_ring.current());

    let (emptied, _) = done(scene.remove(webhook.id, Overlap::NONE, None).await);
    assert_eq!(scene.stored(webhook.id).await, emptied);
    assert_eq!(emptied.key_ring.valid_at(scene.now()).count(), 0);

    let (rolled, _) = done(scene.roll(webhook.id, Overlap::DAY).await);
    assert_eq!(scene.stored(webhook.id).await, rolled);
    assert_eq!(rolled.key_ring.valid_at(scene.now()).count(), 1);
}
