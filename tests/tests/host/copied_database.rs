//! A database of PostgreSQL's whose tables were copied and whose sequences were not, as logical replication leaves it.

use std::time::Duration;

use serde_json::json;
use webhook_tests::{
    Backend, Client, Deployment, Server, Service, fixtures::create_with, receiver::Receiver, server::run,
};

use super::rights::Role;

const FORGET_THE_SEQUENCE: &str = "ALTER SEQUENCE delivery_positions RESTART";
/// Those of a server, but for the administrator's own.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE datname = current_database() AND pid <> pg_backend_pid()";

fn deployment() -> Deployment {
    Deployment::new(Backend::Postgres)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

fn execute(deployment: &Deployment, statement: &str) {
    deployment
        .database()
        .expect("it is on PostgreSQL")
        .execute(statement);
}

#[test]
fn what_is_published_on_a_copy_is_delivered() {
    let receiver = Receiver::start();
    let mut service = Service::start_on(deployment());
    create_with(&service.client(), json!({"url": receiver.url()}));
    for _ in 0..5 {
        publish(&service.client());
    }
    receiver.wait_for(5);
    assert_eq!(service.take_server().stop().code(), 0);
    execute(service.deployment(), FORGET_THE_SEQUENCE);
    service.start_again();
    assert!(
        service.server().output().contains("it was advanced"),
        "{}",
        service.server().output()
    );
    for _ in 0..5 {
        publish(&service.client());
    }
    receiver.wait_for(10);
}

#[test]
fn a_server_whose_database_becomes_a_copy_delivers() {
    let receiver = Receiver::start();
    let service = Service::start_on(deployment());
    create_with(&service.client(), json!({"url": receiver.url()}));
    for _ in 0..5 {
        publish(&service.client());
    }
    receiver.wait_for(5);
    execute(service.deployment(), FORGET_THE_SEQUENCE);
    execute(service.deployment(), END_SESSIONS);
    for _ in 0..5 {
        publish(&service.client());
    }
    receiver.wait_for(10);
}

#[test]
fn a_role_that_may_not_set_the_sequence_says_who_must() {
    let deployment = deployment();
    let role = Role::create(&deployment, "");
    execute(
        &deployment,
        "INSERT INTO lanes (webhook_id, platform, owner, done, epoch) VALUES ('whk_1', 'default', '', 5, 0)",
    );
    let refused = run(role.command(&deployment), Duration::from_secs(30));
    assert_eq!(refused.code(), 2, "{}", refused.output());
    let advice = "SELECT setval('delivery_positions', 5)";
    assert!(refused.output().contains(advice), "{}", refused.output());
    execute(&deployment, advice);
    assert_eq!(Server::start(role.command(&deployment)).stop().code(), 0);
}
