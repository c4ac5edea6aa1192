//! What the log says of requests and of the queues of webhooks, and the trace that goes from a publication to each of its attempts.

use std::{io::Write as _, net::TcpStream, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, new_webhook, update, with},
    on_each_database,
    receiver::{Conduct, Delivered, Receiver},
};

on_each_database!(a_trace_goes_from_a_publication_to_every_attempt);

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER_TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const PATIENCE: Duration = Duration::from_secs(60);

/// A deployment that delivers to this machine, and retries at once.
fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with("WEBHOOK_RETRY_SPEED", "12000")
}

fn publish(client: &Client, headers: &[(&str, &str)]) -> Answer {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    let mut request = client.post("/v1/events").json(&event);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().expect_status(202)
}

/// The headers of a trace that a delivery had.
fn trace_of(delivered: &Delivered) -> [Option<&str>; 2] {
    ["traceparent", "tracestate"].map(|name| delivered.headers.get(name).map(String::as_str))
}

/// The lines of the log so far that have this text in their message.
fn lines(service: &Service, message: &str) -> Vec<Value> {
    let log = service.server().output();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|said| said.contains(message))
        })
        .collect()
}

/// Waits until there are so many of them, and gives the first.
#[track_caller]
fn line(service: &Service, message: &str, count: usize) -> Value {
    wait_for(message, PATIENCE, || {
        let found = lines(service, message);
        (found.len() == count).then(|| found.into_iter().next()).flatten()
    })
}

fn a_trace_goes_from_a_publication_to_every_attempt(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let receiver = Receiver::start().conducting([500, 503].map(Conduct::Answer));
    let webhook = create_with(&client, json!({"url": receiver.url()}));

    // Two failed attempts and a success. The same request sent again is answered again, whatever trace it is in.
    let named = ("idempotency-key", "k");
    let state = [
        ("tracestate", "rojo=00f067aa0ba902b7"),
        ("tracestate", " congo=t61 , "),
    ];
    publish(&client, &[("traceparent", TRACE), state[0], state[1], named]);
    let again = publish(&client, &[("traceparent", OTHER_TRACE), named]);
    assert!(again.is_replayed());
    let got = receiver.wait_for(3);
    let both = [Some(TRACE), Some("rojo=00f067aa0ba902b7,congo=t61")];
    assert_eq!(got.iter().map(trace_of).collect::<Vec<_>>(), [both; 3]);

    // Neither a header that breaks the rules nor what came before is taken.
    let upper = TRACE.to_uppercase();
    let later = format!("cc{}-more", &TRACE[2..]);
    for (headers, expected) in [
        (vec![("traceparent", upper.as_str()), state[0]], [None, None]),
        (
            vec![(
                "traceparent",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            )],
            [None, None],
        ),
        (
            vec![("traceparent", TRACE), ("traceparent", OTHER_TRACE)],
            [None, None],
        ),
        (vec![state[0]], [None, None]),
        (vec![("traceparent", later.as_str())], [Some(TRACE), None]),
        (
            vec![("traceparent", OTHER_TRACE), ("tracestate", "ROJO=1")],
            [Some(OTHER_TRACE), None],
        ),
    ] {
        let count = receiver.got().len();
        publish(&client, &headers);
        let got = receiver.wait_for(count + 1);
        assert_eq!(trace_of(&got[count]), expected, "{headers:?}");
    }

    // What is sent again is in the trace that it was published in.
    let count = receiver.got().len();
    let first = client.get("/v1/webhook-events?limit=100").send().json();
    let first = first["data"]
        .as_array()
        .and_then(|all| all.last())
        .expect("a delivery")
        .clone();
    let resend = format!(
        "/v1/webhook-events/{}/resend",
        first["id"].as_str().expect("an id")
    );
    wait_for("the first has ended", PATIENCE, || {
        (client.post(&resend).send().status == 202).then_some(())
    });
    assert_eq!(trace_of(&receiver.wait_for(count + 1)[count]), both);

    let held_up = line(&service, "a webhook is held up", 1);
    assert_eq!(
        held_up["message"],
        "a webhook is held up: an attempt to deliver failed: the receiver answered 500"
    );
    for (field, expected) in [
        ("webhook.id", webhook.id()),
        ("platform", "default"),
        ("cause", "STATUS_CODE"),
        ("traceparent", TRACE),
    ] {
        assert_eq!(held_up[field], expected, "{held_up}");
    }
    assert!(
        held_up["retry_at"].is_string() && held_up["event.id"].is_string(),
        "{held_up}"
    );
    assert_eq!(
        line(&service, "a webhook is released", 1)["webhook.id"],
        webhook.id()
    );
}

