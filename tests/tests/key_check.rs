//! Checking which of its keys a webhook's receiver verifies with: receivers of each kind, over HTTP and on the command line.

use std::collections::HashSet;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, get, roll, roll_with},
    on_each_database,
    receiver::{Conduct, Delivered, Judge, Receiver},
};

on_each_database!(
    each_kind_of_receiver_gets_its_verdict,
    probes_are_sent_as_deliveries_are_each_on_a_connection_of_its_own,
    a_check_changes_nothing_of_the_queue,
    the_limits_hold_for_all_processes,
);

fn service(backend: Backend) -> Service {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    Service::start_on(deployment)
}

fn check(client: &Client, webhook: &Webhook) -> Answer {
    client.post(&format!("{}/check", webhook.secret_path())).send()
}

/// What a receiver does that answers 204 to what one of these secrets has signed, and 401 to everything else.
fn verifying(secrets: &[String]) -> impl Fn(&Delivered) -> Conduct + Send + Sync + 'static {
    let secrets = secrets.to_vec();
    move |delivered| {
        let genuine = delivered.headers.contains_key("x-payload-signature")
            && secrets.iter().any(|secret| delivered.is_signed_with(secret));
        Conduct::Answer(if genuine { 204 } else { 401 })
    }
}

/// The same with a public key.
fn verifying_publicly(key: &str) -> impl Fn(&Delivered) -> Conduct + Send + Sync + 'static {
    let text = key.strip_prefix("whpk_").expect("a public key has its prefix");
    let key = BASE64.decode(text.as_bytes()).expect("a public key is base64");
    move |delivered| {
        let signed = format!(
            "{}.{}.{}",
            delivered.header("webhook-id"),
            delivered.header("webhook-timestamp"),
            delivered.text()
        );
        let signatures = delivered.header("webhook-signature").split(' ');
        let mut signatures = signatures.filter_map(|signature| signature.strip_prefix("v1a,"));
        let genuine = signatures.any(|signature| {
            let signature = BASE64.decode(signature.as_bytes()).unwrap_or_default();
            let key = UnparsedPublicKey::new(&ED25519, &key);
            key.verify(signed.as_bytes(), &signature).is_ok()
        });
        Conduct::Answer(if genuine { 204 } else { 401 })
    }
}

#[track_caller]
fn retry_after(refused: &Answer) -> u64 {
    let wait = refused.header("retry-after").expect("it says how long to wait");
    wait.parse().expect("a number of seconds")
}

/// A webhook at `receiver` that was rolled: its secrets, the new one first.
fn rolled(client: &Client, receiver: &Receiver) -> (Webhook, [String; 2]) {
    let created = create_with(client, json!({"url": receiver.url()}));
    let rolled = roll(client, &created);
    let secrets = [rolled.secret(), created.secret()];
    (rolled, secrets)
}

