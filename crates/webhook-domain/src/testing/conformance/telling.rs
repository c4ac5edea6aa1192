//! What befalls queues, told to those who want to hear of it.

use super::Ports;
use super::announcements::follower;
use super::lane_scene::of;
use super::scene::{Scene, done, held};
use crate::delivery::attempt::{AttemptOutcome, FailureCause, StatusCode};
use crate::delivery::event::{Event, JsonText};
use crate::id::{EventId, ProcessId};
use crate::ports::{GiveUp, Telling, Turn};
use crate::testing::fixtures;
use crate::webhook::{Action, Happened, Webhook};

const HEARD: [&str; 3] = ["WEBHOOK.HELD_UP", "WEBHOOK.RELEASED", "WEBHOOK_EVENT.FAILED"];

impl Scene {
    /// A turn at the head of the lane that tells of all that may come of it.
    async fn telling_turn(&self, process: ProcessId, webhook: &Webhook, outcome: AttemptOutcome) -> Turn {
        let lane = self.lane(process, webhook).await;
        let head = held(lane.queued.first().ok_or("nothing is queued"));
        let mut turn = self.turn(&lane, head, outcome);
        let event = |happened: Happened| Event {
            id: held(EventId::generate(self.now(), self.entropy.as_ref())),
            platform: self.platform.clone(),
            action: Action::of_service(happened.action()),
            data: held(JsonText::parse(b"1")),
            previous_data: None,
            original_request_id: None,
            trace: None,
            created_at: self.now(),
        };
        turn.tells = [Happened::EventGivenUp, Happened::HeldUp, Happened::Released]
            .map(event)
            .into();
        turn
    }

    /// What has come to the lane of `webhook`, once nothing is left to be told.
    async fn heard(&self, process: ProcessId, webhook: &Webhook) -> Vec<(String, String)> {
        while held(self.ports.lanes().fan_out().await) {}
        let lane = self.look(process, webhook).await;
        let queued = lane.into_iter().flat_map(|lane| lane.queued);
        queued
            .map(|queued| {
                let Event { action, data, .. } = queued.event;
                (action.as_str().to_owned(), data.as_str().to_owned())
            })
            .collect()
    }
}

fn described(given_up: &crate::ports::ListedDelivery) -> JsonText {
    let text = format!(
        r#"["{}","{}",{},"{}"]"#,
        given_up.delivery.id,
        given_up.delivery.status.name(),
        given_up.attempts.len(),
        given_up.action
    );
    held(JsonText::parse(text.as_bytes()))
}

/// Of what a turn tells, that is told which comes true by recording it, once, to who names it on the platform. So is what is given up by request.
pub async fn what_befalls_queues_is_told_if_it_is_so(ports: &Ports) {
    let (scene, elsewhere) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let hears = follower(&scene, &HEARD).await;
    let hears_failures = follower(&scene, &HEARD[2..]).await;
    let stranger = follower(&elsewhere, &HEARD).await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let mut events = Vec::new();
    for _ in 0..2 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    let record = async |turn: &Turn| held(ports.lanes().record(process, vec![turn.clone()]).await).lost;
    let failure = AttemptOutcome::failed(FailureCause::Timeout);
    let held_up = scene.telling_turn(process, &webhook, failure).await;
    let lost = Turn {
        epoch: crate::delivery::lane::Epoch(held_up.epoch.0 + 1),
        ..held_up.clone()
    };
    assert_eq!(record(&lost).await, [webhook.id]);
    assert_eq!(scene.heard(process, &hears).await, []);
    for _ in 0..2 {
        assert_eq!(record(&held_up).await, []);
    }
    let told = |happened: usize, data: &str| (HEARD[happened].to_owned(), data.to_owned());
    assert_eq!(scene.heard(process, &hears).await, [told(0, "1")]);
    let again = scene.telling_turn(process, &webhook, failure).await;
    assert_eq!(record(&again).await, []);
    let success = AttemptOutcome::of_answer(held(StatusCode::new(204)));
    let released = scene.telling_turn(process, &webhook, success).await;
    assert_eq!(record(&released).await, []);
    assert_eq!(scene.heard(process, &hears).await, [told(0, "1"), told(1, "1")]);

    let give_up = GiveUp {
        platform: scene.platform.clone(),
        delivery: of(&events[1], &webhook),
        at: scene.now(),
        telling: Some(Telling {
            id: held(EventId::generate(scene.now(), scene.entropy.as_ref())),
            request: None,
            describe: described,
        }),
        idempotency: None,
    };
    let (given_up, _) = done(ports.events().give_up(give_up).await);
    let data = format!(r#"["{}","FAILED",0,"INVOICE.CREATED"]"#, given_up.delivery.id);
    let all = [told(0, "1"), told(1, "1"), told(2, &data)];
    assert_eq!(scene.heard(process, &hears).await, all);
    assert_eq!(scene.heard(process, &hears_failures).await, all[2..]);
    assert_eq!(scene.heard(process, &stranger).await, []);
}
