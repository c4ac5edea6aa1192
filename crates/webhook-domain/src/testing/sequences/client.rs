//! What clients ask for: they publish, and change webhooks.

use std::sync::Arc;

use super::{Answer, Sequence, outcome};
use crate::delivery::event::JsonText;
use crate::id::WebhookId;
use crate::idempotency::{IdempotencyKey, IdempotentRequest, Render, RequestFingerprint};
use crate::ports::{DeliveryQuery, Outcome, Published, TrackedDelivery};
use crate::services::{
    CreateWebhook, DeleteWebhook, EventService, PublishEvent, RollSecret, SecretKeyService, UndoRoll,
    UpdateWebhook, WebhookService,
};
use crate::signing::key_ring::Overlap;
use crate::signing::secret::SecretBytes;
use crate::testing::fixtures;
use crate::webhook::{
    Action, AuthenticationType, Edit, PageSize, Precondition, Settings, SettingsUpdate, TargetUrl, Webhook,
    WebhookQuery,
};

/// What is published.
const ACTIONS: [&str; 3] = ["INVOICE.CREATED", "INVOICE.PAID", "QUOTE.ACCEPTED"];
/// How many events may be forgotten at a time: all.
const MANY: u32 = 10_000;

impl Sequence<'_> {
    fn webhook_service(&self) -> WebhookService {
        let store = self.stores.clients.webhooks().clone();
        WebhookService::new(store, self.clock.clone(), self.entropy.clone())
    }

    fn event_service(&self) -> EventService {
        let store = self.stores.clients.events().clone();
        EventService::new(store, self.clock.clone(), self.entropy.clone())
    }

    fn some_url(&mut self) -> TargetUrl {
        let number = self.random.below(3);
        TargetUrl::restore(format!("https://example.com/{number}"))
    }

    /// A request that may be sent again: one of a few names, so that some are sent again, and some for something else.
    fn named<T>(&mut self, body: &str, render: Render<T>) -> Option<IdempotentRequest<T>> {
        let key = format!("key-{}", self.random.below(12));
        let key = IdempotencyKey::parse(&key).ok()?;
        self.random.chance(30).then(|| IdempotentRequest {
            key,
            fingerprint: RequestFingerprint::of(&[body.as_bytes()]),
            render,
        })
    }

    pub(super) async fn create(&mut self) -> (String, Answer) {
        let settings = Settings {
            url: Some(self.some_url()),
            included_actions: self
                .random
                .chance(30)
                .then(|| fixtures::actions(&[ACTIONS[0], ACTIONS[1]])),
            ..fixtures::bare_settings()
        };
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        let created = self.webhook_service().create(&self.acting, create).await;
        if let Ok(Outcome::Done { subject, .. }) = &created {
            self.webhooks.push(subject.id);
        }
        let answer = created.map(|created| outcome(created, shown));
        ("create".to_owned(), answer)
    }

    pub(super) async fn publish(&mut self) -> (String, Answer) {
        let action = self.random.pick(&ACTIONS);
        let render = Arc::new(|published: &Published, _| {
            SecretBytes::new(published.event.id.to_string().into_bytes())
        });
        let idempotent = self.named(action, render);
        let parsed = Action::parse(action.to_owned()).and_then(|action| {
            let data = JsonText::parse(br#"{"total":1.10}"#)?;
            Ok((action, data))
        });
        let Ok((action, data)) = parsed else {
            return ("publish".to_owned(), Ok("nothing".to_owned()));
        };
        let operation = format!("publish {}", action.as_str());
        let publish = PublishEvent {
            action,
            data,
            previous_data: None,
            original_request_id: None,
            trace: None,
            idempotent,
        };
        let published = self.event_service().publish(&self.acting, publish).await;
        if let Ok(Outcome::Done { subject, .. }) = &published {
            self.events.push(subject.event.id);
        }
        let told =
            |published: &Published| format!("{} to {} webhooks", published.event.id, published.deliveries);
        (operation, published.map(|published| outcome(published, told)))
    }

    pub(super) async fn resend(&mut self) -> (String, Answer) {
        let Some(delivery) = self.some_delivery() else {
            return ("resend".to_owned(), Ok("nothing".to_owned()));
        };
        let resent = self.event_service().resend(&self.acting, delivery, None).await;
        let told = |resent: &TrackedDelivery| format!("{resent:?}");
        let answer = resent.map(|resent| outcome(resent, told));
        (format!("resend {delivery}"), answer)
    }

    pub(super) async fn roll(&mut self) -> (String, Answer) {
        let webhook = self.some_webhook();
        let overlap = self.random.pick(&[0, 5, 3600]);
        let store = self.stores.clients.webhooks().clone();
        let service = SecretKeyService::new(store, self.clock.clone(), self.entropy.clone(), Overlap::DAY);
        let roll = RollSecret {
            overlap: Overlap::from_seconds(overlap).ok(),
            idempotent: self.named(&webhook.to_string(), fixtures::answer()),
            ..RollSecret::default()
        };
        let rolled = service.roll(&self.acting, webhook, roll).await;
        let answer = rolled.map(|rolled| outcome(rolled, shown));
        (format!("roll {webhook} with {overlap} s"), answer)
    }

    pub(super) async fn undo_roll(&mut self) -> (String, Answer) {
        let webhook = self.some_webhook();
        let overlap = self.random.pick(&[0, 5, 3600]);
        let store = self.stores.clients.webhooks().clone();
        let service = SecretKeyService::new(store, self.clock.clone(), self.entropy.clone(), Overlap::DAY);
        let undo = UndoRoll {
            overlap: Overlap::from_seconds(overlap).ok(),
            ..UndoRoll::default()
        };
        let restored = service.undo_roll(&self.acting, webhook, undo).await;
        let answer = restored.map(|restored| outcome(restored, shown));
        (format!("undo the roll of {webhook} with {overlap} s"), answer)
    }

    pub(super) async fn update(&mut self) -> (String, Answer) {
        let webhook = self.some_webhook();
        let active = self.random.chance(75);
        let mut update = SettingsUpdate::new(active, false, AuthenticationType::None);
        match self.random.below(8) {
            0 => update.url = Edit::Clear,
            1..=3 => update.url = Edit::Set(self.some_url()),
            4 => update.included_actions = Edit::Clear,
            5 => update.excluded_actions = Edit::Set(fixtures::actions(&[ACTIONS[2]])),
            _ => {}
        }
        let operation = format!("update {webhook}: active {active}, url {:?}", update.url);
        let update = UpdateWebhook {
            update,
            precondition: Precondition::default(),
            idempotent: None,
        };
        let updated = self.webhook_service().update(&self.acting, webhook, update).await;
        (operation, updated.map(|updated| outcome(updated, shown)))
    }

    pub(super) async fn delete(&mut self) -> (String, Answer) {
        let webhook = self.some_webhook();
        let answer = self.delete_one(webhook).await;
        (format!("delete {webhook}"), answer)
    }

    async fn delete_one(&self, webhook: WebhookId) -> Answer {
        let delete = DeleteWebhook::default();
        let deleted = self.webhook_service().delete(&self.acting, webhook, delete).await;
        deleted.map(|deleted| outcome(deleted, shown))
    }

    /// Reads a webhook or a delivery.
    pub(super) async fn read(&mut self) -> (String, Answer) {
        let platform = &self.acting.platform().clone();
        if let Some(delivery) = self.some_delivery().filter(|_| self.random.chance(60)) {
            let found = self
                .stores
                .clients
                .events()
                .find_delivery(platform, delivery)
                .await;
            let answer = found.map(|found| format!("{found:?}")).map_err(Into::into);
            return (format!("read {delivery}"), answer);
        }
        let webhook = self.some_webhook();
        let found = self.stores.clients.webhooks().find(platform, webhook).await;
        let answer = found.map(|found| format!("{:?}", found.as_ref().map(shown)));
        (format!("read {webhook}"), answer.map_err(Into::into))
    }

    /// Lists webhooks, or deliveries to one.
    pub(super) async fn list(&mut self) -> (String, Answer) {
        let platform = self.acting.platform().clone();
        if self.random.chance(30) {
            let query = WebhookQuery {
                limit: PageSize::MAX,
                ..WebhookQuery::default()
            };
            let page = self.stores.clients.webhooks().page(&platform, query).await;
            let answer = page.map(|page| {
                let webhooks: Vec<_> = page.webhooks.iter().map(shown).collect();
                format!("{webhooks:?} of {}", page.total)
            });
            return ("list webhooks".to_owned(), answer.map_err(Into::into));
        }
        let webhook = self.some_webhook();
        // One to the same webhook: which recipient of an event comes first is the store's affair.
        let after = self.some_delivery_to(webhook);
        let after = after.filter(|_| self.random.chance(30));
        let query = DeliveryQuery {
            webhook: Some(webhook),
            status: self
                .random
                .pick(&[None, Some("PENDING"), Some("SUCCEEDED"), Some("FAILED")]),
            after,
            limit: 1 + self.random.below(6) as u32,
            ..DeliveryQuery::default()
        };
        let operation = format!("list {query:?}");
        let found = self.stores.clients.events().deliveries(&platform, query).await;
        let answer = found.map(|found| {
            let found = found
                .iter()
                .map(|tracked| format!("{} {:?}", tracked.delivery.id, tracked.delivery.status));
            format!("{:?}", found.collect::<Vec<_>>())
        });
        (operation, answer.map_err(Into::into))
    }

    pub(super) async fn forget(&mut self) -> (String, Answer) {
        let forgotten = self.stores.clients.events().forget_events(self.now(), MANY).await;
        let answer = forgotten.map(|forgotten| format!("{forgotten} events"));
        ("forget".to_owned(), answer.map_err(Into::into))
    }

    /// Deletes what there is, and says how much it was.
    pub(super) async fn clean_up(&mut self) -> Answer {
        for process in 0..self.processes.len() {
            self.leave(process).await?;
        }
        for webhook in self.webhooks.clone() {
            // Some are deleted already.
            drop(self.delete_one(webhook).await);
        }
        self.forget().await.1
    }
}

/// A webhook, with what holds it up and the fingerprints of its keys.
fn shown(webhook: &Webhook) -> String {
    let keys = webhook.key_ring.retired().iter();
    let keys: Vec<_> = keys
        .map(|retired| (retired.key.fingerprint(), retired.expires_at))
        .collect();
    let current = webhook.key_ring.current().map(|key| key.fingerprint());
    format!(
        "{} {:?} {:?} {current:?} {keys:?} {:?} {:?}",
        webhook.id, webhook.version, webhook.settings, webhook.updated_at, webhook.held_up
    )
}
