//! What rules of rotations share.

use super::scene::{Scene, done, held};
use crate::delivery::event::JsonText;
use crate::id::ProcessId;
use crate::ports::{ClaimedRotation, RotationWebhooksQuery};
use crate::rotation::{Rotation, RotationFilter, RotationWebhook, Settled};
use crate::services::{RotationRun, RotationRunner, RotationService, RotationTurn, StartRotation};
use crate::signing::key_ring::Overlap;
use crate::testing::fixtures;
use crate::webhook::Webhook;

/// What is told of a rotation here: its status and how many were rolled.
pub(super) fn described(rotation: &Rotation) -> JsonText {
    let text = format!(r#"["{}",{}]"#, rotation.status.name(), rotation.totals.rolled);
    held(JsonText::parse(text.as_bytes()))
}

const ALL: RotationWebhooksQuery = RotationWebhooksQuery {
    from: 0,
    unsettled: false,
    limit: 1_000,
};

pub(super) fn everything() -> RotationFilter {
    RotationFilter {
        all: true,
        ..RotationFilter::default()
    }
}

pub(super) fn of(filter: RotationFilter) -> StartRotation {
    StartRotation {
        filter,
        ..StartRotation::default()
    }
}

impl Scene {
    pub(super) fn rotations(&self) -> RotationService {
        let store = self.ports.rotations();
        RotationService::new(store, self.clock.clone(), self.entropy.clone(), Overlap::DAY)
            .announcing(described)
    }

    pub(super) fn some_process(&self) -> ProcessId {
        held(ProcessId::generate(self.now(), self.entropy.as_ref()))
    }

    pub(super) fn runner(&self, process: ProcessId) -> RotationRunner {
        RotationRunner {
            process,
            rotations: self.ports.rotations(),
            webhooks: self.ports.webhooks(),
            api_keys: self.ports.api_keys(),
            pause: self.ports.pause(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            describe: None,
            describe_rotation: Some(described),
        }
    }

    pub(super) async fn begin_rotation(&self, start: StartRotation) -> Rotation {
        done(
            self.rotations()
                .start(&fixtures::operator(&self.platform), start)
                .await,
        )
        .0
    }

    pub(super) async fn claimed(&self, runner: &RotationRunner) -> Option<ClaimedRotation> {
        let mut claimed = held(runner.claim().await);
        claimed.retain(|claimed| claimed.rotation.platform == self.platform);
        claimed.pop()
    }

    pub(super) async fn run_to_the_end(&self, runner: &RotationRunner) {
        let claimed = held(self.claimed(runner).await.ok_or("nothing runs"));
        let mut run = RotationRun::new(claimed);
        while held(runner.advance(&mut run).await) == RotationTurn::GoOn {}
    }

    pub(super) async fn rotation(&self, of: &Rotation) -> Rotation {
        let found = self.ports.rotations().find_rotation(&self.platform, of.id).await;
        held(held(found).ok_or("the rotation is gone"))
    }

    pub(super) async fn webhooks_of(&self, rotation: &Rotation) -> Vec<RotationWebhook> {
        held(self.ports.rotations().rotation_webhooks(rotation.id, ALL).await)
    }

    /// What became of the webhooks, in their order.
    pub(super) async fn outcomes(&self, rotation: &Rotation) -> Vec<Option<Settled>> {
        let webhooks = self.webhooks_of(rotation).await;
        let settled = webhooks.iter().map(|webhook| webhook.settled);
        settled
            .map(|settled| settled.map(|(settled, _)| settled))
            .collect()
    }
}

pub(super) fn key_of(webhook: &Webhook) -> Settled {
    let current = webhook.key_ring.current();
    Settled::Rolled(held(current.ok_or("there is no current key")).id)
}