#[test]
fn what_happens_to_queues_is_said_once_and_a_flood_of_it_is_cut_off() {
    let service = Service::start_on(deployment(Backend::Sqlite));
    let client = service.client();
    let gone = Receiver::start().conducting([Conduct::Answer(410)]);
    let webhook = create_with(
        &client,
        json!({"url": gone.url(), "included_actions": ["INVOICE.PAID"]}),
    );
    let paid = json!({"type": "INVOICE.PAID", "data": {}});
    let event = client
        .post("/v1/events")
        .header("traceparent", TRACE)
        .json(&paid)
        .send();
    event.expect_status(202);
    let inactive = line(&service, "a webhook was made inactive", 1);
    assert_eq!(
        (&inactive["webhook.id"], &inactive["traceparent"]),
        (&webhook.id().into(), &TRACE.into())
    );
    assert_eq!(
        lines(&service, "held up").len(),
        0,
        "it is inactive, which says more"
    );
    let active = with(update(), json!({"active": true}));
    client
        .patch(&webhook.path())
        .json(&active)
        .send()
        .expect_status(200);
    let released = line(&service, "a webhook is released", 1);
    assert!(
        released["message"]
            .as_str()
            .is_some_and(|said| said.contains("active again"))
    );

    // More than there are lines for: the number of those without one is said.
    let down = "http://127.0.0.1:9/";
    let created: Vec<Webhook> = (0..160)
        .map(|_| create_with(&client, json!({"url": down})))
        .collect();
    publish(&client, &[("traceparent", OTHER_TRACE)]);
    let left_out = || {
        let said = lines(&service, "more webhooks were held up");
        said.iter()
            .filter_map(|line| line["lines.left_out"].as_u64())
            .sum::<u64>()
    };
    wait_for("all are held up and said or counted", PATIENCE, || {
        let said = lines(&service, "a webhook is held up: ").len();
        (said as u64 + left_out() == created.len() as u64).then_some(())
    });
    assert!(left_out() > 0);

    let query = format!("/v1/webhook-events?webhook_id={}", created[0].id());
    let delivery = client.get(&query).send().json()["data"][0]["id"].clone();
    let give_up = format!("/v1/webhook-events/{}/give-up", delivery.as_str().expect("an id"));
    client.post(&give_up).send().expect_status(200);
    let given_up = line(&service, "an event was given up", 1);
    assert_eq!(
        given_up["message"],
        "an event was given up: somebody asked for it"
    );
    for (field, expected) in [
        ("delivery.id", &delivery),
        ("traceparent", &OTHER_TRACE.into()),
        ("cause", &"CONNECTION".into()),
    ] {
        assert_eq!(&given_up[field], expected, "{given_up}");
    }
}

