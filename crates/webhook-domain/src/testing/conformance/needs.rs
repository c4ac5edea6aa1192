//! What an operator looks at first: webhooks that need somebody, and what waits.

use std::time::Duration;

use super::Ports;
use super::deleting::delete;
use super::held_up::fail_head;
use super::lane_scene::of;
use super::scene::{Scene, done, held};
use crate::id::{DeliveryId, WebhookId};
use crate::ports::Backlog;
use crate::signing::key_ring::{Evidence, Overlap};
use crate::testing::fixtures;
use crate::time::Instant;
use crate::webhook::{Need, NeedPage, NeedPlace, NeedQuery, RotationDays, Settings, TargetUrl};

const DAY: Duration = Duration::from_secs(86_400);
/// More than any of these lists has.
const MANY: u32 = 50;

fn receiving() -> Settings {
    Settings {
        url: Some(TargetUrl::restore("https://example.com/hook".to_owned())),
        ..fixtures::bare_settings()
    }
}

impl Scene {
    async fn needs(&self, need: Need, after: Option<NeedPlace>, limit: u32, count_to: u32) -> NeedPage {
        let at = self.now();
        let query = NeedQuery {
            need,
            at,
            after,
            limit,
            count_to,
        };
        held(self.ports.webhooks().in_need(&self.platform, query).await)
    }

