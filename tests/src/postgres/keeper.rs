//! The keeper: the process that PostgreSQL for the tests belongs to.
//!
//! It makes a cluster in a directory of its own, runs it as its child, writes where it is into the *meeting place*,
//! and waits until nobody holds the users' lock any more. Then, after a moment in which the next test program of the
//! run may turn up, it stops PostgreSQL and removes everything.
//!
//! Two locks make this safe against processes that start and stop meanwhile. Whoever takes up or gives up the cluster
//! holds `START_LOCK`; whoever uses it holds `USERS_LOCK`, shared. The keeper's own `ALIVE_LOCK` tells a live
//! one from the remains of a killed one.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use diesel::{Connection as _, PgConnection, RunQueryDsl as _, sql_query};

use super::{programs, random_hex};
use crate::binary::lock_file;

pub(super) const START_LOCK: &str = "start.lock";
pub(super) const USERS_LOCK: &str = "users.lock";
pub(super) const URLS: &str = "urls";
pub(super) const LOG: &str = "log";
const ALIVE_LOCK: &str = "alive.lock";
pub(super) const DIRECTORY: &str = "directory";

/// How long a cluster without users is kept: test programs of one run follow each other closer than this.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a cluster for the users of `meeting` until the last has gone.
pub fn run(meeting: &Path, settings: &[String]) {
    let alive = lock_file(&meeting.join(ALIVE_LOCK));
    alive.lock().expect("a lock file can be locked");
    // Opened now: whoever owns the meeting place may remove it before the cluster has stopped.
    let users = lock_file(&meeting.join(USERS_LOCK));
    let start = lock_file(&meeting.join(START_LOCK));
    let cluster = Running::start(meeting, settings);
    loop {
        users.lock().expect("a lock file can be locked");
        users.unlock().expect("a lock can be given back");
        sleep(GRACE);
        start.lock().expect("a lock file can be locked");
        if users.try_lock().is_ok() {
            drop(cluster);
            return;
        }
        start.unlock().expect("a lock can be given back");
    }
}

/// Whether a keeper serves `meeting`. Ask under [`START_LOCK`].
pub(super) fn is_alive(meeting: &Path) -> bool {
    meeting.join(URLS).exists() && lock_file(&meeting.join(ALIVE_LOCK)).try_lock().is_err()
}

/// Removes what a killed keeper left. Ask under [`START_LOCK`].
pub(super) fn clear_up(meeting: &Path) {
    let note = meeting.join(DIRECTORY);
    if let Ok(left) = fs::read_to_string(&note) {
        stop_cluster(Path::new(&left), "immediate");
        let _ = fs::remove_dir_all(left);
        let _ = fs::remove_file(note);
    }
    let _ = fs::remove_file(meeting.join(URLS));
}

struct Running {
    meeting: PathBuf,
    directory: PathBuf,
    postgres: Child,
}

impl Running {
    fn start(meeting: &Path, settings: &[String]) -> Self {
        // Not under the target directory: PostgreSQL's user may have no way into it.
        let directory = tempfile::Builder::new()
            .prefix("webhook-pg-")
            .tempdir()
            .expect("a temporary directory")
            .keep();
        fs::write(
            meeting.join(DIRECTORY),
            directory.to_str().expect("temporary paths are text"),
        )
        .expect("a note");
        if let Some(account) = programs::Account::unprivileged() {
            account.own(&directory);
        }
        let password = random_hex(16);
        initialise(&directory, &password);
        let (postgres, port) = start_on_a_free_port(&directory, settings, &password);
        let running = Self {
            meeting: meeting.to_owned(),
            directory,
            postgres,
        };
        let admin = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let server_password = random_hex(16);
        let mut connection = PgConnection::establish(&admin).expect("the cluster answers");
        // The one statement with a password in it, which no log of the cluster's may show.
        for quiet in ["SET log_statement = 'none'", "SET log_min_messages = 'fatal'"] {
            sql_query(quiet)
                .execute(&mut connection)
                .expect("an administrator may log less");
        }
        let role = format!("CREATE ROLE webhook LOGIN PASSWORD '{server_password}'");
        sql_query(role)
            .execute(&mut connection)
            .expect("a role can be made");
        let urls = format!("{admin}\npostgres://webhook:{server_password}@127.0.0.1:{port}/postgres");
        // Whoever waits for the file must find it whole.
        fs::write(meeting.join("urls.new"), urls).expect("the URLs can be written");
        fs::rename(meeting.join("urls.new"), meeting.join(URLS)).expect("a file can be renamed");
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.meeting.join(URLS));
        stop_cluster(&self.directory, "fast");
        let _ = self.postgres.kill();
        let _ = self.postgres.wait();
        let _ = fs::remove_dir_all(&self.directory);
        let _ = fs::remove_file(self.meeting.join(DIRECTORY));
    }
}

fn initialise(directory: &Path, password: &str) {
    let password_file = directory.join("password");
    fs::write(&password_file, password).expect("a file can be written");
    if let Some(account) = programs::Account::unprivileged() {
        account.own(&password_file);
    }
    let mut command = programs::command("initdb");
    command
        .arg("--pgdata")
        .arg(directory.join("data"))
        .arg("--pwfile")
        .arg(&password_file);
    command.args([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
    ]);
    // Making the cluster need not survive a crash of the machine; what runs in it keeps its default durability.
    command.arg("--no-sync");
    let output = command.output().expect("initdb runs");
    assert!(
        output.status.success(),
        "initdb failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Another process may take the port between our asking and PostgreSQL's binding, so this tries again.
fn start_on_a_free_port(directory: &Path, settings: &[String], password: &str) -> (Child, u16) {
    for _ in 0..5 {
        let port = free_port();
        let mut child = postgres(directory, settings, port)
            .spawn()
            .expect("postgres runs");
        if answers(&mut child, port, password) {
            return (child, port);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    panic!("PostgreSQL did not start; its own words are above");
}

pub(super) fn postgres(directory: &Path, settings: &[String], port: u16) -> Command {
    let mut command = programs::command("postgres");
    command
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory);
    for setting in [
        "listen_addresses=127.0.0.1",
        "max_connections=400",
        "log_min_messages=fatal",
    ] {
        command.arg("-c").arg(setting);
    }
    command.arg("-c").arg(format!("port={port}"));
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    command
}

fn answers(child: &mut Child, port: u16, password: &str) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        if PgConnection::establish(&url).is_ok() {
            return true;
        }
        if child.try_wait().expect("a child can be waited for").is_some() {
            return false;
        }
        sleep(Duration::from_millis(50));
    }
    false
}

pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a listener has an address").port()
}

pub(super) fn stop_cluster(directory: &Path, mode: &str) {
    let mut command = programs::command("pg_ctl");
    command
        .arg("stop")
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-m", mode, "-t", "20", "-s"]);
    let _ = command.output();
}