#[test]
fn requests_that_change_something_or_are_refused_have_a_line_that_nothing_forges() {
    let deployment = deployment(Backend::Sqlite).with("WEBHOOK_TRUSTED_PROXIES", "127.0.0.1/32");
    let mut service = Service::start_on(deployment);
    let client = service.client();
    let hostile = "\"}\u{2028}{\"level\":\"ERROR\"}";
    let created = client
        .post("/v1/webhooks")
        .header("x-forwarded-for", "203.0.113.9, 198.51.100.7")
        .header("traceparent", TRACE)
        .header("x-request-id", hostile)
        .json(&new_webhook())
        .send()
        .expect_status(201);
    let request = created.header("x-request-id").expect("a request id").to_owned();
    let changed = line(&service, "a request was answered", 1);
    for (field, expected) in [
        ("request.id", request.as_str()),
        ("platform", "default"),
        ("client.address", "198.51.100.7"),
        ("http.method", "POST"),
        ("http.route", "/v1/webhooks"),
        ("traceparent", TRACE),
        ("level", "INFO"),
    ] {
        assert_eq!(changed[field], expected, "{changed}");
    }
    assert_eq!(changed["http.status"], 201);
    assert!(changed["duration_ms"].is_f64());
    assert!(
        changed["credential.id"]
            .as_str()
            .is_some_and(|id| id.starts_with("key_")),
        "{changed}"
    );

    // A read is no change, and a publication is counted.
    client.get("/v1/webhooks").send().expect_status(200);
    (0..3).for_each(|_| drop(publish(&client, &[])));
    wait_for("the publications are summed up", PATIENCE, || {
        let sums = lines(&service, "events were published");
        let count = |line: &Value| {
            line["publications"]
                .as_u64()
                .filter(|_| line["platforms"].is_string())
        };
        (sums.iter().filter_map(count).sum::<u64>() == 3).then_some(())
    });

    let roll = format!("{}/secret-key", Webhook::of(&created).path());
    for _ in 0..2 {
        client
            .patch(&roll)
            .header("idempotency-key", "k")
            .send()
            .expect_status(200);
    }
    let anonymous = service.anonymous();
    anonymous
        .delete("/v1/webhooks/%0A%7Bhunter2%7D?q=hunter3")
        .send()
        .expect_status(401);
    client.get("/v1/webhooks/hunter4").send().expect_status(400);
    client.get("/hunter5%0Ahunter5").send().expect_status(404);
    let answered = wait_for("all have a line", PATIENCE, || {
        let answered = lines(&service, "a request was answered");
        (answered.len() == 6).then_some(answered)
    });
    let seen: Vec<_> = answered[1..]
        .iter()
        .map(|line| (line["http.route"].clone(), line["http.status"].clone()))
        .collect();
    assert_eq!(
        json!(seen),
        json!([
            ["/v1/webhooks/{resourceId}/secret-key", 200],
            ["/v1/webhooks/{resourceId}/secret-key", 200],
            ["/v1/webhooks/{resourceId}", 401],
            ["/v1/webhooks/{resourceId}", 400],
            ["_OTHER", 404],
        ])
    );
    assert_eq!(
        (
            &answered[1]["idempotent.replayed"],
            &answered[2]["idempotent.replayed"]
        ),
        (&Value::Null, &true.into())
    );
    assert_eq!(
        (&answered[3]["error.code"], &answered[3]["credential.id"]),
        (&"UNAUTHORISED".into(), &Value::Null)
    );

    abandon_a_test_event(&service);
    let abandoned = line(&service, "a request ended without a response", 1);
    assert_eq!(abandoned["http.route"], "/v1/webhooks/{resourceId}/send-test");
    assert_eq!(
        (&abandoned["platform"], &abandoned["client.address"]),
        (&"default".into(), &"127.0.0.1".into())
    );

    let ended = service.take_server().stop();
    let log = ended.output();
    assert!(!log.contains("hunter") && !log.contains('\u{2028}'), "{log}");
}

/// Sends a test event to a receiver that does not answer soon, and resets the connection.
fn abandon_a_test_event(service: &Service) {
    let receiver = Receiver::start().conducting([Conduct::AnswerAfter(Duration::from_secs(8), 204)]);
    let webhook = create_with(&service.client(), json!({"url": receiver.url()}));
    let mut stream = TcpStream::connect(service.server().address()).expect("the server listens");
    let request = format!(
        "POST {}/send-test HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\r\n",
        webhook.path(),
        service.key()
    );
    stream
        .write_all(request.as_bytes())
        .expect("a request can be sent");
    receiver.wait_for(1);
    let at_once = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(&stream, at_once).expect("a socket can be reset");
}

#[test]
fn another_word_for_what_is_logged_stops_the_start() {
    let ended = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_ACCESS_LOG", "everything")
        .serve_in_vain();
    assert_eq!(ended.code(), 2);
    let output = ended.output();
    assert!(
        output.contains("WEBHOOK_ACCESS_LOG") && output.contains("must be changes, errors or all"),
        "{output}"
    );
}