fn each_kind_of_receiver_gets_its_verdict(backend: Backend) {
    let service = service(backend);
    let client = service.client();
    // One at a time at a host, so one after the other.
    let verdict = |receiver: &Receiver, conduct: &dyn Fn([String; 2]) -> Judge| {
        let (webhook, secrets) = rolled(&client, receiver);
        receiver.judge(conduct(secrets));
        let checked = check(&client, &webhook).expect_status(200).json();
        let shown = get(&client, &webhook).json["secret_adoption"].clone();
        match checked["verdict"] == "ADOPTED" {
            true => {
                assert_eq!(shown["evidence"], "CHECK", "{checked}");
                assert_eq!(shown["fingerprint"], checked["keys"][0]["fingerprint"]);
            }
            false => assert_eq!(shown, Value::Null, "{checked}"),
        }
        checked
    };
    let of = |conduct: &dyn Fn([String; 2]) -> Judge| verdict(&Receiver::start(), conduct)["verdict"].clone();
    let adopted = verdict(&Receiver::start(), &|[new, _]| Box::new(verifying(&[new])));
    let said = |key: &Value| json!([key["role"], key["accepted"], key["status_code"], key["cause"]]);
    assert_eq!(adopted["verdict"], "ADOPTED");
    assert_eq!(said(&adopted["keys"][0]), json!(["CURRENT", true, 204, null]));
    assert_eq!(
        said(&adopted["keys"][1]),
        json!(["PREVIOUS", false, 401, "STATUS_CODE"])
    );
    let control = json!({"status_code": 401, "cause": "STATUS_CODE"});
    assert_eq!(adopted["controls"], json!([control, control]));

    assert_eq!(of(&|secrets| Box::new(verifying(&secrets))), "ADOPTED");
    assert_eq!(of(&|[_, old]| Box::new(verifying(&[old]))), "NOT_ADOPTED");
    // It answers before it verifies, or does not.
    assert_eq!(of(&|_| Box::new(|_| Conduct::Answer(200))), "DOES_NOT_VERIFY");
    // It knows no such type; a firewall in front of it lets nothing through.
    for status in [400, 403] {
        assert_eq!(
            of(&|_| Box::new(move |_| Conduct::Answer(status))),
            "INCONCLUSIVE"
        );
    }
    // It has enough after the first two requests.
    let limited = of(&|secrets| {
        let (verifying, seen) = (verifying(&secrets), Mutex::new(0));
        Box::new(move |delivered| {
            let mut seen = seen.lock().expect("nobody panics");
            *seen += 1;
            match *seen {
                1 | 2 => verifying(delivered),
                _ => Conduct::Answer(429),
            }
        })
    });
    assert_eq!(limited, "UNREACHABLE");
    assert_eq!(of(&|_| Box::new(|_| Conduct::HangUp)), "UNREACHABLE");
    // A redirect is not followed, not even to one that verifies.
    let elsewhere = Receiver::start();
    let location = elsewhere.url();
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let redirected = verdict(&Receiver::start(), &move |_| {
        let moved = moved.clone();
        Box::new(move |_| Conduct::Say(moved.clone().into_bytes()))
    });
    assert_eq!(
        (&redirected["verdict"], elsewhere.got().len()),
        (&json!("UNREACHABLE"), 0)
    );
    assert_eq!(redirected["controls"][0]["status_code"], 307);

    // One of two machines behind one name has the new key, the other one the old: each probe finds one or the other.
    let balanced = of(&|[new, old]| {
        let (machines, turn) = ([verifying(&[new]), verifying(&[old])], Mutex::new(0));
        Box::new(move |delivered| {
            let mut turn = turn.lock().expect("nobody panics");
            *turn += 1;
            machines[*turn % 2](delivered)
        })
    });
    // The keys found either no machine of theirs, or both of them.
    assert!(
        ["ADOPTED", "INCONCLUSIVE"].map(Value::from).contains(&balanced),
        "{balanced}"
    );

    // From a secret to a public key: the receiver goes on with the secret, then looks the key up.
    let receiver = Receiver::start();
    let created = create_with(&client, json!({"url": receiver.url()}));
    let public = roll_with(&client, &created, json!({"signing_protocol": "Ed25519"}));
    receiver.judge(Box::new(verifying(&[created.secret()])));
    assert_eq!(
        check(&client, &public).expect_status(200).json()["verdict"],
        "NOT_ADOPTED"
    );
    let key = public.json["verification_key"]
        .as_str()
        .expect("it has a public key");
    receiver.judge(Box::new(verifying_publicly(key)));
    assert_eq!(
        check(&client, &public).expect_status(200).json()["verdict"],
        "ADOPTED"
    );

    // By command, with a status for each verdict; nobody listens any more at the last one.
    let (webhook, secrets) = rolled(&client, &receiver);
    let command = ["webhook", "check", webhook.id()];
    let by_command = |secrets: &[String]| {
        receiver.judge(Box::new(verifying(secrets)));
        service.deployment().run(&command)
    };
    let table = by_command(&secrets).expect_success().to_owned();
    assert!(table.contains("\nADOPTED: "), "{table}");
    assert_eq!(table.matches("accepted").count(), 2, "{table}");
    assert_eq!(by_command(&secrets[1..]).code(), 3);
    assert_eq!(by_command(&[]).code(), 4);
    receiver.judge(Box::new(|_| Conduct::Answer(200)));
    assert_eq!(service.deployment().run(&command).code(), 5);
    drop(receiver);
    let told = service.deployment().run(&[&command[..], &["--json"]].concat());
    assert_eq!(told.code(), 6, "{}", told.output());
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON alone");
    assert_eq!(told["object_type"], "KEY_CHECK");
    assert_eq!(told["keys"][0]["cause"], "CONNECTION");
}

