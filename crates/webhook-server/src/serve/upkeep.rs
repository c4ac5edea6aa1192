//! What a serving process does by itself, beside answering and delivering: erases keys that have expired, rolls keys that are due, forgets old events,
//! and learns of a new master key.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use webhook_domain::ports::{EventStore as _, RotationStore as _};
use webhook_domain::rotation::KEPT_FOR;
use webhook_domain::services::{
    ClockMending, DueRolls, DueRollsTally, ExpiryNotices, Mended, OwnChecks, SessionService, Upkeep,
};
use webhook_domain::signing::key_ring::Overlap;
use webhook_http_actix::wire::described;
use webhook_store_diesel::DieselStore;

use crate::dispatch::Pulse;
use crate::exit::chain;
use crate::store::OpenStore;

/// How often upkeep is done: an expired key is erased within a minute.
const UPKEEP_EVERY: Duration = Duration::from_secs(30);
/// How many events are forgotten in one transaction.
const EVENTS_AT_ONCE: u32 = 200;
/// How often audit records are read for what they say of signing keys: whoever asks for a key meanwhile reads what is left.
const NOTE_KEYS_EVERY: Duration = Duration::from_secs(5);
/// How often rotations that ended long ago are looked for.
const FORGET_ROTATIONS_EVERY: Duration = Duration::from_secs(600);
/// How often the database is asked which master key to seal under.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);

/// Upkeep now and every [`UPKEEP_EVERY`], for ever.
pub(crate) fn keep_up(open: &OpenStore, sessions: SessionService) -> impl Future<Output = ()> + use<> {
    let upkeep = Upkeep::new(open.store.clone(), open.clock.clone());
    let mending = ClockMending::new(&open.store, open.clock.clone());
    let notices = ExpiryNotices::new(
        open.store.clone(),
        open.clock.clone(),
        open.entropy.clone(),
        described,
    );
    async move {
        loop {
            match mending.run().await {
                Ok(mended) => say_what_was_mended(&mended),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "what a clock that was ahead may have stored cannot be looked for; it will be tried again"
                ),
            }
            match upkeep.run().await {
                Ok(tally) => tracing::debug!(
                    webhooks_swept = tally.webhooks_swept,
                    answers_forgotten = tally.answers_forgotten,
                    "upkeep done"
                ),
                Err(error) => tracing::warn!(error = chain(&error), "upkeep failed; it will be tried again"),
            }
            match sessions.forget_ended().await {
                Ok(forgotten) => tracing::debug!(forgotten, "sessions that are over were forgotten"),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "sessions that are over cannot be forgotten; it will be tried again"
                ),
            }
            match notices.run().await {
                Ok(told) => tracing::debug!(told, "webhooks were told of whose keys stop soon"),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "cannot tell of keys that stop soon; it will be tried again"
                ),
            }
            rt::time::sleep(UPKEEP_EVERY).await;
        }
    }
}

/// Makes the checks that are due of rolls that keep their previous key, now and every [`UPKEEP_EVERY`], for ever.
pub(crate) async fn keep_checking(checks: OwnChecks) {
    loop {
        match checks.run().await {
            Ok(tally) => tracing::debug!(
                checked = tally.checked,
                failed = tally.failed,
                "keys were checked"
            ),
            Err(error) => tracing::warn!(
                error = chain(&error),
                "cannot look for keys that are to be checked; it will be tried again"
            ),
        }
        rt::time::sleep(UPKEEP_EVERY).await;
    }
}

/// Rolls keys that are due and tells of them, now and every [`UPKEEP_EVERY`], for ever.
pub(crate) fn keep_rolling(open: &OpenStore, default_overlap: Overlap) -> impl Future<Output = ()> + use<> {
    let (clock, entropy) = (open.clock.clone(), open.entropy.clone());
    let (store, pause) = (open.store.clone(), open.store.clone());
    let rotation = DueRolls::new(store, pause, clock, entropy, default_overlap).announcing(described);
    async move {
        loop {
            match rotation.run().await {
                Ok(DueRollsTally {
                    full: 0,
                    rolled,
                    told,
                    recounted,
                }) => tracing::debug!(rolled, told, recounted, "keys that are due were looked for"),
                Ok(tally) => tracing::warn!(
                    webhooks = tally.full,
                    "keys that are due cannot be rolled, because 5 retired keys of the webhook still sign; it will be tried when one has stopped"
                ),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "cannot do what is to be done about keys that are due; it will be tried again"
                ),
            }
            rt::time::sleep(UPKEEP_EVERY).await;
        }
    }
}

fn say_what_was_mended(mended: &Mended) {
    if *mended == Mended::default() {
        return;
    }
    let ids: Vec<String> = mended.api_keys.iter().map(ToString::to_string).collect();
    tracing::warn!(
        api_keys = ids.join(" "),
        answers = mended.answers,
        events = mended.events,
        "the clock was ahead when these were stored; they count from now, and the API keys expire as long after now as they were to be good"
    );
}

/// Forgets events that were delivered long ago, now and every [`UPKEEP_EVERY`], for ever: in small steps, between which
/// others have the database. Not while deliveries are paused.
pub(crate) fn forget_events(
    open: &OpenStore,
    retention: Duration,
    pulse: Arc<Pulse>,
) -> impl Future<Output = ()> + use<> {
    let (store, clock) = (open.store.clone(), open.clock.clone());
    async move {
        loop {
            if pulse.is_paused() {
                rt::time::sleep(UPKEEP_EVERY).await;
                continue;
            }
            let before = clock.now().minus(retention);
            match store.forget_events(before, EVENTS_AT_ONCE).await {
                Ok(EVENTS_AT_ONCE) => continue,
                Ok(forgotten) => tracing::debug!(forgotten, "old events forgotten"),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "old events cannot be forgotten; it will be tried again"
                ),
            }
            rt::time::sleep(UPKEEP_EVERY).await;
        }
    }
}

/// Forgets rotations that ended long ago, now and every [`FORGET_ROTATIONS_EVERY`], for ever.
pub(crate) fn forget_rotations(open: &OpenStore) -> impl Future<Output = ()> + use<> {
    let (store, clock) = (open.store.clone(), open.clock.clone());
    async move {
        loop {
            match store.forget_rotations(clock.now().minus(KEPT_FOR)).await {
                Ok(forgotten) => tracing::debug!(forgotten, "old rotations forgotten"),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "old rotations cannot be forgotten; it will be tried again"
                ),
            }
            rt::time::sleep(FORGET_ROTATIONS_EVERY).await;
        }
    }
}

/// Reads what audit records say of signing keys, now and every [`NOTE_KEYS_EVERY`], for ever.
pub(crate) fn note_keys(open: &OpenStore) -> impl Future<Output = ()> + use<> {
    let (store, clock) = (open.store.clone(), open.clock.clone());
    async move {
        loop {
            if let Err(error) = store.note_keys(clock.now()).await {
                tracing::warn!(
                    error = chain(&error),
                    "audit records cannot be read for signing keys; it will be tried again"
                );
            }
            rt::time::sleep(NOTE_KEYS_EVERY).await;
        }
    }
}

/// Learns of a new master key in time, for ever.
pub(crate) async fn follow_master_key(store: Arc<DieselStore>) {
    loop {
        rt::time::sleep(FOLLOW_EVERY).await;
        if let Err(error) = store.follow_master_key().await {
            tracing::warn!(
                error = chain(&error),
                "cannot ask which master key to seal under; it will be tried again"
            );
        }
    }
}
