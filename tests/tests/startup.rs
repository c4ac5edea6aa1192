//! Starting and stopping: what the first start makes, what stops a start, and how a stop ends.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use webhook_tests::{
    Backend, Client, Deployment, Service,
    fixtures::{create, get},
    on_each_database,
    postgres::Cluster,
    raw::Connection,
    server::Ended,
};

on_each_database!(
    a_wrong_master_key_stops_the_start,
    a_bad_setting_stops_the_start_and_is_named,
    an_unknown_argument_stops_the_start,
    sigterm_ends_with_0_after_the_requests_in_flight,
    a_service_remembers_across_a_stop,
    migrate_makes_the_schema_and_can_be_repeated,
    the_master_key_can_come_from_a_file,
);

/// What a start that fails may take.
const SOON: Duration = Duration::from_secs(2);

#[track_caller]
fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .unwrap_or_else(|error| panic!("{path:?}: {error}"))
        .permissions()
        .mode()
        & 0o777
}

/// A start that failed: soon, with `code`, saying each of `words`.
#[track_caller]
fn expect_failure(ended: &Ended, codes: &[i32], words: &[&str]) {
    assert!(
        codes.contains(&ended.code()),
        "exit {}: {}",
        ended.code(),
        ended.output()
    );
    assert!(
        ended.took < SOON,
        "a start that fails does so in under {SOON:?}, not {:?}",
        ended.took
    );
    for word in words {
        let output = ended.output().to_lowercase();
        assert!(
            output.contains(&word.to_lowercase()),
            "it does not say `{word}`: {}",
            ended.output()
        );
    }
    assert!(!ended.output().contains("panicked"), "{}", ended.output());
}

/// What must be the same before and after a start that fails. SQLite's shared memory is no content, and neither is a
/// log of nothing.
fn contents(deployment: &Deployment) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = deployment.files();
    files.retain(|(path, bytes)| !path.to_string_lossy().ends_with("-shm") && !bytes.is_empty());
    files
}

#[test]
fn the_first_start_makes_all_it_needs_and_hides_the_key() {
    let service = Service::start(Backend::Sqlite);
    let data = service.deployment().data();
    assert!(data.join("webhook.db").is_file());
    assert_eq!(mode(&data.join("master.key")), 0o600);
    assert_eq!(mode(&data.join("first-api-key")), 0o600);
    let master_key = fs::read_to_string(data.join("master.key")).expect("a key");
    let decoded = data_encoding::BASE64
        .decode(master_key.trim().as_bytes())
        .expect("base64");
    assert_eq!(decoded.len(), 32);
    let output = service.server().output();
    assert!(
        output.contains("first-api-key"),
        "the log names the file: {output}"
    );
    assert!(!output.contains(service.key()), "and never the key: {output}");
    assert!(!output.contains(master_key.trim()), "{output}");
    let webhook = create(&service.client());
    get(&service.client(), &webhook);
}

#[test]
fn the_second_start_makes_nothing_new() {
    let mut service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let data = service.deployment().data();
    let made = |name: &str| fs::read(data.join(name)).expect("it is there");
    let (master, first) = (made("master.key"), made("first-api-key"));
    let keys = service
        .deployment()
        .run(&["api-key", "list"])
        .expect_success()
        .to_owned();
    assert_eq!(service.take_server().stop().code(), 0);
    service.start_again();
    assert_eq!((made("master.key"), made("first-api-key")), (master, first));
    assert_eq!(
        service.deployment().run(&["api-key", "list"]).expect_success(),
        keys
    );
    assert_eq!(get(&service.client(), &webhook), webhook);
    // An operator who has taken note removes the file; that is no reason for another key.
    assert_eq!(service.take_server().stop().code(), 0);
    fs::remove_file(data.join("first-api-key")).expect("it can be removed");
    service.start_again();
    assert!(!data.join("first-api-key").exists());
}

#[test]
fn a_missing_master_key_stops_the_start_and_none_is_made() {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    service.take_server().stop();
    let path = service.deployment().data().join("master.key");
    let kept = fs::read(&path).expect("a key");
    fs::remove_file(&path).expect("it can be removed");
    let before = contents(service.deployment());
    expect_failure(&service.deployment().serve_in_vain(), &[1, 2], &["master", "key"]);
    assert_eq!(contents(service.deployment()), before, "nothing is written");
    fs::write(&path, kept).expect("it can be put back");
    service.start_again();
}

