//! Receipts: a receiver shows which secret it verifies with, and nothing that only looks like a receipt shows anything.

use std::{sync::Mutex, time::Duration};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::{instant, now, wait_for},
    fixtures::{Webhook, create_with, get, roll},
    on_each_database,
    receiver::{Conduct, Delivered, Receiver},
};

on_each_database!(
    a_receipt_of_the_new_key_is_adoption_until_one_of_an_older_key_comes,
    what_is_no_receipt_of_the_attempt_is_counted_and_the_delivery_has_succeeded,
    receipts_count_whichever_process_delivers
);

const PATIENCE: Duration = Duration::from_secs(60);

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_METRICS_ON_API", "true")
        .with("WEBHOOK_LOG", "info,webhook_server::logging::queues=debug")
        // Two minutes become an eighth of a second.
        .with("WEBHOOK_RETRY_SPEED", "1000")
}

/// How many receipts the process has counted as `current`, `retired` and `ignored`.
fn counted(client: &Client) -> [u64; 3] {
    let text = client.get("/metrics").send().expect_status(200).text().to_owned();
    ["current", "retired", "ignored"].map(|outcome| {
        let series = format!("webhook_receipts_total{{outcome=\"{outcome}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value
            .unwrap_or_else(|| panic!("no {series}"))
            .parse()
            .expect("a count")
    })
}

fn fingerprint(secret: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    format!("sha256:{}", HEXLOWER.encode(&digest.as_ref()[..8]))
}

/// A webhook for invoices, and where it leads.
struct Scene {
    client: Client,
    receiver: Receiver,
    webhook: Webhook,
}

impl Scene {
    fn new(client: Client) -> Self {
        let receiver = Receiver::start();
        let webhook = create_with(&client, json!({"url": receiver.url()}));
        Self {
            client,
            receiver,
            webhook,
        }
    }

    /// Delivers an event to a receiver that conducts itself like this, once, and gives it as it came. It must have succeeded.
    #[track_caller]
    fn deliver(&self, conduct: Conduct) -> Delivered {
        self.receiver.conduct([conduct]);
        let before = self.receiver.got().len();
        let event = json!({"type": "INVOICE.CREATED", "data": {}});
        self.client
            .post("/v1/events")
            .json(&event)
            .send()
            .expect_status(202);
        wait_for("the delivery has succeeded", PATIENCE, || {
            let list = format!(
                "/v1/webhook-events?webhook_id={}&status=SUCCEEDED&limit=100",
                self.webhook.id()
            );
            let succeeded = self.client.get(&list).send().expect_status(200).json();
            let succeeded = succeeded["data"].as_array().expect("a list").len();
            let published = self.receiver.got().len();
            (published > before && succeeded == published).then_some(())
        });
        let got = self.receiver.got();
        assert_eq!(got.len(), before + 1, "each is delivered once");
        got.last().expect("one came").clone()
    }

    fn adoption(&self) -> Value {
        get(&self.client, &self.webhook).json["secret_adoption"].clone()
    }

    #[track_caller]
    fn is_adopted(&self, secret: &str, since: i64) {
        let adoption = self.adoption();
        assert_eq!(adoption["fingerprint"], fingerprint(secret), "{adoption}");
        assert_eq!(adoption["evidence"], "RECEIPT", "{adoption}");
        let at = instant(&adoption["adopted_at"]);
        assert!((since..=now()).contains(&at), "{adoption}");
    }
}

fn a_receipt_of_the_new_key_is_adoption_until_one_of_an_older_key_comes(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let scene = Scene::new(service.client());
    let listener = Receiver::start();
    let told = ["WEBHOOK.SECRET_ADOPTED", "WEBHOOK.SECRET_ADOPTION_WITHDRAWN"];
    let to_listener = create_with(
        &scene.client,
        json!({"url": listener.url(), "included_actions": told}),
    );
    let own = to_listener.secret();
    listener.conduct(std::iter::repeat_n(Conduct::Receipt(200, own.clone()), 9));
    let begun = now();
    let old = scene.webhook.secret();
    assert_eq!(scene.webhook.json["secret_adoption"], Value::Null);
    scene.deliver(Conduct::Answer(204));
    assert_eq!(scene.adoption(), Value::Null, "no receipt is no evidence");
    scene.deliver(Conduct::Receipt(204, old.clone()));
    scene.is_adopted(&old, begun);

    let rolled = roll(&scene.client, &scene.webhook);
    let new = rolled.secret();
    assert_eq!(rolled.json["secret_adoption"], Value::Null, "{}", rolled.json);
    scene.deliver(Conduct::Receipt(204, old.clone()));
    assert_eq!(scene.adoption(), Value::Null, "the receiver has not changed over");
    scene.deliver(Conduct::Receipt(200, new.clone()));
    scene.is_adopted(&new, begun);
    let adopted = get(&scene.client, &scene.webhook);
    scene.deliver(Conduct::Receipt(299, new.clone()));
    assert_eq!(
        get(&scene.client, &scene.webhook),
        adopted,
        "what is known is not written again"
    );
    scene.deliver(Conduct::Receipt(204, old));
    assert_eq!(
        scene.adoption(),
        Value::Null,
        "somebody there still has the old key"
    );

    let announced: Vec<_> = listener
        .wait_for(3)
        .iter()
        .map(|delivered| {
            let said: Value = serde_json::from_slice(&delivered.body).expect("JSON");
            assert_eq!(said["data"]["id"], scene.webhook.id(), "{said}");
            said["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert_eq!(announced, [told[0], told[0], told[1]]);
    // What its own receipts say counts, and is announced to nobody.
    let adopted = wait_for("the listener's key is adopted", PATIENCE, || {
        let webhook = get(&scene.client, &to_listener).json;
        (!webhook["secret_adoption"].is_null()).then_some(webhook)
    });
    assert_eq!(adopted["secret_adoption"]["fingerprint"], fingerprint(&own));
    wait_for("all receipts are counted", PATIENCE, || {
        (counted(&scene.client) == [3 + 3, 2, 0]).then_some(())
    });
    assert_eq!(listener.got().len(), 3);
}

fn what_is_no_receipt_of_the_attempt_is_counted_and_the_delivery_has_succeeded(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let scene = Scene::new(service.client());
    let expired = scene.webhook.secret();
    let at_once = format!("{}?previous_secret_expires_in=0", scene.webhook.secret_path());
    let rolled = Webhook::of(&scene.client.patch(&at_once).send().expect_status(200));
    let secret = rolled.secret();
    let other = create_with(&scene.client, json!({"included_actions": ["INVOICE.PAID"]}));

    let first = scene.deliver(Conduct::Answer(204));
    let long_ago = first.receipt(&secret);
    let say = |lines: &[u8]| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n";
        Conduct::Say([head, lines, b"\r\n"].concat())
    };
    let line = move |value: &str| say(format!("Webhook-Receipt: {value}\r\n").as_bytes());
    let ignored = [
        Conduct::Receipt(204, expired),
        Conduct::Receipt(204, other.secret()),
        line(&long_ago),
        line(first.header("webhook-signature")),
        line(&long_ago[..30]),
        line(&format!("{long_ago}, {long_ago}")),
        line(""),
        line("v2,AAAA"),
        line(&"v".repeat(100_000)),
        say(b"webhook-receipt: v1,\xff\xfe\r\n"),
        say(format!("webhook-receipt: {long_ago}\r\n").repeat(100).as_bytes()),
    ];
    let count = ignored.len() as u64;
    for conduct in ignored {
        scene.deliver(conduct);
    }
    assert_eq!(counted(&scene.client), [0, 0, count]);
    assert_eq!(scene.adoption(), Value::Null);
    wait_for("the log says whose receipts were ignored", PATIENCE, || {
        let log = service.server().output();
        let lines = log.lines().filter(|line| line.contains("a receipt was ignored"));
        (lines.filter(|line| line.contains(scene.webhook.id())).count() as u64 == count).then_some(())
    });

    // A test event is no delivery, and an answer that refuses one has accepted nothing.
    scene.receiver.conduct([Conduct::Receipt(200, secret.clone())]);
    let test = format!("{}/send-test", scene.webhook.path());
    let tested = scene.client.post(&test).send().expect_status(200).json();
    assert_eq!(tested["successful"], true, "{tested}");
    let refusing = [500, 302, 401].map(|status| Conduct::Receipt(status, secret.clone()));
    scene.receiver.conduct(refusing);
    let before = scene.receiver.got().len();
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    scene
        .client
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202);
    scene.receiver.wait_for(before + 4);
    assert_eq!(counted(&scene.client), [0, 0, count]);
    assert_eq!(scene.adoption(), Value::Null);

    // Nor is that of the attempt before, at the same event a second ago.
    let first = Mutex::new(None);
    scene.receiver.judge(Box::new(move |delivered| {
        let mut first = first.lock().expect("nobody panics with it");
        let first: &Delivered = first.get_or_insert_with(|| delivered.clone());
        match delivered.header("webhook-timestamp") == first.header("webhook-timestamp") {
            true => Conduct::Answer(500),
            false => line(&first.receipt(&secret)),
        }
    }));
    scene
        .client
        .post("/v1/events")
        .json(&event)
        .send()
        .expect_status(202);
    wait_for("the receipt of the attempt before is ignored", PATIENCE, || {
        (counted(&scene.client) == [0, 0, count + 1]).then_some(())
    });
    assert_eq!(scene.adoption(), Value::Null);
}

fn receipts_count_whichever_process_delivers(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let other = service.deployment().serve();
    let other = (Client::with_key(other.address(), service.key()), other);
    let mut scene = Scene::new(service.client());
    let begun = now();
    let old = scene.webhook.secret();
    let new = roll(&other.0, &scene.webhook).secret();
    scene.deliver(Conduct::Receipt(204, new.clone()));
    // What one process was told, the other answers with.
    scene.client = other.0;
    scene.is_adopted(&new, begun);
    service.take_server().stop();
    scene.deliver(Conduct::Receipt(204, old));
    assert_eq!(scene.adoption(), Value::Null);
    scene.deliver(Conduct::Receipt(204, new.clone()));
    scene.is_adopted(&new, begun);
}
