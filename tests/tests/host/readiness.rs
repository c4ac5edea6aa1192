//! What `/health/ready` vouches for. `/health/live` depends on nothing.

use std::{fs, time::Duration};

use webhook_tests::{Backend, Service, clock::wait_for};

fn becomes(service: &Service, status: u16) {
    wait_for("readiness changes", Duration::from_secs(30), || {
        let answer = service.anonymous().get("/health/ready").unchecked().try_send();
        answer.ok().filter(|answer| answer.status == status).map(drop)
    });
    service.anonymous().get("/health/live").send().expect_status(200);
}

#[test]
fn a_service_whose_database_file_is_gone_is_not_ready_and_writes_nothing_until_it_is_back() {
    let service = Service::start(Backend::Sqlite);
    let file = service.deployment().data().join("webhook.db");
    let aside = service.deployment().data().join("aside");
    fs::rename(&file, &aside).expect("a file can be moved");
    becomes(&service, 503);
    let create = serde_json::json!({"name": "n", "reference": null, "url": null});
    service
        .client()
        .post("/v1/webhooks")
        .json(&create)
        .unchecked()
        .send()
        .expect_status(503);
    assert!(!file.exists(), "an empty database was made");
    fs::rename(&aside, &file).expect("a file can be moved");
    becomes(&service, 200);
    service
        .client()
        .post("/v1/webhooks")
        .json(&create)
        .send()
        .expect_status(201);
}

#[test]
fn a_service_whose_database_takes_reads_alone_is_not_ready_until_it_takes_writes() {
    let service = Service::start(Backend::Postgres);
    let database = service.deployment().database().expect("it is on PostgreSQL");
    let disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = '{database}' AND pid <> pg_backend_pid()";
    let role = url::Url::parse(database.url())
        .expect("a URL")
        .username()
        .to_owned();
    let read_only = |value: &str| {
        database.execute(&format!(
            "ALTER ROLE \"{role}\" IN DATABASE {{database}} SET default_transaction_read_only = {value}"
        ));
    };
    read_only("on");
    database.execute(disconnect);
    becomes(&service, 503);
    read_only("off");
    database.execute(disconnect);
    becomes(&service, 200);
}

#[test]
fn a_service_whose_row_of_samples_cannot_be_written_is_not_ready() {
    let service = Service::start(Backend::Sqlite);
    let trigger = "CREATE TRIGGER full BEFORE UPDATE ON store_samples BEGIN SELECT RAISE(ABORT, 'full'); END";
    service.deployment().execute(trigger);
    becomes(&service, 503);
    service.deployment().execute("DROP TRIGGER full");
    becomes(&service, 200);
}
