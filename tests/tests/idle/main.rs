//! Real servers that close idle connections, as all do: no delivery fails because the next request comes at the very moment.
//!
//! Each of five servers has an idle time of one second and many webhooks, each at an address of its own, so that each has connections of its own.
//! Their events come at random moments, half of them about when the server closes. Two webhooks of three are reached through a [`relay`]
//! that takes its time, as a network does: many of their requests meet a connection that is closed already. nginx reads its settings
//! again meanwhile, several times a second. Every delivery must succeed, and the first attempt at it must be the only one.
//!
//! `WEBHOOK_TEST_IDLE_DELIVERIES` says how many there are.

mod relay;
mod servers;

use std::{
    fs,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use webhook_tests::{Backend, Client, Deployment, Service, fixtures::create_with, knob};

use crate::servers::{Kind, Server};

/// For the last deliveries, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often nginx is told to read its settings again.
const RELOADS_EVERY: Duration = Duration::from_millis(400);

/// One webhook, to which alone the events of one action go.
struct Lane {
    kind: Kind,
    action: String,
    /// Whether it is reached through a relay.
    is_far: bool,
}

#[test]
fn no_delivery_fails_for_a_connection_that_a_server_closes() {
    let count = knob("WEBHOOK_TEST_IDLE_DELIVERIES", 3_000);
    // About 20 deliveries, and so seconds, for each; not more webhooks than connections are kept.
    let lanes_each = (count / 100).clamp(2, 80);
    let per_lane = count.div_ceil(lanes_each * Kind::ALL.len());
    let lanes: Vec<_> = Kind::ALL
        .into_iter()
        .flat_map(|kind| (0..lanes_each).map(move |_| kind))
        .enumerate()
        .map(|(number, kind)| Lane {
            kind,
            action: format!("LANE.N{number}"),
            is_far: number % 3 > 0,
        })
        .collect();

    let servers = Kind::ALL.map(Server::start);
    let relays = [0, 1, 2, 3, 4].map(|place: usize| relay::to(servers[place].port));
    let service = service(&lanes);
    let client = service.client();
    for (number, lane) in lanes.iter().enumerate() {
        let place = Kind::ALL
            .iter()
            .position(|kind| *kind == lane.kind)
            .expect("one of all");
        let port = if lane.is_far {
            relays[place]
        } else {
            servers[place].port
        };
        let url = format!(
            "http://127.0.{}.{}:{port}/hook",
            1 + number / 250,
            1 + number % 250
        );
        let name = format!("{:?}", lane.kind);
        create_with(
            &client,
            json!({"url": url, "name": name, "included_actions": [lane.action]}),
        );
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let nginx = &servers[4];
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                assert!(nginx.reload().status().expect("nginx runs").success());
                thread::sleep(RELOADS_EVERY);
            }
        });
        let publishing: Vec<_> = (0_u64..)
            .zip(&lanes)
            .map(|(seed, lane)| {
                let client = client.clone();
                scope.spawn(move || publish(&client, lane, per_lane, seed))
            })
            .collect();
        let published = publishing.into_iter().map(|lane| lane.join());
        let published = published.collect::<Result<Vec<_>, _>>();
        is_over.store(true, Ordering::Release);
        published.expect("everything is published");
    });
    judge(&client, &lanes, per_lane);
}

fn service(lanes: &[Lane]) -> Service {
    let mut deployment = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let actions = deployment.directory().join("actions");
    let lines: String = lanes.iter().map(|lane| format!("{}\n", lane.action)).collect();
    fs::write(&actions, lines).expect("a file can be written");
    deployment.set("WEBHOOK_ACTIONS_FILE", &actions.to_string_lossy());
    Service::start_on(deployment)
}

/// Publishes so many events of a lane at random moments.
fn publish(client: &Client, lane: &Lane, count: usize, seed: u64) {
    let mut random = Random(seed);
    let event = json!({"type": lane.action, "data": {}});
    for _ in 0..count {
        let gap = match random.below(2) {
            0 => random.within(lane.kind.closes_after(lane.is_far)),
            _ => random.within(0..1_800),
        };
        thread::sleep(Duration::from_micros(gap));
        client.post("/v1/events").json(&event).send().expect_status(202);
    }
}

/// Waits for the last delivery, and holds all of them to their one attempt.
fn judge(client: &Client, lanes: &[Lane], per_lane: usize) {
    let has_failed = |delivery: &Value| delivery["attempts"][0]["cause"].is_string();
    let began = Instant::now();
    loop {
        let pending = list(client, "/v1/webhook-events?status=PENDING&limit=100", 1);
        // What has failed is not sent again for two minutes, and so is what is behind it.
        if pending.is_empty() || pending.iter().any(has_failed) || began.elapsed() > PATIENCE {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    let deliveries = list(client, "/v1/webhook-events?limit=100", usize::MAX);
    let webhooks = list(client, "/v1/webhooks?limit=100", usize::MAX);
    assert_eq!(
        (webhooks.len(), deliveries.len()),
        (lanes.len(), lanes.len() * per_lane)
    );
    for kind in Kind::ALL {
        let name = format!("{kind:?}");
        let of_kind: Vec<_> = webhooks
            .iter()
            .filter(|webhook| webhook["name"] == *name)
            .collect();
        let to_kind = deliveries.iter().filter(|delivery| {
            of_kind
                .iter()
                .any(|webhook| webhook["id"] == delivery["webhook_id"])
        });
        let has_needed_one = |delivery: &&Value| {
            delivery["status"] == "SUCCEEDED" && delivery["attempts"].as_array().map(Vec::len) == Some(1)
        };
        let well = to_kind.clone().filter(has_needed_one).count();
        let count = to_kind.clone().count();
        let boxed = of_kind.iter().filter(|webhook| !webhook["penalty_box"].is_null());
        println!("{name}: {well} of {count} deliveries succeeded by their first attempt");
        let failed: Vec<_> = to_kind.filter(|delivery| has_failed(delivery)).take(5).collect();
        assert_eq!(
            (well, boxed.count()),
            (count, 0),
            "{name}, for example: {failed:?}"
        );
    }
}

/// What a list has on its first pages.
fn list(client: &Client, path: &str, pages: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    for _ in 0..pages {
        let Some(path) = next else { break };
        let mut page = client.get(&path).send().expect_status(200).json();
        found.append(page["data"].as_array_mut().expect("a list"));
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    found
}

/// Numbers that look random, the same ones from the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Some microseconds within these milliseconds.
    fn within(&mut self, milliseconds: Range<u64>) -> u64 {
        milliseconds.start * 1000 + self.below((milliseconds.end - milliseconds.start) * 1000)
    }
}