#[test]
fn postgresql_needs_a_master_key() {
    let mut deployment = Deployment::new(Backend::Postgres);
    deployment.unset("WEBHOOK_MASTER_KEY");
    expect_failure(&deployment.serve_in_vain(), &[1, 2], &["WEBHOOK_MASTER_KEY"]);
    assert!(deployment.files().is_empty(), "no key is made");
}

fn a_wrong_master_key_stops_the_start(backend: Backend) {
    let mut service = Service::start(backend);
    let webhook = create(&service.client());
    assert_eq!(service.take_server().stop().code(), 0);
    let dump = |deployment: &Deployment| deployment.database().map(webhook_tests::postgres::Database::dump);
    let (files, tables) = (contents(service.deployment()), dump(service.deployment()));
    let right = service
        .deployment()
        .setting("WEBHOOK_MASTER_KEY")
        .map(str::to_owned);
    let wrong = data_encoding::BASE64.encode(&[7; 32]);
    service.deployment_mut().set("WEBHOOK_MASTER_KEY", &wrong);
    let ended = service.deployment().serve_in_vain();
    expect_failure(&ended, &[1, 2], &["master key"]);
    assert!(
        !ended.output().contains(&wrong),
        "it does not repeat the key: {}",
        ended.output()
    );
    assert_eq!(contents(service.deployment()), files, "nothing is written");
    assert!(
        dump(service.deployment()) == tables,
        "nothing is written to the database"
    );
    match right {
        Some(right) => service.deployment_mut().set("WEBHOOK_MASTER_KEY", &right),
        None => service.deployment_mut().unset("WEBHOOK_MASTER_KEY"),
    }
    service.start_again();
    assert_eq!(get(&service.client(), &webhook), webhook);
}

