//! Finding lanes that have something to do.
//!
//! What arrives is told, so that it is sent at once; but a notification is a hint. The truth is what is stored: lanes that
//! say that they are ready are looked for every second, and once a minute all lanes are searched for such as do not say so.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::lanes::Lanes;
use super::pulse::Pulse;
use crate::exit::chain;

/// How often is looked for lanes that are ready.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often is looked for what was published for many webhooks.
const FAN_OUT_EVERY: Duration = Duration::from_millis(250);
/// How many lanes that are nobody's are taken at a time.
const TAKE_LIMIT: u32 = 512;
/// How long a lane has nothing to do before it says so.
const SETTLE_AFTER: Duration = Duration::from_secs(3);
/// How many lanes are put right at a time.
const SETTLE_LIMIT: usize = 2048;
/// How often all lanes are looked through for such as have something to do and do not say so.
const REPAIR_EVERY: Duration = Duration::from_secs(60);

/// Looks for lanes, for ever.
pub(super) async fn look(lanes: Arc<Lanes>, pulse: Arc<Pulse>) {
    // At once: what was stored by a clock that was ahead is put right before anybody waits for it.
    let mut repair_at = Instant::now();
    loop {
        pulse.finder.beat();
        if lanes.clock_steps.has_stepped(lanes.dispatch.clock.now()) {
            tracing::warn!("the clock was put forward or back; all lanes are looked through");
            repair_at = Instant::now();
        }
        if lanes.lease.holds() {
            if Instant::now() >= repair_at {
                repair(&lanes).await;
                repair_at = Instant::now() + REPAIR_EVERY;
            }
            find(&lanes).await;
            settle(&lanes).await;
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn find(lanes: &Arc<Lanes>) {
    let now = lanes.dispatch.clock.now();
    match lanes.dispatch.queue.ready(lanes.process, now, TAKE_LIMIT).await {
        Ok(ready) => ready.into_iter().for_each(|webhook| lanes.work_at(webhook)),
        Err(error) => tracing::warn!(
            error = chain(&error),
            "cannot look for lanes; it will be tried again"
        ),
    }
}

async fn settle(lanes: &Arc<Lanes>) {
    let idle = lanes.idle_for(SETTLE_AFTER, SETTLE_LIMIT);
    if idle.is_empty() {
        return;
    }
    let now = lanes.dispatch.clock.now();
    match lanes.dispatch.queue.settle(idle.clone(), now).await {
        Ok(due) => due.into_iter().for_each(|webhook| lanes.work_at(webhook)),
        Err(error) => {
            tracing::debug!(
                error = chain(&error),
                "lanes cannot be put right; it will be tried again"
            );
            lanes.are_idle(idle);
        }
    }
}

async fn repair(lanes: &Arc<Lanes>) {
    let now = lanes.dispatch.clock.now();
    match lanes.dispatch.queue.repair(now).await {
        Ok(0) => {}
        Ok(repaired) => {
            lanes.metrics.repaired(repaired);
            tracing::warn!(
                lanes = repaired,
                "lanes had something to do and did not say so; they do now"
            );
        }
        Err(error) => tracing::warn!(
            error = chain(&error),
            "cannot look through all lanes; it will be tried again"
        ),
    }
}

/// Moves what was published for many webhooks into their lanes, for ever.
pub(super) async fn fan_out(lanes: Arc<Lanes>) {
    loop {
        match lanes.dispatch.queue.fan_out().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(
                error = chain(&error),
                "what was published for many webhooks cannot be moved into their lanes; it will be tried again"
            ),
        }
        sleep(FAN_OUT_EVERY).await;
    }
}

/// Hears what arrives, for ever.
pub(super) async fn hear(lanes: Arc<Lanes>) {
    loop {
        let mut free = Vec::new();
        for arrival in lanes.dispatch.queue.arrivals(lanes.process).await {
            match arrival.owned {
                true => lanes.arrived_in(arrival.webhook),
                false => free.push(arrival.webhook),
            }
        }
        if free.is_empty() || !lanes.lease.holds() {
            continue;
        }
        let now = lanes.dispatch.clock.now();
        match lanes.dispatch.queue.take(lanes.process, free, now).await {
            Ok(taken) => taken.into_iter().for_each(|webhook| lanes.arrived_in(webhook)),
            Err(error) => tracing::debug!(
                error = chain(&error),
                "lanes cannot be taken; they are found by looking"
            ),
        }
    }
}
