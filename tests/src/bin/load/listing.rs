//! Reading a platform's webhooks page by page: what a page costs at the beginning of the list, in its middle and at its end.

use std::time::{Duration, Instant};

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use serde_json::Value;
use webhook_tests::{Client, Service, fixtures};

/// Pages timed at each place.
const PAGES: usize = 200;
const PER_PAGE: usize = 50;

/// Lists `stored` webhooks of `service` in every order.
pub(crate) fn measure(service: &Service, stored: usize) {
    fill(service, stored);
    let client = service.client();
    let last = stored.div_ceil(PER_PAGE);
    println!(
        "\n{stored} webhooks, {PER_PAGE} a page, median of {PAGES} pages in ms:\n\n\
         | order | first | last | last/first | first page by number | middle | last |\n|---|---|---|---|---|---|---|"
    );
    for order in ["created_at", "updated_at", "name", "reference"] {
        for direction in ["asc", "desc"] {
            let page = |number: usize| {
                format!(
                    "/v1/webhooks?order_by={order}&order_direction={direction}&limit={PER_PAGE}&page={number}"
                )
            };
            let first = follow(&client, page(1), "next");
            let last_pages = follow(&client, page(last), "previous");
            let numbered = [1, last / 2, last].map(|number| repeat(&client, &page(number)));
            println!(
                "| {order} {direction} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                first,
                last_pages,
                last_pages / first,
                numbered[0],
                numbered[1],
                numbered[2]
            );
        }
    }
    filtered(&client);
    walk(&client, stored);
}

/// What the first page costs of the webhooks that meet a condition, and how many do.
fn filtered(client: &Client) {
    println!("\n| condition | pages | first page, ms |\n|---|---|---|");
    for condition in [
        "reference=reference%20104729",
        "name=name%207919",
        "active=true",
        "active=false",
        "in_penalty_box=true",
        "in_penalty_box=false",
        "signing_protocol=HmacSHA256",
        "rolled_before=2000-01-01T00:00:00Z",
        "rolled_before=9999-01-01T00:00:00Z",
        "url_host=example.com",
        "url_host=nowhere.example.com",
    ] {
        let path = format!("/v1/webhooks?limit={PER_PAGE}&{condition}");
        let pages = timed(client, &path).0["total_number_of_pages"].clone();
        println!("| `{condition}` | {pages} | {:.2} |", repeat(client, &path));
    }
}

/// The median time of the pages that follow the one at `path`.
fn follow(client: &Client, mut path: String, link: &str) -> f64 {
    let mut times = Vec::new();
    while times.len() < PAGES {
        let (answer, took) = timed(client, &path);
        let Some(next) = answer["links"][link].as_str() else {
            break;
        };
        times.push(took);
        path = next.to_owned();
    }
    median(times)
}

fn repeat(client: &Client, path: &str) -> f64 {
    median((0..11).map(|_| timed(client, path).1).collect())
}

/// Reads all pages from the first to the last, as a client that wants everything does.
fn walk(client: &Client, stored: usize) {
    let (mut path, mut times, mut seen) = (format!("/v1/webhooks?limit={PER_PAGE}"), Vec::new(), 0);
    loop {
        let (answer, took) = timed(client, &path);
        times.push(took);
        seen += answer["data"].as_array().map_or(0, Vec::len);
        let Some(next) = answer["links"]["next"].as_str() else {
            break;
        };
        path = next.to_owned();
    }
    assert_eq!(seen, stored, "every webhook is on a page");
    let part = PAGES.min(times.len());
    let (begin, end) = (
        median(times[..part].to_vec()),
        median(times[times.len() - part..].to_vec()),
    );
    println!(
        "\nall {} pages one after the other: first {part} {begin:.2} ms, last {part} {end:.2} ms, {:.2} times\n",
        times.len(),
        end / begin
    );
}

fn timed(client: &Client, path: &str) -> (Value, Duration) {
    let request = client.get(path);
    let began = Instant::now();
    let answer = request.send().expect_status(200);
    let took = began.elapsed();
    (answer.json(), took)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

/// Copies one webhook inside the database. It has no keys, which are sealed for the one webhook they belong to: a page of
/// them costs some tens of microseconds less than of others.
fn fill(service: &Service, stored: usize) {
    let client = service.client();
    let webhook = fixtures::create(&client);
    let path = format!("{}?previous_secret_expires_in=0", webhook.secret_path());
    client.delete(&path).send().expect_status(200);
    let began = Instant::now();
    match service.deployment().database() {
        None => {
            let path = service.deployment().data().join("webhook.db");
            let mut sqlite = SqliteConnection::establish(&path.to_string_lossy()).expect("SQLite opens");
            let numbers = format!(
                "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n)",
                stored - 1
            );
            let copies = copies(webhook.id(), &numbers, "printf('whk_01hv%022d', i)");
            sqlite
                .batch_execute(&format!(
                    "PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE; {copies} COMMIT; ANALYZE;"
                ))
                .expect("webhooks can be copied");
        }
        Some(database) => {
            let numbers = format!(
                "(SELECT i FROM generate_series(1::bigint, {}) AS i) AS n",
                stored - 1
            );
            let copies = copies(webhook.id(), &numbers, "'whk_01hv' || lpad(i::text, 22, '0')");
            copies
                .split_inclusive(';')
                .for_each(|statement| database.execute(statement));
            database.execute("ANALYZE");
        }
    }
    println!(
        "copied {stored} webhooks in {:.1} s",
        began.elapsed().as_secs_f64()
    );
}

/// Every copy has another id, name, reference and instants, in no order.
fn copies(original: &str, numbers: &str, id: &str) -> String {
    format!(
        "INSERT INTO webhooks (id, platform, name, reference, active, include_previous_data, authentication_type, url, \
         signing_protocol, key_ring, created_at, updated_at, version) \
         SELECT {id}, platform, 'name ' || (i * 7919 % 1000003), 'reference ' || (i * 104729 % 1000003), active, \
         include_previous_data, authentication_type, 'https://example.com/webhooks/' || i, signing_protocol, key_ring, \
         created_at - 2000000000 + i, updated_at - 1000000000 + (i * 15485863 % 1000003), version \
         FROM webhooks, {numbers} WHERE id = '{original}'; \
         DELETE FROM webhook_updates; INSERT INTO webhook_updates SELECT platform, updated_at, id FROM webhooks; \
         UPDATE platforms SET webhooks = (SELECT count(*) FROM webhooks WHERE webhooks.platform = platforms.platform);"
    )
}
