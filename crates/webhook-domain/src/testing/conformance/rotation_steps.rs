//! Rotations: that they begin once, that a roll and its outcome do not come apart, and that they go on.

use std::sync::Arc;
use std::time::Duration;

use super::ports::Ports;
use super::scene::{Scene, done, held, refused, replayed};
use crate::access::audit::AuditAction;
use crate::error::{Refusal, ServiceError};
use crate::idempotency::IdempotentRequest;
use crate::ports::RotationWebhooksQuery;
use crate::rotation::{
    FailReason, KeyBefore, Rotation, RotationFilter, RotationStatus, RotationStep, Settled, SkipReason,
    Spread, StopReason,
};
use crate::services::{RotationRun, RotationTurn, StartRotation};
use crate::signing::key_ring::Overlap;
use crate::signing::secret::SecretBytes;
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::fixtures;
use crate::webhook::{Settings, WebhookFilter};

use super::rotation_scene::{everything, of};

/// Neither twice, nor under a claim that is another's, nor after the end.
pub async fn a_step_of_a_rotation_is_settled_once(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.create(fixtures::bare_settings()).await;
    scene.create(fixtures::bare_settings()).await;
    let begun = scene.begin_rotation(of(everything())).await;
    let (here, there) = (
        scene.runner(scene.some_process()),
        scene.runner(scene.some_process()),
    );
    let claimed = held(scene.claimed(&here).await.ok_or("nobody works at it"));
    assert!(scene.claimed(&there).await.is_none());
    assert_eq!(scene.claimed(&here).await, Some(claimed.clone()), "said again");
    let step = RotationStep {
        rotation: begun.id,
        number: 0,
        epoch: claimed.epoch,
        at: scene.now(),
    };
    let store = ports.rotations();
    let failed = Settled::Failed(FailReason::Store);
    let refusal = |settled: Result<(), ServiceError>| match settled {
        Err(ServiceError::Refused(refusal)) => Some(refusal),
        settled => {
            held(settled);
            None
        }
    };
    let over = Some(Refusal::RotationNotRunning);
    let other = RotationStep {
        epoch: claimed.epoch + 1,
        ..step
    };
    assert_eq!(refusal(store.settle_step(other, failed).await), over);
    assert_eq!(refusal(store.settle_step(step, failed).await), None);
    let skipped = Settled::Skipped(SkipReason::Deleted);
    assert_eq!(refusal(store.settle_step(step, skipped).await), None);
    assert_eq!(scene.outcomes(&begun).await, [Some(failed), None]);
    assert_eq!(scene.rotation(&begun).await.totals.failed, 1);
    let mut run = RotationRun::new(claimed);
    let acting = fixtures::operator(&scene.platform);
    let (stopped, _) = done(scene.rotations().stop(&acting, begun.id, None).await);
    assert_eq!(
        (stopped.status, stopped.stop_reason),
        (RotationStatus::Stopped, Some(StopReason::Requested))
    );
    let last = RotationStep { number: 1, ..step };
    assert_eq!(refusal(store.settle_step(last, failed).await), over);
    assert_eq!(held(here.advance(&mut run).await), RotationTurn::Over);
    assert_eq!(scene.stored(webhook.id).await.key_ring, webhook.key_ring);
    assert_eq!(scene.outcomes(&begun).await, [Some(failed), None]);
    let again = scene.rotations().stop(&acting, begun.id, None).await;
    assert_eq!(refused(again), Refusal::RotationNotRunning);
}

/// One at a time, as many as were confirmed, nobody else's, and the same request once.
pub async fn a_rotation_begins_once(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    scene.create(fixtures::bare_settings()).await;
    let (acting, service) = (fixtures::operator(&scene.platform), scene.rotations());
    let confirming = |total| StartRotation {
        confirm_total: Some(total),
        ..of(everything())
    };
    let wrong = refused(service.start(&acting, confirming(2)).await);
    assert!(matches!(&wrong, Refusal::InvalidField { field, .. } if field == "confirm_total"));
    assert_eq!(held(service.list(&acting, None, 10).await), []);
    let named = |text| {
        let request = fixtures::request("begins", text);
        let render = |rotation: &Rotation, _| SecretBytes::new(rotation.id.to_string().into_bytes());
        IdempotentRequest {
            key: request.key,
            fingerprint: request.fingerprint,
            render: Arc::new(render),
        }
    };
    let naming = |text| StartRotation {
        idempotent: Some(named(text)),
        ..confirming(1)
    };
    let (begun, answer) = done(service.start(&acting, naming("a")).await);
    let second = refused(service.start(&acting, of(everything())).await);
    assert_eq!(second, Refusal::RotationUnderWay { id: begun.id });
    let again = replayed(service.start(&acting, naming("a")).await);
    assert_eq!(
        Some(again.expose()),
        answer.as_ref().map(|answer| answer.expose())
    );
    let other = refused(service.start(&acting, naming("b")).await);
    assert_eq!(other, Refusal::IdempotencyKeyReused);
    assert_eq!(
        held(service.list(&acting, None, 10).await),
        std::slice::from_ref(&begun)
    );

    let stranger = fixtures::operator(&elsewhere.platform);
    let found = ports
        .rotations()
        .find_rotation(&elsewhere.platform, begun.id)
        .await;
    assert_eq!(held(found), None);
    let stopped = elsewhere.rotations().stop(&stranger, begun.id, None).await;
    assert_eq!(refused(stopped), Refusal::NO_SUCH_ROTATION);
    let theirs = elsewhere.begin_rotation(of(everything())).await;
    assert_eq!(theirs.totals.total, 0);
    elsewhere
        .run_to_the_end(&elsewhere.runner(elsewhere.some_process()))
        .await;
    assert_eq!(elsewhere.rotation(&theirs).await.status, RotationStatus::Done);
    let records = scene.records(begun.id).await;
    assert!(
        records
            .iter()
            .map(|record| record.action)
            .eq([AuditAction::RotationStarted])
    );
}

