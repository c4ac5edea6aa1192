//! The webhooks in the store, and the rolls of some of them.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use webhook_tests::{Client, Service, fixtures::new_webhook};

use crate::{generator::drive, report::Run};

/// What a roll sends: a leak's roll, which retires every older key, so that any number can follow.
const BODY: &str = "{\"active\":true,\"include_previous_data\":false,\"authentication_type\":\"NONE\",\"previous_secret_expires_in\":0}";

/// Connections that create.
const CREATORS: usize = 64;

/// How long rolls run before they are counted.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);

/// The ids of the webhooks stored.
pub(crate) struct Stock {
    ids: Vec<String>,
    client: Client,
}

impl Stock {
    /// Creates `count` webhooks.
    pub(crate) fn fill(service: &Service, count: usize) -> Self {
        Self::fill_with(service, count, &new_webhook())
    }

    /// Creates `count` webhooks like this one.
    pub(crate) fn fill_with(service: &Service, count: usize, webhook: &Value) -> Self {
        let client = service.client();
        let request = client.post("/v1/webhooks").json(webhook).wire();
        let (mut asked, mut ids, began) = (0, Vec::with_capacity(count), Instant::now());
        let next = |buffer: &mut Vec<u8>| {
            if asked < count {
                asked += 1;
                buffer.extend_from_slice(&request);
            }
        };
        drive(client.address(), CREATORS.min(count), next, |body, _| {
            ids.push(id_in(body))
        });
        let rate = count as f64 / began.elapsed().as_secs_f64();
        println!("created {count} webhooks, {rate:.0}/s");
        Self { ids, client }
    }

    /// Rolls of `count` webhooks, evenly spread, one after the other and over again.
    pub(crate) fn rolls(&self, count: usize) -> Rolls {
        let step = (self.ids.len() / count).max(1);
        let roll = |id: &String| {
            let path = format!("/v1/webhooks/{id}/secret-key");
            self.client.patch(&path).json_text(BODY).wire()
        };
        Rolls {
            requests: self.ids.iter().step_by(step).map(roll).collect(),
        }
    }
}

/// Creates `count` webhooks like this one.
pub(crate) fn create(client: &Client, webhook: &Value, count: usize) {
    let request = client.post("/v1/webhooks").json(webhook).wire();
    let mut left = count;
    let next = |buffer: &mut Vec<u8>| {
        if left > 0 {
            left -= 1;
            buffer.extend_from_slice(&request);
        }
    };
    drive(client.address(), CREATORS, next, |_, _| {});
}

/// The id in the answer to a creation, found without the cost of parsing it.
fn id_in(body: &[u8]) -> String {
    const MARK: &[u8] = b"\"whk_";
    let start = body
        .windows(MARK.len())
        .position(|window| window == MARK)
        .expect("a created webhook has an id")
        + 1;
    String::from_utf8(body[start..start + 30].to_vec()).expect("an id is ASCII")
}

/// Requests ready to be sent.
pub(crate) struct Rolls {
    requests: Vec<Vec<u8>>,
}

impl Rolls {
    /// Each of them once.
    pub(crate) fn requests(&self) -> &Vec<Vec<u8>> {
        &self.requests
    }

    /// Rolls over `connections` connections for `duration` after a short warm-up.
    pub(crate) fn run(&self, address: SocketAddr, connections: usize, duration: Duration) -> Run {
        let began = Instant::now() + WARM_UP;
        let ends = began + duration;
        let mut requests = self.requests.iter().cycle();
        let next = |buffer: &mut Vec<u8>| {
            if Instant::now() < ends {
                buffer.extend_from_slice(requests.next().expect("there is a webhook"));
            }
        };
        let mut latencies = Vec::new();
        drive(address, connections, next, |_, took| {
            let now = Instant::now();
            if (began..ends).contains(&now) {
                latencies.push(took);
            }
        });
        Run::new(latencies, duration)
    }
}
