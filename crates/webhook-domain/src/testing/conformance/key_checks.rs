//! Checks of keys: how many there may be, whichever process makes them.

use std::time::Duration;

use super::ports::Ports;
use super::scene::{Scene, held};
use crate::concurrently::concurrently;
use crate::delivery::key_check::Crowded;
use crate::delivery::key_check::allowance::{Allowance, LEASE, NewCheck, WINDOW};
use crate::error::{Refusal, ServiceError};
use crate::id::{KeyCheckId, WebhookId};
use crate::time::Instant;

impl Scene {
    /// Some webhook, which need not be stored for this.
    fn checked_webhook(&self) -> WebhookId {
        held(WebhookId::generate(self.now(), self.entropy.as_ref()))
    }

    fn check(&self, webhook: WebhookId, host: &str, at: Instant) -> NewCheck {
        NewCheck {
            id: held(KeyCheckId::generate(at, self.entropy.as_ref())),
            webhook,
            // Scenes share a store, and hosts are not of a platform.
            host: format!("{}.{host}", self.platform),
            at,
            allowance: Allowance::OnRequest,
        }
    }

    async fn begin(&self, check: &NewCheck) -> Result<(), Refusal> {
        match self.ports.key_checks().begin(check.clone()).await {
            Ok(()) => Ok(()),
            Err(ServiceError::Refused(refusal)) => Err(refusal),
            Err(error) => held(Err(error)),
        }
    }

    async fn end(&self, check: &NewCheck, has_sent: bool) {
        held(self.ports.key_checks().end(check.id, has_sent).await);
    }

    /// Begins a check that may begin, and ends it.
    async fn make(&self, check: &NewCheck) {
        held(self.begin(check).await);
        self.end(check, true).await;
    }
}

const fn too_many(of: Crowded, wait: Duration) -> Result<(), Refusal> {
    Err(Refusal::TooManyKeyChecks { of, wait })
}

/// Those of its webhook, those at its host, and no others; each on its account, and until it is too long ago.
pub async fn a_check_is_judged_beside_those_of_the_last_hour(ports: &Ports) {
    let scene = Scene::new(ports);
    let (one, other) = (scene.checked_webhook(), scene.checked_webhook());
    let after = |seconds| scene.now().plus(Duration::from_secs(seconds));
    let first = scene.check(one, "a", after(0));
    held(scene.begin(&first).await);
    let beside =
        [(one, "a"), (one, "b"), (other, "a")].map(|(webhook, host)| scene.check(webhook, host, after(1)));
    let wait = LEASE.saturating_sub(Duration::from_secs(1));
    assert_eq!(scene.begin(&beside[0]).await, Err(Refusal::KeyCheckUnderWay));
    assert_eq!(scene.begin(&beside[1]).await, Err(Refusal::KeyCheckUnderWay));
    assert_eq!(scene.begin(&beside[2]).await, too_many(Crowded::HostAtOnce, wait));
    scene.make(&scene.check(other, "b", after(1))).await;
    scene.end(&first, true).await;
    for seconds in 2..7 {
        scene.make(&scene.check(one, "a", after(seconds))).await;
    }
    let seventh = scene.check(one, "c", after(10));
    let wait = WINDOW.saturating_sub(Duration::from_secs(10));
    assert_eq!(scene.begin(&seventh).await, too_many(Crowded::Webhook, wait));
    let by_itself = NewCheck {
        allowance: Allowance::ByItself,
        ..seventh
    };
    scene.make(&by_itself).await;
    scene.make(&scene.check(one, "a", after(3600))).await;
    // What has begun by a clock that is far ahead is forgotten likewise.
    let ahead = scene.check(other, "d", after(80_000));
    held(scene.begin(&ahead).await);
    held(scene.begin(&scene.check(other, "d", after(3601))).await);
}

/// Nobody else's begins between what one sees and what it does.
pub async fn of_concurrent_checks_one_begins(ports: &Ports) {
    let scene = Scene::new(ports);
    let now = scene.now();
    let webhooks: Vec<_> = (0..12).map(|_| scene.checked_webhook()).collect();
    let checks = webhooks.iter().map(|webhook| scene.check(*webhook, "a", now));
    let checks: Vec<_> = checks.collect();
    let begun = concurrently(checks.iter().map(|check| scene.begin(check))).await;
    let refused = too_many(Crowded::HostAtOnce, LEASE);
    assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1);
    assert_eq!(begun.iter().filter(|begun| **begun == refused).count(), 11);
}

/// It is as if it had not begun.
pub async fn a_check_that_sent_nothing_does_not_count(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.checked_webhook();
    for _ in 0..10 {
        let check = scene.check(webhook, "a", scene.now());
        held(scene.begin(&check).await);
        scene.end(&check, false).await;
        scene.end(&check, true).await;
    }
    scene.make(&scene.check(webhook, "a", scene.now())).await;
}

/// What one process has begun, another one counts.
pub async fn checks_are_there_after_a_restart(ports: &Ports) {
    let scene = Scene::new(ports);
    let webhook = scene.checked_webhook();
    for _ in 0..5 {
        scene.make(&scene.check(webhook, "a", scene.now())).await;
    }
    let under_way = scene.check(webhook, "a", scene.now());
    held(scene.begin(&under_way).await);
    ports.reopen().await;
    let next = scene.check(webhook, "b", scene.now());
    assert_eq!(scene.begin(&next).await, Err(Refusal::KeyCheckUnderWay));
    scene.end(&under_way, true).await;
    assert_eq!(scene.begin(&next).await, too_many(Crowded::Webhook, WINDOW));
}