fn a_bad_setting_stops_the_start_and_is_named(backend: Backend) {
    let cases = [
        ("WEBHOOK_LISTEN", "nonsense"),
        ("WEBHOOK_LISTEN", "127.0.0.1:99999"),
        ("WEBHOOK_DATABASE_URL", "mysql://localhost/x"),
        ("WEBHOOK_DATABASE_URL", "nonsense"),
        ("WEBHOOK_DATABASE_URL", ""),
        ("WEBHOOK_MASTER_KEY", "dG9vIHNob3J0"),
        (
            "WEBHOOK_MASTER_KEY",
            "not base64 at all, though 44 characters long",
        ),
        ("WEBHOOK_MASTER_KEY_FILE", "/no/such/file"),
        ("WEBHOOK_ENVIRONMENT", "STAGING"),
        ("WEBHOOK_ALLOW_HTTP", "maybe"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.0/99"),
        ("WEBHOOK_PREVIOUS_SECRET_TTL", "-1"),
        ("WEBHOOK_PREVIOUS_SECRET_TTL", "604801"),
        ("WEBHOOK_PREVIOUS_SECRET_TTL", "a day"),
        ("WEBHOOK_REQUESTS_PER_SECOND", "-1"),
        ("WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND", "many"),
    ];
    for (name, value) in cases {
        let mut deployment = Deployment::new(backend);
        if name == "WEBHOOK_MASTER_KEY_FILE" {
            deployment.unset("WEBHOOK_MASTER_KEY");
        }
        let ended = deployment.with(name, value).serve_in_vain();
        assert_eq!(ended.code(), 2, "{name}={value}: {}", ended.output());
        expect_failure(&ended, &[2], &[name]);
        if name == "WEBHOOK_MASTER_KEY" {
            assert!(
                !ended.output().contains(value),
                "a key is not repeated, not even a bad one: {}",
                ended.output()
            );
        }
    }
}

fn an_unknown_argument_stops_the_start(backend: Backend) {
    let deployment = Deployment::new(backend);
    for arguments in [
        vec!["--no-such-flag"],
        vec!["no-such-command"],
        vec!["serve", "--listen"],
    ] {
        let ended = deployment.run(&arguments);
        assert_eq!(ended.code(), 2, "{arguments:?}: {}", ended.output());
    }
    let missing = deployment.run(&["--config", "no-such-file.toml"]);
    expect_failure(&missing, &[2], &["no-such-file.toml"]);
    assert!(deployment.files().is_empty(), "nothing is made");
}

fn sigterm_ends_with_0_after_the_requests_in_flight(backend: Backend) {
    let mut service = Service::start(backend);
    let client = service.client();
    let webhook = create(&client);
    let wire = client
        .patch(&webhook.secret_path())
        .json(&webhook_tests::fixtures::update())
        .wire();
    let (begun, rest) = wire.split_at(wire.len() - 5);
    let mut connection = Connection::open(client.address()).expect("it connects");
    connection.send(begun).expect("it sends");
    std::thread::sleep(Duration::from_millis(300));
    let server = service.take_server();
    server.terminate();
    std::thread::sleep(Duration::from_millis(300));
    connection
        .send(rest)
        .expect("the request in flight can be finished");
    let answer = connection
        .read_answer()
        .expect("and is answered")
        .expect_status(200);
    let ended = server.wait();
    assert_eq!(ended.code(), 0, "{}", ended.output());
    service.start_again();
    let stored = get(&service.client(), &webhook);
    assert_eq!(stored.json, answer.json());
}

fn a_service_remembers_across_a_stop(backend: Backend) {
    let mut service = Service::start(backend);
    let webhook = create(&service.client());
    assert_eq!(service.take_server().stop().code(), 0);
    service.start_again();
    assert_eq!(get(&service.client(), &webhook), webhook);
}

fn migrate_makes_the_schema_and_can_be_repeated(backend: Backend) {
    let deployment = Deployment::new(backend);
    deployment.run(&["migrate"]).expect_success();
    deployment.run(&["migrate"]).expect_success();
    let service = Service::start_on(deployment);
    create(&service.client());
    service.deployment().run(&["migrate"]).expect_success();
}

fn the_master_key_can_come_from_a_file(backend: Backend) {
    let mut deployment = Deployment::new(backend);
    deployment.unset("WEBHOOK_MASTER_KEY");
    let path = deployment.directory().join("the-key");
    fs::write(&path, format!("{}\n", data_encoding::BASE64.encode(&[9; 32]))).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let mut service =
        Service::start_on(deployment.with("WEBHOOK_MASTER_KEY_FILE", path.to_str().expect("text")));
    let webhook = create(&service.client());
    assert!(
        !service.deployment().data().join("master.key").exists(),
        "no other key is made"
    );
    service.take_server().stop();
    service.start_again();
    assert_eq!(get(&service.client(), &webhook), webhook);
}

#[test]
fn a_cluster_whose_durability_is_off_is_refused() {
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let cluster = Cluster::private(&[&format!("{setting}=off")]);
        let deployment = Deployment::on_cluster(&cluster);
        expect_failure(&deployment.serve_in_vain(), &[1, 2], &[setting]);
    }
}

#[test]
fn a_database_or_role_that_commits_asynchronously_is_refused() {
    let deployment = Deployment::new(Backend::Postgres);
    let database = deployment.database().expect("it runs on PostgreSQL");
    database.execute("ALTER DATABASE {database} SET synchronous_commit = off");
    expect_failure(&deployment.serve_in_vain(), &[1, 2], &["synchronous_commit"]);
    database.execute("ALTER DATABASE {database} RESET synchronous_commit");
    deployment.serve();
}

#[test]
fn a_database_out_of_reach_stops_the_start_without_its_password() {
    let deployment = Deployment::new(Backend::Postgres).with(
        "WEBHOOK_DATABASE_URL",
        "postgres://webhook:S3cretPassw0rd@127.0.0.1:1/webhook",
    );
    let ended = deployment.serve_in_vain();
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(!ended.output().contains("S3cretPassw0rd"), "{}", ended.output());
}

#[test]
fn the_address_in_use_stops_the_start() {
    let service = Service::start(Backend::Sqlite);
    let address: String = service.server().address().to_string();
    let ended = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_LISTEN", &address)
        .serve_in_vain();
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(
        ended.output().contains(&address),
        "it says which: {}",
        ended.output()
    );
    let answer = Client::anonymous(service.server().address())
        .get("/health/ready")
        .send();
    answer.expect_status(200);
}
