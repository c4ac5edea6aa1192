//! The commands of `docs/backup-and-restore.md`, run as they stand there.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service, binary, book,
    fixtures::{create_with, get, roll_with},
    on_each_database,
    postgres::{Cluster, programs},
    server::{Ended, run},
};

use crate::places::deployment;

on_each_database!(the_commands_of_the_runbook_do_what_it_says);

/// Runs a block in the deployment's directory and environment, with `more` in addition.
fn run_block(deployment: &Deployment, name: &str, more: &[(&str, &str)]) -> Ended {
    let inner = deployment.command(&[]);
    let mut command = Command::new("bash");
    command
        .args(["-euc", &book::block(name)])
        .current_dir(deployment.directory());
    for (variable, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let folder = |program: &Path| program.parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder(binary::path()), folder(&programs::find("pg_dump"))];
    let folders = folders.into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders).expect("paths"));
    command.envs(more.iter().copied());
    run(command, Duration::from_secs(60))
}

fn the_commands_of_the_runbook_do_what_it_says(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    let webhook = create_with(&service.client(), json!({"active": false}));
    let [backup, restore] = match backend {
        Backend::Sqlite => ["backup:sqlite-backup", "backup:sqlite-restore"],
        Backend::Postgres => ["backup:postgresql-backup", "backup:postgresql-restore"],
    };
    run_block(service.deployment(), backup, &[]).expect_success();
    roll_with(
        &service.client(),
        &webhook,
        json!({"previous_secret_expires_in": 0}),
    );
    let verified = service.deployment().run(&["audit", "verify", "--json"]);
    let verified: Value = serde_json::from_str(verified.expect_success()).expect("JSON");
    let head = verified["head"].as_str().expect("a head").to_owned();
    service.take_server().stop();

    let old = service
        .deployment()
        .database()
        .map(|database| database.url().to_owned());
    let new = old.as_ref().map(|_| Cluster::shared().create_database());
    if let Some(new) = &new {
        service.deployment_mut().set("WEBHOOK_DATABASE_URL", new.url());
    }
    let more = [("OLD_DATABASE_URL", old.as_deref().unwrap_or_default())];
    let restored = run_block(service.deployment(), restore, &more);
    let said = restored.expect_success();
    assert!(said.contains(&format!("rolled {}", webhook.id())), "{said}");
    let ended = run_block(service.deployment(), "backup:sqlite-head", &[("HEAD", &head)]);
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("is another than the head") || ended.stderr.contains("missing"));

    service.start_again();
    assert_ne!(get(&service.client(), &webhook).secret(), webhook.secret());
    assert!(service.server().output().contains("deliveries are paused"));
    run_block(service.deployment(), "backup:both-resume", &[]).expect_success();
    let status = service.deployment().run(&["deliveries", "status"]);
    assert_eq!(status.expect_success(), "deliveries are not paused");
}