fn probes_are_sent_as_deliveries_are_each_on_a_connection_of_its_own(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let settings = json!({"url": receiver.url(), "active": false, "authentication_type": "PASSWORD",
        "username": "user", "password": "pass", "custom_headers": {"X-Tenant": "t1"}});
    let created = create_with(&client, settings);
    let rolled = roll(&client, &created);
    receiver.judge(Box::new(verifying(&[rolled.secret()])));
    let named = client
        .post(&format!("{}/check", rolled.secret_path()))
        .header("Idempotency-Key", "k");
    let first = named.clone().send().expect_status(200);
    assert_eq!(first.json()["verdict"], "ADOPTED");
    let got = receiver.wait_for(4);
    assert_eq!(receiver.connections(), 4);
    let ids: HashSet<_> = got.iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(ids.len(), 4);
    for delivered in &got {
        assert_eq!(delivered.header("authorization"), "Basic dXNlcjpwYXNz");
        assert_eq!(delivered.header("x-tenant"), "t1");
        let payload: Value = serde_json::from_str(delivered.text()).expect("a payload is JSON");
        assert_eq!(payload["type"], "WEBHOOK.KEY_CHECK");
        assert_eq!(payload["data"], json!({"webhook_id": created.id()}));
        assert_eq!(delivered.body, got[0].body);
        let names: HashSet<_> = delivered.headers.keys().collect();
        assert_eq!(names, got[0].headers.keys().collect());
    }
    let signed = |secret: &str| got.iter().filter(|got| got.is_signed_with(secret)).count();
    assert_eq!((signed(&rolled.secret()), signed(&created.secret())), (1, 1));
    // The request once more sends nothing.
    let again = named.send().expect_status(200);
    assert!(again.is_replayed());
    assert_eq!(again.text(), first.text());
    assert_eq!(receiver.got().len(), 4);
    let query = format!("/v1/audit-records?resource_id={}", created.id());
    let record = client.get(&query).send().expect_status(200).json()["data"][0].clone();
    assert_eq!(record["action"], "WEBHOOK.KEYS_CHECKED");
    assert_eq!(record["verdict"], "ADOPTED");
}

