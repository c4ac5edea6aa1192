//! `doctor`: what it says of deployments that are as they should be and of such that are not, and that it changes nothing.

mod database;
mod files;
mod listening;
mod machine;
mod reach;
mod settings;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use webhook_tests::{
    Backend, Deployment, Service,
    fixtures::create,
    on_each_database,
    server::{Ended, run},
};

on_each_database!(
    a_deployment_that_was_never_started_has_no_failure_and_nothing_is_made,
    beside_a_running_server_nothing_fails,
    a_stopped_deployment_is_left_as_it_is,
    whoever_has_read_enough_is_no_failure,
    what_hangs_is_told_and_does_not_keep_the_rest,
);

/// No check takes longer, whatever hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What it has said.
struct Report {
    ended: Ended,
    json: Value,
}

impl Report {
    #[track_caller]
    fn of(mut command: Command) -> Self {
        command.arg("--json");
        let ended = run(command, LIMIT);
        let json = serde_json::from_str(&ended.stdout);
        let json = json.unwrap_or_else(|error| panic!("JSON alone, {error}: {}", ended.output()));
        Self { ended, json }
    }

    fn checks(&self, name: &str) -> Vec<&Value> {
        let checks = self.json["checks"].as_array().expect("a list").iter();
        checks.filter(|check| check["name"] == name).collect()
    }

    /// The status of the check, which there must be once.
    #[track_caller]
    fn status(&self, name: &str) -> &str {
        match self.checks(name).as_slice() {
            [check] => check["status"].as_str().expect("a status"),
            checks => panic!("{} checks {name}: {}", checks.len(), self.json),
        }
    }

    /// Has found this with the check, and says so and what to do.
    #[track_caller]
    fn expect(&self, name: &str, status: &str, said: &str) {
        let found = self.checks(name).into_iter().any(|check| {
            let message = check["message"].as_str().expect("a message");
            check["status"] == status
                && message.contains(said)
                && check["advice"].is_string() == (status != "OK")
        });
        assert!(found, "no {status} of {name} with `{said}`: {:#}", self.json);
    }

    /// Has failed, and no more than these checks.
    #[track_caller]
    fn expect_failures(&self, code: i32, names: &[&str]) {
        let checks = self.json["checks"].as_array().expect("a list").iter();
        let mut failed: Vec<_> = checks
            .filter(|check| check["status"] == "FAIL")
            .map(|check| check["name"].as_str().expect("a name"))
            .collect();
        failed.dedup();
        assert_eq!(failed, names, "{:#}", self.json);
        assert_eq!(self.ended.code(), code, "{}", self.ended.output());
        let worst = if names.is_empty() {
            self.json["status"].clone()
        } else {
            "FAIL".into()
        };
        assert_eq!(self.json["status"], worst);
        assert_ne!((names.is_empty(), self.json["status"] == "FAIL"), (true, true));
    }
}

#[track_caller]
fn doctor(deployment: &Deployment, more: &[&str]) -> Report {
    Report::of(deployment.command(&[&["doctor"], more].concat()))
}

fn a_deployment_that_was_never_started_has_no_failure_and_nothing_is_made(backend: Backend) {
    let deployment = Deployment::new(backend);
    let before = (
        deployment.files(),
        deployment.database().map(|database| database.dump()),
    );
    let report = doctor(&deployment, &[]);
    report.expect_failures(0, &[]);
    match backend {
        Backend::Sqlite => report.expect("database", "WARN", "there is no database /"),
        Backend::Postgres => report.expect("database.schema", "WARN", "there is no schema yet"),
    }
    report.expect("listen", "OK", "free to listen on");
    let after = (
        deployment.files(),
        deployment.database().map(|database| database.dump()),
    );
    assert!(
        before == after && !deployment.data().exists(),
        "something was made"
    );
    let text = deployment.run(&["doctor"]);
    text.expect_success();
    assert!(text.stdout.starts_with("OK    settings "), "{}", text.stdout);
    assert!(text.stdout.contains("\nWARN  database"), "{}", text.stdout);
    assert!(text.stdout.contains("      -> "), "{}", text.stdout);
    assert_eq!(text.stderr, "");
    for wrong in [
        &["doctor", "--url"][..],
        &["doctor", "--webhook", "x"],
        &[
            "doctor",
            "--url",
            "https://example.com",
            "--webhook",
            "whk_01hv9k2m4rt6w8y0abcdefghjk",
        ],
        &["doctor", "here"],
    ] {
        let ended = deployment.run(wrong);
        assert_eq!(
            (ended.code(), ended.stdout.as_str()),
            (2, ""),
            "{}",
            ended.output()
        );
    }
}

