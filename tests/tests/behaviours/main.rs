//! What receivers do, through dispatcher and store: what each behaviour is recorded as, when the event is sent again, whether the webhook
//! becomes inactive, and what becomes of the event behind it.
//!
//! Each [row](rows) is a webhook with two events. All run at once. Instants are held to what is recorded beside them, never to a clock of
//! the test, so that a busy machine fails nothing. How an answer is read, and whether its connection is used again, the sender's own
//! tests ask of more behaviours yet.

mod rows;

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use webhook_test_tls::{Identity, Speaks, named, server};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::{instant, wait_for},
    fixtures::{Webhook, create_with, update},
    on_each_database,
    receiver::{Conduct, Receiver},
};

use crate::rows::{Fate, Place, Row, Wait};

on_each_database!(
    each_behaviour_comes_to_what_it_must,
    only_waits_of_the_schedule_count_as_retries
);

/// For all of it, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const DENIED: &str = "127.0.0.66";

/// A row with its webhook.
struct Case {
    row: Row,
    receiver: Option<Receiver>,
    webhook: Webhook,
}

impl Case {
    fn start(row: Row, client: &Client) -> Self {
        let receiver = match row.place {
            Place::Allowed => Some(Receiver::start()),
            Place::Denied => Some(Receiver::at(DENIED)),
            Place::Untrusted => {
                let stranger = Identity::of_its_own(&named("127.0.0.1"));
                Some(Receiver::over_tls(server(&stranger, Speaks::default())))
            }
            Place::Closed => None,
        };
        let receiver = receiver.map(|receiver| receiver.conducting(row.conduct.iter().cloned()));
        // Nobody listens on port 1.
        let url = receiver
            .as_ref()
            .map_or("http://127.0.0.1:1/".to_owned(), Receiver::url);
        let webhook = create_with(client, json!({"url": url, "name": row.name}));
        Self {
            row,
            receiver,
            webhook,
        }
    }

    fn id(&self) -> &str {
        self.webhook.id()
    }

    /// The events in the order in which the receiver got them, each as often as it did.
    fn got(&self) -> Vec<String> {
        let got = self.receiver.as_ref().map(Receiver::got).unwrap_or_default();
        got.iter()
            .map(|delivered| delivered.header("webhook-id").to_owned())
            .collect()
    }
}

/// The two events, and how far each has come to each webhook.
struct Events<'test> {
    client: &'test Client,
    ids: [String; 2],
}

impl<'test> Events<'test> {
    fn publish(client: &'test Client) -> Self {
        let ids = [1, 2].map(|number| {
            let event = json!({"type": "INVOICE.CREATED", "data": {"n": number}});
            let published = client.post("/v1/events").json(&event).send().expect_status(202);
            published.json()["id"].as_str().expect("an id").to_owned()
        });
        Self { client, ids }
    }

    /// The deliveries of each event, by webhook.
    fn deliveries(&self) -> [HashMap<String, Value>; 2] {
        self.ids.clone().map(|event| {
            let mut found = HashMap::new();
            let mut next = Some(format!("/v1/webhook-events?event_id={event}&limit=100"));
            while let Some(path) = next {
                let page = self.client.get(&path).send().expect_status(200).json();
                for delivery in page["data"].as_array().expect("a list") {
                    let webhook = delivery["webhook_id"].as_str().expect("an id");
                    found.insert(webhook.to_owned(), delivery.clone());
                }
                next = page["links"]["next"].as_str().map(str::to_owned);
            }
            found
        })
    }

    /// The deliveries once `is_settled` says so of every case's two.
    #[track_caller]
    fn settled(
        &self,
        cases: &[Case],
        is_settled: impl Fn(&Case, [&Value; 2]) -> bool,
    ) -> [HashMap<String, Value>; 2] {
        let mut open = Vec::new();
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let found = self.deliveries();
            open = cases
                .iter()
                .filter(|case| !is_settled(case, [0, 1].map(|which| &found[which][case.id()])))
                .map(|case| (case.row.name, found[0][case.id()]["attempts"].clone()))
                .collect();
            if open.is_empty() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("waited {PATIENCE:?} in vain for {open:?}");
    }
}

fn attempts(delivery: &Value) -> &[Value] {
    delivery["attempts"].as_array().expect("a list")
}

