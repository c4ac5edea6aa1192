//! The headers of a webhook's owner on the wire, byte for byte as a socket sees them, in everything that is sent to a receiver.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{Webhook, create_with, new_webhook, update, with},
    on_each_database,
};

on_each_database!(
    every_request_to_a_receiver_has_the_custom_headers,
    a_delivery_has_the_headers_of_the_moment
);

/// A socket that keeps what it reads, and answers with these statuses in turn and with 204 after them.
struct Socket {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Socket {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let socket = Self {
            address: listener.local_addr().expect("a listener has an address"),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&socket.requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = Arc::clone(&requests);
                thread::spawn(move || converse(stream, &requests, statuses));
            }
        });
        socket
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The head of the request of that number, from 0.
    #[track_caller]
    fn head(&self, number: usize) -> String {
        wait_for("a request arrives", Duration::from_secs(60), || {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let request = requests.get(number)?;
            request
                .split_once("\r\n\r\n")
                .map(|(head, _)| format!("{head}\r\n"))
        })
    }
}

fn converse(mut stream: TcpStream, requests: &Mutex<Vec<String>>, statuses: &[u16]) {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_ascii_lowercase();
        let length = length
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        if length.and_then(|length| length.parse().ok()) != Some(body.len()) {
            continue;
        }
        let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
        let status = statuses.get(requests.len()).unwrap_or(&204);
        requests.push(text);
        drop(requests);
        read.clear();
        if write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        // Two minutes become a fifth of a second.
        .with("WEBHOOK_RETRY_SPEED", "600")
}

/// A body whose object of headers has this order.
fn body(object: &Value, headers: &str) -> String {
    let text = object.to_string();
    text.replacen('{', &format!("{{\"custom_headers\":{headers},"), 1)
}

const GIVEN: &str =
    r#"{"X-TENANT":"Acme  & Sons; ~","b_Route":"\"eu-1\"","Authorization":"Bearer a.B-c_d=","A":"1"}"#;
const SENT: &str =
    "\r\nX-TENANT: Acme  & Sons; ~\r\nb_Route: \"eu-1\"\r\nAuthorization: Bearer a.B-c_d=\r\nA: 1\r\n";

#[track_caller]
fn expect_sent(head: &str) {
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(SENT), "{head}");
    for own in [
        "\r\nhost: ",
        "\r\ncontent-type: application/json\r\n",
        "\r\nwebhook-signature: v1,",
    ] {
        assert_eq!(head.matches(own).count(), 1, "{head}");
    }
}

fn every_request_to_a_receiver_has_the_custom_headers(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let client = service.client();
    // The second of the requests below is refused, and sent again.
    let socket = Socket::answering(&[204, 204, 503]);
    let object = with(
        new_webhook(),
        json!({"url": socket.url(), "included_actions": ["INVOICE.CREATED"]}),
    );
    let tested = client
        .post("/v1/webhooks/test-connection")
        .json_text(body(&object, GIVEN))
        .send()
        .expect_status(200);
    assert_eq!(tested.json()["successful"], true, "{}", tested.text());
    expect_sent(&socket.head(0));

    let created = client.post("/v1/webhooks").json_text(body(&object, GIVEN)).send();
    let webhook = Webhook::of(&created.expect_status(201));
    let send_test = format!("{}/send-test", webhook.path());
    client.post(&send_test).send().expect_status(200);
    expect_sent(&socket.head(1));
    let event = json!({"type": "INVOICE.CREATED", "data": 1});
    client.post("/v1/events").json(&event).send().expect_status(202);
    // An attempt, and its retry.
    for number in [2, 3] {
        expect_sent(&socket.head(number));
    }
    // As they are stored.
    service.kill();
    service.start_again();
    service.client().post(&send_test).send().expect_status(200);
    expect_sent(&socket.head(4));
}

fn a_delivery_has_the_headers_of_the_moment(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let socket = Socket::answering(&[]);
    let webhook = create_with(
        &client,
        json!({"url": socket.url(), "custom_headers": {"X-A": "one", "X-B": "two"}}),
    );
    let lines = |number: usize| {
        let head = socket.head(number);
        let lines = head
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with("x-a") || line.starts_with("X-B"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // The objects here have their names in alphabetical order.
    let key = json!({"authentication_type": "API_KEY", "api_header_field": "X-Api-KEY", "api_key": "k3y"});
    for (number, (changes, expected)) in [
        (json!({}), &["X-A: one", "X-B: two"][..]),
        (
            json!({"custom_headers": {"x-a": null, "X-B": "2"}}),
            &["X-B: 2", "x-a: one"],
        ),
        (
            with(json!({"custom_headers": {"X-B": null}}), key),
            &["X-B: 2", "X-Api-KEY: k3y"],
        ),
        (json!({"custom_headers": null}), &[]),
    ]
    .into_iter()
    .enumerate()
    {
        client
            .patch(&webhook.secret_path())
            .json(&with(update(), changes))
            .send()
            .expect_status(200);
        client
            .post(&format!("{}/send-test", webhook.path()))
            .send()
            .expect_status(200);
        assert_eq!(lines(number), expected);
    }
}
