//! The server of a demo: this same binary as a child, on a port of loopback that it takes itself, killed when dropped.
//!
//! Its log goes to a file, out of which it is read where the server listens. A server that ends instead is a failure, told
//! with the last line of that log.

use std::fs::{File, read_to_string};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::exit::Failure;

/// How long a start may take, on a machine that is busy.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How often the log is read meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// All that the child is told. Nothing that listens is to be seen from another machine.
const SETTINGS: [(&str, &str); 7] = [
    ("WEBHOOK_LISTEN", "127.0.0.1:0"),
    ("WEBHOOK_METRICS_LISTEN", ""),
    ("WEBHOOK_DATABASE_URL", "sqlite://data/webhook.db"),
    ("WEBHOOK_ALLOW_HTTP", "true"),
    ("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8"),
    ("WEBHOOK_RETRY_SPEED", "1200"),
    ("WEBHOOK_LOG", "info"),
];

/// A server that runs.
pub(super) struct ServerProcess {
    process: Process,
    address: SocketAddr,
}

struct Process(Child);

impl ServerProcess {
    /// Starts a server on the database in `directory`, and waits until it listens.
    pub(super) async fn start(directory: &Path) -> Result<Self, Failure> {
        let log = directory.join("server.log");
        let mut process = spawn(directory, &log)?;
        let address = timeout(START_WITHIN, process.address(&log)).await;
        let late = |_| Failure::found("the demo's server does not come up".to_owned());
        let address = address.map_err(late)??;
        Ok(Self { process, address })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a power cut would: SIGKILL.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        let Process(child) = &mut self.process;
        let killed = child.kill().and_then(|()| child.wait());
        killed
            .map(drop)
            .map_err(|error| Failure::cannot("kill the demo's server", &error))
    }
}

impl Process {
    async fn address(&mut self, log: &Path) -> Result<SocketAddr, Failure> {
        loop {
            let said = read_to_string(log).unwrap_or_default();
            if let Some(address) = said.lines().find_map(listening) {
                return Ok(address);
            }
            let ended = self.0.try_wait();
            if let Some(status) = ended.map_err(|error| Failure::cannot("wait for the server", &error))? {
                let last = said.lines().last().unwrap_or("it said nothing");
                return Err(Failure::found(format!(
                    "the demo's server ended ({status}): {last}"
                )));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(directory: &Path, log: &Path) -> Result<Process, Failure> {
    let cannot = |error: std::io::Error| Failure::cannot("start the demo's server", &error);
    let output = File::create(log).map_err(cannot)?;
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command
        .arg("serve")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(cannot)?)
        .stderr(output);
    // The settings of a real deployment are none of the demo's business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEBHOOK_") {
            command.env_remove(name);
        }
    }
    command.envs(SETTINGS).spawn().map(Process).map_err(cannot)
}

/// The address in the line of the log that says where the server listens.
fn listening(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line.get("message")? != "listening" {
        return None;
    }
    line.get("server.address")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_listens_is_in_one_line_of_the_log() {
        let line = r#"{"level":"INFO","message":"listening","server.address":"127.0.0.1:4711"}"#;
        assert_eq!(listening(line), "127.0.0.1:4711".parse().ok());
        for other in [
            r#"{"message":"starting","server.address":"127.0.0.1:1"}"#,
            "{",
            "",
        ] {
            assert_eq!(listening(other), None, "{other}");
        }
    }
}
