//! Canaries: every secret that the service handles has a known value, everything is done with them that can be done,
//! rightly and wrongly, and then all that is left is searched for them in every form: logs at trace level, answers,
//! the database's files, arguments and environments of processes.

mod misuse;
mod processes;
mod settings;
mod trail;
mod work;

use std::{fs, path::Path};

use webhook_tests::{
    Backend, Deployment, Service, issuer::Issuer, on_each_database, postgres::Cluster, postgres::random_hex,
    service::ALL_PERMISSIONS,
};

use crate::{processes::Watch, trail::Trail, work::Credentials};

on_each_database!(no_secret_is_left_but_where_it_was_put_on_purpose);

/// PostgreSQL's own log says all it can: each statement with its parameters.
const TALKATIVE: [&str; 4] = [
    "log_statement=all",
    "log_min_messages=debug5",
    "log_error_verbosity=verbose",
    "log_connections=on",
];

/// Files that hold a secret on purpose: the operator's, and those that the service makes for the operator.
fn is_for_secrets(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = name == "first-api-key" || name.starts_with("master.key") || name.starts_with("the.key");
    made || name == "webhook.toml" || name.ends_with(".given")
}

struct Fixture {
    /// None on SQLite. It must outlive the service.
    cluster: Option<Cluster>,
    trail: Trail,
}

impl Fixture {
    /// A deployment with no secret in its environment, and a cluster of its own, whose every file can be read.
    fn new(backend: Backend, issuer: &Issuer) -> (Self, Deployment) {
        let cluster = (backend == Backend::Postgres).then(|| Cluster::private(&TALKATIVE));
        let deployment = match &cluster {
            Some(cluster) => Deployment::on_cluster(cluster),
            None => Deployment::new(backend),
        };
        let mut deployment = deployment
            .with_master_key_in_a_file()
            .with_database_url_in_a_file()
            // What is left out unless it is named, too.
            .with("WEBHOOK_LOG", "trace,actix_http=trace");
        issuer.introduce_to(&mut deployment);
        let mut trail = Trail::default();
        if let Some(database) = deployment.database() {
            trail.know("PostgreSQL's password", database.password());
        }
        (Self { cluster, trail }, deployment)
    }

    /// All files, as they are at this moment.
    fn look_at_files(&mut self, deployment: &Deployment, when: &str) {
        for (path, bytes) in deployment.files() {
            if !is_for_secrets(&path) {
                self.trail.leave(&format!("{} {when}", path.display()), bytes);
            }
        }
        let (Some(cluster), Some(database)) = (&self.cluster, deployment.database()) else {
            return;
        };
        database.execute("CHECKPOINT");
        // What is large is compressed in the files.
        self.trail
            .leave(&format!("the database's dump {when}"), database.dump());
        let data = cluster.data();
        for (path, bytes) in webhook_tests::deployment::files_below(&data) {
            self.trail.leave(&format!("{} {when}", path.display()), bytes);
        }
        self.trail
            .leave(&format!("PostgreSQL's log {when}"), cluster.log());
    }

    fn learn_master_key(&mut self, deployment: &Deployment, name: &str) -> String {
        let text = fs::read_to_string(deployment.master_key_file()).expect("a master key");
        self.trail.know_master_key(name, text.trim());
        text.trim().to_owned()
    }
}

fn no_secret_is_left_but_where_it_was_put_on_purpose(backend: Backend) {
    let watch = Watch::begin();
    let issuer = Issuer::new();
    let (mut fixture, deployment) = Fixture::new(backend, &issuer);
    let mut service = Service::start_on(deployment);
    let old_master = fixture.learn_master_key(service.deployment(), "the first master key");
    fixture.trail.know_api_key("the first API key", service.key());
    let token = issuer.sign(&issuer.claims("default", &ALL_PERMISSIONS, 3_600));
    fixture.trail.know_token("a bearer token", &token);

    let given = Credentials::new();
    given.learn(&mut fixture.trail);
    let webhook = work::rightly(&service, &token, &given, &mut fixture.trail);
    work::at_the_command_line(&service, &webhook, &given, &mut fixture.trail);

    let all_platforms = service.deployment().create_key("*", &ALL_PERMISSIONS, &[]);
    fixture
        .trail
        .know_api_key("an API key for all platforms", &all_platforms);
    let mut canaries = vec![
        ("the master key", old_master),
        ("a signing key", webhook.secret()),
        ("a password", given.password.clone()),
        ("an API key of a receiver", given.api_key.clone()),
        ("an API key", all_platforms.clone()),
        ("a bearer token", token.clone()),
    ];
    if let Some(database) = service.deployment().database() {
        canaries.push(("PostgreSQL's password", database.password().to_owned()));
    }
    let (client, anonymous) = (service.client(), service.anonymous());
    let scene = misuse::Scene {
        client: &client,
        anonymous: &anonymous,
        all_platforms: &service.client_with(&all_platforms),
        webhook: &webhook,
    };
    for (name, secret) in &canaries {
        misuse::everywhere(&scene, name, secret, &mut fixture.trail);
    }

    work::without_its_database(&service, &given, &mut fixture.trail);
    work::with_a_wrong_password(&service, &mut fixture.trail);
    processes::look_at_environment(service.server().pid(), &mut fixture.trail);
    fixture.look_at_files(service.deployment(), "while the server ran");
    let killed = service.kill();
    fixture.trail.wrote("the server that was killed", &killed);
    fixture.look_at_files(service.deployment(), "after it was killed");

    service.start_again();
    work::once_more(&service, &webhook, &mut fixture.trail);
    let rekeyed = service.deployment().run(&["rekey"]);
    rekeyed.expect_success();
    fixture.trail.wrote("rekey", &rekeyed);
    fixture.learn_master_key(service.deployment(), "the second master key");
    work::once_more(&service, &webhook, &mut fixture.trail);
    fixture.look_at_files(service.deployment(), "after rekeying");
    let stopped = service.take_server().stop();
    fixture.trail.wrote("the server that was stopped", &stopped);
    fixture.look_at_files(service.deployment(), "after it was stopped");
    watch.end(&mut fixture.trail);

    let trail = &fixture.trail;
    assert!(trail.refusals() > 1_000, "{} refusals", trail.refusals());
    assert!(trail.secrets() > 40, "{} secrets", trail.secrets());
    trail.expect_control("alice-is-stored", "while the server ran");
    trail.expect_control("\"level\":\"TRACE\"", "the server that was killed");
    trail.expect_control("webhook-server", "arguments");
    if backend == Backend::Postgres {
        trail.expect_control("alice-is-stored", "PostgreSQL's log");
        trail.expect_control("alice-is-stored", "/pg_wal/");
        trail.expect_control("alice-is-stored", "dump");
    } else {
        trail.expect_control("alice-is-stored", "webhook.db-wal while");
        trail.expect_control("alice-is-stored", "webhook.db after it was stopped");
    }
    trail.expect_no_hit();
}

/// A value that no two runs share, with digits enough to be taken for no word.
fn random_value(before: &str) -> String {
    format!("{before}7a1{}", random_hex(10))
}
