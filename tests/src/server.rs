//! A running `webhook-server`.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{client::Client, clock::wait_for};

/// For a start, on a machine that is busy with other things. How fast a start is, other tests ask.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server started by a test, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    output: Output,
    address: SocketAddr,
}

/// How a program that ended, ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Ended {
    /// The exit code; -1 for a program that was killed.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Everything it wrote.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Its standard output without the last line break, if it ended well.
    #[track_caller]
    pub fn expect_success(&self) -> &str {
        assert!(self.status.success(), "{:?}\n{}", self.status, self.output());
        self.stdout.trim_end()
    }
}

impl Server {
    /// Starts `command` and waits until it is ready.
    #[track_caller]
    pub fn start(command: Command) -> Self {
        Self::try_start(command)
            .unwrap_or_else(|ended| panic!("the server ended: {:?}\n{}", ended.status, ended.output()))
    }

    /// As [`Self::start`]; an error is a server that ended instead.
    #[track_caller]
    pub fn try_start(mut command: Command) -> Result<Self, Ended> {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let output = Output::of(&mut child);
        let found = wait_for("the server says where it listens, or ends", PATIENCE, || {
            if let Some(address) = output.address() {
                return Some(Ok(address));
            }
            child.try_wait().expect("a child can be waited for").map(Err)
        });
        match found {
            Ok(address) => {
                let server = Self {
                    child,
                    output,
                    address,
                };
                server.wait_until_ready();
                Ok(server)
            }
            Err(status) => Err(output.finish(status, began.elapsed())),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, both streams.
    pub fn output(&self) -> String {
        format!("{}{}", self.output.stdout.text(), self.output.stderr.text())
    }

    /// Kills it as a power cut would: SIGKILL.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        self.wait()
    }

    /// Asks it to stop, and does not wait.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Interrupts it as Ctrl-C would: SIGINT.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Tells it that its terminal is gone, or that files are to be read anew: SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
    }

    /// Stops all its threads where they are: SIGSTOP.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Self::freeze`]: SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a running server can be signalled");
    }

    /// Stops it as an operator would, with SIGTERM, and waits for the end.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.terminate();
        self.wait()
    }

    /// Waits up to 30 seconds for the end.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = wait_for("the server ends", Duration::from_secs(30), || {
            self.child.try_wait().expect("a child can be waited for")
        });
        let output = std::mem::take(&mut self.output);
        output.finish(status, began.elapsed())
    }

    fn wait_until_ready(&self) {
        let client = Client::anonymous(self.address);
        wait_for("the server is ready", PATIENCE, || {
            let answer = client.get("/health/ready").unchecked().try_send();
            answer.ok().filter(|answer| answer.status == 200)
        });
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("--- the server said ---\n{}", self.output());
        }
    }
}

/// Runs `command` to its end; one that has not ended after `limit` is killed, which shows in its status.
#[track_caller]
pub fn run(command: Command, limit: Duration) -> Ended {
    run_with_input(command, Stdio::null(), limit)
}

/// As [`run`], with `input` as its standard input.
#[track_caller]
pub fn run_with_input(mut command: Command, input: Stdio, limit: Duration) -> Ended {
    let began = Instant::now();
    let mut child = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let output = Output::of(&mut child);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return output.finish(status, began.elapsed());
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return output.finish(ExitStatus::from_raw(9), began.elapsed());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The two streams of a program, read as they come so that it never blocks on a full pipe.
#[derive(Debug, Default)]
struct Output {
    stdout: Lines,
    stderr: Lines,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let stdout = Lines::of(child.stdout.take().expect("piped"));
        Self {
            stdout,
            stderr: Lines::of(child.stderr.take().expect("piped")),
        }
    }

    /// `"server.address":"127.0.0.1:PORT"` in a line of the log.
    fn address(&self) -> Option<SocketAddr> {
        let text = self.stderr.text();
        let (_, rest) = text.split_once("\"server.address\":\"")?;
        rest.split_once('"')?.0.parse().ok()
    }

    fn finish(self, status: ExitStatus, took: Duration) -> Ended {
        Ended {
            status,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            took,
        }
    }
}

#[derive(Debug, Default)]
struct Lines {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                shared
                    .lock()
                    .expect("no reader panics")
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text.lock().expect("no reader panics").clone()
    }

    fn finish(self) -> String {
        if let Some(reader) = self.reader {
            reader.join().expect("no reader panics");
        }
        self.text.lock().expect("no reader panics").clone()
    }
}
