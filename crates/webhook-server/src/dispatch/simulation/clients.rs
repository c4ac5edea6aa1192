//! Those who publish events and change webhooks. They talk to a process, and to another one when it does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use webhook_domain::ServiceError;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::error::Refusal;
use webhook_domain::id::EventId;
use webhook_domain::idempotency::{IdempotencyKey, IdempotentRequest, RequestFingerprint};
use webhook_domain::ports::{Outcome, Published};
use webhook_domain::services::{
    CreateWebhook, DeleteWebhook, EventService, PublishEvent, RollSecret, SecretKeyService, UpdateWebhook,
    WebhookService,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::testing::fixtures;
use webhook_domain::webhook::{Action, AuthenticationType, Edit, Settings, SettingsUpdate};

use super::journal::Fact;
use super::plan::MACHINES;
use super::ports::Ports;
use super::receivers::{HOSTS, url};
use super::world::{MachineClock, World};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits before it asks again.
const PAUSE: Duration = Duration::from_millis(500);
/// What is published.
const ACTIONS: [&str; 2] = ["INVOICE.CREATED", "INVOICE.PAID"];

/// What a client talks to.
struct Api {
    ports: Arc<Ports>,
    clock: Arc<MachineClock>,
}

impl Api {
    fn webhooks(&self) -> WebhookService {
        let entropy = Arc::clone(&self.ports.process.entropy) as _;
        WebhookService::new(
            Arc::clone(&self.ports) as _,
            Arc::clone(&self.clock) as _,
            entropy,
        )
    }

    fn secrets(&self) -> SecretKeyService {
        let entropy = Arc::clone(&self.ports.process.entropy) as _;
        let (store, clock) = (Arc::clone(&self.ports) as _, Arc::clone(&self.clock) as _);
        SecretKeyService::new(store, clock, entropy, Overlap::DAY)
    }

    fn events(&self) -> EventService {
        let entropy = Arc::clone(&self.ports.process.entropy) as _;
        EventService::new(
            Arc::clone(&self.ports) as _,
            Arc::clone(&self.clock) as _,
            entropy,
        )
    }
}

/// Asks the processes, this one first: until one answers, if it does no harm to ask `again`, and once otherwise. None if there
/// is no answer.
async fn ask<T, R>(
    world: &Arc<World>,
    first: usize,
    again: bool,
    request: impl Fn(Api) -> R,
) -> Option<Result<T, Refusal>>
where
    R: Future<Output = Result<T, ServiceError>>,
{
    // All who ask come through in the end; this ends a run that is broken.
    for machine in first..first + 1_000 {
        if let Some((ports, clock)) = world.ports(machine % MACHINES) {
            let ports = Arc::new(ports);
            match timeout(PATIENCE, request(Api { ports, clock })).await {
                Ok(Ok(answer)) => return Some(Ok(answer)),
                Ok(Err(ServiceError::Refused(refusal))) => return Some(Err(refusal)),
                _ if !again => return None,
                _ => {}
            }
        }
        sleep(PAUSE).await;
    }
    None
}

/// Creates the webhook of this number. The first one does not want everything.
pub(super) async fn create(world: &Arc<World>, number: usize) {
    let settings = Settings {
        url: Some(url(number % HOSTS, number)),
        included_actions: (number == 0).then(|| fixtures::actions(&[ACTIONS[1]])),
        ..fixtures::bare_settings()
    };
    let created = ask(world, 0, true, |api| {
        let create = CreateWebhook {
            settings: settings.clone(),
            idempotent: None,
        };
        async move {
            api.webhooks()
                .create(&fixtures::acting(&fixtures::acme()), create)
                .await
        }
    });
    let Some(Ok(Outcome::Done { subject, .. })) = created.await else {
        panic!("a webhook could not be created")
    };
    world.add_webhook(subject.id);
}

/// Publishes an event. With a key it is asked for until there is an answer.
pub(super) async fn publish(world: &Arc<World>, machine: usize, named: bool) {
    let number = world.next_publication();
    let action = Action::parse(world.pick(&ACTIONS).to_owned()).unwrap();
    let published = ask(world, machine, named, |api| {
        let publish = PublishEvent {
            action: action.clone(),
            data: JsonText::parse(format!(r#"{{"number":{number}}}"#).as_bytes()).unwrap(),
            previous_data: None,
            original_request_id: None,
            trace: None,
            idempotent: named.then(|| named_request(number)),
        };
        async move {
            api.events()
                .publish(&fixtures::acting(&fixtures::acme()), publish)
                .await
        }
    });
    let event = match published.await {
        Some(Ok(Outcome::Done { subject, .. })) => subject.event.id,
        Some(Ok(Outcome::Replayed(answer))) => std::str::from_utf8(answer.expose()).unwrap().parse().unwrap(),
        Some(Err(refusal)) => panic!("publication {number} is refused: {refusal}"),
        None => return,
    };
    world.write(Fact::Accepted { event });
}

fn named_request(number: usize) -> IdempotentRequest<Published> {
    let key = format!("publication-{number}");
    IdempotentRequest {
        fingerprint: RequestFingerprint::of(&[key.as_bytes()]),
        key: IdempotencyKey::parse(&key).unwrap(),
        render: Arc::new(|published, _| {
            let event: EventId = published.event.id;
            SecretBytes::new(event.to_string().into_bytes())
        }),
    }
}

pub(super) async fn roll(world: &Arc<World>, webhook: usize, overlap: u64) {
    let id = world.webhook(webhook);
    let rolled = ask(world, webhook, true, |api| {
        let roll = RollSecret {
            overlap: Some(Overlap::from_seconds(overlap).unwrap()),
            ..RollSecret::default()
        };
        async move {
            api.secrets()
                .roll(&fixtures::acting(&fixtures::acme()), id, roll)
                .await
        }
    });
    // It may be refused: there are many keys already, or no webhook any more.
    drop(rolled.await);
}

async fn update(world: &Arc<World>, webhook: usize, update: SettingsUpdate) {
    let id = world.webhook(webhook);
    let updated = ask(world, webhook, true, |api| {
        let update = UpdateWebhook {
            update: update.clone(),
            precondition: Default::default(),
            idempotent: None,
        };
        async move {
            api.webhooks()
                .update(&fixtures::acting(&fixtures::acme()), id, update)
                .await
        }
    });
    drop(updated.await);
}

/// Gives the webhook another URL.
pub(super) async fn move_to(world: &Arc<World>, webhook: usize, host: usize) {
    let mut moved = SettingsUpdate::new(true, false, AuthenticationType::None);
    moved.url = Edit::Set(url(host, webhook));
    update(world, webhook, moved).await;
}

pub(super) async fn activate(world: &Arc<World>, webhook: usize, active: bool) {
    let activated = SettingsUpdate::new(active, false, AuthenticationType::None);
    update(world, webhook, activated).await;
}

pub(super) async fn delete(world: &Arc<World>, webhook: usize) {
    let id = world.webhook(webhook);
    let deleted = ask(world, webhook, true, |api| async move {
        api.webhooks()
            .delete(&fixtures::acting(&fixtures::acme()), id, DeleteWebhook::default())
            .await
    });
    drop(deleted.await);
}

/// Has some delivery sent again that has ended.
pub(super) async fn resend(world: &Arc<World>, webhook: usize) {
    let id = world.webhook(webhook);
    let rows = world.rows().await;
    let ended: Vec<_> = rows
        .iter()
        .filter(|row| row.delivery.webhook == id && row.delivery.status != DeliveryStatus::Pending)
        .map(|row| row.delivery.id)
        .collect();
    if ended.is_empty() {
        return;
    }
    let delivery = world.pick(&ended);
    let resent = ask(world, webhook, true, |api| async move {
        api.events()
            .resend(&fixtures::acting(&fixtures::acme()), delivery, None)
            .await
    });
    // Asked again, it may stand in the queue already, or its webhook may be no more.
    drop(resent.await);
}
