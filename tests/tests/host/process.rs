//! A server whose streams a test has plans for, so that its log cannot be asked where it listens.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use webhook_tests::{Client, Deployment, clock::wait_for};

/// For what takes no time on a machine that has nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An address of loopback that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address")
}

/// A running server, killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts `deployment` with `stderr`, behind `shell`, which ends in `exec "$@"`, and waits until it is live.
    pub(crate) fn start(deployment: &mut Deployment, shell: &str, stderr: Stdio) -> Self {
        let address = free_address();
        deployment.set("WEBHOOK_LISTEN", &address.to_string());
        let server = deployment.command(&[]);
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", shell, "sh"])
            .arg(server.get_program())
            .current_dir(deployment.directory());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("it runs");
        let mut process = Self { child, address };
        process.wait_until_ready();
        process
    }

    /// A client without credentials.
    pub(crate) fn client(&self) -> Client {
        Client::anonymous(self.address)
    }

    /// Waits until it answers.
    pub(crate) fn wait_until_ready(&mut self) {
        let client = self.client();
        wait_for("the server is ready", PATIENCE, || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            let answer = client.get("/health/ready").unchecked().try_send();
            answer.ok().filter(|answer| answer.status == 200)
        });
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running server can be signalled");
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        wait_for("the server ends", PATIENCE, || {
            self.child.try_wait().expect("a child can be waited for")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
