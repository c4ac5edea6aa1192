//! A standby of a cluster.

use std::{process::Child, time::Duration};

use diesel::{Connection as _, PgConnection};
use url::Url;

use super::{
    Cluster, execute,
    keeper::{self, free_port},
    programs, try_execute,
};
use crate::clock::wait_for;

/// A running standby, which ends with the value.
#[derive(Debug)]
pub struct Standby {
    process: Child,
    admin: Url,
    _directory: tempfile::TempDir,
}

impl Standby {
    /// Copies the cluster, and follows it.
    pub fn of(cluster: &Cluster) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        if let Some(account) = programs::Account::unprivileged() {
            account.own(directory.path());
        }
        let data = directory.path().join("data");
        let copied = programs::command("pg_basebackup")
            .arg("--dbname")
            .arg(cluster.admin().as_str())
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
            ])
            .output()
            .expect("pg_basebackup runs");
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
        let port = free_port();
        let process = keeper::postgres(directory.path(), &[], port)
            .spawn()
            .expect("postgres runs");
        let mut admin = cluster.admin().clone();
        admin.set_port(Some(port)).expect("a port can be set");
        wait_for("the standby answers", Duration::from_secs(30), || {
            PgConnection::establish(admin.as_str()).ok()
        });
        Self {
            process,
            admin,
            _directory: directory,
        }
    }

    /// A URL that leads to whichever of the cluster and the standby takes writes, for a URL that leads to the cluster.
    pub fn or_to_it(&self, url: &str) -> String {
        let url = Url::parse(url).expect("a URL");
        let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
        let own = self.admin.port().expect("a port");
        url.as_str()
            .replace(&format!("{host}:{port}"), &format!("{host}:{port},{host}:{own}"))
            + "?target_session_attrs=read-write"
    }

    /// Waits until it has all that the cluster has committed, and then gets nothing more.
    pub fn is_cut_off(&self, cluster: &Cluster) {
        let has_all = "SELECT 1 / count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()";
        wait_for("the standby has everything", Duration::from_secs(30), || {
            try_execute(cluster.admin(), has_all).ok()
        });
        execute(&self.admin, "ALTER SYSTEM SET primary_conninfo = ''");
        execute(&self.admin, "SELECT pg_reload_conf()");
        let has_none = "SELECT 1 / (CASE count(*) WHEN 0 THEN 1 ELSE 0 END) FROM pg_stat_replication";
        wait_for("the standby gets nothing more", Duration::from_secs(30), || {
            try_execute(cluster.admin(), has_none).ok()
        });
    }

    /// Has it take over.
    pub fn takes_over(&self) {
        execute(&self.admin, "SELECT pg_promote()");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
