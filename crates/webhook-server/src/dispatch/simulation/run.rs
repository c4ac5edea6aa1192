//! A run from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::{DeliveryQueue, ListedDelivery, WebhookStore};
use webhook_domain::testing::fixtures;
use webhook_domain::time::Clock;

use super::clients;
use super::journal::Entry;
use super::plan::{MACHINES, Plan, Step, TROUBLE, WEBHOOKS};
use super::receivers::{Behaviour, HOSTS};
use super::tampering::Tampering;
use super::world::World;

/// How long is waited for what comes late once everything has ended.
const AFTERWARDS: Duration = Duration::from_secs(15);

/// All that is known of a run.
pub(super) struct Run {
    pub(super) give_up_after: Duration,
    /// What happened.
    pub(super) entries: Vec<Entry>,
    /// What the store has at the end, the newest first.
    pub(super) rows: Vec<ListedDelivery>,
}

/// Runs what follows from the seed.
pub(super) fn run(seed: u64, tampering: Option<Tampering>) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let plan = Plan::of(seed);
        let give_up_after = plan.give_up_after;
        let world = World::new(plan, tampering);
        live(&world).await;
        Run {
            give_up_after,
            rows: world.rows().await,
            entries: world.journal.take(),
        }
    })
}

async fn live(world: &Arc<World>) {
    for machine in 0..MACHINES {
        world.start(machine);
    }
    for number in 0..WEBHOOKS {
        clients::create(world, number).await;
    }
    let began = Instant::now();
    let mut clients = JoinSet::new();
    world.be_in_trouble(true);
    for (at, step) in world.plan.steps.clone() {
        sleep_until(began + at).await;
        take(world, step, &mut clients);
    }
    sleep_until(began + TROUBLE).await;
    world.repair_all();
    for host in 0..HOSTS {
        world.receivers.behave(host, Behaviour::Well);
    }
    while clients.join_next().await.is_some() {}
    for machine in 0..MACHINES {
        world.start(machine);
    }
    if world.plan.reactivates {
        for webhook in 0..WEBHOOKS {
            clients::activate(world, webhook, true).await;
        }
    }
    let latest = world.elapsed() + world.plan.settles_within();
    while world.elapsed() < latest && is_pending(world).await {
        if world.plan.is_far_off() {
            expedite(world).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
    sleep(AFTERWARDS).await;
}

/// Has sent at once what a clock that was far off has put off.
async fn expedite(world: &World) {
    for webhook in 0..WEBHOOKS {
        let (webhook, now) = (world.webhook(webhook), world.clock.now());
        world.store.expedite(webhook, now).await.unwrap();
    }
}

fn take(world: &Arc<World>, step: Step, clients: &mut JoinSet<()>) {
    let shared = Arc::clone(world);
    match step {
        Step::Kill { machine, back_after } => {
            world.kill(machine);
            tokio::spawn(async move {
                sleep(back_after).await;
                shared.start(machine);
            });
        }
        Step::Stop { machine, back_after } => {
            world.stop(machine);
            tokio::spawn(async move {
                sleep(back_after).await;
                shared.start(machine);
            });
        }
        Step::Pause { machine, lasts } => {
            if let Some(process) = world.pause(machine) {
                tokio::spawn(async move {
                    sleep(lasts).await;
                    shared.go_on(&process);
                });
            }
        }
        Step::Shift { machine, by } => world.shift(machine, by),
        Step::Behave { host, behaviour } => {
            world.note(format!("host {host} behaves: {behaviour:?}"));
            world.receivers.behave(host, behaviour);
        }
        Step::Publish { machine, named } => {
            clients.spawn(async move { clients::publish(&shared, machine, named).await });
        }
        Step::Roll { webhook, overlap } => {
            clients.spawn(async move { clients::roll(&shared, webhook, overlap).await });
        }
        Step::Move { webhook, host } => {
            clients.spawn(async move { clients::move_to(&shared, webhook, host).await });
        }
        Step::Activate { webhook, active } => {
            clients.spawn(async move { clients::activate(&shared, webhook, active).await });
        }
        Step::Delete { webhook } => {
            clients.spawn(async move { clients::delete(&shared, webhook).await });
        }
        Step::Resend { webhook } => {
            clients.spawn(async move { clients::resend(&shared, webhook).await });
        }
    }
}

/// Whether something is to be delivered still.
async fn is_pending(world: &World) -> bool {
    for row in world.rows().await {
        if row.delivery.status == DeliveryStatus::Pending && may_be_sent_to(world, row.delivery.webhook).await
        {
            return true;
        }
    }
    false
}

async fn may_be_sent_to(world: &World, webhook: WebhookId) -> bool {
    let stored = WebhookStore::find(&world.store, &fixtures::acme(), webhook).await;
    stored.unwrap().is_some_and(|webhook| webhook.settings.active)
}
