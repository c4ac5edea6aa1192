//! Who uses the service meanwhile: publishers, whoever rolls secrets, an operator who looks at what is held up, and whoever
//! reads the lists in the end.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use webhook_tests::{
    Client,
    clock::{instant, now},
    fixtures::Webhook,
};

use crate::{
    faults::is_done_within,
    fleet::{Caller, Fleet},
    inboxes::Inboxes,
    judge::{Accepted, Key, LONGEST_WAIT, Listed, Overlap, PutOff, Tried},
    plan::{PUBLISHERS, Plan},
};

/// How long an overlap is, in seconds: it ends within the run.
const OVERLAP: u32 = 4;

/// Publishes every eighth event of the plan, spread over its time; gives them in the order of their answers, and how
/// many requests had to be sent again.
pub(crate) fn publish(
    fleet: &Fleet,
    plan: Plan,
    publisher: usize,
    published: &AtomicUsize,
) -> (Vec<Accepted>, usize) {
    let (began, whole) = (Instant::now(), plan.publishing());
    let mut caller = Caller::new(fleet, publisher);
    let mut accepted = Vec::new();
    for event in (publisher..plan.events).step_by(PUBLISHERS) {
        let due = whole.mul_f64(event as f64 / plan.events as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
        let body = plan.publication(event);
        let hangs_up = plan.draw(&[4, event]).is_multiple_of(100);
        let asked = now();
        let answer = caller.insist(&format!("event-{event}"), 202, hangs_up, |client| {
            client.post("/v1/events").json_text(&body)
        });
        let json = answer.json();
        let text = |name: &str| json[name].as_str().expect("an event has it").to_owned();
        accepted.push(Accepted {
            event,
            id: text("id"),
            created_at: text("created_at"),
            between: (asked, now()),
            webhook_events: json["webhook_events"].as_u64().expect("a number"),
        });
        published.fetch_add(1, Ordering::Relaxed);
    }
    (accepted, caller.retries)
}

/// Rolls secrets three times while events are published, the last time when nobody is killed any more: of every three webhooks one with an overlap, one
/// that revokes, one not at all.
pub(crate) fn roll(
    fleet: &Fleet,
    plan: Plan,
    webhooks: &[Webhook],
    published: &AtomicUsize,
    inboxes: &Inboxes,
) -> Vec<Vec<Key>> {
    let first = |webhook: &Webhook| Key::new(webhook.secret(), (0, 0));
    let mut keys: Vec<Vec<Key>> = webhooks.iter().map(|webhook| vec![first(webhook)]).collect();
    let mut caller = Caller::new(fleet, 0);
    for (round, tenths) in [3, 6, 9].into_iter().enumerate() {
        while published.load(Ordering::Relaxed) < plan.events * tenths / 10 {
            thread::sleep(Duration::from_millis(20));
        }
        for (number, (webhook, keys)) in webhooks.iter().zip(&mut keys).enumerate() {
            let window = match (number + round) % 3 {
                0 => continue,
                1 => 0,
                _ => OVERLAP,
            };
            let path = format!("{}?previous_secret_expires_in={window}", webhook.secret_path());
            let before = now();
            let answer = caller.insist(&format!("roll-{round}-{number}"), 200, false, |client| {
                client.patch(&path)
            });
            let (rolled, between) = (Webhook::of(&answer), (before, now()));
            for key in keys.iter_mut().filter(|_| window == 0) {
                key.revoked = key.revoked.or(Some(between));
            }
            if let Some(previous) = keys.last_mut().filter(|_| window > 0) {
                previous.overlap = Some(Overlap {
                    from: between,
                    end: rolled.previous_expires_at(),
                });
            }
            inboxes.learn(number, rolled.secret());
            keys.push(Key::new(rolled.secret(), between));
        }
    }
    keys
}

/// Looks, until all is `done`, for what is held up for longer than any schedule says: a failure by a clock that is ahead says so by
/// that clock. Nobody has it sent: once the clock is right, it must go on by itself.
pub(crate) fn watch(fleet: &Fleet, webhooks: &[Webhook], done: &AtomicBool) -> Vec<PutOff> {
    let mut caller = Caller::new(fleet, 0);
    let mut put_off = Vec::new();
    while !is_done_within(Duration::from_millis(500), done) {
        for (number, webhook) in webhooks.iter().enumerate() {
            let answer = caller.ask(|client| client.get(&webhook.path()));
            let Some(answer) = answer.filter(|answer| answer.status == 200) else {
                continue;
            };
            let (seen, retry_at) = (now(), answer.json()["penalty_box_data"]["retry_at"].clone());
            if retry_at.is_null() || instant(&retry_at) <= seen + LONGEST_WAIT {
                continue;
            }
            put_off.push(PutOff {
                webhook: number,
                until: instant(&retry_at),
                seen,
            });
        }
    }
    put_off
}

/// The deliveries of a webhook as the service lists them, the oldest first.
pub(crate) fn list(client: &Client, webhook: &Webhook) -> Vec<Listed> {
    let mut next = Some(format!(
        "/v1/webhook-events?webhook_id={}&limit=100",
        webhook.id()
    ));
    let mut listed = Vec::new();
    while let Some(path) = next {
        let json = client.get(&path).send().expect_status(200).json();
        for item in json["data"].as_array().expect("a list") {
            listed.push(Listed {
                id: item["event_id"].as_str().expect("an id").to_owned(),
                status: item["status"].as_str().expect("a status").to_owned(),
                attempts: item["attempts"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(tried)
                    .collect(),
            });
        }
        next = json["links"]["next"].as_str().map(str::to_owned);
    }
    listed.reverse();
    listed
}

fn tried(attempt: &Value) -> Tried {
    let lasted = attempt["duration_ms"].as_i64().expect("a number") / 1_000;
    Tried {
        ended_at: instant(&attempt["at"]) + lasted,
        failed: !attempt["cause"].is_null(),
    }
}
