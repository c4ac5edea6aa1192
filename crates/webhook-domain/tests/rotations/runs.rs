//! What ends a rotation, and what merely holds it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::{Credential, PlatformScope};
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::ports::{DeliveryPause, MockWebhookStore, Outcome, Pause, PauseReason, WebhookStore};
use webhook_domain::rotation::{FailReason, RotationStatus, RotationTotals, Settled, Spread, StopReason};
use webhook_domain::services::{
    ApiKeyService, CreateApiKey, RevokeApiKey, RotationRun, RotationTurn, StartRotation,
};
use webhook_domain::testing::fixtures;
use webhook_domain::time::Clock as _;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::scene::{CutOff, Scene, claim, finished, poll, run};

fn slowly() -> StartRotation {
    StartRotation {
        spread: Spread::from_seconds(100).unwrap(),
        ..StartRotation::default()
    }
}

/// A scene whose rotations are begun with an API key that is good for so many seconds.
fn with_key(lifetime: u64) -> Scene {
    let mut scene = Scene::new();
    let keys = ApiKeyService::new(scene.store.clone(), scene.clock.clone(), scene.entropy.clone());
    let create = CreateApiKey {
        name: None,
        scope: PlatformScope::One(scene.platform.clone()),
        permissions: PermissionSet::all(),
        lifetime: Some(Duration::from_secs(lifetime)),
        idempotent: None,
    };
    let Outcome::Done { subject, .. } = finished(keys.create(&scene.acting, create)).unwrap() else {
        panic!("it is the first of its name");
    };
    let id = subject.key.id.to_string();
    scene.acting = fixtures::acting_as(&scene.platform, &id, PermissionSet::all());
    scene
}

#[test]
fn a_rotation_stops_when_the_key_that_began_it_is_good_no_more() {
    for is_revoked in [true, false] {
        let scene = with_key(40);
        scene.webhooks(10);
        let rotation = scene.begin(slowly());
        let runner = scene.process(&scene.store);
        let mut working = finished(claim(&runner)).unwrap();
        scene.clock.advance_seconds(35);
        assert_ne!(finished(run(&runner, &mut working)), RotationTurn::Over);
        match is_revoked {
            true => {
                let keys =
                    ApiKeyService::new(scene.store.clone(), scene.clock.clone(), scene.entropy.clone());
                let Credential::ApiKey(id) = scene.acting.credential() else {
                    panic!("it is a key");
                };
                let operator = fixtures::operator(&scene.platform);
                finished(keys.revoke(&operator, id, RevokeApiKey { idempotent: None })).unwrap();
            }
            false => scene.clock.advance_seconds(5),
        }
        assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
        let stopped = scene.find(&rotation);
        assert_eq!(
            (stopped.status, stopped.stop_reason, stopped.totals.rolled),
            (RotationStatus::Stopped, Some(StopReason::CredentialRevoked), 4)
        );
        let records = scene.records(AuditAction::RotationStopped);
        assert_eq!(records[0].credential, Credential::Service);
        assert_eq!(
            records[0].details.stop_reason.as_deref(),
            Some("CREDENTIAL_REVOKED")
        );
    }
}

/// It is not found out at the next webhook, but soon, also where everything is due at once.
#[test]
fn a_rotation_under_way_stops_when_the_key_is_revoked() {
    let scene = with_key(40);
    scene.webhooks(200);
    let rotation = scene.begin(StartRotation::default());
    let mut runner = scene.process(&scene.store);
    let Credential::ApiKey(id) = scene.acting.credential() else {
        panic!("it is a key");
    };
    let keys = ApiKeyService::new(scene.store.clone(), scene.clock.clone(), scene.entropy.clone());
    let operator = fixtures::operator(&scene.platform);
    let (store, rolled) = (scene.store.clone(), AtomicU32::new(0));
    let mut revoking = MockWebhookStore::new();
    revoking.expect_change().returning(move |order| {
        if rolled.fetch_add(1, Ordering::SeqCst) == 50 {
            finished(keys.revoke(&operator, id, RevokeApiKey { idempotent: None })).unwrap();
        }
        finished(WebhookStore::change(store.as_ref(), order))
    });
    runner.webhooks = Arc::new(revoking);
    let mut working = finished(claim(&runner)).unwrap();
    while finished(run(&runner, &mut working)) != RotationTurn::Over {}
    let stopped = scene.find(&rotation);
    assert_eq!(stopped.stop_reason, Some(StopReason::CredentialRevoked));
    let rolled = stopped.totals.rolled;
    assert!((51..51 + 16).contains(&rolled), "{rolled}");
    assert!(scene.webhooks_of(&rotation)[rolled as usize].settled.is_none());
}

/// Those that are under way are settled, and no more are begun.
#[test]
fn after_a_failure_it_is_looked_at_how_many_were_allowed() {
    let scene = Scene::new();
    scene.webhooks(200);
    let rotation = scene.begin(StartRotation {
        stop_after_failures: Some(1),
        ..StartRotation::default()
    });
    let mut runner = scene.process(&scene.store);
    let mut refusing = MockWebhookStore::new();
    refusing
        .expect_change()
        .returning(|_| Err(Refusal::ReferenceTaken.into()));
    runner.webhooks = Arc::new(refusing);
    let mut working = finished(claim(&runner)).unwrap();
    assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
    let stopped = scene.find(&rotation);
    assert_eq!(stopped.stop_reason, Some(StopReason::TooManyFailures));
    assert_eq!(stopped.totals.failed, 1);
}

