//! A connection to PostgreSQL that leads to another server than before: a copy by logical replication, which has no sequences, or a standby that
//! lacks the last commits.

use std::time::Duration;

use serde_json::json;
use url::Url;
use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    clock::wait_for,
    fixtures::create_with,
    postgres::{Cluster, standby::Standby},
    receiver::{Conduct, Receiver},
    server::run,
    service::ALL_PERMISSIONS,
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
    execute(&deployment, FORGET_THE_SEQUENCE);
    execute(
        &deployment,
        "INSERT INTO lanes (webhook_id, platform, owner, done, epoch) VALUES ('whk_1', 'default', '', 5, 0)",
    );
    let refused = run(role.command(&deployment), Duration::from_secs(30));
    assert_eq!(refused.code(), 2, "{}", refused.output());
    let advice = "SELECT setval('delivery_positions', 5)";
    assert!(refused.output().contains(advice), "{}", refused.output());
    let mut doctor = role.command(&deployment);
    doctor.arg("doctor");
    let found = run(doctor, Duration::from_secs(30));
    assert_eq!(found.code(), 1, "{}", found.output());
    assert!(found.output().contains(advice), "{}", found.output());
    execute(&deployment, advice);
    assert_eq!(Server::start(role.command(&deployment)).stop().code(), 0);
}

/// Fails if it is not so.
fn assert_that(deployment: &Deployment, condition: &str) {
    execute(
        deployment,
        &format!("SELECT 1 / (CASE WHEN {condition} THEN 1 ELSE 0 END)"),
    );
}

/// The standby has the first delivery alone.
fn lose_deliveries(deployment: &Deployment) {
    execute(deployment, "CREATE TABLE lost AS SELECT position FROM deliveries");
    execute(deployment, LOSE_DELIVERIES);
    execute(
        deployment,
        "UPDATE lanes SET done = (SELECT max(position) FROM deliveries)",
    );
}

const NONE_AGAIN: &str = "(SELECT max(position) FROM deliveries) > (SELECT max(position) FROM lost)";

const LOSE_DELIVERIES: &str = "WITH kept AS (SELECT min(position) AS position FROM deliveries), \
     back AS (SELECT setval('delivery_positions', position) FROM kept) \
     DELETE FROM deliveries USING kept, back WHERE deliveries.position > kept.position";

#[test]
fn a_position_that_a_takeover_has_lost_is_not_drawn_again() {
    let receiver = Receiver::start();
    let service = Service::start_on(deployment());
    create_with(&service.client(), json!({"url": receiver.url()}));
    for _ in 0..3 {
        publish(&service.client());
    }
    receiver.wait_for(3);
    lose_deliveries(service.deployment());
    execute(service.deployment(), END_SESSIONS);
    publish(&service.client());
    receiver.wait_for(4);
    assert_that(service.deployment(), NONE_AGAIN);
}

#[test]
fn a_role_that_may_not_set_the_sequence_draws_no_position_again() {
    let deployment = deployment();
    let key = deployment.create_key("default", &ALL_PERMISSIONS, &[]);
    let role = Role::create(&deployment, "");
    let receiver = Receiver::start();
    let server = Server::start(role.command(&deployment));
    let client = Client::with_key(server.address(), &key);
    create_with(&client, json!({"url": receiver.url()}));
    for _ in 0..3 {
        publish(&client);
    }
    receiver.wait_for(3);
    lose_deliveries(&deployment);
    execute(&deployment, END_SESSIONS);
    publish(&client);
    receiver.wait_for(4);
    assert_that(&deployment, NONE_AGAIN);
    server.stop();
}

#[test]
fn a_webhook_gets_what_is_published_though_a_takeover_has_lost_another() {
    let receivers = [Receiver::start(), Receiver::start(), Receiver::start()];
    let service = Service::start_on(deployment());
    let client = service.client();
    create_with(&client, json!({"url": receivers[0].url()}));
    let lost = create_with(&client, json!({"url": receivers[1].url()}));
    publish(&client);
    receivers[1].wait_for(1);
    for statement in [
        format!("DELETE FROM subscriptions WHERE webhook_id = '{}'", lost.id()),
        format!("DELETE FROM deliveries WHERE webhook_id = '{}'", lost.id()),
        format!("DELETE FROM lanes WHERE webhook_id = '{}'", lost.id()),
        format!("DELETE FROM webhooks WHERE id = '{}'", lost.id()),
        "UPDATE platforms SET routing = routing - 1, webhooks = webhooks - 1".to_owned(),
        END_SESSIONS.to_owned(),
    ] {
        execute(service.deployment(), &statement);
    }
    create_with(&client, json!({"url": receivers[2].url()}));
    publish(&client);
    receivers[2].wait_for(1);
    receivers[0].wait_for(2);
    assert_eq!(receivers[1].got().len(), 1);
}

#[test]
fn no_lost_position_is_drawn_after_a_server_took_reads_alone() {
    let receiver = Receiver::start();
    let service = Service::start_on(deployment());
    let client = service.client();
    create_with(&client, json!({"url": receiver.url()}));
    for _ in 0..3 {
        publish(&client);
    }
    receiver.wait_for(3);
    let database = service.deployment().database().expect("it is on PostgreSQL");
    let url = Url::parse(database.url()).expect("a URL");
    let takes_reads_alone = |value: &str| {
        let role = url.username();
        database.execute(&format!(
            "ALTER ROLE \"{role}\" IN DATABASE {{database}} SET default_transaction_read_only = {value}"
        ));
    };
    takes_reads_alone("on");
    execute(service.deployment(), END_SESSIONS);
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    let refused = client.post("/v1/events").json(&event).unchecked().send();
    assert_eq!(refused.status, 503, "{refused:?}");
    takes_reads_alone("off");
    lose_deliveries(service.deployment());
    wait_for("it publishes again", Duration::from_secs(10), || {
        let answer = client.post("/v1/events").json(&event).unchecked().send();
        (answer.status == 202).then_some(())
    });
    receiver.wait_for(4);
    assert_that(service.deployment(), NONE_AGAIN);
}

/// What was recorded since the standby was cut off is lost, while the process that recorded it goes on with the same queue.
#[test]
fn what_a_takeover_has_lost_of_a_queue_under_way_is_delivered_again() {
    let cluster = Cluster::private(&[]);
    let standby = Standby::of(&cluster);
    let receiver = Receiver::start();
    receiver.conduct((0..300).map(|_| Conduct::AnswerAfter(Duration::from_millis(100), 204)));
    let mut deployment = Deployment::on_cluster(&cluster)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let url = deployment
        .setting("WEBHOOK_DATABASE_URL")
        .expect("a URL")
        .to_owned();
    deployment.set("WEBHOOK_DATABASE_URL", &standby.or_to_it(&url));
    let service = Service::start_on(deployment);
    let client = service.client();
    create_with(&client, json!({"url": receiver.url()}));
    for _ in 0..100 {
        publish(&client);
    }
    standby.is_cut_off(&cluster);
    let recorded = receiver.got().len();
    receiver.wait_for(recorded + 10);
    cluster.crash();
    standby.takes_over();
    wait_for("all are delivered", Duration::from_secs(60), || {
        let answer = client
            .get("/v1/webhook-events?status=SUCCEEDED&limit=100")
            .unchecked()
            .send();
        (answer.status == 200 && answer.json()["data"].as_array()?.len() == 100).then_some(())
    });
    assert!(
        receiver.got().len() > 100,
        "nothing was lost: {}",
        receiver.got().len()
    );
}
