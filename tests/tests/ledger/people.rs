//! Who uses the service meanwhile: publishers, whoever rolls secrets, and whoever reads the lists in the end.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use webhook_tests::{Client, clock::now, fixtures::Webhook};

use crate::{
    fleet::{Caller, Fleet},
    judge::{Accepted, Key, Listed},
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
        let answer = caller.insist(&format!("event-{event}"), 202, hangs_up, |client| {
            client.post("/v1/events").json_text(&body)
        });
        let json = answer.json();
        let text = |name: &str| json[name].as_str().expect("an event has it").to_owned();
        accepted.push(Accepted {
            event,
            id: text("id"),
            created_at: text("created_at"),
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
) -> Vec<Vec<Key>> {
    let first = |webhook: &Webhook| Key {
        secret: webhook.secret(),
        from: (0, 0),
        until: None,
    };
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
            let rolled = Webhook::of(&answer);
            let until = if window == 0 {
                (before, now())
            } else {
                (rolled.previous_expires_at(), rolled.previous_expires_at())
            };
            for key in keys.iter_mut() {
                let (earliest, latest) = key.until.unwrap_or(until);
                key.until = Some((earliest.min(until.0), latest.min(until.1)));
            }
            keys.push(Key {
                secret: rolled.secret(),
                from: (before, now()),
                until: None,
            });
        }
    }
    keys
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
                attempts: item["attempts"].as_array().expect("a list").len(),
            });
        }
        next = json["links"]["next"].as_str().map(str::to_owned);
    }
    listed.reverse();
    listed
}