/// A store that commits some steps together has the next ones by then, and never all of a fleet's.
#[test]
fn many_steps_wait_for_the_store_at_the_same_time() {
    let scene = Scene::new();
    scene.webhooks(200);
    scene.begin(StartRotation::default());
    let silent = CutOff::new(scene.store.clone(), 1, true);
    let runner = scene.process(&silent);
    let mut working = finished(claim(&runner)).unwrap();
    assert!(poll(runner.advance(&mut working)).is_none());
    assert_eq!(silent.unanswered(), 64);
}

/// One that had begun when deliveries were paused waits until they go on; one that is begun while they are does not.
#[test]
fn a_rotation_that_was_running_waits_while_deliveries_are_paused() {
    let scene = Scene::new();
    scene.webhooks(2);
    let rotation = scene.begin(StartRotation::default());
    let runner = scene.process(&scene.store);
    let mut working = finished(claim(&runner)).unwrap();
    scene.clock.advance_seconds(1);
    let pause = Pause {
        since: scene.clock.now(),
        reason: PauseReason::Restored,
    };
    finished(scene.store.pause(pause, None)).unwrap();
    let soon = RotationTurn::WaitUntil(scene.clock.now().plus(Duration::from_secs(1)));
    assert_eq!(finished(run(&runner, &mut working)), soon);
    assert_eq!(scene.find(&rotation).totals.rolled, 0);
    finished(scene.service().stop(&scene.acting, rotation.id, None)).unwrap();
    let meant = scene.begin(StartRotation::default());
    let mut working = finished(claim(&runner)).unwrap();
    assert_eq!(finished(run(&runner, &mut working)), RotationTurn::Over);
    assert_eq!(scene.find(&meant).totals.rolled, 2);
}

/// A store that never changes the second of the webhooks, and as long as it is out of reach, none.
fn failing(scene: &Scene, second: webhook_domain::id::WebhookId, outages: u32) -> MockWebhookStore {
    let (store, left) = (scene.store.clone(), Arc::new(AtomicU32::new(outages)));
    let mut failing = MockWebhookStore::new();
    let out = left.clone();
    failing
        .expect_check()
        .returning(move || match out.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(StoreError::Unavailable("out of reach".into())),
        });
    failing.expect_change().returning(move |order| {
        if left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
            return Err(ServiceError::Store(StoreError::Unavailable(
                "out of reach".into(),
            )));
        }
        match order.webhook == second {
            true => Err(ServiceError::Store(StoreError::Corrupt("unreadable".into()))),
            false => finished(WebhookStore::change(store.as_ref(), order)),
        }
    });
    failing
}

#[test]
fn what_the_store_refuses_three_times_has_failed_and_an_outage_is_nobodys_failure() {
    let scene = Scene::new();
    let webhooks = scene.webhooks(3);
    let rotation = scene.begin(StartRotation::default());
    let mut runner = scene.process(&scene.store);
    runner.webhooks = Arc::new(failing(&scene, webhooks[1].id, 12));
    let mut working = finished(claim(&runner)).unwrap();
    let mut waits = 0;
    while finished(run(&runner, &mut working)) != RotationTurn::Over {
        waits += 1;
        scene.clock.advance_seconds(1);
    }
    // Twelve rounds while nothing works, each of which ends with the first refusal, and the last finds that it does again; then two, of the
    // one alone.
    assert_eq!(waits, 12 + 2);
    let done = scene.find(&rotation);
    let totals = RotationTotals {
        total: 3,
        rolled: 2,
        failed: 1,
        ..RotationTotals::default()
    };
    assert_eq!((done.status, done.totals), (RotationStatus::Done, totals));
    let second = scene.webhooks_of(&rotation)[1]
        .settled
        .map(|(settled, _)| settled);
    assert_eq!(second, Some(Settled::Failed(FailReason::Store)));
}

#[test]
fn a_rotation_stops_after_as_many_failures_as_were_allowed() {
    for (most, status) in [
        (Some(1), RotationStatus::Stopped),
        (Some(2), RotationStatus::Done),
        (None, RotationStatus::Done),
    ] {
        let scene = Scene::new();
        let webhooks = scene.webhooks(3);
        let rotation = scene.begin(StartRotation {
            stop_after_failures: most,
            spread: Spread::from_seconds(3).unwrap(),
            ..StartRotation::default()
        });
        let mut runner = scene.process(&scene.store);
        runner.webhooks = Arc::new(failing(&scene, webhooks[1].id, 0));
        let mut working: RotationRun = finished(claim(&runner)).unwrap();
        while finished(run(&runner, &mut working)) != RotationTurn::Over {
            scene.clock.advance(Duration::from_millis(200));
        }
        let ended = scene.find(&rotation);
        assert_eq!(ended.status, status, "{most:?}");
        let reason = (status == RotationStatus::Stopped).then_some(StopReason::TooManyFailures);
        assert_eq!(ended.stop_reason, reason);
    }
}
