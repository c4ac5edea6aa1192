//! Few file descriptors: neither clients nor receivers can use up what the others need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Deployment, Service, clock::wait_for, fixtures::create_with, receiver::Receiver,
};

const FEW: u32 = 256;

fn service(backend: Backend) -> Service {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
        .with_open_files(FEW);
    Service::start_on(deployment)
}

/// Connections whose client has had an answer and asks for nothing more.
fn idle_clients(service: &Service, count: usize) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = TcpStream::connect(service.server().address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
            .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = [0; 1024];
        let read = client.read(&mut answer).unwrap();
        assert!(
            answer[..read].starts_with(b"HTTP/1.1 200"),
            "each client is served"
        );
        clients.push(client);
    }
    clients
}

#[test]
fn with_too_few_for_itself_the_service_does_not_start_and_says_what_to_do() {
    let deployment = Deployment::new(Backend::Sqlite).with_open_files(79);
    let output = deployment.command(&[]).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("only 79 files may be open"), "{said}");
    assert!(said.contains("LimitNOFILE="), "{said}");
}

fn idle_clients_keep_nobody_out(backend: Backend) {
    let service = service(backend);
    let _idle = idle_clients(&service, 400);
    service.anonymous().get("/health/ready").send().expect_status(200);
    let webhook = create_with(&service.client(), json!({"url": "https://example.com/"}));
    service
        .client()
        .patch(&webhook.secret_path())
        .send()
        .expect_status(200);
}

#[test]
fn idle_clients_keep_nobody_out_on_sqlite() {
    idle_clients_keep_nobody_out(Backend::Sqlite);
}

#[test]
fn idle_clients_keep_nobody_out_on_postgres() {
    idle_clients_keep_nobody_out(Backend::Postgres);
}

#[test]
fn an_event_for_many_hosts_reaches_all_of_them_beside_idle_clients() {
    const RECEIVERS: usize = 250;
    let service = service(Backend::Sqlite);
    let client = service.client();
    let receivers: Vec<_> = (0..RECEIVERS).map(|_| Receiver::start()).collect();
    let webhooks: Vec<_> = receivers
        .iter()
        .map(|receiver| create_with(&client, json!({"url": receiver.url()})))
        .collect();
    let _idle = idle_clients(&service, 150);
    // The connection of the other client has given its place to these.
    let client = service.client();
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    for receiver in &receivers {
        receiver.wait_for(1);
    }
    service.anonymous().get("/health/live").send().expect_status(200);
    for webhook in &webhooks {
        let json = client
            .get(&format!("/v1/webhooks/{}", webhook.id()))
            .send()
            .json();
        assert_eq!(json["penalty_box_data"], json!(null), "no receiver was at fault");
    }
}

/// Lowers what a running server may have to what it has open now and so many more.
fn leave_descriptors(service: &Service, more: usize) {
    let pid = service.server().pid();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    set_soft_limit(pid, open + more);
}

fn set_soft_limit(pid: u32, limit: usize) {
    let mut prlimit = std::process::Command::new("prlimit");
    prlimit.args(["--pid", &pid.to_string(), &format!("--nofile={limit}:")]);
    assert!(prlimit.status().unwrap().success());
}

#[test]
fn want_of_descriptors_is_never_a_receivers_failure() {
    const RECEIVERS: usize = 90;
    let service = service(Backend::Sqlite);
    let client = service.client();
    let receivers: Vec<_> = (0..RECEIVERS).map(|_| Receiver::start()).collect();
    for receiver in &receivers {
        create_with(&client, json!({"url": receiver.url()}));
    }
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    // Some for the clients that publish and read, and few for 90 deliveries at once.
    leave_descriptors(&service, 6);
    client.post("/v1/events").json(&event).send().expect_status(202);
    for receiver in &receivers {
        receiver.wait_for(1);
    }
    set_soft_limit(service.server().pid(), FEW as usize);
    let listed = wait_for("all of it is recorded", Duration::from_secs(60), || {
        let path = "/v1/webhook-events?limit=100";
        let listed = client.get(path).send().expect_status(200).json();
        let all = listed["data"].as_array().unwrap().clone();
        all.iter().all(|one| one["status"] == "SUCCEEDED").then_some(all)
    });
    assert_eq!(listed.len(), RECEIVERS);
    for delivery in &listed {
        let attempts = delivery["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "no receiver was at fault: {delivery}");
    }
    let output = service.server().output();
    assert!(
        output.contains("no file descriptor left"),
        "some were put off:\n{output}"
    );
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let service = Service::start(Backend::Sqlite);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.server().pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<u64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [soft, hard] = numbers[..] else {
        panic!("{line}");
    };
    assert_eq!(soft, hard.min(65_536), "{line}");
}