fn has_succeeded(delivery: &Value) -> bool {
    delivery["status"] == "SUCCEEDED"
}

fn each_behaviour_comes_to_what_it_must(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_ATTEMPT_TIMEOUT", "2");
    let mut service = Service::start_on(deployment);
    let client = service.client();
    let cases: Vec<_> = rows::all()
        .into_iter()
        .map(|row| Case::start(row, &client))
        .collect();
    assert!(cases.len() >= 50, "{}", cases.len());
    service.take_server().stop();
    service
        .deployment_mut()
        .set("WEBHOOK_DENIED_NETWORKS", &format!("{DENIED}/32"));
    service.start_again();

    let client = service.client();
    let events = Events::publish(&client);
    let [first, second] = events.settled(&cases, |case, [first, second]| match case.row.fate {
        Fate::Delivered | Fate::SentAgain(_) => has_succeeded(first) && has_succeeded(second),
        Fate::HeldUp(_) | Fate::Gone => !attempts(first).is_empty(),
    });
    let mut problems = Vec::new();
    for case in &cases {
        let mut is = |what: &str, found: Value, right: Value| {
            if found != right {
                problems.push(format!("{}: {what} is {found}, not {right}", case.row.name));
            }
        };
        let (first, second) = (&first[case.id()], &second[case.id()]);
        let shown = client.get(&case.webhook.path()).send().expect_status(200).json();
        judge_attempts(case, first, &mut is);
        judge_next(case, second, &mut is);
        judge_webhook(case, first, &shown, &mut is);
        let mut got = case.got();
        is("the number of requests", json!(got.len()), json!(case.row.reads));
        got.dedup();
        is("the order", json!(got), json!(&events.ids[..got.len().min(2)]));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    release(&cases, &events);
}

/// What is recorded of the first event.
fn judge_attempts(case: &Case, first: &Value, is: &mut impl FnMut(&str, Value, Value)) {
    let attempts = attempts(first);
    let delivered = matches!(case.row.fate, Fate::Delivered | Fate::SentAgain(_));
    is(
        "the number of attempts",
        json!(attempts.len()),
        json!(case.row.fails.len() + usize::from(delivered)),
    );
    for (attempt, (status, cause)) in attempts.iter().zip(&case.row.fails) {
        is("a status", attempt["status_code"].clone(), json!(status));
        is("a cause", attempt["cause"].clone(), json!(cause));
    }
    if let (true, Some(last)) = (delivered, attempts.last()) {
        is("the last cause", last["cause"].clone(), Value::Null);
    }
    if let Fate::SentAgain(waits) = case.row.fate {
        for (pair, wait) in attempts.windows(2).zip(waits) {
            let apart = instant(&pair[1]["at"]) - instant(&pair[0]["at"]);
            is("a wait that is long enough", json!(apart >= *wait), json!(true));
        }
    }
}

/// What is recorded of the event behind it.
fn judge_next(case: &Case, second: &Value, is: &mut impl FnMut(&str, Value, Value)) {
    let (status, count) = match case.row.fate {
        Fate::Delivered | Fate::SentAgain(_) => ("SUCCEEDED", 1),
        Fate::HeldUp(_) | Fate::Gone => ("PENDING", 0),
    };
    is("the next one's status", second["status"].clone(), json!(status));
    is("its attempts", json!(attempts(second).len()), json!(count));
}

/// What the webhook shows.
fn judge_webhook(case: &Case, first: &Value, shown: &Value, is: &mut impl FnMut(&str, Value, Value)) {
    let told = &shown["penalty_box_data"];
    let is_gone = matches!(case.row.fate, Fate::Gone);
    is("active", shown["active"].clone(), json!(!is_gone));
    let (Fate::HeldUp(_) | Fate::Gone, Some((_, cause))) = (case.row.fate, case.row.fails.first()) else {
        is("the penalty box", shown["penalty_box"].clone(), Value::Null);
        return is("what it tells", told.clone(), Value::Null);
    };
    is(
        "the penalty box",
        json!(shown["penalty_box"].is_string()),
        json!(true),
    );
    is("the cause that is told", told["cause"].clone(), json!(cause));
    is("the retries that are told", told["retry_count"].clone(), json!(0));
    let Fate::HeldUp(wait) = case.row.fate else { return };
    let attempt = &attempts(first)[0];
    let (at, retry_at) = (instant(&attempt["at"]), instant(&told["retry_at"]));
    let milliseconds = attempt["duration_ms"].as_i64().expect("a number");
    // Instants are shown without their fraction. Jitter lengthens a wait by up to a tenth.
    let (ended_after, ended_before) = (at + milliseconds / 1000, at + 1 + (milliseconds + 999) / 1000);
    let (earliest, latest) = match wait {
        Wait::Seconds(wait) => (ended_after + wait, ended_before + wait + (wait + 9) / 10),
        Wait::Until(instant) => (instant, instant + (instant - at + 9) / 10 + 1),
    };
    if !(earliest..=latest).contains(&retry_at) {
        let bounds = json!([earliest - at, latest - at]);
        is("the wait in seconds", json!(retry_at - at), bounds);
    }
}

/// What is held up goes on when somebody asks for it, in its order: both events, unless the receiver still cannot be reached.
fn release(cases: &[Case], events: &Events<'_>) {
    let client = events.client;
    for case in cases {
        let path = case.webhook.path();
        match case.row.fate {
            Fate::Delivered | Fate::SentAgain(_) => {}
            Fate::Gone => {
                client.patch(&path).json(&update()).send().expect_status(200);
            }
            Fate::HeldUp(_) => {
                let before = client.get(&path).send().expect_status(200).json();
                let asked = client.post(&format!("{path}/send-penalty-box-payload")).send();
                let is_reached = case.row.place == Place::Allowed;
                assert_eq!(
                    asked.expect_status(200).json()["successful"],
                    is_reached,
                    "{}",
                    case.row.name
                );
                let after = client.get(&path).send().expect_status(200).json();
                assert!(
                    is_reached || after["penalty_box_data"] == before["penalty_box_data"],
                    "{}: a retry by hand raises nothing: {} {}",
                    case.row.name,
                    before["penalty_box_data"],
                    after["penalty_box_data"]
                );
            }
        }
    }
    let [_, second] = events.settled(cases, |case, both| match case.row.place {
        Place::Allowed => both.into_iter().all(has_succeeded),
        _ => attempts(both[0]).len() == 2,
    });
    for case in cases {
        let mut got = case.got();
        got.dedup();
        if case.row.place == Place::Allowed {
            assert_eq!(got, events.ids, "{}", case.row.name);
        } else {
            assert_eq!(second[case.id()]["status"], "PENDING", "{}", case.row.name);
        }
    }
}

fn only_waits_of_the_schedule_count_as_retries(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        // Two minutes become two seconds, and the longest wait of 8 hours becomes eight minutes.
        .with("WEBHOOK_RETRY_SPEED", "60");
    let service = Service::start_on(deployment);
    let client = service.client();
    let (busy, wishing) = (
        Conduct::Answer(429),
        "HTTP/1.1 503 Later\r\nRetry-After: 0\r\n\r\n",
    );
    let (wishing, fails) = (Conduct::SayAndHangUp(wishing.into()), Conduct::Answer(500));
    let ends = "HTTP/1.1 404 No\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n";
    let cases = [
        (vec![fails.clone(); 2], 2),
        (vec![busy.clone(); 5], 0),
        (vec![wishing.clone(); 5], 0),
        (vec![fails.clone(), busy, wishing, fails], 2),
    ];
    let started = cases.map(|(conduct, retries)| {
        let attempts = conduct.len() + 1;
        let last = Conduct::Say(ends.into());
        let receiver = Receiver::start().conducting(conduct.into_iter().chain([last]));
        let webhook = create_with(&client, json!({"url": receiver.url()}));
        (receiver, webhook, attempts, retries)
    });
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    for (receiver, webhook, attempts, retries) in started {
        let held_up = wait_for("the last failure is recorded", PATIENCE, || {
            let shown = client.get(&webhook.path()).send().expect_status(200).json();
            (shown["penalty_box_data"]["status_code"] == 404).then_some(shown)
        });
        assert_eq!(held_up["penalty_box_data"]["retry_count"], retries);
        assert_eq!(receiver.got().len(), attempts);
    }
}
