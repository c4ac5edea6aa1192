//! A backup made and put in place as the runbook says, on either database.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use webhook_tests::{
    Backend, Deployment, Service,
    postgres::{Cluster, Database, programs},
    server::{Ended, run},
};

/// A deployment whose deliveries may go to loopback.
pub(crate) fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// Backs the database of `deployment` up, with the service's own command or with PostgreSQL's.
#[track_caller]
pub(crate) fn back_up(deployment: &Deployment) -> PathBuf {
    let file = deployment.directory().join("backup");
    match deployment.database() {
        None => {
            let path = file.to_string_lossy();
            deployment.run(&["backup", &path]).expect_success();
        }
        Some(database) => {
            let mut dump = Command::new(programs::find("pg_dump"));
            dump.args(["--format=custom", "--file"])
                .arg(&file)
                .arg(database.url());
            run(dump, Duration::from_secs(60)).expect_success();
        }
    }
    file
}

/// A database that a backup was restored into, and what the command said.
pub(crate) struct Restored {
    pub(crate) said: String,
    /// Names the database that was replaced, for `--replaced`.
    pub(crate) replaced: String,
    _database: Option<Database>,
}

/// Restores `backup`, with `flags` in addition. No server may run.
#[track_caller]
pub(crate) fn restore(service: &mut Service, backup: &Path, flags: &[&str]) -> Restored {
    let file = backup.to_string_lossy().into_owned();
    let Some(old) = service
        .deployment()
        .database()
        .map(|database| database.url().to_owned())
    else {
        let said = restore_file(service.deployment(), &file, flags);
        let kept = kept(service.deployment());
        let replaced = format!("sqlite://{}", kept.last().expect("it is kept").display());
        return Restored {
            said: said.expect_success().to_owned(),
            replaced,
            _database: None,
        };
    };
    let new = Cluster::shared().create_database();
    let mut put = Command::new(programs::find("pg_restore"));
    put.args(["--no-owner", "--exit-on-error", "--dbname", new.url(), &file]);
    run(put, Duration::from_secs(60)).expect_success();
    service.deployment_mut().set("WEBHOOK_DATABASE_URL", new.url());
    let mut arguments = vec!["restore", "--replaced", &old];
    arguments.extend(flags);
    let said = service.deployment().run(&arguments).expect_success().to_owned();
    Restored {
        said,
        replaced: old,
        _database: Some(new),
    }
}

/// Runs `restore FILE` on SQLite.
pub(crate) fn restore_file(deployment: &Deployment, file: &str, flags: &[&str]) -> Ended {
    let mut arguments = vec!["restore", file];
    arguments.extend(flags);
    deployment.run(&arguments)
}

/// The databases that were replaced, the oldest first.
pub(crate) fn kept(deployment: &Deployment) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = std::fs::read_dir(deployment.data())
        .expect("a directory can be read")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.contains(".replaced-")
                && (name.ends_with('Z') || name.contains("Z-"))
                && !name.contains("-wal")
                && !name.contains("-shm")
                && !name.contains(".in-use")
        })
        .collect();
    kept.sort();
    kept
}