fn beside_a_running_server_nothing_fails(backend: Backend) {
    let service = Service::start(backend);
    create(&service.client());
    let address = service.server().address().to_string();
    let report = doctor(service.deployment(), &["--listen", &address]);
    report.expect_failures(0, &[]);
    report.expect("listen", "OK", "a server of this service listens on");
    report.expect(
        "database.master_key",
        "OK",
        "the secrets of 1 webhook were opened",
    );
    report.expect("database.durability", "OK", "survives a crash");
    report.expect("deliveries", "OK", "not paused");
    let expected: &[&str] = match backend {
        Backend::Sqlite => &["files.folder", "files.database", "files.master_key"],
        Backend::Postgres => &["database.rights", "database.sessions", "clock.database"],
    };
    for name in expected {
        assert_eq!(report.status(name), "OK", "{name}");
    }
    service
        .deployment()
        .run(&["deliveries", "pause"])
        .expect_success();
    let report = doctor(service.deployment(), &["--listen", &address]);
    report.expect_failures(0, &[]);
    report.expect("deliveries", "WARN", "an operator asked for it");
    create(&service.client());
}

fn a_stopped_deployment_is_left_as_it_is(backend: Backend) {
    let mut service = Service::start(backend);
    create(&service.client());
    service.take_server().stop();
    let deployment = service.deployment();
    let state = || {
        (
            deployment.files(),
            deployment.database().map(|database| database.dump()),
        )
    };
    let before = state();
    doctor(deployment, &[]).expect_failures(0, &[]);
    assert!(before == state(), "something was changed");

    // A killed server leaves its log behind.
    let server = deployment.serve();
    server.kill();
    let files = || {
        let mut files = deployment.files();
        // What processes share of the log is theirs to write while they read.
        files.retain(|(path, _)| !path.to_string_lossy().ends_with("-shm"));
        files
    };
    let before = files();
    doctor(deployment, &[]).expect_failures(0, &[]);
    assert!(before == files(), "something was changed");
    deployment.serve().stop();
}

fn whoever_has_read_enough_is_no_failure(backend: Backend) {
    let deployment = Deployment::new(backend);
    for format in [&["doctor"][..], &["doctor", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = deployment.command(format);
        let ended = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    }
}

fn what_hangs_is_told_and_does_not_keep_the_rest(backend: Backend) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let deployment = Deployment::new(backend).with("WEBHOOK_LISTEN", &address);
    let deployment = match backend {
        // A file that is a pipe, to which nobody writes.
        Backend::Sqlite => {
            let pipe = deployment.directory().join("pipe");
            let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
            assert!(made.success());
            deployment.with("WEBHOOK_MASTER_KEY_FILE", &pipe.to_string_lossy())
        }
        Backend::Postgres => deployment.with("WEBHOOK_DATABASE_URL", &format!("postgres://u@{address}/d")),
    };
    let report = doctor(&deployment, &[]);
    assert_eq!(report.ended.code(), 1, "{}", report.ended.output());
    report.expect("listen", "FAIL", "another program listens on");
    match backend {
        Backend::Sqlite => report.expect("database.master_key", "FAIL", "did not end within"),
        Backend::Postgres => report.expect("database", "FAIL", ""),
    }
    assert_eq!(report.status("descriptors"), "OK");
}
