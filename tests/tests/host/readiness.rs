//! What `/health/ready` vouches for. `/health/live` depends on nothing.

use std::{fs, process::Command, time::Duration};

use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    clock::wait_for,
    fixtures::{create, roll},
    service::ALL_PERMISSIONS,
};

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

#[test]
fn a_service_whose_file_system_becomes_read_only_is_not_ready_and_says_so_once() {
    let deployment = Deployment::new(Backend::Sqlite);
    let shim = deployment.directory().join("read_only.so");
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&shim)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/shim/read_only.c"))
        .status();
    assert!(compiled.expect("cc runs").success(), "the shim compiles");
    let read_only = deployment.directory().join("read-only");
    let key = deployment.create_key("default", &ALL_PERMISSIONS, &[]);
    let mut command = deployment.command(&[]);
    command.env("LD_PRELOAD", &shim).env("READ_ONLY_WHEN", &read_only);
    let server = Server::start(command);
    let client = Client::with_key(server.address(), &key);
    let webhook = create(&client);
    let status = |path: &str| client.get(path).unchecked().send().status;
    fs::write(&read_only, "").expect("a file can be written");
    wait_for("it is not ready", Duration::from_secs(30), || {
        (status("/health/ready") == 503).then_some(())
    });
    let rolled = client.patch(&webhook.secret_path()).unchecked().send();
    assert_eq!(rolled.status, 503, "{rolled:?}");
    assert_eq!(status("/health/live"), 200);
    wait_for("the log says so", Duration::from_secs(30), || {
        server.output().contains("the service is not ready").then_some(())
    });
    for _ in 0..50 {
        status("/health/ready");
    }
    let said = server.output();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("/health/ready") || line.contains("not ready"))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let says_why = ["readonly database", "disk I/O error"]
        .iter()
        .any(|why| lines[0].contains(why));
    assert!(says_why && !lines[0].contains("is unavailable"), "{}", lines[0]);
    fs::remove_file(&read_only).expect("it is there");
    wait_for("it is ready again", Duration::from_secs(30), || {
        (status("/health/ready") == 200).then_some(())
    });
    roll(&client, &webhook);
    wait_for("the log says so", Duration::from_secs(30), || {
        server
            .output()
            .contains("the service is ready again")
            .then_some(())
    });
}