fn a_check_changes_nothing_of_the_queue(backend: Backend) {
    const EVENTS: u64 = 30;
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let (webhook, _) = rolled(&client, &receiver);
    let kind = |delivered: &Delivered| -> Value {
        serde_json::from_str(delivered.text()).expect("a payload is JSON")
    };
    // Neither a 410 nor a Retry-After to a probe means anything for deliveries.
    let gone = "HTTP/1.1 410 Gone\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";
    receiver.judge(Box::new(move |delivered| {
        match kind(delivered)["type"] == "WEBHOOK.KEY_CHECK" {
            true => Conduct::Say(gone.into()),
            false => Conduct::AnswerAfter(Duration::from_millis(10), 204),
        }
    }));
    for n in 0..EVENTS {
        let event = json!({"type": "INVOICE.CREATED", "data": {"n": n}});
        client.post("/v1/events").json(&event).send().expect_status(202);
    }
    for _ in 0..3 {
        let checked = check(&client, &webhook).expect_status(200).json();
        assert_eq!(checked["verdict"], "UNREACHABLE");
        assert_eq!(checked["controls"][0]["status_code"], 410);
    }
    let payloads = || receiver.got().iter().map(kind).collect::<Vec<_>>();
    let delivered = wait_for("all events arrive", Duration::from_secs(30), || {
        let events = payloads();
        let events = events
            .into_iter()
            .filter(|event| event["type"] == "INVOICE.CREATED");
        let numbers: Vec<_> = events.map(|event| event["data"]["n"].as_u64()).collect();
        (numbers.len() as u64 >= EVENTS).then_some(numbers)
    });
    assert_eq!(
        delivered,
        (0..EVENTS).map(Some).collect::<Vec<_>>(),
        "in order, and each once"
    );
    let shown = get(&client, &webhook).json;
    assert_eq!(
        (&shown["active"], &shown["penalty_box"]),
        (&json!(true), &Value::Null)
    );
    let path = format!("/v1/webhook-events?webhook_id={}&limit=100", webhook.id());
    let listed = client.get(&path).send().expect_status(200).json();
    let listed = listed["data"].as_array().expect("a list");
    assert_eq!(listed.len() as u64, EVENTS);
    assert!(
        listed.iter().all(|event| event["type"] == "INVOICE.CREATED"),
        "{listed:?}"
    );
    assert!(
        listed
            .iter()
            .all(|event| event["attempts"].as_array().is_none_or(|tried| tried.len() <= 1))
    );
}

fn the_limits_hold_for_all_processes(backend: Backend) {
    let (service, receiver) = (service(backend), Receiver::start());
    let client = service.client();
    let (webhook, _) = rolled(&client, &receiver);
    let neighbour = create_with(&client, json!({"url": receiver.url()}));
    let by_command = |webhook: &Webhook| service.deployment().run(&["webhook", "check", webhook.id()]);

    // While one process checks, no process checks this webhook or another one at this host.
    let (told, answering) = mpsc::channel::<()>();
    let answering = Mutex::new(answering);
    receiver.judge(Box::new(move |_| {
        // It waits until the other end is dropped, and not again.
        let _ = answering.lock().expect("nobody panics").recv();
        Conduct::Answer(401)
    }));
    thread::scope(|scope| {
        let first = scope.spawn(|| check(&service.client(), &webhook).expect_status(200));
        receiver.wait_for(1);
        check(&client, &webhook).expect_refusal(409, "INVALID_OPERATION");
        let refused = by_command(&webhook);
        assert_eq!(refused.code(), 1, "{}", refused.output());
        assert!(
            refused.stderr.contains("being checked at this moment"),
            "{}",
            refused.output()
        );
        let refused = check(&client, &neighbour);
        refused.expect_refusal(429, "INVALID_REQUEST");
        let wait = retry_after(&refused);
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(by_command(&neighbour).code(), 1);
        drop(told);
        first.join().expect("it ends");
    });
    let sent = receiver.got().len();
    // Six an hour, whoever makes them.
    for _ in 0..3 {
        assert_eq!(by_command(&webhook).code(), 4);
    }
    for _ in 0..2 {
        check(&client, &webhook).expect_status(200);
    }
    let refused = check(&client, &webhook);
    refused.expect_refusal(429, "INVALID_REQUEST");
    let wait = retry_after(&refused);
    assert!((3400..=3600).contains(&wait), "{wait}");
    let refused = by_command(&webhook);
    assert_eq!(refused.code(), 1, "{}", refused.output());
    assert!(
        refused.stderr.contains("6 times within an hour"),
        "{}",
        refused.output()
    );
    assert_eq!(receiver.got().len(), sent + 5 * 4, "nothing was sent");
    check(&client, &neighbour).expect_status(200);
}