/// So that it is known later what was rolled since: also of webhooks that were rolled before, and that have none.
pub async fn a_rotation_notes_the_key_of_each_webhook(ports: &Ports) {
    let scene = Scene::new(ports);
    let mut webhooks = Vec::new();
    for protocol in [
        SigningProtocol::HmacSha256,
        SigningProtocol::Ed25519,
        SigningProtocol::HmacSha256,
    ] {
        let settings = Settings {
            signing_protocol: protocol,
            ..fixtures::bare_settings()
        };
        webhooks.push(scene.create(settings).await.id);
        scene.clock.advance_seconds(1);
    }
    done(scene.roll(webhooks[1], Overlap::DAY).await);
    done(scene.remove(webhooks[2], Overlap::DAY, None).await);
    let mut expected = Vec::new();
    for webhook in &webhooks {
        let ring = scene.stored(*webhook).await.key_ring;
        expected.push(KeyBefore::of(ring.current().map(|current| current.id)));
    }
    assert_eq!(expected[2], KeyBefore::None);
    let begun = scene.begin_rotation(of(everything())).await;
    done(scene.roll(webhooks[0], Overlap::DAY).await);
    let noted = scene.webhooks_of(&begun).await;
    assert!(
        noted.iter().map(|webhook| webhook.key_before).eq(expected),
        "{noted:?}"
    );
}

/// Those that ended before, whole; none that runs, and none that ended later.
pub async fn rotations_that_ended_long_ago_are_forgotten(ports: &Ports) {
    let scene = Scene::new(ports);
    scene.create(fixtures::bare_settings()).await;
    let (acting, service) = (fixtures::operator(&scene.platform), scene.rotations());
    let mut begun = Vec::new();
    for _ in 0..3 {
        let rotation = scene.begin_rotation(of(everything())).await;
        begun.push(rotation.id);
        if begun.len() < 3 {
            done(service.stop(&acting, rotation.id, None).await);
        }
        scene.clock.advance_seconds(100);
    }
    let store = ports.rotations();
    let second_ended = held(service.find(&acting, begun[1]).await).finished_at;
    let before = held(second_ended.ok_or("it was stopped"));
    // Others of the same store may have been forgotten with it.
    assert!(held(store.forget_rotations(before).await) >= 1);
    let left = held(service.list(&acting, None, 10).await);
    assert!(left.iter().map(|rotation| rotation.id).eq([begun[2], begun[1]]));
    assert_eq!(held(store.find_rotation(&scene.platform, begun[0]).await), None);
    let query = RotationWebhooksQuery {
        from: 0,
        unsettled: false,
        limit: 10,
    };
    assert_eq!(held(store.rotation_webhooks(begun[0], query).await), []);
    assert_eq!(held(store.rotation_webhooks(begun[1], query).await).len(), 1);
    held(
        store
            .forget_rotations(scene.now().plus(Duration::from_secs(1)))
            .await,
    );
    let left = held(service.list(&acting, None, 10).await);
    assert!(left.iter().map(|rotation| rotation.id).eq([begun[2]]));
}

/// With all that is in it, and it goes on where it was.
pub async fn a_rotation_goes_on_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    for _ in 0..3 {
        let settings = Settings {
            reference: None,
            ..fixtures::full_settings()
        };
        scene.create(settings).await;
    }
    let mut start = of(RotationFilter {
        reference_prefix: None,
        all: false,
        ids: Some(scene.list().await.iter().map(|webhook| webhook.id).collect()),
        others: WebhookFilter {
            active: Some(false),
            rolled_before: Some(scene.now().plus(Duration::from_secs(1))),
            signing_protocol: Some(SigningProtocol::HmacSha256),
            ..WebhookFilter::default()
        },
    });
    start.stop_after_failures = Some(7);
    start.spread = held(Spread::from_seconds(300));
    start.overlap = Some(held(Overlap::from_seconds(77)));
    start.keeps_previous_until_adopted = true;
    let begun = scene.begin_rotation(start).await;
    let process = scene.some_process();
    {
        let runner = scene.runner(process);
        let mut run = RotationRun::new(held(scene.claimed(&runner).await.ok_or("nothing runs")));
        assert_eq!(held(runner.advance(&mut run).await), RotationTurn::GoOn);
        let due = RotationTurn::WaitUntil(begun.created_at.plus(Duration::from_secs(100)));
        assert_eq!(held(runner.advance(&mut run).await), due);
    }
    let before = (scene.rotation(&begun).await, scene.webhooks_of(&begun).await);
    ports.reopen().await;
    assert_eq!(
        (scene.rotation(&begun).await, scene.webhooks_of(&begun).await),
        before
    );
    assert_eq!(before.0.totals.rolled, 1);
    scene.clock.advance_seconds(200);
    scene.run_to_the_end(&scene.runner(process)).await;
    let rotation = scene.rotation(&begun).await;
    assert_eq!(
        (rotation.status, rotation.totals.rolled, rotation.totals.skipped),
        (RotationStatus::Done, 3, 0)
    );
}
