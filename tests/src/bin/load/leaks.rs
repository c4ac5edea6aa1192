//! What it takes to say what a key has signed, where there are many events and the key has signed a thousand of them.
//!
//! The deliveries are written into the database as the service would have: to a thousand webhooks, and then as many to one, whose key was
//! ended when half of them were there.

use std::time::Instant;

use serde_json::Value;
use webhook_tests::{Client, Service, fixtures, fixtures::Webhook};

use crate::report::median;

/// Webhooks among which the events of the first half are spread, and what each key signs.
const WEBHOOKS: usize = 1_000;
/// How often each is asked for.
const TIMES: usize = 11;
/// A key of nobody here.
const ANOTHER: &str = "sha256:0123456789abcdef";

/// A stretch of deliveries to one webhook: from which position on, every how many, and how many.
struct Stretch<'a> {
    webhook: &'a str,
    first: usize,
    step: usize,
    count: usize,
    key: &'a str,
}

/// Asks for keys among `events` events, twice.
pub(crate) fn measure(service: &Service, is_sqlite: bool, events: usize) {
    let client = service.client();
    let webhooks: Vec<Webhook> = (0..WEBHOOKS).map(|_| fixtures::create(&client)).collect();
    let each = events / WEBHOOKS;
    let mut spread = String::new();
    let measured = &webhooks[WEBHOOKS / 2];
    let key = fingerprint(&client, measured);
    for (number, webhook) in webhooks.iter().enumerate() {
        let is_measured = number == WEBHOOKS / 2;
        spread += &stretch(&Stretch {
            webhook: webhook.id(),
            first: 1 + number,
            step: WEBHOOKS,
            count: each,
            key: if is_measured { &key } else { ANOTHER },
        });
    }
    spread += &used(&key, measured.id(), 1);
    write(service, &spread);
    println!("\n| {events} events | over HTTP, median in ms | `leak report`, median in ms |\n|---|---|---|");
    ask(service, "to 1000 webhooks, the key of one", &key, each);

    let one = fixtures::create(&client);
    let old = fingerprint(&client, &one);
    let half = events + events / 2;
    let to_one = |first: usize, count: usize, key: &str| {
        stretch(&Stretch {
            webhook: one.id(),
            first,
            step: 1,
            count,
            key,
        })
    };
    let before = to_one(events + 1, half - events - WEBHOOKS, ANOTHER)
        + &to_one(half - WEBHOOKS + 1, WEBHOOKS, &old)
        + &used(&old, one.id(), half - WEBHOOKS + 1);
    let drawn = match is_sqlite {
        true => format!("UPDATE delivery_positions SET position = {half};"),
        false => format!("SELECT setval('delivery_positions', {half});"),
    };
    write(service, &(before + drawn.as_str()));
    let at_once = serde_json::json!({"previous_secret_expires_in": 0});
    fixtures::roll_with(&client, &one, at_once);
    let after = to_one(half + 1, events / 2, ANOTHER);
    write(service, &after);
    ask(
        service,
        "as many more to one webhook, a key that has ended",
        &old,
        WEBHOOKS,
    );
}

fn fingerprint(client: &Client, webhook: &Webhook) -> String {
    let path = format!("/v1/audit-records?resource_id={}&limit=1", webhook.id());
    let record = client.get(&path).send().expect_status(200).json();
    record["data"][0]["current_key"]
        .as_str()
        .expect("a key")
        .to_owned()
}

/// The statement that writes the deliveries, each delivered at the first attempt.
fn stretch(stretch: &Stretch<'_>) -> String {
    let Stretch {
        webhook,
        first,
        step,
        count,
        key,
    } = stretch;
    let attempt = format!(
        "{{\"at\":1700000000000,\"ms\":12,\"status\":204,\"cause\":null,\"keys\":[\"{key}\"],\"host\":\"receiver.example\"}}\n"
    );
    format!(
        "INSERT INTO deliveries (position, id, event_id, webhook_id, platform, action, include_previous_data, created_at, \
         status, ended_at, attempts, tried) WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count}) \
         SELECT {first} + i * {step}, 'whe_000000000000000000' || (10000000 + {first} + i * {step}), \
         'evt_000000000000000000' || (10000000 + {first} + i * {step}), '{webhook}', 'default', 'INVOICE.PAID', FALSE, \
         1700000000000, 'SUCCEEDED', 1700000000012, '{attempt}', 1 FROM n;"
    )
}

/// Runs statements, each of which ends with a semicolon.
fn write(service: &Service, statements: &str) {
    let statements = statements.split_terminator(';');
    statements.for_each(|statement| service.deployment().execute(statement));
}

fn used(key: &str, webhook: &str, first: usize) -> String {
    format!("INSERT INTO key_uses VALUES ('default', '{key}', '{webhook}', {first});")
}

/// Prints how long it takes to say what the key has signed, which must be so much.
fn ask(service: &Service, what: &str, key: &str, signed: usize) {
    let client = service.client();
    let path = format!("/v1/signing-keys/{key}");
    let over_http = timed(|| {
        let told = client.get(&path).send().expect_status(200).json();
        counts(&told["data"][0], signed);
    });
    let by_command = timed(|| {
        let ended = service
            .deployment()
            .run(&["leak", "report", "--fingerprint", key, "--json"]);
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        counts(&told["keys"][0]["signing_keys"][0], signed);
    });
    println!("| {what} | {over_http:.1} | {by_command:.0} |");
}

#[track_caller]
fn counts(told: &Value, signed: usize) {
    assert_eq!(told["signed"]["attempts"], signed, "{told}");
}

fn timed(ask: impl Fn()) -> f64 {
    let times = (0..TIMES).map(|_| {
        let began = Instant::now();
        ask();
        began.elapsed().as_secs_f64() * 1_000.0
    });
    median(times.collect())
}