    /// All that need somebody so, in their order, as a page and one by one.
    async fn in_need(&self, need: Need) -> Vec<WebhookId> {
        let all = self.needs(need, None, MANY, MANY).await;
        let ids: Vec<_> = all.webhooks.iter().map(|webhook| webhook.id).collect();
        assert_eq!((all.total, all.next), (ids.len() as u64, None));
        let mut one_by_one = Vec::new();
        let mut after = None;
        loop {
            let page = self.needs(need, after, 1, 1).await;
            assert_eq!(page.total, ids.len().min(1) as u64, "no more are counted");
            one_by_one.extend(page.webhooks.iter().map(|webhook| webhook.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(one_by_one, ids);
        ids
    }

    async fn backlog(&self) -> Backlog {
        held(self.ports.events().backlog(&self.platform).await)
    }
}

/// Those whose queue is held up are listed by their ids while it is, with what holds it up; those of another platform are not.
pub async fn webhooks_that_are_held_up_are_listed(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let mut webhooks = [
        scene.create(receiving()).await,
        scene.create(receiving()).await,
        scene.create(receiving()).await,
    ];
    webhooks.sort_by_key(|webhook| webhook.id);
    let foreign = other.create(receiving()).await;
    assert_eq!(scene.in_need(Need::HeldUp).await, []);
    scene.published("INVOICE.CREATED").await;
    other.published("INVOICE.CREATED").await;
    for webhook in &webhooks[..2] {
        fail_head(&scene, process, webhook).await;
    }
    fail_head(&other, process, &foreign).await;
    let [first, second] = [webhooks[0].id, webhooks[1].id];
    assert_eq!(scene.in_need(Need::HeldUp).await, [first, second]);
    assert_eq!(other.in_need(Need::HeldUp).await, [foreign.id]);
    let listed = scene.needs(Need::HeldUp, None, 1, MANY).await;
    assert_eq!(listed.total, 2);
    assert!(listed.webhooks[0].held_up.is_some());

    scene.deliver(process, &webhooks[0]).await;
    assert_eq!(scene.in_need(Need::HeldUp).await, [second]);
    done(delete(&scene, &webhooks[1], None).await);
    assert_eq!(scene.in_need(Need::HeldUp).await, []);
}

/// Those whose key is due for a roll are listed by when it was, until it is rolled.
pub async fn webhooks_whose_key_is_due_need_somebody(ports: &Ports) {
    let scene = Scene::at(ports, held("2037-01-01T00:00:00Z".parse()));
    let due_after = |days| Settings {
        secret_rotation_days: Some(held(RotationDays::new(days))),
        ..receiving()
    };
    let late = scene.create(due_after(90)).await.id;
    let early = scene.create(due_after(30)).await.id;
    scene.create(receiving()).await;
    for (passed, expected) in [(29, &[][..]), (1, &[early]), (59, &[early]), (1, &[early, late])] {
        scene.clock.advance(DAY * passed);
        assert_eq!(scene.in_need(Need::RollDue).await, expected);
    }
    done(scene.roll(early, Overlap::DAY).await);
    assert_eq!(scene.in_need(Need::RollDue).await, [late]);
}

/// Those of which a key stops by an instant are listed by when it does, while nobody has shown that their receiver verifies with the new one.
pub async fn webhooks_whose_key_stops_unadopted_are_listed(ports: &Ports) {
    let scene = Scene::at(ports, held("2039-01-01T00:00:00Z".parse()));
    let start = scene.now();
    let within = |days: u32| Need::KeyStops {
        by: start.plus(DAY * days),
    };
    let [later, sooner, adopted, at_once, kept] = [
        scene.create(receiving()).await.id,
        scene.create(receiving()).await.id,
        scene.create(receiving()).await.id,
        scene.create(receiving()).await.id,
        scene.create(receiving()).await.id,
    ];
    let days = |count: u64| held(Overlap::from_seconds(86_400 * count));
    done(scene.roll(later, days(3)).await);
    done(scene.roll(sooner, days(2)).await);
    done(scene.roll(adopted, days(1)).await);
    done(scene.roll(at_once, Overlap::NONE).await);
    done(scene.roll_keeping(kept, days(4)).await);
    scene.end_checks(kept).await;
    scene.prove(adopted, Evidence::Receipt).await;
    assert_eq!(scene.in_need(within(7)).await, [sooner, later, kept]);
    assert_eq!(scene.in_need(within(3)).await, [sooner, later]);
    assert_eq!(scene.in_need(within(1)).await, []);

    // What was shown of a key says nothing of the next, and what is shown of it takes the webhook off the list.
    done(scene.roll(adopted, days(7)).await);
    assert_eq!(scene.in_need(within(7)).await, [adopted, sooner, later, kept]);
    scene.prove(adopted, Evidence::Check).await;
    scene.prove(sooner, Evidence::Check).await;
    assert_eq!(scene.in_need(within(7)).await, [later, kept]);
    // Nor does one need somebody of which the key has stopped, whether it is erased or not.
    scene.clock.advance(DAY * 3);
    assert_eq!(scene.in_need(within(7)).await, [kept]);
    done(delete(&scene, &scene.stored(kept).await, None).await);
    assert_eq!(scene.in_need(within(7)).await, []);
}

/// What waits on a platform is counted, and since when its oldest event waits where nothing holds it up.
pub async fn what_waits_is_counted(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let backlog = |waiting, oldest_due: Option<Instant>| Backlog {
        waiting,
        has_more: false,
        oldest_due,
    };
    let (held_up, free) = (scene.create(receiving()).await, scene.create(receiving()).await);
    other.create(receiving()).await;
    assert_eq!(scene.backlog().await, backlog(0, None));
    let first = scene.published("INVOICE.CREATED").await;
    other.published("INVOICE.CREATED").await;
    scene.clock.advance(Duration::from_secs(1));
    let second = scene.published("INVOICE.CREATED").await;
    assert_eq!(scene.backlog().await, backlog(4, Some(first.created_at)));
    // Where something is held up, it waits for the receiver.
    fail_head(&scene, process, &held_up).await;
    assert_eq!(scene.backlog().await, backlog(4, Some(first.created_at)));
    scene.deliver(process, &free).await;
    assert_eq!(scene.backlog().await, backlog(3, Some(second.created_at)));
    scene.deliver(process, &free).await;
    assert_eq!(scene.backlog().await, backlog(2, None));
    // When it was asked for that something is sent again is not known.
    let again = scene.resend(of(&first, &free));
    done(ports.events().resend(again).await);
    assert_eq!(scene.backlog().await, backlog(3, None));
    done(scene.set(free.id, |settings| settings.active = false).await);
    scene.settle(&free).await;
    assert_eq!(scene.backlog().await, backlog(2, None));
    assert_eq!(other.backlog().await.waiting, 1);
}

/// What is in the queue of a webhook is counted as far as is asked for, and of those of the platform alone.
pub async fn what_is_queued_is_counted(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let process = scene.process().await;
    let [one, inactive, foreign] = [
        scene.create(receiving()).await,
        scene.create(receiving()).await,
        other.create(receiving()).await,
    ];
    let none = scene.new_webhook(receiving()).id;
    let mut asked = vec![one.id, inactive.id, foreign.id, none];
    asked.sort_unstable();
    let queued = async |of: Vec<WebhookId>, count_to| {
        let counted = ports.events().queued(&scene.platform, of, count_to).await;
        held(counted).into_iter().collect::<Vec<_>>()
    };
    let both = |first, second| {
        let mut counts = vec![(one.id, first), (inactive.id, second)];
        counts.sort_unstable();
        counts
    };
    assert_eq!(queued(asked.clone(), 9).await, both(0, 0));
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(scene.published("INVOICE.CREATED").await);
    }
    other.published("INVOICE.CREATED").await;
    assert_eq!(queued(asked.clone(), 9).await, both(3, 3));
    assert_eq!(queued(asked.clone(), 2).await, both(2, 2));
    assert_eq!(queued(vec![foreign.id], 9).await, []);
    assert_eq!(queued(Vec::new(), 9).await, []);
    // Those that are given up or delivered are in it no more; those of a webhook that may not be sent to are.
    let given_up = scene.give_up(DeliveryId::of(events[1].id, one.id), None);
    done(given_up.await);
    done(scene.set(inactive.id, |settings| settings.active = false).await);
    assert_eq!(queued(asked.clone(), 9).await, both(2, 3));
    scene.deliver(process, &one).await;
    fail_head(&scene, process, &one).await;
    assert_eq!(queued(asked, 9).await, both(1, 3));
}
