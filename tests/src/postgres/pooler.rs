//! PgBouncer in front of a database.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use url::Url;

use super::{Database, programs::Account};
use crate::clock::wait_for;

/// A running pooler, which ends with the value.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    url: Url,
    _directory: tempfile::TempDir,
}

impl Pooler {
    /// Starts one that gives its sessions to clients in this mode: `session`, `transaction` or `statement`.
    pub fn start(database: &Database, mode: &str) -> Self {
        let behind = Url::parse(database.url()).expect("a URL");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = free.local_addr().expect("a listener has an address").port();
        drop(free);
        let settings = format!(
            "[databases]\n* = host={} port={} user={} password={}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n",
            behind.host_str().expect("a host"),
            behind.port().expect("a port"),
            behind.username(),
            database.password(),
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("a file can be written");
        let mut command = Command::new(program());
        command.arg("--quiet").arg(&file).stdin(Stdio::null());
        if let Some(account) = Account::unprivileged() {
            account.own(directory.path());
            account.own(&file);
            account.run(&mut command);
        }
        let process = command.spawn().expect("pgbouncer runs");
        wait_for("PgBouncer listens", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let mut url = behind;
        url.set_host(Some("127.0.0.1")).expect("a host can be set");
        url.set_port(Some(port)).expect("a port can be set");
        Self {
            process,
            url,
            _directory: directory,
        }
    }

    /// The URL for `WEBHOOK_DATABASE_URL`.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian keeps it where only root looks.
fn program() -> &'static str {
    match fs::exists("/usr/sbin/pgbouncer") {
        Ok(true) => "/usr/sbin/pgbouncer",
        _ => "pgbouncer",
    }
}
